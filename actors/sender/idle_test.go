package sender

import (
	"context"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/subscriber"
	"github.com/corpastro/astrohook/webhook"
)

// TestIdleConnectionsAreBounded: all endpoints together keep no more than
// MaxConnections; the one idle for longest goes first, and its endpoint connects anew.
func TestIdleConnectionsAreBounded(t *testing.T) {
	s := subscriber.Listen(t)
	c := newClient(t, Options{MaxConnections: 3})
	targets := make([]*Target, 5)
	for i := range targets {
		targets[i] = open(t, c, s.URL(), webhook.Settings{})
		if a := targets[i].Send(testID, "user.created", []byte(`1`)); a.StatusCode != 200 {
			t.Fatalf("got %+v", a)
		}
		if open := len(c.conns); open > 3 {
			t.Fatal(open, "connections open after endpoint", i)
		}
	}
	for i := len(targets) - 1; i >= 0; i-- { // the last three are kept, the first two are not
		if a := targets[i].Send(testID, "user.created", []byte(`2`)); a.StatusCode != 200 {
			t.Fatalf("got %+v", a)
		}
	}
	if got := s.Accepted(); got != 7 {
		t.Fatal("connected", got, "times, want once for each endpoint, and again for two")
	}
	for _, target := range targets {
		target.Close()
	}
	if c.idle.count != 0 || c.idle.busy != 0 || c.idle.oldest != nil || c.idle.newest != nil || len(c.conns) != 0 {
		t.Fatalf("after closing all: %+v, %d known", &c.idle, len(c.conns))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if !s.WaitClosed(ctx) {
		t.Fatal("connections are still open at the receiver")
	}
}

// TestIdleGiveWay: a connection in use counts, and is never closed for another.
func TestIdleGiveWay(t *testing.T) {
	p := idlePool{max: 2}
	first, second := &conn{target: &Target{maxIdle: 1}}, &conn{target: &Target{maxIdle: 1}}
	for _, cn := range []*conn{first, second} {
		if surplus := p.opened(); len(surplus) != 0 {
			t.Fatal("one of the first two was closed")
		}
		if cn == first {
			p.put(cn)
		}
	}
	if surplus := p.opened(); len(surplus) != 1 || surplus[0] != first {
		t.Fatal("closed for a third:", surplus)
	}
	if surplus := p.opened(); len(surplus) != 0 {
		t.Fatal("closed in use:", surplus)
	}
	if surplus := p.put(second); len(surplus) != 1 || surplus[0] != second {
		t.Fatal("there are too many in use, and one more idle")
	}
}
