package sender

import (
	"net"
	"os"
	"time"
)

// echo is a connection in memory that answers each write at once.
type echo struct {
	net.Conn
	answer []byte
	asked  bool
	late   bool // the read deadline has passed
}

func (e *echo) Write(p []byte) (int, error) {
	e.asked = true
	return len(p), nil
}

func (e *echo) Read(p []byte) (int, error) {
	if e.late || !e.asked {
		return 0, os.ErrDeadlineExceeded
	}
	e.asked = false
	return copy(p, e.answer), nil
}

func (e *echo) SetDeadline(t time.Time) error { return e.SetReadDeadline(t) }

func (e *echo) SetReadDeadline(t time.Time) error {
	e.late = t.Equal(longAgo)
	return nil
}

func (*echo) Close() error { return nil }
