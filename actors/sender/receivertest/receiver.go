// Package receivertest is the receiver of webhooks that the tests share: an
// honest fake that speaks HTTP over any net.Listener, a real one or one in memory
// inside a synctest bubble. It can be as slow, rude or broken as receivers are,
// and records each request byte for byte.
//
// How a receiver answers belongs here. What a test expects of the answers does
// not, and neither do faults of the network below HTTP: tests build those from a
// dialer of their own. The package stands below actors/sender, outside of any
// internal folder, because the tests of cmd/internal/app use it as well. Code
// other than tests must not import it.
//
//	r := receivertest.Listen(t)
//	r.Behave(func(q receivertest.Request) receivertest.Reply {
//		if q.Number < 3 {
//			return receivertest.RetryAfter(503, "1")
//		}
//		return receivertest.Answer(200)
//	})
//	… deliver to r.URL() …
//	got := r.Wait(ctx, 3)
package receivertest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Request is what a receiver read from a connection.
type Request struct {
	// Number counts the requests of the receiver, from 1.
	Number int
	// Conn is the number of the connection that the request came over, from 1.
	Conn int
	// Line is the request line, without its end.
	Line string
	// Fields are the header lines in order, with the casing of the wire.
	Fields []string
	Body   []byte
}

// Receiver answers requests until it is closed. It is safe for concurrent use.
type Receiver struct {
	listener net.Listener
	done     chan struct{}
	serving  sync.WaitGroup
	forget   bool

	mu        sync.Mutex
	behave    func(Request) Reply
	onConnect func(*Conn)
	requests  []Request
	count     int
	accepted  int
	conns     map[net.Conn]struct{}
	changed   chan struct{} // closed and replaced with each request and connection
}

// Start serves a listener, which Close closes. It answers every request with 200
// until Behave or Always says otherwise.
func Start(ln net.Listener) *Receiver {
	r := &Receiver{
		listener: ln, done: make(chan struct{}), changed: make(chan struct{}),
		conns: map[net.Conn]struct{}{}, behave: func(Request) Reply { return Answer(200) },
	}
	r.serving.Go(r.accept)
	return r
}

// Listen starts a receiver on a free port of 127.0.0.1 and closes it when the
// test ends.
func Listen(t testing.TB) *Receiver {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := Start(ln)
	t.Cleanup(r.Close)
	return r
}

// Behave sets the function that chooses the replies to the following requests. It
// runs on the goroutine of the request's connection.
func (r *Receiver) Behave(behave func(Request) Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behave = behave
}

// Always sets one reply to all following requests.
func (r *Receiver) Always(reply Reply) { r.Behave(func(Request) Reply { return reply }) }

// OnConnect sets a function that runs on each following connection before the
// receiver reads a request from it. The receiver reads once do returns.
func (r *Receiver) OnConnect(do func(*Conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onConnect = do
}

// Forget makes the receiver count requests without recording them, so that long
// runs need no memory.
func (r *Receiver) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget, r.requests = true, nil
}

// URL returns the address of a receiver that listens on TCP.
func (r *Receiver) URL() string { return "http://" + r.listener.Addr().String() + "/" }

// Requests returns a copy of all requests so far.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.requests...)
}

// Count returns the number of requests so far, those of Forget included.
func (r *Receiver) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// Accepted returns the number of connections that were opened so far.
func (r *Receiver) Accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}

// Open returns the number of connections that neither side has ended, as far as
// the receiver knows: it notices an end when it reads.
func (r *Receiver) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// Wait returns the requests so far as soon as there are n of them, or those that
// there are when ctx ends.
func (r *Receiver) Wait(ctx context.Context, n int) []Request {
	r.until(ctx, func() bool { return r.count >= n })
	return r.Requests()
}

// WaitClosed waits until no connection is open. It reports whether that happened
// before ctx ended.
func (r *Receiver) WaitClosed(ctx context.Context) bool {
	return r.until(ctx, func() bool { return len(r.conns) == 0 })
}

// until waits for a condition, and calls holds under the lock. It reports whether
// the condition held before ctx ended.
func (r *Receiver) until(ctx context.Context, holds func() bool) bool {
	for {
		r.mu.Lock()
		held, changed := holds(), r.changed
		r.mu.Unlock()
		if held {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Close closes the listener and all connections, and waits for the goroutines
// that serve them. It may be called twice.
func (r *Receiver) Close() {
	r.mu.Lock()
	select {
	case <-r.done:
	default:
		close(r.done)
	}
	for c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	_ = r.listener.Close()
	r.serving.Wait()
}

// noticeLocked wakes those who wait in until.
func (r *Receiver) noticeLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}
