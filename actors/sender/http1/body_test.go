package http1

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const okLine = "HTTP/1.1 200 OK\r\n"

// bodyOf reads the response in text, which arrives in pieces, with an excerpt of
// limit bytes, and returns the reader as well.
func bodyOf(t *testing.T, text string, piece, limit int) (Body, *ResponseReader) {
	t.Helper()
	r := NewResponseReader(&scripted{text: []byte(text), piece: piece, end: io.EOF})
	h, err := r.ReadHead()
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r.ReadBody(&h, limit, time.Now().Add(time.Minute)), r
}

// chunked writes parts as chunks, without the last one.
func chunked(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	return b.String()
}

// TestBodies: what is kept of a body, and whether the connection can be used again,
// however the response arrives.
func TestBodies(t *testing.T) {
	const chunks, limit = okLine + "Transfer-Encoding: chunked\r\n\r\n", 8
	sized := func(n int, text string) string { return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", okLine, n, text) }
	for _, c := range []struct {
		name, text, excerpt string
		more, clean         bool
	}{
		{"no body", sized(0, ""), "", false, true},
		{"a body", sized(2, "ok"), "ok", false, true},
		{"as long as what is kept", sized(limit, "12345678"), "12345678", false, true},
		{"a byte longer", sized(limit+1, "123456789"), "12345678", true, true},
		{"drained to the end", sized(maxDrained, strings.Repeat("x", maxDrained)), "xxxxxxxx", true, true},
		{"too long to drain", sized(limit+maxDrained+1, strings.Repeat("x", limit+maxDrained+1)), "xxxxxxxx", true, false},
		{"cut off", sized(10, "abc"), "abc", true, false},
		{"cut off after what is kept", sized(20, "1234567890"), "12345678", true, false},
		{"none of it came", sized(5, ""), "", true, false},

		{"to the end", okLine + "\r\nabc", "abc", false, false},
		{"to the end, as long as what is kept", okLine + "\r\n12345678", "12345678", false, false},
		{"to the end, a byte longer", okLine + "\r\n123456789", "12345678", true, false},
		{"to the end, empty", okLine + "\r\n", "", false, false},

		{"chunks", chunks + chunked("ab", "cd") + "0\r\n\r\n", "abcd", false, true},
		{"no chunk", chunks + "0\r\n\r\n", "", false, true},
		{"chunks as long as what is kept", chunks + chunked("1234", "5678") + "0\r\n\r\n", "12345678", false, true},
		{"chunks a byte longer", chunks + chunked("1234", "56789") + "0\r\n\r\n", "12345678", true, true},
		{"chunks too long to drain", chunks + chunked(strings.Repeat("x", limit+maxDrained+1)) + "0\r\n\r\n", "xxxxxxxx", true, false},
		{"an extension of a chunk", chunks + "2;a=b\r\nok\r\n0\r\n\r\n", "ok", false, true},
		{"a trailer", chunks + chunked("ok") + "0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", "ok", false, true},
		{"a long trailer", chunks + chunked("ok") + "0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 95)+"\r\n", 30) + "\r\n", "ok", false, false},
		{"a trailer's line that is too long", chunks + chunked("ok") + "0\r\nX: " + strings.Repeat("y", maxTrailer) + "\r\n\r\n", "ok", false, false},
		{"a trailer without an end", chunks + chunked("ok") + "0\r\nX: y\r\n", "ok", false, false},
		{"a trailer that ends with a lone LF", chunks + chunked("ok") + "0\r\nX: y\n\r\n", "ok", false, false},
		{"no last chunk", chunks + chunked("ok"), "ok", true, false},
		{"a chunk cut off", chunks + "5\r\nok", "ok", true, false},
		{"a size that is none", chunks + "zz\r\nok\r\n0\r\n\r\n", "", true, false},
		{"a negative size", chunks + "-2\r\nok\r\n0\r\n\r\n", "", true, false},
		{"a size beyond 64 bits", chunks + "10000000000000002\r\nok\r\n0\r\n\r\n", "", true, false},
		{"a chunk longer than its size", chunks + "1\r\nok\r\n0\r\n\r\n", "o", true, false},

		{"204", "HTTP/1.1 204 Nothing\r\nContent-Length: 5\r\n\r\n", "", false, true},
		{"304", "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", "", false, true},
		{"an unclear end", okLine + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "", false, false},
	} {
		for _, piece := range []int{1, 3, 1 << 20} {
			got, r := bodyOf(t, c.text, piece, limit)
			r.Release()
			if string(got.Excerpt) != c.excerpt || got.More != c.more || got.Clean != c.clean {
				t.Errorf("%s, in pieces of %d: got %q, more %v, clean %v", c.name, piece, got.Excerpt, got.More, got.Clean)
			}
		}
	}
}

// TestBytesAfterABody: a response that nobody asked for stays visible, wherever the
// first one ends.
func TestBytesAfterABody(t *testing.T) {
	const second = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for name, first := range map[string]string{
		"a length": okLine + "Content-Length: 2\r\n\r\nok",
		"chunks":   okLine + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"nothing":  "HTTP/1.1 204 Nothing\r\n\r\n",
	} {
		got, r := bodyOf(t, first+second, 1<<20, 8)
		if got.Clean && r.Empty() {
			t.Errorf("%s: the connection looks usable, with a response waiting on it", name)
		}
		got, r = bodyOf(t, first, 1<<20, 8)
		if !got.Clean || !r.Empty() {
			t.Errorf("%s: without it the connection looks unusable", name)
		}
	}
}

// waiting is a connection on which nothing arrives after a text, until its read
// deadline.
type waiting struct {
	text     string
	deadline time.Time
	set      int // how often the deadline was set
}

var errLate = fmt.Errorf("late: %w", io.ErrNoProgress)

func (w *waiting) Read(p []byte) (int, error) {
	if w.text == "" {
		time.Sleep(time.Until(w.deadline))
		return 0, errLate
	}
	n := copy(p, w.text)
	w.text = w.text[n:]
	return n, nil
}

func (w *waiting) SetReadDeadline(at time.Time) error {
	w.deadline, w.set = at, w.set+1
	return nil
}

// TestBodyBudget: a body that does not come costs BodyBudget, or what is left of
// the attempt if that is less.
func TestBodyBudget(t *testing.T) {
	for _, c := range []struct {
		name, text string
		left, took time.Duration
		set        int
	}{
		{"a body that is here", okLine + "Content-Length: 2\r\n\r\nok", time.Minute, 0, 0},
		{"no body", "HTTP/1.1 204 Nothing\r\n\r\n", time.Minute, 0, 0},
		{"an unclear body", okLine + "Content-Length: x\r\n\r\n", time.Minute, 0, 0},
		{"a part of it", okLine + "Content-Length: 3\r\n\r\nok", time.Minute, BodyBudget, 1},
		{"chunks", okLine + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", time.Minute, BodyBudget, 1},
		{"to the end", okLine + "\r\nok", time.Minute, BodyBudget, 1},
		{"little time is left", okLine + "\r\nok", 300 * time.Millisecond, 300 * time.Millisecond, 1},
		{"no time is left", okLine + "\r\nok", 0, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			conn := &waiting{text: c.text}
			r := NewResponseReader(conn)
			defer r.Release()
			h, err := r.ReadHead()
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			r.ReadBody(&h, 8, start.Add(c.left))
			if took := time.Since(start); took != c.took || conn.set != c.set {
				t.Errorf("%s: took %v, deadline set %d times", c.name, took, conn.set)
			}
		})
	}
}

// deaf is a connection whose deadline cannot be set, as one that was closed.
type deaf struct{ waiting }

func (*deaf) SetReadDeadline(time.Time) error { return errors.New("use of closed connection") }

// TestBodyWithoutDeadline: without a deadline nothing is read that is not here.
func TestBodyWithoutDeadline(t *testing.T) {
	r := NewResponseReader(&deaf{waiting{text: okLine + "Content-Length: 3\r\n\r\nok"}})
	defer r.Release()
	h, err := r.ReadHead()
	if err != nil {
		t.Fatal(err)
	}
	if got := r.ReadBody(&h, 8, time.Now().Add(time.Minute)); got.Excerpt != nil || !got.More || got.Clean {
		t.Errorf("got %+v", got)
	}
}
