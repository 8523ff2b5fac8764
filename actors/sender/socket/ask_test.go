//go:build unix

package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// note is a question that notes what became of it.
type note struct {
	text    []byte
	calls   int
	written int
	err     error
}

func (n *note) Bytes() []byte { return n.text }

func (n *note) Written(written int, err error) {
	n.calls++
	n.written, n.err = written, err
}

func wantRead(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

// TestAsk: the question is written once, and the answer can be read. An answer that
// arrives at any moment ends the wait, also one that comes while the question is written.
func TestAsk(t *testing.T) {
	near, far := pair(t)
	go func() {
		var one [1]byte
		for {
			if _, err := far.Read(one[:]); err != nil {
				return
			}
			_, _ = far.Write(one[:])
		}
	}()
	if err := near.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	s := Of(near)
	for i := range 5000 {
		q := &note{text: []byte("?")}
		if !s.Ask(q, true) || q.calls != 1 || q.written != 1 || q.err != nil {
			t.Fatalf("question %d: %+v", i, q)
		}
		var one [1]byte
		if n, err := near.Read(one[:]); n != 1 || err != nil {
			t.Fatalf("answer %d: %d bytes, %v", i, n, err)
		}
	}
}

// TestAskWhenSomethingArrived: a kept connection carries no question then; on a fresh
// one the question is written, and Ask does not wait, because the event has passed.
func TestAskWhenSomethingArrived(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(far *net.TCPConn) error
	}{
		{"a byte", func(far *net.TCPConn) error { _, err := far.Write([]byte("!")); return err }},
		{"an end", func(far *net.TCPConn) error { return far.CloseWrite() }},
		{"a reset", func(far *net.TCPConn) error { _ = far.SetLinger(0); return far.Close() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, kept := range []bool{true, false} {
				near, far := pair(t)
				s := Of(near)
				if err := c.happen(far); err != nil {
					t.Fatal(err)
				}
				quietOnce(t, s)
				q := &note{text: []byte("?")}
				if asked := s.Ask(q, kept); asked == kept || (q.calls == 1) == kept {
					t.Fatalf("kept %v: asked %v, %+v", kept, asked, q)
				}
			}
		})
	}
}

// TestAskMoreThanTheSocketTakes: Ask returns for the rest to be written.
func TestAskMoreThanTheSocketTakes(t *testing.T) {
	near, far := pair(t)
	text := bytes.Repeat([]byte("?"), 32<<20)
	q := &note{text: text}
	if !Of(near).Ask(q, false) || q.err != nil || q.written == 0 || q.written >= len(text) {
		t.Fatalf("%d bytes written, %v", q.written, q.err)
	}
	go func() { _, _ = near.Write(text[q.written:]) }()
	if n, err := io.CopyN(io.Discard, far, int64(len(text))); err != nil {
		t.Fatalf("%d bytes arrived: %v", n, err)
	}
}

// TestAskUntilTheDeadline: the wait ends, the question was written, and the next read
// fails with the deadline.
func TestAskUntilTheDeadline(t *testing.T) {
	near, far := pair(t)
	q := &note{text: []byte("?")}
	for soon := 20 * time.Millisecond; ; soon *= 2 { // on a busy machine it may pass before the question
		if err := near.SetDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		if Of(near).Ask(q, true) {
			break
		}
	}
	if q.written != 1 {
		t.Fatalf("%+v", q)
	}
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read: %v", err)
	}
	wantRead(t, far, "?")
}

// TestAskClosed: nothing is written to a socket that was closed, nor waited for.
func TestAskClosed(t *testing.T) {
	near, _ := pair(t)
	s := Of(near)
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	q := &note{text: []byte("?")}
	if s.Ask(q, false) || q.calls != 0 {
		t.Fatalf("asked: %+v", q)
	}
}

// TestCanAsk: what wraps a connection may do something in its Write, which Ask would
// leave out.
func TestCanAsk(t *testing.T) {
	near, _ := pair(t)
	if !Of(near).CanAsk() {
		t.Error("a TCP connection cannot be asked")
	}
	if Of(struct{ *net.TCPConn }{near}).CanAsk() {
		t.Error("a wrapped connection can be asked")
	}
}

// TestAskAllocatesNothing, because each request over TCP is one.
func TestAskAllocatesNothing(t *testing.T) {
	near, far := pair(t)
	s, q := Of(near), &note{text: []byte("?")}
	if _, err := far.Write([]byte("!")); err != nil {
		t.Fatal(err)
	}
	quietOnce(t, s) // so that Ask does not wait
	if allocs := testing.AllocsPerRun(100, func() { s.Ask(q, false) }); allocs != 0 {
		t.Fatalf("%v allocations", allocs)
	}
}
