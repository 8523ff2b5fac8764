package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// socket serves the fixture on a TCP socket too, and gives its address.
func (f *fixture) socket(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serveOn(t, ln)
	return ln.Addr().String()
}

// answered is an answer on a raw connection.
type answered struct {
	status int
	header http.Header
	body   string
}

// patience is when a test gives up on a connection that should have been closed.
const patience = 20 * time.Second

// exchange sends bytes on a connection of their own, and reads all answers. The
// connection stays open on this side; that the server closes it is part of the test.
func exchange(t testing.TB, address string, request []byte) []answered {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = c.Write(request) }() // the server may stop reading early
	answers, err := readAnswers(c)
	if err != nil {
		t.Errorf("after %d answers: %v", len(answers), err)
	}
	return answers
}

// readAnswers reads to the end of the connection.
func readAnswers(from io.Reader) (all []answered, err error) {
	reader := bufio.NewReader(from)
	for {
		if _, err := reader.Peek(1); err != nil {
			if err == io.EOF {
				err = nil
			}
			return all, err
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return all, err
		}
		if resp.Close {
			resp.Header.Set("Connection", "close")
		}
		all = append(all, answered{resp.StatusCode, resp.Header, string(body)})
	}
}

// post is a request that publishes, with these lines in its head and this after it.
func (f *fixture) post(lines, rest string) string {
	return "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.tokens[backend] + "\r\n" + lines + "\r\n" + rest
}

// good is a request that publishes an event.
func (f *fixture) good() string {
	event := eventWith("1")
	return f.post(fmt.Sprintf("Content-Length: %d\r\n", len(event)), event)
}

// shape is a request that two servers may frame differently, or one that is odd.
type shape struct {
	why, request string
	status       int // of the one answer; 0 for none
	published    int // events that were legal
}

// shapes are all followed, where they can be, by a whole good request, which must not be taken.
func (f *fixture) shapes() []shape {
	event, next := eventWith("1"), f.good()
	length := fmt.Sprintf("Content-Length: %d\r\n", len(event))
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
	const end = "0\r\n\r\n"
	coding := func(value string) string { return f.post("Transfer-Encoding:"+value+"\r\n", chunk+end+next) }
	chunks := func(text string) string { return f.post("Transfer-Encoding: chunked\r\n", text+next) }
	get := func(line, lines string) string { return line + "\r\n" + lines + "\r\n" + next }
	return []shape{
		// One request, and more than it.
		{"a second request at once", f.good() + next, 202, 1},
		{"a third", f.good() + next + next, 202, 1},
		{"garbage behind the body", f.good() + "garbage\r\n\r\n" + next, 202, 1},
		{"a line end behind the body", f.good() + "\r\n" + next, 202, 1},
		{"a line end before the request", "\r\n" + f.good() + next, 202, 1},
		{"a second request after a bad one", "BAD\r\n\r\n" + next, 400, 0},
		{"a second request after a refused one", f.post("Expect: magic\r\n", "") + next, 417, 0},
		{"a body of a call that takes none", get("GET /healthz HTTP/1.1", "Host: x\r\nContent-Length: 3\r\n"), 200, 0},
		// Two framings.
		{"length and chunks", f.post(length+"Transfer-Encoding: chunked\r\n", chunk+end+next), 400, 0},
		{"chunks and length 0", f.post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", chunk+end+next), 400, 0},
		{"two lengths", f.post(length+"Content-Length: 0\r\n", event+next), 400, 0},
		{"two equal lengths", f.post(length+length, event+next), 400, 0},
		{"a list of lengths", f.post(fmt.Sprintf("Content-Length: %d, %[1]d\r\n", len(event)), event+next), 400, 0},
		{"two codings", f.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunk+end+next), 400, 0},
		{"chunked twice", f.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunk+end+next), 400, 0},
		// Codings.
		{"chunked, identity", coding(" chunked, identity"), 400, 0},
		{"identity, chunked", coding(" identity, chunked"), 400, 0},
		{"gzip, chunked", coding(" gzip, chunked"), 400, 0},
		{"identity", f.post(length+"Transfer-Encoding: identity\r\n", event+next), 400, 0},
		{"xchunked", coding(" xchunked"), 400, 0},
		{"chunked in quotes", coding(` "chunked"`), 400, 0},
		{"no coding", coding(""), 400, 0},
		{"a vertical tab before chunked", coding(" \vchunked"), 400, 0},
		{"chunked in the next line", coding("\r\n chunked"), 400, 0},
		{"a length in the next line", f.post(fmt.Sprintf("Content-Length:\r\n %d\r\n", len(event)), event+next), 400, 0},
		{"a space before the coding's colon", f.post(length+"Transfer-Encoding : chunked\r\n", chunk+end+next), 400, 0},
		{"a tab before the length's colon", f.post(fmt.Sprintf("Content-Length\t: %d\r\n", len(event)), event+next), 400, 0},
		{"a space in a name", f.post("Transfer Encoding: chunked\r\n"+length, event+next), 400, 0},
		{"a space before a name", f.post(length+" Transfer-Encoding: chunked\r\n", event+next), 400, 0},
		{"a name with an underscore", f.post(length+"Transfer_Encoding: chunked\r\n", event+next), 202, 1},
		// Lengths.
		{"+5", f.post("Content-Length: +5\r\n", next), 400, 0},
		{"-5", f.post("Content-Length: -5\r\n", next), 400, 0},
		{"0x5", f.post("Content-Length: 0x5\r\n", next), 400, 0},
		{"5e1", f.post("Content-Length: 5e1\r\n", next), 400, 0},
		{"5 5", f.post("Content-Length: 5 5\r\n", next), 400, 0},
		{"no number", f.post("Content-Length:\r\n", next), 400, 0},
		{"a length beyond 64 bits", f.post("Content-Length: 18446744073709551621\r\n", next), 400, 0},
		// Chunks.
		{"a chunk's size with a sign", chunks("+5\r\nhello\r\n" + end), 400, 0},
		{"a chunk's size with 0x", chunks("0x5\r\nhello\r\n" + end), 400, 0},
		{"a chunk's size beyond 64 bits", chunks("10000000000000005\r\nhello\r\n" + end), 400, 0},
		{"a negative chunk's size", chunks("ffffffffffffffff\r\nhello\r\n" + end), 400, 0},
		{"no chunk's size", chunks("\r\nhello\r\n" + end), 400, 0},
		{"a chunk's size behind a space", chunks(" " + chunk + end), 400, 0},
		{"a chunk longer than its size", chunks("1\r\n" + event + "\r\n" + end), 400, 0},
		{"a chunk's size that ends in LF", chunks(strings.Replace(chunk, "\r\n", "\n", 1) + end), 400, 0},
		{"a chunk's data that end in LF", chunks(strings.TrimSuffix(chunk, "\r\n") + "\n" + end), 400, 0},
		{"a line end in an extension", chunks(strings.Replace(chunk, "\r\n", ";a=\n5\r\n", 1) + end), 400, 0},
		{"an extension", chunks(strings.Replace(chunk, "\r\n", ";a=b\r\n", 1) + end), 202, 1},
		{"a trailer", chunks(chunk + "0\r\nX-Sum: 1\r\n\r\n"), 202, 1},
		{"a trailer that frames", chunks(chunk + "0\r\nContent-Length: 5\r\n\r\n"), 400, 0},
		{"a request behind chunks", chunks(chunk + end), 202, 1},
		// Line ends and control bytes.
		{"LF after the request line", strings.Replace(f.good(), "\r\n", "\n", 1) + next, 400, 0},
		{"LF after a header", strings.Replace(f.good(), "Host: x\r\n", "Host: x\n", 1) + next, 400, 0},
		{"LF after each line", strings.ReplaceAll(f.good(), "\r\n", "\n") + next, 400, 0},
		{"LF LF inside of the head", f.post("X: y\n\nX: y\r\n"+length, event) + next, 400, 0},
		{"CR in a header", f.post(length+"X: a\rTransfer-Encoding: chunked\r\n", event+next), 400, 0},
		{"CR CR LF", f.post(length+"X: a\r\r\n", event+next), 400, 0},
		{"CR in the request line", get("GET /healthz\rx HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"NUL in a value", f.post(length+"X: a\x00b\r\n", event+next), 400, 0},
		{"NUL in a name", f.post(length+"X\x00: a\r\n", event+next), 400, 0},
		{"NUL in the target", get("GET /healthz\x00 HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"DEL in a value", f.post(length+"X: a\x7fb\r\n", event+next), 400, 0},
		{"a header without a colon", f.post(length+"nothing\r\n", event+next), 400, 0},
		{"a header without a name", f.post(length+": x\r\n", event+next), 400, 0},
		// Targets and hosts.
		{"no host", get("GET /healthz HTTP/1.1", ""), 400, 0},
		{"an empty host", get("GET /healthz HTTP/1.1", "Host:\r\n"), 400, 0},
		{"two hosts", get("GET /healthz HTTP/1.1", "Host: x\r\nHost: y\r\n"), 400, 0},
		{"a host with a path", get("GET /healthz HTTP/1.1", "Host: x/y\r\n"), 400, 0},
		{"a host with a user", get("GET /healthz HTTP/1.1", "Host: u@x\r\n"), 400, 0},
		{"absolute form", get("GET http://y/healthz HTTP/1.1", "Host: x\r\n"), 200, 0},
		{"authority form", get("CONNECT x:80 HTTP/1.1", "Host: x:80\r\n"), 404, 0},
		{"asterisk form of another method", get("GET * HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"a relative target", get("GET healthz HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"a space in the target", get("GET /health z HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"no target", get("GET  HTTP/1.1", "Host: x\r\n"), 400, 0},
		// Versions.
		{"chunks in HTTP/1.0", strings.Replace(coding(" chunked"), "HTTP/1.1", "HTTP/1.0", 1), 400, 0},
		{"HTTP/1.0", strings.Replace(f.good(), "HTTP/1.1", "HTTP/1.0", 1) + next, 202, 1},
		{"HTTP/0.9", get("GET /healthz", ""), 400, 0},
		{"HTTP/1.2", get("GET /healthz HTTP/1.2", "Host: x\r\n"), 400, 0},
		{"HTTP/2.0", get("GET /healthz HTTP/2.0", "Host: x\r\n"), 400, 0},
		{"http/1.1", get("GET /healthz http/1.1", "Host: x\r\n"), 400, 0},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + next, 400, 0},
		{"an upgrade to HTTP/2", get("GET /healthz HTTP/1.1", "Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), 200, 0},
		{"the hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + next, 400, 0},
	}
}

// TestSmuggling sends each shape over a socket: one answer at most, which ends
// the connection, and nothing but a legal request gets through.
func TestSmuggling(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	for _, s := range f.shapes() {
		before := f.dispatcher.published()
		answers := exchange(t, address, []byte(s.request))
		if n := f.dispatcher.published() - before; n != s.published {
			t.Errorf("%s: %d events were published, want %d", s.why, n, s.published)
		}
		if len(answers) != 1 {
			t.Errorf("%s: %d answers: %+v", s.why, len(answers), answers)
			continue
		}
		a := answers[0]
		if a.status != s.status || a.header.Get("Connection") != "close" {
			t.Errorf("%s: got %d %v %s, want %d and the end", s.why, a.status, a.header, a.body, s.status)
		}
		if a.status >= 400 && a.header.Get("Content-Type") != contentProblem {
			t.Errorf("%s: got %v %s", s.why, a.header, a.body)
		}
	}
}

// TestKeepAlive keeps the connection of requests that are well framed.
func TestKeepAlive(t *testing.T) {
	f := newFixture(t)
	c, err := net.Dial("tcp", f.socket(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(c)
	large := eventWith(`"` + strings.Repeat("x", 200<<10) + `"`)
	for i, request := range []string{
		f.good(), f.good(), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", f.post("Content-Length: 2\r\n", "{}"), f.good(),
		f.post(fmt.Sprintf("Content-Length: %d\r\n", len(large)), large), "GET /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", f.good(),
	} {
		send(t, c, request)
		if status, header, body := readAnswer(t, reader); status == 400 || header.Get("Connection") == "close" {
			t.Fatalf("request %d: got %d %v %s", i, status, header, body)
		}
	}
	if n := f.dispatcher.published(); n != 5 {
		t.Errorf("%d events were published, want 5", n)
	}
}

// wire is a connection that has all of its input from the start.
type wire struct {
	net.Conn // nil: what is not below is not called
	in       *bytes.Reader
	out      bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error)       { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error)      { return w.out.Write(p) }
func (w *wire) Close() error                     { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// FuzzRequests sends any bytes: the server does not panic, answers no more often
// than net/http finds requests, but for a last refusal, and hands over only
// bodies that net/http reads too.
func FuzzRequests(f *testing.F) {
	server := newFixture(f, func(o *Options) { // which keeps nothing
		o.Dispatcher, o.Log = idleDispatcher{}, slog.New(slog.DiscardHandler)
	})
	for _, s := range server.shapes() {
		f.Add([]byte(s.request))
	}
	var taken []string
	handle := server.public.Handler
	server.public.Handler = func(ctx *fasthttp.RequestCtx) {
		handle(ctx)
		if ctx.Response.StatusCode() < 400 && ctx.IsPost() {
			taken = append(taken, string(ctx.Request.Body()))
		}
	}
	ln := newListener(nil, 1, server.metrics)
	f.Fuzz(func(t *testing.T, text []byte) {
		taken = nil
		w := &wire{in: bytes.NewReader(text)}
		c := ln.admit(w)
		_ = server.public.ServeConn(c) // closes it
		answers, err := readAnswers(&w.out)
		if err != nil {
			t.Fatalf("%q: answers %q: %v", text, w.out.Bytes(), err)
		}
		good := 0
		for _, a := range answers {
			if a.status < 400 {
				good++
			}
		}
		found := requestsIn(bytes.TrimLeft(text, "\r\n")) // which net/http does not skip
		if good > len(found) || len(answers) > len(found)+1 {
			t.Fatalf("%q: %d answers, %d of them good; net/http finds %d requests", text, len(answers), good, len(found))
		}
		for _, body := range taken {
			if !slices.Contains(found, body) {
				t.Fatalf("%q: took the body %q; net/http finds %q", text, body, found)
			}
		}
	})
}

// requestsIn gives the bodies of the requests that net/http reads.
func requestsIn(text []byte) (bodies []string) {
	reader := bufio.NewReader(bytes.NewReader(text))
	for {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return bodies
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return bodies
		}
		bodies = append(bodies, string(body))
	}
}
