package sender

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// conn is a connection to one origin.
type conn struct {
	net.Conn // what requests are written to: raw, or TLS over it
	raw      net.Conn
	origin   *origin
	// meter lies around the connection that was dialled; raw is it.
	meter meter
	// socket looks at raw's file descriptor; nil if it has none.
	socket syscall.RawConn
	probe  socketProbe
	// buffers: a layer between here and the socket may hold bytes.
	buffers bool
	// secure: TLS was agreed on. asksForCert: the receiver asked for a client
	// certificate during the handshake.
	secure, asksForCert bool
	// answered: there was a response on this connection.
	answered bool
	epoch    int // the idle pool's when it was judged where it may lead
	// Guarded by the idle pool.
	idleSince time.Time
	links     [places]idleLinks
}

func newConn(raw net.Conn, to *origin) *conn {
	cn := &conn{origin: to, meter: meter{Conn: raw}, buffers: true}
	cn.Conn, cn.raw = &cn.meter, &cn.meter
	if s, ok := raw.(syscall.Conn); ok {
		if socket, err := s.SyscallConn(); err == nil {
			cn.socket, cn.buffers = socket, false
			cn.probe.init()
		}
	}
	return cn
}

// close ends the connection without a word: TLS's own goodbye could block. The
// error of closing a socket tells nothing that matters here.
func (cn *conn) close() { _ = cn.raw.Close() }

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// quiet tells, without waiting, that an idle connection is open and that the
// receiver sent nothing that was not asked for.
func (cn *conn) quiet() bool {
	if cn.socket != nil && !cn.probe.quiet(cn.socket) {
		return false
	}
	return !cn.buffers || cn.drained()
}

// drained tells that a read would have to wait.
func (cn *conn) drained() bool {
	if cn.SetReadDeadline(longAgo) != nil {
		return false
	}
	var one [1]byte
	n, err := cn.Read(one[:])
	return n == 0 && isTimeout(err)
}

// isTimeout tells whether a deadline ended err's operation.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
