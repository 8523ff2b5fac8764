package http1

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/corpastro/astrohook/actors/sender/detail"
	"github.com/corpastro/astrohook/webhook"
)

// Head is the part of a response's head that a client of webhooks needs.
type Head struct {
	// Status is the status code, from 100 to 999.
	Status int
	// RetryAfter is the value of Retry-After as it came; "" without one.
	RetryAfter string
	// Location is where a 3xx leads, in printable form; "" for other statuses.
	Location string
	// Encoding lists the content codings except identity, in printable form.
	Encoding string
	// Note says what is wrong with the response, although its status line decides.
	// It is for the webhook's owner; "" if nothing is wrong.
	Note string
	// Cut is why the head was not read to its end; nil if it was.
	Cut error

	// block has the head's lines, as long as no other head is read.
	block []byte
	// length is the body's, from Content-Length; -1 without one.
	length  int64
	chunked bool
	// unclear is true if the head does not say for sure where the body ends.
	unclear bool
	// oldVersion is true for HTTP/1.0; close and keep are options of Connection.
	oldVersion, close, keep bool
}

// maxEncoding bounds Head.Encoding, in bytes.
const maxEncoding = 64

// cutBy records why the head was not read to its end; nil if it was. A cut head
// costs the body and the connection, because either may begin anywhere.
func (h *Head) cutBy(err error) {
	if err == nil {
		return
	}
	h.Cut, h.unclear = err, true
	switch {
	case errors.Is(err, errLongHead):
		h.Note = fmt.Sprintf("the response's head is longer than %d KiB", MaxHead>>10)
	case IsTimeout(err):
		h.Note = "the response's head did not end in time"
	default:
		h.Note = "the connection ended within the response's head"
	}
}

// informational reports whether the final response is yet to come. After 101 the
// connection carries another protocol, so no other response comes.
func (h *Head) informational() bool { return h.Status < 200 && h.Status != 101 }

// bodiless reports whether no body follows, whatever the fields say (RFC 9112,
// section 6.3).
func (h *Head) bodiless() bool { return h.Status < 200 || h.Status == 204 || h.Status == 304 }

// Reusable reports whether the head permits another request over the same
// connection, once the body was read to its end.
func (h *Head) Reusable() bool {
	return !h.unclear && !h.close && h.Status >= 200 && (h.keep || !h.oldVersion)
}

// parseHead reads the lines of a head, without the empty one that ends it. ok is
// false if the first line is not a status line. A field that makes no sense costs
// the connection, and not the verdict.
func parseHead(block []byte) (h Head, ok bool) {
	h.length, h.block = -1, block
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
		h.Note = "the response's headers do not say for sure where its body ends"
	}
	return h, true
}

// cutLine returns the first line of b without its end, and the rest. b has at
// least one end of a line. A lone LF ends a line too (RFC 9112, section 2.2).
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n')
	line, rest = b[:n], b[n+1:]
	if n > 0 && b[n-1] == '\r' {
		line = b[:n-1]
	}
	return line, rest
}

// readStatus reads "HTTP/1.1 200 OK". It ignores the reason phrase, as clients
// should (RFC 9112, section 4).
func (h *Head) readStatus(line []byte) bool {
	const size = len("HTTP/1.1 200")
	if len(line) < size || !startsLikeHTTP(line) || line[7] < '0' || line[7] > '9' || line[8] != ' ' {
		return false
	}
	if len(line) > size && line[size] != ' ' {
		return false
	}
	status, err := strconv.ParseUint(string(line[9:size]), 10, 16)
	h.Status, h.oldVersion = int(status), line[7] == '0'
	return err == nil && status >= 100
}

// readField reads one field. Fields without a meaning for this client are skipped.
func (h *Head) readField(line []byte) {
	colon := bytes.IndexByte(line, ':')
	// White space before the colon, or at the start, where it continues the line
	// before (obsolete since RFC 7230), is read differently by different programs.
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
		h.RetryAfter = string(value)
	case is(name, "Content-Encoding"):
		h.readEncoding(value)
	case is(name, "Location") && h.Status/100 == 3:
		h.Location = detail.Printable(value, webhook.MaxLocation)
	}
}

// trimSpace removes optional white space, which is spaces and tabs only (RFC 9110,
// section 5.6.3). bytes.TrimSpace would remove more.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

// is reports whether b is text in any casing. The lengths are compared first,
// because EqualFold matches some characters of two and three bytes with letters.
func is(b []byte, text string) bool {
	return len(b) == len(text) && bytes.EqualFold(b, []byte(text))
}

// readLength reads a Content-Length. A second one, even an equal one, is unclear:
// the response may have passed through programs that disagree on it.
func (h *Head) readLength(value []byte) {
	digits := len(bytes.Trim(value, "0123456789")) == 0
	n, err := strconv.ParseInt(string(value), 10, 64)
	if !digits || err != nil || h.length >= 0 {
		h.unclear = true
		return
	}
	h.length = n
}

// readEncoding adds a Content-Encoding to those of earlier fields.
func (h *Head) readEncoding(value []byte) {
	if len(value) == 0 || is(value, "identity") || len(h.Encoding) >= maxEncoding {
		return
	}
	if h.Encoding != "" {
		value = append([]byte(h.Encoding+", "), value...)
	}
	h.Encoding = detail.Printable(value, maxEncoding)
}

// readConnection reads the options of a Connection field (RFC 9110, section 7.6.1).
func (h *Head) readConnection(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value, _ = bytes.Cut(value, []byte(","))
		option = trimSpace(option)
		h.close = h.close || is(option, "close")
		h.keep = h.keep || is(option, "keep-alive")
	}
}
