package inbound

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

// shape is a request that two servers may frame differently, or an odd one.
type shape struct {
	why, request string
	status       int // of the one answer; 0 for none
	published    int // events that were legal
}

// shapes returns the shapes. Wherever possible a good request follows, which the server
// must not accept.
func shapes() []shape {
	next := good()
	length := fmt.Sprintf("Content-Length: %d\r\n", len(event))
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
	const end = "0\r\n\r\n"
	coding := func(value string) string { return post("Transfer-Encoding:"+value+"\r\n", chunk+end+next) }
	chunks := func(text string) string { return post("Transfer-Encoding: chunked\r\n", text+next) }
	get := func(line, lines string) string { return line + "\r\n" + lines + "\r\n" + next }
	return []shape{
		// One request, and more than it.
		{"a second request at once", good() + next, 202, 1},
		{"a third", good() + next + next, 202, 1},
		{"garbage behind the body", good() + "garbage\r\n\r\n" + next, 202, 1},
		{"a line end behind the body", good() + "\r\n" + next, 202, 1},
		{"a line end before the request", "\r\n" + good() + next, 202, 1},
		{"a second request after a bad one", "BAD\r\n\r\n" + next, 400, 0},
		{"a second request after a refused one", post("Expect: magic\r\n", "") + next, 417, 0},
		{"a body of a call that takes none", get("GET /healthz HTTP/1.1", "Host: x\r\nContent-Length: 3\r\n"), 200, 0},
		// Two framings.
		{"length and chunks", post(length+"Transfer-Encoding: chunked\r\n", chunk+end+next), 400, 0},
		{"chunks and length 0", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", chunk+end+next), 400, 0},
		{"two lengths", post(length+"Content-Length: 0\r\n", event+next), 400, 0},
		{"two equal lengths", post(length+length, event+next), 400, 0},
		{"a list of lengths", post(fmt.Sprintf("Content-Length: %d, %[1]d\r\n", len(event)), event+next), 400, 0},
		{"two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunk+end+next), 400, 0},
		{"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunk+end+next), 400, 0},
		// Codings.
		{"chunked, identity", coding(" chunked, identity"), 400, 0},
		{"identity, chunked", coding(" identity, chunked"), 400, 0},
		{"gzip, chunked", coding(" gzip, chunked"), 400, 0},
		{"identity", post(length+"Transfer-Encoding: identity\r\n", event+next), 400, 0},
		{"xchunked", coding(" xchunked"), 400, 0},
		{"chunked in quotes", coding(` "chunked"`), 400, 0},
		{"no coding", coding(""), 400, 0},
		{"a vertical tab before chunked", coding(" \vchunked"), 400, 0},
		{"chunked in the next line", coding("\r\n chunked"), 400, 0},
		{"a length in the next line", post(fmt.Sprintf("Content-Length:\r\n %d\r\n", len(event)), event+next), 400, 0},
		{"a space before the coding's colon", post(length+"Transfer-Encoding : chunked\r\n", chunk+end+next), 400, 0},
		{"a tab before the length's colon", post(fmt.Sprintf("Content-Length\t: %d\r\n", len(event)), event+next), 400, 0},
		{"a space in a name", post("Transfer Encoding: chunked\r\n"+length, event+next), 400, 0},
		{"a space before a name", post(length+" Transfer-Encoding: chunked\r\n", event+next), 400, 0},
		{"a name with an underscore", post(length+"Transfer_Encoding: chunked\r\n", event+next), 202, 1},
		// Lengths.
		{"+5", post("Content-Length: +5\r\n", next), 400, 0},
		{"-5", post("Content-Length: -5\r\n", next), 400, 0},
		{"0x5", post("Content-Length: 0x5\r\n", next), 400, 0},
		{"5e1", post("Content-Length: 5e1\r\n", next), 400, 0},
		{"5 5", post("Content-Length: 5 5\r\n", next), 400, 0},
		{"no number", post("Content-Length:\r\n", next), 400, 0},
		{"a length beyond 64 bits", post("Content-Length: 18446744073709551621\r\n", next), 400, 0},
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
		{"LF after the request line", strings.Replace(good(), "\r\n", "\n", 1) + next, 400, 0},
		{"LF after a header", strings.Replace(good(), "Host: x\r\n", "Host: x\n", 1) + next, 400, 0},
		{"LF after each line", strings.ReplaceAll(good(), "\r\n", "\n") + next, 400, 0},
		{"LF LF inside of the head", post("X: y\n\nX: y\r\n"+length, event) + next, 400, 0},
		{"CR in a header", post(length+"X: a\rTransfer-Encoding: chunked\r\n", event+next), 400, 0},
		{"CR CR LF", post(length+"X: a\r\r\n", event+next), 400, 0},
		{"CR in the request line", get("GET /healthz\rx HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"NUL in a value", post(length+"X: a\x00b\r\n", event+next), 400, 0},
		{"NUL in a name", post(length+"X\x00: a\r\n", event+next), 400, 0},
		{"NUL in the target", get("GET /healthz\x00 HTTP/1.1", "Host: x\r\n"), 400, 0},
		{"DEL in a value", post(length+"X: a\x7fb\r\n", event+next), 400, 0},
		{"a header without a colon", post(length+"nothing\r\n", event+next), 400, 0},
		{"a header without a name", post(length+": x\r\n", event+next), 400, 0},
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
		{"HTTP/1.0", strings.Replace(good(), "HTTP/1.1", "HTTP/1.0", 1) + next, 202, 1},
		{"HTTP/0.9", get("GET /healthz", ""), 400, 0},
		{"HTTP/1.2", get("GET /healthz HTTP/1.2", "Host: x\r\n"), 400, 0},
		{"HTTP/2.0", get("GET /healthz HTTP/2.0", "Host: x\r\n"), 400, 0},
		{"http/1.1", get("GET /healthz http/1.1", "Host: x\r\n"), 400, 0},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + next, 400, 0},
		{"an upgrade to HTTP/2", get("GET /healthz HTTP/1.1", "Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), 200, 0},
		{"the hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + next, 400, 0},
	}
}

// TestSmuggling sends each shape over a socket. There must be one answer, which ends the
// connection, and nothing but a legal request may reach the handler.
func TestSmuggling(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	for _, s := range shapes() {
		before := f.published()
		answers := inboundtest.Exchange(t, address, s.request)
		if n := f.published() - before; n != s.published {
			t.Errorf("%s: %d events were published, want %d", s.why, n, s.published)
		}
		if len(answers) != 1 {
			t.Errorf("%s: %d answers: %+v", s.why, len(answers), answers)
			continue
		}
		a := answers[0]
		if a.Status != s.status || a.Header.Get("Connection") != "close" {
			t.Errorf("%s: got %d %v %s, want %d and the end", s.why, a.Status, a.Header, a.Body, s.status)
		}
		if a.Status >= 400 && a.Header.Get("Content-Type") != refusedAs {
			t.Errorf("%s: got %v %s", s.why, a.Header, a.Body)
		}
	}
}

// TestKeepAlive sends well-framed requests, one after the other: the connection must
// stay open.
func TestKeepAlive(t *testing.T) {
	f := newFixture(t)
	c := inboundtest.Dial(t, f.socket(t))
	reader := bufio.NewReader(c)
	large := strings.Repeat("x", 200<<10)
	for i, request := range []string{
		good(), good(), probeRequest, post("Content-Length: 2\r\n", "{}"), good(),
		post(fmt.Sprintf("Content-Length: %d\r\n", len(large)), large), "GET /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", good(),
	} {
		inboundtest.Send(t, c, request)
		if a := inboundtest.ReadAnswer(t, reader); a.Status == 400 || a.Header.Get("Connection") == "close" {
			t.Fatalf("request %d: got %+v", i, a)
		}
	}
	if n := f.published(); n != 6 {
		t.Errorf("%d events were published, want 6", n)
	}
}

// wire is a connection that has all its input from the start.
type wire struct {
	net.Conn // nil: methods that are not below are not called
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

// FuzzRequests sends any bytes. The server must not panic. It may answer as often as
// net/http finds requests, and refuse once more; and it hands over only bodies that
// net/http reads too.
func FuzzRequests(f *testing.F) {
	server := newFixture(f)
	for _, s := range shapes() {
		f.Add([]byte(s.request))
	}
	ln := newListener(nil, 1, nil, server.metrics)
	f.Fuzz(func(t *testing.T, text []byte) {
		w := &wire{in: bytes.NewReader(text)}
		_ = server.fast.ServeConn(ln.admit(w)) // closes it
		answers, err := inboundtest.ReadAnswers(&w.out)
		if err != nil {
			t.Fatalf("%q: answers %q: %v", text, w.out.Bytes(), err)
		}
		accepted := 0
		for _, a := range answers {
			if a.Status < 400 {
				accepted++
			}
		}
		found := requestsIn(bytes.TrimLeft(text, "\r\n")) // which net/http does not skip
		if accepted > len(found) || len(answers) > len(found)+1 {
			t.Fatalf("%q: %d answers, %d of them good; net/http finds %d requests", text, len(answers), accepted, len(found))
		}
		for _, body := range server.bodiesTaken() {
			if !slices.Contains(found, body) {
				t.Fatalf("%q: took the body %q; net/http finds %q", text, body, found)
			}
		}
	})
}

// requestsIn returns the bodies of the requests that net/http reads.
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
