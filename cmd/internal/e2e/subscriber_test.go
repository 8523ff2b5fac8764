package e2e

import (
	"net"
	"testing"

	"github.com/valyala/fasthttp"
)

// subscriber is a receiver written in Go. It can be away and come back under the
// same address.
type subscriber struct {
	address string
	handler fasthttp.RequestHandler
	server  *fasthttp.Server
	served  chan error
}

// newSubscriber prepares one that does not listen yet.
func newSubscriber(t *testing.T, handler fasthttp.RequestHandler) *subscriber {
	t.Helper()
	s := &subscriber{address: reserveAddress(t), handler: handler}
	t.Cleanup(func() { s.stop(t) })
	return s
}

// startSubscriber prepares one that listens.
func startSubscriber(t *testing.T, handler fasthttp.RequestHandler) *subscriber {
	t.Helper()
	s := newSubscriber(t, handler)
	s.start(t)
	return s
}

func (s *subscriber) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.server = &fasthttp.Server{Handler: s.handler, CloseOnShutdown: true, Concurrency: 1 << 20}
	s.served = make(chan error, 1)
	go func() { s.served <- s.server.Serve(listener) }()
}

func (s *subscriber) stop(t *testing.T) {
	t.Helper()
	if s.server == nil {
		return
	}
	if err := s.server.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-s.served; err != nil {
		t.Error(err)
	}
	s.server = nil
}

// url is a target on the subscriber.
func (s *subscriber) url(path string) string { return "http://" + s.address + path }
