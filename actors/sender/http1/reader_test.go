package http1

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/detail"
)

// testLimit is how much of a body the tests keep, in bytes.
const testLimit = 4 << 10

// scripted is a connection that says a text in pieces and then ends: with end, or
// as if it had been closed here.
type scripted struct {
	text  []byte
	piece int
	end   error
}

func (s *scripted) Read(p []byte) (int, error) {
	n := copy(p, s.text[:min(len(s.text), s.piece)])
	s.text = s.text[n:]
	if n == 0 {
		return 0, cmp.Or(s.end, net.ErrClosed)
	}
	return n, nil
}

func (*scripted) SetReadDeadline(time.Time) error { return nil }

func scriptedReader(text []byte, piece int) *ResponseReader {
	return NewResponseReader(&scripted{text: text, piece: max(piece, 1)})
}

// TestHeadBounds: a head may have 16 KiB, however it arrives. A longer one costs the
// connection, and not the verdict.
func TestHeadBounds(t *testing.T) {
	const start, end = "HTTP/1.1 200 OK\r\nX: ", "\r\n\r\n"
	for _, piece := range []int{1, 7, 1 << 20} {
		fits := start + strings.Repeat("a", MaxHead-len(start)-len(end)) + end
		if h, err := scriptedReader([]byte(fits), piece).ReadHead(); err != nil || h.Status != 200 || h.Note != "" || !h.Reusable() {
			t.Errorf("pieces of %d: got %+v, %v", piece, h, err)
		}
		long := start + strings.Repeat("a", MaxHead) + end
		if h, err := scriptedReader([]byte(long), piece).ReadHead(); err != nil || h.Status != 200 || h.Reusable() ||
			h.Note != "the response's head is longer than 16 KiB" {
			t.Errorf("pieces of %d: a longer head: %+v, %v", piece, h, err)
		}
	}
}

// TestReadHead: informational responses are skipped, and whatever has a status line
// has a verdict.
func TestReadHead(t *testing.T) {
	const hint, final = "HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200 OK\r\nRetry-After: 7\r\n\r\n"
	long := "HTTP/1.1 102 Processing\r\nX: " + strings.Repeat("a", 2*MaxHead) + "\r\n\r\n"
	for _, c := range []struct {
		name, text string
		status     int
		note       string
	}{
		{"a response", final, 200, ""},
		{"lone LFs", "HTTP/1.1 200 OK\nRetry-After: 7\n\n", 200, ""},
		{"a hint before it", hint + final, 200, ""},
		{"many hints before it", strings.Repeat(hint, 1000) + final, 200, ""},
		{"a long hint before it", long + final, 200, ""},
		{"several long hints before it", strings.Repeat(long, 5) + final, 200, ""},
		{"too many hints", strings.Repeat(hint, MaxInterim/len(hint)+1) + final, 103, "informational responses of more than 256 KiB"},
		{"too many long hints", strings.Repeat(long, 9) + final, 102, "informational responses of more than 256 KiB"},
		{"a hint without an end", "HTTP/1.1 102 Processing\r\nX: " + strings.Repeat("a", 2*MaxInterim), 102, "informational responses of more than 256 KiB"},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n\x00\x01", 101, ""},
		{"a head cut off", "HTTP/1.1 500 Oh\r\nRetry-Af", 500, "the connection ended within the response's head"},
		{"a head cut off at its empty line", "HTTP/1.1 500 Oh\r\nRetry-After: 7\r\n", 500, "the connection ended within the response's head"},
	} {
		for _, piece := range []int{1, 1000, 1 << 20} {
			r := scriptedReader([]byte(c.text), piece)
			h, err := r.ReadHead()
			if err != nil || h.Status != c.status || h.Note != c.note || !r.Received() {
				t.Errorf("%s, in pieces of %d: got %d, note %q, %v", c.name, piece, h.Status, h.Note, err)
			}
			if c.status == 200 && h.RetryAfter != "7" {
				t.Errorf("%s, in pieces of %d: Retry-After is %q", c.name, piece, h.RetryAfter)
			}
			if len(r.buf) > 2*MaxHead {
				t.Errorf("%s, in pieces of %d: the reader holds %d bytes", c.name, piece, len(r.buf))
			}
		}
	}
}

// TestNoHead: without a status line there is no response, and the error says what
// there was.
func TestNoHead(t *testing.T) {
	const hint = "HTTP/1.1 100 Continue\r\n\r\n"
	for _, c := range []struct {
		name, text string
		class      error
		words      string
	}{
		{"nothing", "", ErrEnded, ""},
		{"a part of a status line", "HTTP/1.1 200 OK", ErrEnded, ""},
		{"a hint only", hint, ErrEnded, "only informational responses came"},
		{"a hint cut off", "HTTP/1.1 100 Continue\r\nX: y", ErrEnded, ""},
		{"a long hint cut off", "HTTP/1.1 100 Continue\r\nX: " + strings.Repeat("a", 2*MaxHead), ErrEnded, ""},
		{"a status line that is none", "HTTP/1.1 OK\r\n\r\n", ErrProtocol, "the response's status line is not valid"},
		{"a status line without an end", "HTTP/1.1 200 " + strings.Repeat("a", MaxStatusLine), ErrProtocol, "the response's status line is longer than 8 KiB"},
		{"something else after a hint", hint + "220 mail.example\r\n", ErrProtocol, "only informational responses came"},
	} {
		for _, piece := range []int{1, 1 << 20} {
			r := NewResponseReader(&scripted{text: []byte(c.text), piece: piece, end: io.EOF})
			_, err := r.ReadHead()
			if !errors.Is(err, c.class) || detail.Of(err) != c.words || errors.Is(c.class, ErrEnded) && !errors.Is(err, io.EOF) {
				t.Errorf("%s, in pieces of %d: got %v, with the words %q", c.name, piece, err, detail.Of(err))
			}
			if r.Received() != (c.text != "") {
				t.Errorf("%s: received %v", c.name, r.Received())
			}
		}
	}
}

// slowly says each part after a second.
type slowly struct{ parts []string }

func (s *slowly) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	n := copy(p, s.parts[0])
	s.parts = s.parts[1:]
	return n, nil
}

func (*slowly) SetReadDeadline(time.Time) error { return nil }

// TestStatusAt: the time of the final status line, whatever arrived around it.
func TestStatusAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewResponseReader(&slowly{[]string{"HTTP/1.1 103 Hint\r\n", "\r\n", "HTTP/1.", "1 200 OK\r\n", "X: y\r\n", "\r\n"}})
		defer r.Release()
		if !r.StatusAt().IsZero() {
			t.Error("a status line arrived before anything was read")
		}
		start := time.Now()
		if _, err := r.ReadHead(); err != nil {
			t.Fatal(err)
		}
		if at, took := r.StatusAt().Sub(start), time.Since(start); at != 4*time.Second || took != 6*time.Second {
			t.Errorf("the status line arrived after %v of %v", at, took)
		}
	})
}

// TestReaderIsFresh: a reader that was released shows nothing of its last response.
func TestReaderIsFresh(t *testing.T) {
	for range 100 { // as long as the pool takes to return the same one
		r := scriptedReader([]byte("HTTP/1.1 200 OK\r\n\r\nsecret"), 1<<20)
		if _, err := r.ReadHead(); err != nil || r.Empty() {
			t.Fatal(err)
		}
		r.Release()
		next := scriptedReader(nil, 1)
		if rest, err := io.ReadAll(next); len(rest) > 0 || err == nil || next.Received() || !next.StatusAt().IsZero() {
			t.Fatalf("a new reader has %q, received %v", rest, next.Received())
		}
		next.Release()
	}
}

// FuzzResponse: a response reads the same in pieces and at once, within bounds. Where
// the connection could be used again, net/http agrees on status, body and the bytes
// that are left.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 204 Nothing\nConnection: keep-alive\n\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		whole, pieces := readScript(text, len(text)), readScript(text, piece%32)
		if !reflect.DeepEqual(whole, pieces) {
			t.Fatalf("at once %+v, in pieces %+v", whole, pieces)
		}
		if len(whole.body) > testLimit {
			t.Fatalf("excerpt of %d bytes", len(whole.body))
		}
		if whole.reusable {
			wantLikeNetHTTP(t, text, whole)
		}
	})
}

// reading is what a script was understood as.
type reading struct {
	status   int
	note     string
	body     []byte
	more     bool
	reusable bool
}

func readScript(text []byte, piece int) reading {
	in := scriptedReader(text, piece)
	h, err := in.ReadHead()
	if err != nil {
		return reading{}
	}
	part := in.ReadBody(&h, testLimit, time.Now().Add(time.Minute))
	rest := make([]byte, 1)
	n, _ := in.Read(rest)
	return reading{status: h.Status, note: h.Note, body: part.Excerpt, more: part.More, reusable: part.Clean && h.Reusable() && n == 0}
}

func wantLikeNetHTTP(t *testing.T, text []byte, got reading) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(text))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodPost})
		if err != nil {
			return // it is stricter about headers that do not matter here
		}
		if resp.StatusCode < 200 && resp.StatusCode != 101 {
			continue
		}
		var body bytes.Buffer
		var trailer textproto.ProtocolError
		if _, err := body.ReadFrom(resp.Body); errors.As(err, &trailer) {
			return // and about trailers
		} else if err != nil {
			t.Fatalf("net/http cannot read the body: %v", err)
		}
		excerpt := body.Bytes()[:min(body.Len(), testLimit)]
		if (body.Len() > len(got.body)) != got.more {
			t.Fatalf("of %d bytes %d are kept, and more are said to be there: %v", body.Len(), len(got.body), got.more)
		}
		if resp.StatusCode != got.status || !bytes.Equal(excerpt, got.body) || r.Buffered() > 0 || resp.Close {
			t.Fatalf("net/http reads %d %q, %d bytes left, close %v; got %+v", resp.StatusCode, excerpt, r.Buffered(), resp.Close, got)
		}
		return
	}
}

// TestFirstAt: the first byte has a time of its own, also where it is that of an
// informational response, or where no status line follows.
func TestFirstAt(t *testing.T) {
	for _, c := range []struct {
		parts  []string
		status time.Duration // 0 for none
	}{
		{[]string{"HTTP/1.1 200 OK\r\n\r\n"}, time.Second},
		{[]string{"H", "TTP/1.1 200 OK\r\n\r\n"}, 2 * time.Second},
		{[]string{"HTTP/1.1 102 P\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}, 2 * time.Second},
		{[]string{"SSH-2.0"}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			r := NewResponseReader(&slowly{c.parts})
			defer r.Release()
			_, err := r.ReadHead()
			if got := r.FirstAt().Sub(began); got != time.Second {
				t.Errorf("%q: the first byte arrived after %v", c.parts, got)
			}
			if (c.status == 0) != (err != nil) || err == nil && r.StatusAt().Sub(began) != c.status {
				t.Errorf("%q: the status line after %v, %v", c.parts, r.StatusAt().Sub(began), err)
			}
		})
	}
	r := scriptedReader(nil, 1)
	defer r.Release()
	if _, err := r.ReadHead(); err == nil || !r.FirstAt().IsZero() {
		t.Errorf("nothing arrived: %v, %v", r.FirstAt(), err)
	}
}
