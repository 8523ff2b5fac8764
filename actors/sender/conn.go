package sender

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/actors/sender/socket"
)

// conn is a connection to one origin. It belongs to one attempt at a time, and to
// the idle pool in between.
type conn struct {
	net.Conn // carries the requests: raw, or TLS over it
	raw      net.Conn
	origin   *origin
	// meter wraps the connection that was dialled; raw points to it.
	meter meter
	// socket is the socket below raw; nil if there is none, as in memory.
	socket *socket.Socket
	// buffers is true if a layer above the socket may hold bytes that arrived.
	buffers bool
	// secure is true once TLS was agreed on. asksForCert is true if the receiver asked
	// for a client certificate during the handshake.
	secure, asksForCert bool
	// answered is true once a response came over this connection.
	answered bool
	epoch    int // the idle pool's when the guard admitted the destination
	// Guarded by the idle pool's lock.
	idleSince time.Time
	links     [places]idleLinks
}

func newConn(raw net.Conn, to *origin) *conn {
	cn := &conn{origin: to, meter: meter{Conn: raw}, socket: socket.Of(raw)}
	cn.Conn, cn.raw = &cn.meter, &cn.meter
	cn.buffers = cn.socket == nil
	return cn
}

// close closes the connection without TLS's close_notify, the write of which could
// block. The error of closing a socket is of no use here.
func (cn *conn) close() { _ = cn.raw.Close() }

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// quiet reports, without waiting, whether an idle connection is still open and the
// receiver sent nothing on it. A response that nobody asked for would be taken for
// that of the next request.
func (cn *conn) quiet() bool {
	if cn.socket != nil && !cn.socket.Quiet() {
		return false
	}
	return !cn.buffers || cn.drained()
}

// drained reports whether a read would have to wait. It costs more than a look at
// the socket, and is for layers that may hold bytes.
func (cn *conn) drained() bool {
	if cn.SetReadDeadline(longAgo) != nil {
		return false
	}
	var one [1]byte
	n, err := cn.Read(one[:])
	return n == 0 && http1.IsTimeout(err)
}

// isEnd reports whether err says that the other side ended the connection.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
