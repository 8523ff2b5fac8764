package webhook

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of an endpoint's own headers. Many servers accept no more than
// 8 KiB of headers, and Astrohook's own take part of that.
const (
	// MaxCustomHeaders is how many there may be.
	MaxCustomHeaders = 20
	// MaxCustomHeaderBytes bounds all names and values together, in bytes.
	MaxCustomHeaderBytes = 4 << 10
)

// maxHeaderName bounds one name, in bytes.
const maxHeaderName = 128

// CustomHeader is a header that an endpoint gets with every request. Name is in the casing
// that goes out. Values may be credentials, so no answer and no log shows them.
type CustomHeader struct{ Name, Value string }

// reservedHeaders are the names, in lower case, that belong to the connection (RFC 9110,
// section 7.6.1), to the body or to Astrohook. User-Agent is among them so that a receiver
// always knows who calls.
var reservedHeaders = []string{
	"connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
}

// reservedPrefixes begin reserved names, in lower case.
var reservedPrefixes = []string{"content-", "proxy-", "webhook-"}

// CheckCustomHeaders refuses headers that would change what a request is, where it goes or
// who seems to have signed it. prefix begins the names of Astrohook's own headers. The
// error is a *FieldError for the field headers or one of its members.
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

// CheckCustomHeaderSizes refuses headers that are too many or too long together. It is the
// part of CheckCustomHeaders that concerns headers which were checked one by one before.
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

// wrong returns the error of a header that CheckCustomHeaders refuses.
func (h CustomHeader) wrong(reason string) error {
	return &FieldError{Field: "headers." + h.Name, Reason: reason}
}

// check refuses one header. Names must be tokens and values must have no line ends, else a
// value could begin a header of its own, or a request.
func (h CustomHeader) check(prefix string) error {
	name := strings.ToLower(h.Name)
	begins := func(start string) bool { return strings.HasPrefix(name, start) }
	switch {
	case name == "" || len(name) > maxHeaderName || strings.ContainsFunc(h.Name, notInToken):
		return &FieldError{Field: "headers", Reason: "has a name that no header can have"}
	case slices.Contains(reservedHeaders, name), slices.ContainsFunc(reservedPrefixes, begins), begins(strings.ToLower(prefix) + "-"):
		return h.wrong("is a header that Astrohook sets itself")
	case strings.ContainsFunc(h.Value, notInValue):
		return h.wrong("has a value with characters other than visible ASCII and spaces")
	case strings.TrimSpace(h.Value) != h.Value:
		return h.wrong("has a value that begins or ends with a space")
	}
	return nil
}

// notInToken reports whether a header's name cannot contain a character (RFC 9110, section
// 5.6.2).
func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// notInValue reports whether a header's value cannot contain a character. Other text than
// visible ASCII is allowed by RFC 9110, section 5.5, but receivers disagree about it.
func notInValue(r rune) bool { return r < ' ' || r > '~' }
