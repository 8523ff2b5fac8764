package socket

import (
	"io"
	"net"
	"testing"
)

// TestAcknowledged: the bytes that a receiver's system took before it closed are
// acknowledged, and those that reach a closed connection are not. That is the
// difference between a request that may have been read and one that was not.
func TestAcknowledged(t *testing.T) {
	near, far := pair(t)
	s := Of(near)
	if n, ok := s.Acknowledged(); !ok || n != 0 {
		t.Fatalf("%d bytes acknowledged, %v, before any was written", n, ok)
	}
	write(t, near, 100)
	if _, err := io.ReadFull(far, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, near)
	wantAcknowledged(t, s, 100)
	write(t, near, 50)
	wantEnd(t, near) // the reset that answers them
	wantAcknowledged(t, s, 100)
}

func write(t *testing.T, to net.Conn, n int) {
	t.Helper()
	if _, err := to.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

func wantEnd(t *testing.T, of net.Conn) {
	t.Helper()
	if n, err := of.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("read %d bytes, %v, want the end", n, err)
	}
}

func wantAcknowledged(t *testing.T, s *Socket, want uint64) {
	t.Helper()
	if n, ok := s.Acknowledged(); !ok || n != want {
		t.Fatalf("%d bytes acknowledged, %v, want %d", n, ok, want)
	}
}

// TestAcknowledgedFails for sockets that are not of TCP, and after a close.
func TestAcknowledgedFails(t *testing.T) {
	udp, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	if n, ok := Of(udp).Acknowledged(); ok {
		t.Errorf("UDP has %d bytes acknowledged", n)
	}
	near, _ := pair(t)
	s := Of(near)
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if n, ok := s.Acknowledged(); ok {
		t.Errorf("a closed connection has %d bytes acknowledged", n)
	}
}
