package http1

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"
)

// testLimit is how much of a body the tests keep, in bytes.
const testLimit = 4 << 10

// scripted is a connection that says a text in pieces, and then ends.
type scripted struct {
	net.Conn
	text  []byte
	piece int
}

func (s *scripted) Read(p []byte) (int, error) {
	n := copy(p, s.text[:min(len(s.text), s.piece)])
	s.text = s.text[n:]
	if n == 0 {
		return 0, net.ErrClosed
	}
	return n, nil
}

func (*scripted) SetReadDeadline(time.Time) error { return nil }
func (*scripted) Close() error                    { return nil }

func scriptedReader(text []byte, piece int) *ResponseReader {
	raw := &scripted{text: text, piece: max(piece, 1)}
	return NewResponseReader(raw)
}

// TestHeadBounds: 16 KiB of head are read, however they arrive. A longer one costs
// the connection, and not the verdict.
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

// FuzzResponse: what arrives in pieces reads like what arrives at once, within
// bounds; and where the connection could be used again, net/http agrees on
// status, body and what is left over.
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
