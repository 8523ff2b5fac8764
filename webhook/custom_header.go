package webhook

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of an endpoint's own headers.
const (
	// MaxCustomHeaders is how many there may be.
	MaxCustomHeaders = 20
	// MaxCustomHeaderBytes bounds all names and values together.
	MaxCustomHeaderBytes = 4 << 10
)

// maxHeaderName bounds one name, in bytes.
const maxHeaderName = 128

// CustomHeader is a header that an endpoint gets with every request, in the
// casing that goes out. Values may be credentials: they are never shown.
type CustomHeader struct{ Name, Value string }

// reservedHeaders are the names, in lower case, that belong to the connection, to
// the body or to Astrohook. User-Agent is among them so that a receiver can
// always tell who calls.
var reservedHeaders = []string{
	"connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
}

// reservedPrefixes begin reserved names.
var reservedPrefixes = []string{"content-", "proxy-", "webhook-"}

// CheckCustomHeaders refuses headers that would change what a request is, where
// it goes or who seems to have signed it; prefix is that of Astrohook's own headers.
// The error is a *FieldError for headers, or one of its members.
func CheckCustomHeaders(headers []CustomHeader, prefix string) error {
	for i, h := range headers {
		if err := h.check(prefix); err != nil {
			return err
		}
		if slices.ContainsFunc(headers[:i], func(o CustomHeader) bool { return strings.EqualFold(o.Name, h.Name) }) {
			return h.wrong("stands there in another casing already")
		}
	}
	return CheckCustomHeaderSizes(headers)
}

// CheckCustomHeaderSizes is the part of CheckCustomHeaders that bounds all headers together.
func CheckCustomHeaderSizes(headers []CustomHeader) error {
	size := 0
	for _, h := range headers {
		size += len(h.Name) + len(h.Value)
	}
	switch {
	case len(headers) > MaxCustomHeaders:
		return &FieldError{Field: "headers", Reason: fmt.Sprintf("has more than %d members", MaxCustomHeaders)}
	case size > MaxCustomHeaderBytes:
		return &FieldError{Field: "headers", Reason: fmt.Sprintf("is longer than %d KiB, names and values together", MaxCustomHeaderBytes>>10)}
	}
	return nil
}

func (h CustomHeader) wrong(reason string) error {
	return &FieldError{Field: "headers." + h.Name, Reason: reason}
}

func (h CustomHeader) check(prefix string) error {
	name := strings.ToLower(h.Name)
	begins := func(start string) bool { return strings.HasPrefix(name, start) }
	switch {
	case name == "" || len(name) > maxHeaderName || strings.ContainsFunc(h.Name, notInToken):
		return &FieldError{Field: "headers", Reason: "has a name that is none of a header"}
	case slices.Contains(reservedHeaders, name), slices.ContainsFunc(reservedPrefixes, begins), begins(strings.ToLower(prefix) + "-"):
		return h.wrong("is a header that Astrohook sets itself")
	case strings.ContainsFunc(h.Value, notInValue):
		return h.wrong("has a value with characters other than visible ASCII and spaces")
	case strings.TrimSpace(h.Value) != h.Value:
		return h.wrong("has a value that begins or ends with a space")
	}
	return nil
}

// notInToken: what a header's name cannot have (RFC 9110, section 5.6.2).
func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func notInValue(r rune) bool { return r < ' ' || r > '~' }
