package http1

import (
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
)

// headOf parses a head whose lines are written with LF.
func headOf(t *testing.T, lines string) Head {
	t.Helper()
	h, ok := parseHead([]byte(strings.ReplaceAll(lines, "\n", "\r\n")))
	if !ok {
		t.Fatalf("%q has no status line", lines)
	}
	return h
}

// TestStatusLine: three digits after the version, and then nothing or a space.
func TestStatusLine(t *testing.T) {
	for line, want := range map[string]int{
		"HTTP/1.1 200 OK":                     200,
		"HTTP/1.1 200":                        200,
		"HTTP/1.1 200 ":                       200,
		"HTTP/1.1 404 Not Found, as it seems": 404,
		"HTTP/1.0 500 Oh":                     500,
		"HTTP/1.9 200 OK":                     200, // a minor version that may come
		"HTTP/1.1 100 Continue":               100,
		"HTTP/1.1 999 Whatever":               999,
		"HTTP/1.1 099 Too low":                0,
		"HTTP/1.1 000":                        0,
		"HTTP/1.1 20":                         0,
		"HTTP/1.1 2000":                       0,
		"HTTP/1.1 200OK":                      0,
		"HTTP/1.1  200 OK":                    0,
		"HTTP/1.1\t200 OK":                    0,
		"HTTP/1.1 +20 OK":                     0,
		"HTTP/1.1 -20 OK":                     0,
		"HTTP/1.1 2x0 OK":                     0,
		"HTTP/1.x 200 OK":                     0,
		"HTTP/2.0 200 OK":                     0,
		"HTTP/1 200 OK":                       0,
		"http/1.1 200 OK":                     0,
		" HTTP/1.1 200 OK":                    0,
		"ICY 200 OK":                          0,
		"":                                    0,
	} {
		h, ok := parseHead([]byte(line + "\r\n"))
		if ok != (want != 0) || ok && h.Status != want {
			t.Errorf("%q: got %d, %v, want %d", line, h.Status, ok, want)
		}
	}
}

// TestFraming: where a body ends, and whether the connection can carry another
// request. Whatever two programs could read differently is unclear.
func TestFraming(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\n"
	for _, c := range []struct {
		head             string
		length           int64
		chunked, unclear bool
		why              string
	}{
		{ok, -1, false, false, "to the end of the connection"},
		{ok + "Content-Length: 5\n", 5, false, false, "a length"},
		{ok + "content-length:5\n", 5, false, false, "names have no case, and the space is optional"},
		{ok + "Content-Length: \t 5 \t\n", 5, false, false, "white space around the value"},
		{ok + "Content-Length: 0\n", 0, false, false, "no body"},
		{ok + "Content-Length: 9223372036854775807\n", 1<<63 - 1, false, false, "the largest length"},
		{ok + "Content-Length: 9223372036854775808\n", -1, false, true, "a length beyond 64 bits"},
		{ok + "Content-Length: +5\n", -1, false, true, "a sign"},
		{ok + "Content-Length: -5\n", -1, false, true, "a negative length"},
		{ok + "Content-Length: 0x5\n", -1, false, true, "not decimal"},
		{ok + "Content-Length: 5_0\n", -1, false, true, "an underscore"},
		{ok + "Content-Length: \n", -1, false, true, "an empty length"},
		{ok + "Content-Length: 5, 5\n", -1, false, true, "a list of lengths"},
		{ok + "Content-Length: 5\nContent-Length: 5\n", 5, false, true, "the same length twice"},
		{ok + "Content-Length: 5\nContent-Length: 6\n", 5, false, true, "two lengths"},
		{ok + "Transfer-Encoding: chunked\n", -1, true, false, "chunks"},
		{ok + "Transfer-Encoding: CHUNKED\n", -1, true, false, "codings have no case"},
		{ok + "Transfer-Encoding: chun\u212aed\n", -1, true, true, "a Kelvin sign is no k"},
		{ok + "Transfer-Encoding: gzip\n", -1, true, true, "a coding that is not known"},
		{ok + "Transfer-Encoding: gzip, chunked\n", -1, true, true, "two codings"},
		{ok + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", -1, true, true, "chunked twice"},
		{ok + "Transfer-Encoding: chunked\nContent-Length: 5\n", 5, true, true, "chunks and a length"},
		{ok + "Content-Length: 5\nTransfer-Encoding: chunked\n", 5, true, true, "a length and chunks"},
		{"HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n", -1, true, true, "chunks in HTTP/1.0"},
		{ok + "Content-Length : 5\n", -1, false, true, "a space before the colon"},
		{ok + " Content-Length: 5\n", -1, false, true, "a space before the name"},
		{ok + "X: a\n Content-Length: 5\n", -1, false, true, "a folded line"},
		{ok + "Content-Length 5\n", -1, false, true, "no colon"},
		{ok + ": 5\n", -1, false, true, "no name"},
		{ok + "X-Content-Length: 5\n", -1, false, false, "another field"},
		{ok + "X:\n", -1, false, false, "an empty value"},
	} {
		h := headOf(t, c.head)
		if h.length != c.length || h.chunked != c.chunked || h.unclear != c.unclear {
			t.Errorf("%s: got length %d, chunked %v, unclear %v", c.why, h.length, h.chunked, h.unclear)
		}
		if c.unclear && (h.Reusable() || h.Note != "the response's headers do not say for sure where its body ends") {
			t.Errorf("%s: reusable %v, note %q", c.why, h.Reusable(), h.Note)
		}
	}
}

// TestReusable: the versions' defaults, and the options of Connection.
func TestReusable(t *testing.T) {
	for head, want := range map[string]bool{
		"HTTP/1.1 200 OK\n":                                                   true,
		"HTTP/1.1 200 OK\nConnection: keep-alive\n":                           true,
		"HTTP/1.1 200 OK\nConnection: close\n":                                false,
		"HTTP/1.1 200 OK\nConnection: Close\n":                                false,
		"HTTP/1.1 200 OK\nConnection: foo, close ,bar\n":                      false,
		"HTTP/1.1 200 OK\nConnection: ,,\n":                                   true,
		"HTTP/1.1 200 OK\nConnection: closed\n":                               true,
		"HTTP/1.1 200 OK\nConnection: keep-alive\nConnection: close\n":        false,
		"HTTP/1.0 200 OK\n":                                                   false,
		"HTTP/1.0 200 OK\nConnection: keep-alive\n":                           true,
		"HTTP/1.0 200 OK\nConnection: Keep-Alive, close\n":                    false,
		"HTTP/1.1 101 Switching Protocols\n":                                  false,
		"HTTP/1.1 500 Oh\n":                                                   true,
		"HTTP/1.1 204 Nothing\nContent-Length: 5\nTransfer-Encoding: what?\n": false,
	} {
		if h := headOf(t, head); h.Reusable() != want {
			t.Errorf("%q: reusable %v", head, !want)
		}
	}
}

// TestBodiless: some statuses have no body, whatever their fields say, so nothing
// is wrong with fields that contradict one another.
func TestBodiless(t *testing.T) {
	for status, want := range map[string]bool{"100": true, "101": true, "199": true, "200": false, "204": true, "205": false, "304": true, "404": false} {
		h := headOf(t, "HTTP/1.1 "+status+" Whatever\nContent-Length: 5\nContent-Length: 6\n")
		if h.bodiless() != want || (h.Note == "") != want {
			t.Errorf("%s: bodiless %v, note %q", status, !want, h.Note)
		}
	}
}

// TestWhatIsKeptOfAHead: the fields that explain a response, in printable form and
// within their bounds.
func TestWhatIsKeptOfAHead(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		head string
		want Head
		why  string
	}{
		{"HTTP/1.1 503 Oh\nRetry-After: 120\n", Head{RetryAfter: "120"}, "Retry-After as it is"},
		{"HTTP/1.1 503 Oh\nRetry-After: 1\nretry-after: 2\n", Head{RetryAfter: "2"}, "the last one"},
		{"HTTP/1.1 301 Moved\nLocation: /new\n", Head{Location: "/new"}, "a redirect's place"},
		{"HTTP/1.1 399 Odd\nLocation: /new\n", Head{Location: "/new"}, "every 3xx"},
		{"HTTP/1.1 201 Made\nLocation: /new\n", Head{}, "the place of no redirect"},
		{"HTTP/1.1 302 Found\nLocation: /\x1b[2J\x7f\xff\n", Head{Location: "/?[2J??"}, "made printable"},
		{"HTTP/1.1 200 OK\nContent-Encoding: gzip\n", Head{Encoding: "gzip"}, "an encoding"},
		{"HTTP/1.1 200 OK\nContent-Encoding: Identity\n", Head{}, "no encoding"},
		{"HTTP/1.1 200 OK\nContent-Encoding:\n", Head{}, "no encoding"},
		{"HTTP/1.1 200 OK\nContent-Encoding: br\nContent-Encoding: identity\nContent-Encoding: gzip\n", Head{Encoding: "br, gzip"}, "two fields"},
		{"HTTP/1.1 200 OK\nContent-Encoding: " + long + "\nContent-Encoding: br\n", Head{Encoding: long[:maxEncoding]}, "a long one"},
	} {
		h := headOf(t, c.head)
		if got := (Head{RetryAfter: h.RetryAfter, Location: h.Location, Encoding: h.Encoding}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.why, got, c.want)
		}
	}
}

// TestCutHead: a head that did not end says why, and costs the connection.
func TestCutHead(t *testing.T) {
	for _, c := range []struct {
		cause error
		note  string
	}{
		{errLongHead, "the response's head is longer than 16 KiB"},
		{os.ErrDeadlineExceeded, "the response's head did not end in time"},
		{io.EOF, "the connection ended within the response's head"},
	} {
		h := headOf(t, "HTTP/1.1 200 OK\nContent-Length: 2\n")
		if h.cutBy(nil); !h.Reusable() || h.Cut != nil {
			t.Fatal("a whole head is not reusable")
		}
		if h.cutBy(c.cause); h.Reusable() || !errors.Is(h.Cut, c.cause) || h.Note != c.note {
			t.Errorf("cut by %v: reusable %v, %v, note %q", c.cause, h.Reusable(), h.Cut, h.Note)
		}
	}
}
