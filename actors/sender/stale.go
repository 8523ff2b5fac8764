package sender

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/corpastro/astrohook/actors/sender/http1"
)

// staleWithin is how soon a request on a closed connection fails. It decides only
// where the system does not say what the receiver acknowledged.
const staleWithin = 5 * time.Millisecond

// meter counts the bytes that were written to a connection: TLS's own, too.
type meter struct {
	net.Conn
	written uint64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	m.written += uint64(n)
	return n, err
}

// unseen reports that the receiver cannot have read any of a request that failed
// with err, without an answer. before is what had been written to the connection
// until then; the request took so long to fail.
//
// Where the system counts the acknowledged bytes, a receiver's regular close says
// all: the receiver's system acknowledges with it what arrived until then. A reset
// says nothing, because a receiver that reads a request and resets at once may have
// acknowledged nothing yet; so after a reset, the request counts as read.
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
