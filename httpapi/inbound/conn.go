package inbound

import (
	"bytes"
	"container/list"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// conn is one connection. It counts the bytes of the present request, so that it is
// used again only if they were exactly one request: bytes that somebody has sent in
// excess, or that a proxy may have framed differently, are never taken for the next
// request. fasthttp keeps no such count.
type conn struct {
	net.Conn
	from *listener
	peer netip.Addr

	// The next three are guarded by from.mu.
	place     *list.Element // among the open connections; nil after it has left them
	busy      bool          // has a complete request that is not answered yet
	displaced bool          // was closed for another connection and still has a worker

	// linger makes Close wait until the peer has had time to read the answer.
	linger atomic.Bool

	// The rest describes the present request, and belongs to the goroutine that serves
	// the connection.
	begun    bool // the head has arrived, and the peer is not being waited for
	taken    int  // bytes read so far
	last     byte // the last of them
	lineRead bool // the request line has ended
	lineOK   bool // and with CR LF
	size     int  // of the request on the wire in bytes; -1 if it is not known
	streams  bool // the answer has no end; see Stream
	// failed is the error of the last Read. fasthttp hides it, or takes the end of the
	// stream for the end of a chunked body.
	failed error
}

// Write writes a part of an answer. From now on the connection waits for its peer,
// which may read slowly, so that the connection can be displaced.
func (c *conn) Write(p []byte) (int, error) {
	if c.streams {
		return c.writeStreamed(p)
	}
	c.wait()
	return c.Conn.Write(p)
}

// wait marks the connection as waiting for its peer.
func (c *conn) wait() {
	if c.begun {
		c.begun = false
		_ = c.setBusy(false) // fails if it was displaced, and then it is closed
	}
}

// Read reads from the peer. fasthttp reads only what it needs and does not have, so
// the connection waits for its peer. The end of the stream inside a request is an
// error.
func (c *conn) Read(p []byte) (int, error) {
	c.wait()
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.note(p[:n])
	}
	if errors.Is(err, io.EOF) && c.taken > 0 {
		err = io.ErrUnexpectedEOF
	}
	c.failed = err
	return n, err
}

// note counts bytes of the present request and checks how its first line ends:
// fasthttp accepts a bare LF there, and does not show it to the handler.
func (c *conn) note(text []byte) {
	if !c.lineRead {
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			before := c.last
			if end > 0 {
				before = text[end-1]
			}
			c.lineRead, c.lineOK = true, before == '\r'
		}
	}
	c.last = text[len(text)-1]
	c.taken += len(text)
}

// begin notes that a request's head has arrived. size is that of the whole request on
// the wire, -1 if it is not known. It returns ErrGivenUp if the connection was
// displaced meanwhile.
func (c *conn) begin(size int) error {
	c.size, c.begun = size, true
	return c.setBusy(true)
}

// setBusy records whether the handler has the request, or the peer is waited for.
func (c *conn) setBusy(busy bool) error {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	if c.place == nil {
		return &Refusal{Kind: ErrGivenUp, Detail: ErrGivenUp.Error()}
	}
	c.busy = busy
	if !busy {
		c.from.open.MoveToBack(c.place)
	}
	return nil
}

// end reports whether the connection can be used for another request, and prepares it
// for that.
func (c *conn) end() bool {
	if c.size != c.taken || !c.lineOK {
		return false
	}
	c.taken, c.last, c.lineRead, c.lineOK, c.size = 0, 0, false, false, -1
	return true
}

// leaveLocked removes the connection from the open ones. It can be called again.
func (c *conn) leaveLocked() {
	if c.place != nil {
		c.from.open.Remove(c.place)
		c.place = nil
		if c.from.peers[c.peer]--; c.from.peers[c.peer] == 0 {
			delete(c.from.peers, c.peer)
		}
	}
}

// Bounds of what is read and discarded after the last answer.
const (
	lingerTime  = time.Second
	lingerBytes = 4 << 20
)

// Close closes the connection. If its peer may still be sending, Close first gives the
// peer time to read the answer: closing a socket with unread bytes resets it, and the
// peer loses the answer.
func (c *conn) Close() error {
	if c.linger.Load() {
		c.drain()
	}
	err := c.Conn.Close()
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	c.leaveLocked()
	if c.displaced {
		c.displaced = false
		c.from.leaving--
		c.from.left.Signal()
	}
	return err
}

// drain ends the sending direction and discards what arrives, within lingerTime and
// lingerBytes.
func (c *conn) drain() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}

// connOf returns the connection of a request, or nil for a request that did not come
// through a listener of this package, which is one of a test.
func connOf(ctx *fasthttp.RequestCtx) *conn {
	c, _ := ctx.Conn().(*conn)
	return c
}
