// Package subscriber is the receiver of webhooks that the tests share: an honest
// fake that speaks HTTP over any net.Listener, a real one or one in memory inside
// a synctest bubble, and that can be as slow, rude or broken as receivers are.
// It records what it gets, byte for byte.
//
//	s := subscriber.Listen(t)
//	s.Behave(func(r subscriber.Request) subscriber.Reply {
//		if r.Number < 3 {
//			return subscriber.RetryAfter(503, "1")
//		}
//		return subscriber.Answer(200)
//	})
//	… deliver to s.URL() …
//	got := s.Wait(ctx, 3)
package subscriber

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Request is what a subscriber got.
type Request struct {
	// Number counts the requests, from 1.
	Number int
	// Conn counts the connections; the one that this request came over, from 1.
	Conn int
	// Line is the request line.
	Line string
	// Fields are the header lines in order, with the casing of the wire.
	Fields []string
	Body   []byte
}

// Subscriber answers requests until it is closed.
type Subscriber struct {
	listener net.Listener
	done     chan struct{}
	serving  sync.WaitGroup
	forget   bool

	mu       sync.Mutex
	behave   func(Request) Reply
	greet    func(*Conn)
	requests []Request
	count    int
	accepted int
	conns    map[net.Conn]struct{}
	changed  chan struct{} // closed and replaced with each request and connection
}

// Start serves a listener, which Close closes; every request is answered with 200.
func Start(ln net.Listener) *Subscriber {
	s := &Subscriber{
		listener: ln, done: make(chan struct{}), changed: make(chan struct{}),
		conns: map[net.Conn]struct{}{}, behave: func(Request) Reply { return Answer(200) },
	}
	s.serving.Go(s.accept)
	return s
}

// Listen starts a subscriber on a free port of 127.0.0.1 for the time of a test.
func Listen(t testing.TB) *Subscriber {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Start(ln)
	t.Cleanup(s.Close)
	return s
}

// Behave sets how the following requests are answered.
func (s *Subscriber) Behave(behave func(Request) Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
}

// Always answers the following requests all alike.
func (s *Subscriber) Always(r Reply) { s.Behave(func(Request) Reply { return r }) }

// Greet sets what is done with the following connections before any request is
// read; a greeting that returns lets the connection go on.
func (s *Subscriber) Greet(greet func(*Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.greet = greet
}

// Forget stops the recording of requests, for long runs; they are still counted.
func (s *Subscriber) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget, s.requests = true, nil
}

// URL is where the subscriber listens, for listeners on TCP.
func (s *Subscriber) URL() string { return "http://" + s.listener.Addr().String() + "/" }

// Requests gives all requests so far.
func (s *Subscriber) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Count tells how many requests came so far.
func (s *Subscriber) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Accepted tells how many connections were opened so far.
func (s *Subscriber) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Open tells how many connections are open, as far as the subscriber knows.
func (s *Subscriber) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Wait gives the requests so far once there are n of them, or as many as there
// are when ctx ends.
func (s *Subscriber) Wait(ctx context.Context, n int) []Request {
	s.until(ctx, func() bool { return s.count >= n })
	return s.Requests()
}

// WaitClosed waits until no connection is open, and tells whether that came to
// pass before ctx ended.
func (s *Subscriber) WaitClosed(ctx context.Context) bool {
	return s.until(ctx, func() bool { return len(s.conns) == 0 })
}

// until waits for a condition that is looked at under the lock.
func (s *Subscriber) until(ctx context.Context, holds func() bool) bool {
	for {
		s.mu.Lock()
		held, changed := holds(), s.changed
		s.mu.Unlock()
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

// Close closes the listener and all connections, and waits for their ends. It may
// be called twice.
func (s *Subscriber) Close() {
	s.mu.Lock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	_ = s.listener.Close()
	s.serving.Wait()
}

// noticeLocked tells those who wait that something changed.
func (s *Subscriber) noticeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}
