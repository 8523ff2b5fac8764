package httpapi

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"

	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// socket serves the fixture on a TCP socket too, and returns its address.
func (f *fixture) socket(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serveOn(t, ln)
	return ln.Addr().String()
}

// post returns a request that publishes, with these lines in its head and this text
// after it.
func (f *fixture) post(lines, rest string) string {
	return "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.tokens[backend] + "\r\n" + lines + "\r\n" + rest
}

// good returns a request that publishes an event.
func (f *fixture) good() string {
	event := eventWith("1")
	return f.post(fmt.Sprintf("Content-Length: %d\r\n", len(event)), event)
}

// TestWireRefusals has a request of each kind that the package inbound refuses: the
// answer is a problem document that names the field at fault, and ends the connection.
func TestWireRefusals(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	for _, c := range []struct {
		why, request string
		status       int
		code         problem.Code
		field        string
	}{
		{"two framings", f.post("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", ""), 400, problem.Malformed, "Transfer-Encoding"},
		{"no request", "BAD\r\n\r\n", 400, problem.Malformed, ""},
		{"a body too large", f.post(fmt.Sprintf("Content-Length: %d\r\n", inbound.MaxBody+1), ""), 413, problem.TooLarge, jsonbody.Whole},
		{"chunks too large", f.post("Transfer-Encoding: chunked\r\n", inboundtest.Chunks(strings.Repeat(" ", inbound.MaxBody+1), 1<<16)), 413, problem.TooLarge, jsonbody.Whole},
		{"an encoded body", f.post("Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), 415, problem.Encoding, "Content-Encoding"},
		{"another expectation", f.post("Expect: 200-ok\r\n", ""), 417, problem.Expectation, "Expect"},
		{"a head too large", f.post("X: "+strings.Repeat("x", inbound.MaxHead)+"\r\n", ""), 431, problem.Header, ""},
	} {
		answers := inboundtest.Exchange(t, address, c.request)
		if len(answers) != 1 {
			t.Errorf("%s: %d answers", c.why, len(answers))
			continue
		}
		a := answers[0]
		var p problem.Problem
		if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
			t.Errorf("%s: %v: %s", c.why, err, a.Body)
		}
		if a.Status != c.status || a.Header.Get("Connection") != "close" || a.Header.Get("Content-Type") != problem.MediaType {
			t.Errorf("%s: got %+v", c.why, a)
		}
		if p.Type != problem.TypePrefix+string(c.code) || p.Status != c.status || p.Field != c.field || p.Detail == "" {
			t.Errorf("%s: got %s", c.why, a.Body)
		}
	}
	if n := f.dispatcher.published(); n != 0 {
		t.Errorf("%d events were published", n)
	}
}

// TestEveryRefusalHasACode: a kind of refusal without a code would be answered with
// the status 0.
func TestEveryRefusalHasACode(t *testing.T) {
	for _, kind := range []error{
		inbound.ErrMalformed, inbound.ErrExpectation, inbound.ErrTooLarge, inbound.ErrHeadTooLarge, inbound.ErrTimeout, inbound.ErrGivenUp,
	} {
		p := problemOf(fmt.Errorf("read: %w", &inbound.Refusal{Kind: kind, Detail: "why"}))
		if p.Status < 400 || p.Detail != "why" {
			t.Errorf("%v: %+v", kind, p)
		}
	}
	for cause, status := range map[error]int{webhook.ErrShareUsed: 429, webhook.ErrAllUsed: 503} {
		p := problemOf(&inbound.Refusal{Kind: inbound.ErrNoMemory, Cause: cause})
		if p.Status != status || p.RetryAfter == 0 {
			t.Errorf("no memory, %v: %+v", cause, p)
		}
	}
}

// TestLateRequests: a request that does not arrive in time, and a connection for
// which there is no room, get a problem document too.
func TestLateRequests(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.Limits.Connections = 2 })
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		c := f.dial(t)
		inboundtest.Send(t, c, f.post("Content-Length: 10\r\n", "{"))
		if status, header, body := readAnswer(t, bufio.NewReader(c)); status != 408 || header.Get("Content-Type") != problem.MediaType {
			t.Errorf("got %d %v %s", status, header, body)
		}
		for _, caller := range []string{backend, acmeWriter} { // one alone may not have all
			inboundtest.Send(t, f.dial(t), strings.Replace(f.good(), f.tokens[backend], f.tokens[caller], 1))
		}
		synctest.Wait()
		status, header, body := readAnswer(t, bufio.NewReader(f.dial(t)))
		if status != 503 || header.Get("Retry-After") != "5" || header.Get("Content-Type") != problem.MediaType || !strings.Contains(body, string(problem.Unavailable)) {
			t.Errorf("got %d %v %s", status, header, body)
		}
		close(hold)
	})
}
