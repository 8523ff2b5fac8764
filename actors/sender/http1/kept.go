package http1

import (
	"bytes"
	"strings"

	"github.com/corpastro/astrohook/actors/sender/detail"
	"github.com/corpastro/astrohook/webhook"
)

const (
	// maxKeptFields bounds the fields in Head.Kept.
	maxKeptFields = 64
	// maxKeptLine bounds each of its lines, in bytes.
	maxKeptLine = 1 << 10
)

// masked stands for the value of a field that may be a credential.
const masked = "***"

// credentials are parts of the names, in lower case, of fields that may hold one.
var credentials = [][]byte{
	[]byte("cookie"), []byte("authorization"), []byte("authentication-info"), []byte("token"), []byte("secret"),
	[]byte("password"), []byte("api-key"), []byte("apikey"), []byte("session"), []byte("credential"),
}

// Kept returns the status line and the fields in printable form, one a line, without the
// values of credentials: webhook.Attempt.ResponseHead. It must be called before the
// reader reads another head.
func (h *Head) Kept() string {
	var kept strings.Builder
	whole := h.Cut == nil
	for lines, rest := 0, h.block; len(rest) > 0; lines++ {
		var line []byte
		line, rest = cutLine(rest)
		text, ok := keptLine(line, lines == 0)
		if !ok {
			whole = false
			continue
		}
		if lines > maxKeptFields || kept.Len()+len(text)+len("\n")+len(webhook.HeadCut) > webhook.MaxResponseHead {
			whole = false
			break
		}
		kept.WriteString(text + "\n")
	}
	if !whole {
		return kept.String() + webhook.HeadCut
	}
	return strings.TrimSuffix(kept.String(), "\n")
}

// keptLine returns a line in the form in which it is kept; false for one that is no field.
func keptLine(line []byte, first bool) (string, bool) {
	if first {
		return printableLine(line), true
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return "", false
	}
	name := trimSpace(line[:colon])
	if isCredential(name) {
		return printableLine(name) + FieldEnd + masked, true
	}
	return printableLine(append(append(bytes.Clone(name), FieldEnd...), trimSpace(line[colon+1:])...)), true
}

// isCredential reports whether the value of a field may be a credential.
func isCredential(name []byte) bool {
	name = bytes.ToLower(name)
	for _, part := range credentials {
		if bytes.Contains(name, part) {
			return true
		}
	}
	return false
}

// printableLine returns a line in printable form. One that is too long ends with
// webhook.HeadCut.
func printableLine(line []byte) string {
	if len(line) <= maxKeptLine {
		return detail.Printable(line, maxKeptLine)
	}
	return detail.Printable(line, maxKeptLine-len(webhook.HeadCut)) + webhook.HeadCut
}
