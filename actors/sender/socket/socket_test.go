package socket

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// pair returns both ends of a TCP connection over loopback.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close() })
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// TestNoSocket: connections in memory and through TLS cannot be asked.
func TestNoSocket(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	if Of(near) != nil {
		t.Error("a pipe has a socket")
	}
	raw, _ := pair(t)
	if Of(raw) == nil {
		t.Error("a TCP connection has none")
	}
	if Of(tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "example.com"})) != nil {
		t.Error("TLS may hold bytes that the socket does not show, and has a socket")
	}
}

// quietOnce waits until the socket is no longer quiet: loopback delivers soon, but
// not at once.
func quietOnce(t *testing.T, s *Socket) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); s.Quiet(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the socket is still quiet")
		}
	}
}

// TestQuiet: whatever could be read, an end and an error included, is heard, and
// looking at it reads nothing.
func TestQuiet(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		t.Skip("the system cannot be asked")
	}
	for _, c := range []struct {
		name   string
		happen func(near, far *net.TCPConn) error
		left   string // to read afterwards
	}{
		{"a byte", func(_, far *net.TCPConn) error { _, err := far.Write([]byte("x")); return err }, "x"},
		{"an end", func(_, far *net.TCPConn) error { return far.Close() }, ""},
		{"half an end", func(_, far *net.TCPConn) error { return far.CloseWrite() }, ""},
		{"a reset", func(_, far *net.TCPConn) error { _ = far.SetLinger(0); return far.Close() }, ""},
		{"our own close", func(near, _ *net.TCPConn) error { return near.Close() }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := pair(t)
			s := Of(near)
			for range 2 {
				if !s.Quiet() {
					t.Fatal("nothing happened, and the socket is not quiet")
				}
			}
			if err := c.happen(near, far); err != nil {
				t.Fatal(err)
			}
			quietOnce(t, s)
			if c.left == "" {
				return
			}
			got := make([]byte, len(c.left))
			if _, err := io.ReadFull(near, got); err != nil || string(got) != c.left {
				t.Fatalf("read %q, %v", got, err)
			}
			if !s.Quiet() {
				t.Fatal("all is read, and the socket is not quiet")
			}
		})
	}
}

// TestQuietAllocatesNothing, because each request on a kept connection asks.
func TestQuietAllocatesNothing(t *testing.T) {
	near, _ := pair(t)
	s := Of(near)
	if allocs := testing.AllocsPerRun(100, func() { s.Quiet() }); allocs != 0 {
		t.Fatalf("%v allocations", allocs)
	}
}
