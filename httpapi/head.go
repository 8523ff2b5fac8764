package httpapi

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/http/httpguts"
)

var (
	lineEnd    = []byte("\r\n")
	chunkedTE  = []byte("chunked")
	expectedBy = []byte("100-continue")
)

// framing is how a request's head frames its body.
type framing struct {
	length  int // of the body in bytes; 0 if chunked
	lengths int // fields that say so
	codings int // Transfer-Encoding fields
}

// checkHead refuses a head that fasthttp reads but another server may read
// otherwise, and one that announces what is not taken. It gives the request's
// size on the wire, -1 if that cannot be known.
//
// By RFC 9112: lines end in CR LF (2.2), no line goes on in the next one (5.2),
// no space in a field's name or before its colon (5.1), a body has one length or
// one coding, which is chunked (6.1, 6.3), a host looks like one (3.2).
func checkHead(h *fasthttp.RequestHeader) (size int, err error) {
	if p := h.Protocol(); string(p) != "HTTP/1.1" && string(p) != "HTTP/1.0" {
		return -1, newProblem(codeMalformed, "only HTTP/1.1 and HTTP/1.0 are spoken here")
	}
	var f framing
	raw := h.RawHeaders()
	for rest := raw; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, lineEnd)
		if !ended || bytes.IndexByte(line, '\n') >= 0 || bytes.IndexByte(line, '\r') >= 0 {
			return -1, newProblem(codeMalformed, "a line of the head does not end in CR LF")
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
		return -1, newProblem(codeMalformed, "the length of the body is given twice")
	case f.length > MaxBody:
		return -1, tooLarge(wholeBody, MaxBody)
	case !httpguts.ValidHostHeader(string(h.Host())):
		return -1, malformedHeader(fasthttp.HeaderHost, "is not a host")
	case f.codings > 0:
		return -1, nil
	}
	// The request line has two spaces and a line end; a head without fields, one line end.
	line := len(h.Method()) + len(h.RequestURI()) + len(h.Protocol()) + 4
	return line + max(len(raw), len(lineEnd)) + f.length, nil
}

// read takes one line of a head in.
func (f *framing) read(line []byte) error {
	if len(line) == 0 {
		return nil // the end
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if bytes.ContainsAny(name, " \t") {
		return newProblem(codeMalformed, "a header's name has a space, or a header goes on in the next line")
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
			p := newProblem(codeExpectation, "only 100-continue can be expected")
			p.Field = fasthttp.HeaderExpect
			return p
		}
	}
	return nil
}

func named(name []byte, header string) bool {
	return len(name) == len(header) && bytes.EqualFold(name, []byte(header))
}

func malformedHeader(name, reason string) error {
	p := newProblem(codeMalformed, fmt.Sprintf("%s %s", name, reason))
	p.Field = name
	return p
}

// headReceived keeps fasthttp from asking for, or waiting for, the body of a
// request whose head is refused: begin answers that at once.
func headReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if _, err := checkHead(h); err != nil {
		h.Del(fasthttp.HeaderExpect)
		h.SetContentLength(0)
		h.SetConnectionClose()
	}
	return fasthttp.RequestConfig{}
}

// begin judges a request before anything is done for it.
func begin(ctx *fasthttp.RequestCtx) error {
	size, err := checkHead(&ctx.Request.Header)
	c := connOf(ctx)
	if c == nil {
		return err
	}
	if err == nil && !c.lineOK {
		err = newProblem(codeMalformed, "the request line does not end in CR LF")
	}
	if gone := c.begin(size); gone != nil {
		return gone
	}
	return err
}

// conclude ends the connection after this answer, unless what came on it was
// exactly the one request. A body in chunks has no size that is known, so that it
// is the last of its connection; so is a request in absolute form, which is for proxies.
func conclude(ctx *fasthttp.RequestCtx) {
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
