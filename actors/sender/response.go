package sender

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/corpastro/astrohook/webhook"
)

// responseHead is what matters of a response's head (RFC 9112).
type responseHead struct {
	status int
	// length is the body's, from Content-Length; -1 if it was not given.
	length  int64
	chunked bool
	// unclear: where the body ends cannot be told for sure.
	unclear bool
	// oldVersion: HTTP/1.0. close, keep: what Connection said.
	oldVersion, close, keep bool
	retryAfter              string
	// location is where a 3xx leads, encoding what Content-Encoding names but
	// identity; both as they may be shown.
	location, encoding string
	// cut is why the head was not read to its end; nil if it was.
	cut error
	// note says what is wrong with the response, although its status line decides.
	note string
}

// maxEncoding bounds what is kept of a Content-Encoding, in bytes.
const maxEncoding = 64

// cutBy takes in why the head was not read to its end, if it was not. It costs the
// connection, and the body.
func (h *responseHead) cutBy(err error) {
	if err == nil {
		return
	}
	h.cut, h.unclear = err, true
	switch {
	case errors.Is(err, errLongHead):
		h.note = fmt.Sprintf("the response's head is longer than %d KiB", maxHead>>10)
	case isTimeout(err):
		h.note = "the response's head did not end in time"
	default:
		h.note = "the connection ended within the response's head"
	}
}

// informational tells that the real response follows. After 101 nothing follows
// that is HTTP.
func (h *responseHead) informational() bool { return h.status < 200 && h.status != 101 }

// bodiless tells that no body follows, whatever the head says (RFC 9112, section 6.3).
func (h *responseHead) bodiless() bool { return h.status < 200 || h.status == 204 || h.status == 304 }

// reusable tells that the head allows another request over the same connection.
func (h *responseHead) reusable() bool {
	return !h.unclear && !h.close && h.status >= 200 && (h.keep || !h.oldVersion)
}

// parseHead reads a head without the empty line that ends it. Only a status line
// that is none makes it fail: a header that makes no sense costs the connection,
// not the verdict.
func parseHead(block []byte) (responseHead, bool) {
	h := responseHead{length: -1}
	line, rest := cutLine(block)
	if !h.readStatus(line) {
		return h, false
	}
	for len(rest) > 0 {
		line, rest = cutLine(rest)
		h.readField(line)
	}
	if h.chunked && (h.length >= 0 || h.oldVersion) {
		h.unclear = true
	}
	if h.unclear && !h.bodiless() {
		h.note = "the response's headers do not say for sure where its body ends"
	}
	return h, true
}

// cutLine cuts the first line off, and its end; there is one.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n')
	line, rest = b[:n], b[n+1:]
	if n > 0 && b[n-1] == '\r' {
		line = b[:n-1]
	}
	return line, rest
}

// readStatus reads "HTTP/1.1 200 OK"; what follows the code is of no interest.
func (h *responseHead) readStatus(line []byte) bool {
	const size = len("HTTP/1.1 200")
	if len(line) < size || !startsLikeHTTP(line) || line[7] < '0' || line[7] > '9' || line[8] != ' ' {
		return false
	}
	if len(line) > size && line[size] != ' ' {
		return false
	}
	status, err := strconv.ParseUint(string(line[9:size]), 10, 16)
	h.status, h.oldVersion = int(status), line[7] == '0'
	return err == nil && status >= 100
}

func (h *responseHead) readField(line []byte) {
	colon := bytes.IndexByte(line, ':')
	// Not a space before the colon, nor at the start, where it would make the line
	// a part of the one before (obsolete since RFC 7230).
	if colon <= 0 || line[0] <= ' ' || line[colon-1] <= ' ' {
		h.unclear = true
		return
	}
	name, value := line[:colon], trimSpace(line[colon+1:])
	switch {
	case is(name, "Content-Length"):
		h.readLength(value)
	case is(name, "Transfer-Encoding"):
		h.unclear = h.unclear || h.chunked || !is(value, "chunked")
		h.chunked = true
	case is(name, "Connection"):
		h.readConnection(value)
	case is(name, "Retry-After"):
		h.retryAfter = string(value)
	case is(name, "Content-Encoding"):
		h.readEncoding(value)
	case is(name, "Location") && h.status/100 == 3:
		h.location = printable(value, webhook.MaxLocation)
	}
}

// trimSpace cuts optional white space off: RFC 9110, section 5.6.3.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

func is(b []byte, text string) bool {
	return len(b) == len(text) && bytes.EqualFold(b, []byte(text))
}

func (h *responseHead) readLength(value []byte) {
	digits := len(bytes.Trim(value, "0123456789")) == 0
	n, err := strconv.ParseInt(string(value), 10, 64)
	if !digits || err != nil || h.length >= 0 {
		h.unclear = true
		return
	}
	h.length = n
}

// readEncoding takes in one field of possibly several.
func (h *responseHead) readEncoding(value []byte) {
	if len(value) == 0 || is(value, "identity") || len(h.encoding) >= maxEncoding {
		return
	}
	if h.encoding != "" {
		value = append([]byte(h.encoding+", "), value...)
	}
	h.encoding = printable(value, maxEncoding)
}

func (h *responseHead) readConnection(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value, _ = bytes.Cut(value, []byte(","))
		option = trimSpace(option)
		h.close = h.close || is(option, "close")
		h.keep = h.keep || is(option, "keep-alive")
	}
}
