package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/detail"
)

// TestIsTimeout: deadlines of all layers, wrapped or not.
func TestIsTimeout(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{io.EOF, false},
		{context.Canceled, false},
		{net.ErrClosed, false},
		{syscall.ECONNRESET, false},
		{os.ErrDeadlineExceeded, true},
		{context.DeadlineExceeded, true},
		{syscall.ETIMEDOUT, true}, // the kernel's own time-out
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true},
		{&net.DNSError{Err: "i/o timeout", IsTimeout: true}, true},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false},
		{fmt.Errorf("%w: %w", ErrEnded, os.ErrDeadlineExceeded), true},
		{detail.Explain(os.ErrDeadlineExceeded, "too late"), true},
	} {
		if got := IsTimeout(c.err); got != c.want {
			t.Errorf("%v: got %v", c.err, got)
		}
	}
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	if err := near.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Read(make([]byte, 1)); !IsTimeout(err) {
		t.Errorf("a read past its deadline: %v", err)
	}
}

// TestNotHTTP: a receiver that speaks something else is found out by its first
// bytes, and named where it can be.
func TestNotHTTP(t *testing.T) {
	for _, c := range []struct {
		said, words string
		class       error
	}{
		{"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS on this port", ErrProtocol},
		{"\x16\x03\x03\x00\x00", "speaks TLS on this port", ErrProtocol},
		{"\x15", "speaks TLS on this port", ErrProtocol},
		{"\x15\x02", "does not begin with HTTP/1", ErrProtocol},
		{"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "speaks HTTP/2", ErrHTTP2},
		{"\x00\x00\x12\x04\x01\x00\x00\x00\x00\x00", "speaks HTTP/2", ErrHTTP2},
		{"\x00\x00\x00\x04", "does not begin with HTTP/1", ErrProtocol},
		{"\x00\x00\x00\x05\x00\x00\x00\x00\x00", "does not begin with HTTP/1", ErrProtocol},
		{"220 mail.example ESMTP\r\n", "does not begin with HTTP/1", ErrProtocol},
		{"SSH-2.0-OpenSSH\r\n", "does not begin with HTTP/1", ErrProtocol},
		{"HTTP/2 200\r\n\r\n", "does not begin with HTTP/1", ErrProtocol},
		{"HTTP/1x", "does not begin with HTTP/1", ErrProtocol},
	} {
		_, err := scriptedReader([]byte(c.said), 1<<10).ReadHead()
		if !errors.Is(err, c.class) || !errors.Is(err, ErrProtocol) || !strings.Contains(detail.Of(err), c.words) {
			t.Errorf("%q: got %v", c.said, err)
		}
	}
	for _, beginning := range []string{"", "H", "HTTP/1.", "HTTP/1.1 2"} {
		if !startsLikeHTTP([]byte(beginning)) {
			t.Errorf("%q is refused before the rest arrived", beginning)
		}
	}
}
