package httpapi

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
)

// listener bounds the open connections of a fasthttp server. When all are taken,
// one of those from the address that has most of them gives way to a new one: that
// which has waited longest for its peer. So senders and readers that drip, and idle
// connections, keep nobody out, and whoever opens too many closes its own. A connection whose
// request is complete, and has no answer, is never given up for another; if all
// are such, a new one gets 503.
type listener struct {
	net.Listener
	limit   int
	metrics *metrics

	mu sync.Mutex
	// open are the connections; the first one's request began first, or is awaited for longest.
	open list.List
	// peers counts them by the address that they come from.
	peers map[netip.Addr]int
	// leaving counts those that were closed for others and are served still; left
	// is signalled when one has ended.
	leaving int
	left    sync.Cond
}

func newListener(raw net.Listener, limit int, m *metrics) *listener {
	l := &listener{Listener: raw, limit: limit, metrics: m, peers: map[netip.Addr]int{}}
	l.left.L = &l.mu
	return l
}

// acceptPause is the wait after an accept that failed for want of resources.
const acceptPause = 50 * time.Millisecond

// Accept gives the next connection that there is room for.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err == nil {
			if c := l.admit(raw); c != nil {
				return c, nil
			}
			l.turnAway(raw)
			continue
		}
		if !exhausted(err) {
			return nil, err
		}
		time.Sleep(acceptPause)
	}
}

// exhausted tells whether an accept failed for want of file descriptors or memory.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// admit takes a connection up; nil if there is no room for it.
func (l *listener) admit(raw net.Conn) *conn {
	for {
		l.mu.Lock()
		if l.open.Len() < l.limit {
			c := &conn{Conn: raw, from: l, size: -1, peer: peerOf(raw)}
			c.place = l.open.PushBack(c)
			l.peers[c.peer]++
			l.mu.Unlock()
			return c
		}
		l.mu.Unlock()
		if !l.displace() {
			return nil
		}
	}
}

// peerOf returns the address that a connection comes from: of IPv6, the network of
// 64 bits, whose addresses one host can have all. It is zero for what has none.
func peerOf(c net.Conn) netip.Addr {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.Is6() {
		network, _ := addr.WithZone("").Prefix(64) // it cannot fail
		return network.Addr()
	}
	return addr
}

// dispensableLocked returns the connection that gives way; nil if there is none.
func (l *listener) dispensableLocked() *conn {
	most := 0
	for _, n := range l.peers {
		most = max(most, n)
	}
	var oldest *conn
	for e := l.open.Front(); e != nil; e = e.Next() {
		c := e.Value.(*conn)
		switch {
		case c.busy:
		case l.peers[c.peer] == most:
			return c
		case oldest == nil:
			oldest = c
		}
	}
	return oldest // those who have most are all busy
}

// displace closes the connection that gives way, and reports whether there was one.
func (l *listener) displace() bool {
	l.mu.Lock()
	c := l.dispensableLocked()
	if c == nil {
		l.mu.Unlock()
		return false
	}
	c.leaveLocked()
	c.displaced = true
	_ = c.Conn.Close() // its worker sees it, and ends
	for l.leaving++; l.leaving > l.limit/2; {
		l.left.Wait()
	}
	l.mu.Unlock()
	l.metrics.displaced.Inc()
	return true
}

// turnAwayTime bounds the writing of an answer that fits into any empty buffer.
const turnAwayTime = time.Second

// crowded is the answer to a connection that there is no room for.
var crowded = sync.OnceValue(func() []byte {
	body, _ := json.Marshal(newProblem(codeUnavailable, "all connections are taken")) // it cannot fail
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: %d\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		retrySeconds(defaultRetryAfter), contentProblem, len(body), body)
})

func (l *listener) turnAway(raw net.Conn) {
	l.metrics.turnedAway.Inc()
	_ = raw.SetWriteDeadline(time.Now().Add(turnAwayTime))
	_, _ = raw.Write(crowded())
	_ = raw.Close()
}

// conn is one connection. It knows how many bytes of the present request have
// been read, so that it is used again only if these were exactly one request:
// what somebody sent beyond, or what a proxy may have framed otherwise, is never
// taken for the next request.
type conn struct {
	net.Conn
	from *listener
	peer netip.Addr
	// Guarded by from.mu: the place among the open connections, nil when it is
	// none of them any more; whether it has a complete request and no answer yet;
	// whether it was closed for another and is served still.
	place     *list.Element
	busy      bool
	displaced bool
	// linger tells Close to let the peer read the answer first.
	linger atomic.Bool

	// Of the present request, for the goroutine that serves the connection: whether
	// it has begun, its bytes read so far, the last of them, whether its first line
	// has ended, and with CR LF, and its size on the wire, -1 if that is not known.
	begun    bool
	taken    int
	last     byte
	lineRead bool
	lineOK   bool
	size     int
	// failed is why no more can be read: fasthttp hides it, or takes the end of
	// the stream for the end of a body in chunks.
	failed error
}

// Write writes an answer, or some of it. From here on the connection waits for its
// peer, who may be slow to take it.
func (c *conn) Write(p []byte) (int, error) {
	c.wait()
	return c.Conn.Write(p)
}

// wait has the connection wait, unless it does.
func (c *conn) wait() {
	if c.begun {
		c.begun = false
		_ = c.setBusy(false) // one that was given up is closed
	}
}

// Read reads on: what is asked for has not come, so that the connection waits.
// The end of the stream inside of a request is an error.
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

// begin notes that the head of a request has come, or all of it, of this size on
// the wire, -1 if that is not known. A connection that was given up takes no request.
func (c *conn) begin(size int) error {
	c.size, c.begun = size, true
	return c.setBusy(true)
}

// setBusy says whether an answer is being made, or the peer is awaited.
func (c *conn) setBusy(busy bool) error {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	if c.place == nil {
		return newProblem(codeUnavailable, "the connection was given up for another")
	}
	c.busy = busy
	if !busy {
		c.from.open.MoveToBack(c.place)
	}
	return nil
}

// end tells whether the connection can be used for another request, and makes it
// ready for that.
func (c *conn) end() bool {
	if c.size != c.taken || !c.lineOK {
		return false
	}
	c.taken, c.last, c.lineRead, c.lineOK, c.size = 0, 0, false, false, -1
	return true
}

// leaveLocked counts the connection no more.
func (c *conn) leaveLocked() {
	if c.place != nil {
		c.from.open.Remove(c.place)
		c.place = nil
		if c.from.peers[c.peer]--; c.from.peers[c.peer] == 0 {
			delete(c.from.peers, c.peer)
		}
	}
}

// Bounds of what is read and thrown away after the last answer.
const (
	lingerTime  = time.Second
	lingerBytes = 4 << 20
)

// Close closes the connection. If its peer may still be sending, then only after
// the peer has had time to read the answer: closing a socket with unread bytes
// resets it, and takes the answer away.
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

func (c *conn) drain() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}

// connOf gives the connection of a request that came through a listener, or nil.
func connOf(ctx *fasthttp.RequestCtx) *conn {
	c, _ := ctx.Conn().(*conn)
	return c
}
