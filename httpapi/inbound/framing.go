package inbound

import (
	"bytes"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/http/httpguts"
)

var (
	lineEnd    = []byte("\r\n")
	chunkedTE  = []byte("chunked")
	expectedBy = []byte("100-continue")
)

// framing is what a request's head says about the end of its body.
type framing struct {
	length  int // of the body in bytes; 0 if chunked
	lengths int // number of Content-Length fields
	codings int // number of Transfer-Encoding fields
}

// checkHead refuses a head that fasthttp accepts and another server may read
// differently, and a head that announces more than is accepted. It returns the
// request's size on the wire, -1 if that cannot be known.
//
// The rules are those of RFC 9112: lines end in CR LF (section 2.2), no line continues
// in the next one (5.2), a field's name has no space in it or before its colon (5.1),
// a body has one length or one coding, which is chunked (6.1, 6.3), and the host has
// the form of a host (3.2).
func checkHead(h *fasthttp.RequestHeader) (size int, err error) {
	if p := h.Protocol(); string(p) != "HTTP/1.1" && string(p) != "HTTP/1.0" {
		return -1, malformed("only HTTP/1.1 and HTTP/1.0 are spoken here")
	}
	var f framing
	raw := h.RawHeaders()
	for rest := raw; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, lineEnd)
		if !ended || bytes.IndexByte(line, '\n') >= 0 || bytes.IndexByte(line, '\r') >= 0 {
			return -1, malformed("a line of the head does not end in CR LF")
		}
		if err := f.read(line); err != nil {
			return -1, err
		}
		rest = after
	}
	switch {
	case f.codings > 0 && f.lengths > 0:
		return -1, malformedHeader(fasthttp.HeaderTransferEncoding, "is given beside Content-Length")
	case f.codings > 1 || f.lengths > 1:
		return -1, malformed("the length of the body is given twice")
	case f.length > MaxBody:
		return -1, bodyTooLarge()
	case !httpguts.ValidHostHeader(string(h.Host())):
		return -1, malformedHeader(fasthttp.HeaderHost, "is not a host")
	case f.codings > 0:
		return -1, nil
	}
	// A request line has two spaces and a line end beside its three parts; a head without
	// fields is one line end.
	line := len(h.Method()) + len(h.RequestURI()) + len(h.Protocol()) + 4
	return line + max(len(raw), len(lineEnd)) + f.length, nil
}

// read notes what one line of a head says, and refuses a line that is malformed.
func (f *framing) read(line []byte) error {
	if len(line) == 0 {
		return nil // the end of the head
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if bytes.ContainsAny(name, " \t") {
		return malformed("a header's name has a space, or a header continues in the next line")
	}
	value = bytes.Trim(value, " \t")
	switch {
	case named(name, fasthttp.HeaderContentLength):
		n, err := fasthttp.ParseUint(value)
		if err != nil {
			return malformedHeader(fasthttp.HeaderContentLength, "is not a number")
		}
		f.length = n
		f.lengths++
	case named(name, fasthttp.HeaderTransferEncoding):
		if !bytes.EqualFold(value, chunkedTE) {
			return malformedHeader(fasthttp.HeaderTransferEncoding, "is not chunked")
		}
		f.codings++
	case named(name, fasthttp.HeaderExpect):
		if !bytes.EqualFold(value, expectedBy) {
			return &Refusal{Kind: ErrExpectation, Detail: "only 100-continue can be expected", Field: fasthttp.HeaderExpect}
		}
	}
	return nil
}

// named reports whether a field has this name, in any case.
func named(name []byte, header string) bool {
	return len(name) == len(header) && bytes.EqualFold(name, []byte(header))
}

// headReceived keeps fasthttp from asking for the body of a request whose head is
// refused, and from waiting for it. The request then reaches the handler without a
// body, and Begin refuses it at once.
func headReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if _, err := checkHead(h); err != nil {
		h.Del(fasthttp.HeaderExpect)
		h.SetContentLength(0)
		h.SetConnectionClose()
	}
	return fasthttp.RequestConfig{}
}

// Begin checks a request. The handler must call it before it does anything for the
// request, and answer with the *Refusal if there is one.
func Begin(ctx *fasthttp.RequestCtx) error {
	size, err := checkHead(&ctx.Request.Header)
	c := connOf(ctx)
	if c == nil {
		return err
	}
	if err == nil && !c.lineOK {
		err = malformed("the request line does not end in CR LF")
	}
	if gone := c.begin(size); gone != nil {
		return gone
	}
	return err
}

// Conclude has the connection closed after the present answer, unless exactly the one
// request came on it. The handler must call it last. A chunked request is always the
// last one of its connection, because its size on the wire is not known; so is a
// request in absolute form, which is meant for a proxy.
func Conclude(ctx *fasthttp.RequestCtx) {
	c := connOf(ctx)
	if c == nil {
		return
	}
	target := ctx.Request.Header.RequestURI()
	if len(target) > 0 && target[0] == '/' && c.end() {
		return
	}
	ctx.SetConnectionClose()
	c.linger.Store(true)
}
