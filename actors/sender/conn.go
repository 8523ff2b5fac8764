package sender

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/actors/sender/socket"
	"github.com/corpastro/astrohook/webhook"
)

// conn is a connection to one origin. It belongs to one attempt at a time, and to
// the idle pool in between.
type conn struct {
	net.Conn // carries the requests: raw, or TLS over it
	raw      net.Conn
	origin   *origin
	// ends says what an attempt meets that uses the connection again.
	ends webhook.Connection
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
	// until is the deadline that the system knows for reads and writes; zero if the two
	// differ. early is true while it is earlier than deadline, the request's.
	until, deadline time.Time
	early           bool

	sending *message // what Bytes returns to the socket
	rest    []byte   // of sending, which the socket has not taken
	failure error    // of the write of sending
	epoch   int      // the idle pool's when the guard admitted the destination
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

// begin sets the deadline of a request. Setting one costs as much as a look at the
// socket, so a deadline that an earlier request has left stays, if half of the time is
// within it, and Read sets the right one once that has passed.
func (cn *conn) begin(now, deadline time.Time) error {
	cn.deadline = deadline
	if cn.asks() && !cn.until.After(deadline) && cn.until.Sub(now) > deadline.Sub(now)/2 {
		cn.early = true
		return nil
	}
	return cn.SetDeadline(deadline)
}

// extend sets the request's deadline, if an earlier one holds, and reports whether it did.
func (cn *conn) extend() bool { return cn.early && cn.SetDeadline(cn.deadline) == nil }

// SetDeadline sets the deadline of reads and writes.
func (cn *conn) SetDeadline(t time.Time) error {
	cn.until, cn.early = t, false
	return cn.Conn.SetDeadline(t)
}

// SetReadDeadline sets the deadline of reads.
func (cn *conn) SetReadDeadline(t time.Time) error {
	cn.until, cn.early = time.Time{}, false
	return cn.Conn.SetReadDeadline(t)
}

// Read reads until the request's deadline.
func (cn *conn) Read(p []byte) (int, error) {
	n, err := cn.Conn.Read(p)
	if err != nil && n == 0 && http1.IsTimeout(err) && cn.extend() {
		return cn.Conn.Read(p)
	}
	return n, err
}

// errArrived reports that something arrived on a kept connection before a request was
// written, or that it was closed.
var errArrived = errors.New("something arrived on an idle connection")

// asks reports whether a request and the wait for its answer can be one operation on
// the socket, which looks by itself whether the connection is quiet.
func (cn *conn) asks() bool { return !cn.buffers && cn.socket.CanAsk() }

// send writes a request and frees its memory, before it may wait for the answer: a
// receiver that thinks for long must not hold it. errArrived means that nothing was
// written, because the kept connection is not quiet.
func (cn *conn) send(m *message) error {
	rest := m.whole
	if cn.asks() {
		cn.sending, cn.rest, cn.failure = m, nil, nil
		asked := cn.socket.Ask(cn, cn.answered)
		switch {
		case !asked && cn.answered:
			m.free()
			return errArrived
		case asked && len(cn.rest) == 0:
			return cn.failure
		case asked:
			rest = cn.rest
		}
	}
	defer m.free()
	if cn.early && !cn.extend() {
		return nil // the connection is closed: the read of the answer has the error
	}
	_, err := cn.Write(rest)
	return err
}

// Bytes returns the request that the socket is to write.
func (cn *conn) Bytes() []byte { return cn.sending.whole }

// Written notes how much of the request the socket took. Unless the rest is to be
// written, it frees the request's memory.
func (cn *conn) Written(n int, err error) {
	cn.meter.written += uint64(n)
	cn.failure = err
	if cn.rest = cn.sending.whole[n:]; err != nil || len(cn.rest) == 0 {
		cn.rest = nil
		cn.sending.free()
	}
	cn.sending = nil
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
