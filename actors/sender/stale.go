package sender

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/corpastro/astrohook/actors/sender/http1"
)

// staleWithin is the time within which a request on a closed connection fails. It
// decides only where the system does not count acknowledged bytes.
const staleWithin = 5 * time.Millisecond

// meter counts the bytes that were written to a connection, including those that TLS
// adds.
type meter struct {
	net.Conn
	written uint64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	m.written += uint64(n)
	return n, err
}

// unseen reports whether the receiver cannot have read any of a request that failed
// with err, without an answer. before is meter.written from before the request; took
// is how long the request took to fail.
//
// Where the system counts acknowledged bytes, a receiver's regular close is proof:
// with it the receiver's system acknowledges everything that arrived before. A
// reset proves nothing, because a receiver that reads a request and resets at once
// may have acknowledged nothing yet. So after a reset the request counts as read,
// and is not repeated.
func (cn *conn) unseen(before uint64, took time.Duration, err error) bool {
	if _, alerted := alertIn(err); alerted || http1.IsTimeout(err) {
		return false
	}
	if cn.meter.written == before {
		return true // no byte left
	}
	if cn.socket != nil {
		if acknowledged, ok := cn.socket.Acknowledged(); ok {
			return acknowledged <= before && errors.Is(err, io.EOF)
		}
	}
	return took <= staleWithin
}
