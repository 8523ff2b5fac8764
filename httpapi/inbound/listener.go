package inbound

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// listener bounds the open connections of a server. When all are taken, a new one
// displaces one of the address that has the most: the connection that has waited
// longest for its peer. So slow senders, slow readers and idle connections keep nobody
// out, and an address that opens too many closes its own. A connection whose request
// is complete and not yet answered is never displaced; if all are in that state, the
// new one gets 503. fasthttp alone would refuse the newest, so that whoever holds all
// connections open would shut out everybody else.
type listener struct {
	net.Listener
	limit   int
	busy    []byte // the answer of turnAway
	metrics *Metrics

	mu sync.Mutex
	// open holds the open connections, with the one that has waited longest for its
	// peer at the front.
	open list.List
	// peers counts them by the address that they come from.
	peers map[netip.Addr]int
	// leaving counts the connections that were displaced and still have a worker; left
	// is signalled when one of them ends.
	leaving int
	left    sync.Cond
}

func newListener(raw net.Listener, limit int, busy []byte, m *Metrics) *listener {
	l := &listener{Listener: raw, limit: limit, busy: busy, metrics: m, peers: map[netip.Addr]int{}}
	l.left.L = &l.mu
	return l
}

// acceptPause is the wait after an accept that failed for lack of resources. Without
// it the loop would spin until a connection closes.
const acceptPause = 50 * time.Millisecond

// Accept returns the next connection for which there is room. It returns an error only
// if the listener is closed or broken for good.
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

// exhausted reports whether an accept failed for lack of file descriptors or memory.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// admit adds a connection to the open ones, and displaces another if it must. It
// returns nil if there is no room.
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

// peerOf returns the address that a connection comes from. Of an IPv6 address it is
// the network of 64 bits, since one host can have all addresses in it. It is zero for
// a connection that is not TCP.
func peerOf(c net.Conn) netip.Addr {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.Is6() {
		network, _ := addr.WithZone("").Prefix(64) // cannot fail: IPv6 has 128 bits
		return network.Addr()
	}
	return addr
}

// dispensableLocked returns the connection that gives way: the one that has waited
// longest among those of the most frequent address; if all of them are busy, the one
// that has waited longest of all. It returns nil if every connection is busy. It is
// linear in the open connections, and runs only when all are taken.
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
	return oldest
}

// displace closes the connection that gives way, and reports whether there was one.
// It waits while more than half of the limit are leaving: every one of them still
// costs a worker and a descriptor.
func (l *listener) displace() bool {
	l.mu.Lock()
	c := l.dispensableLocked()
	if c == nil {
		l.mu.Unlock()
		return false
	}
	c.leaveLocked()
	c.displaced = true
	_ = c.Conn.Close() // its worker fails to read or write, and ends
	for l.leaving++; l.leaving > l.limit/2; {
		l.left.Wait()
	}
	l.mu.Unlock()
	l.metrics.displaced.Inc()
	return true
}

// turnAwayTime bounds the time to write an answer that fits into any empty buffer.
const turnAwayTime = time.Second

// turnAway answers and closes a connection for which there is no room. It writes
// before it reads: one that has to be refused must not cost the wait for a request.
func (l *listener) turnAway(raw net.Conn) {
	l.metrics.turnedAway.Inc()
	_ = raw.SetWriteDeadline(time.Now().Add(turnAwayTime))
	_, _ = raw.Write(l.busy)
	_ = raw.Close()
}
