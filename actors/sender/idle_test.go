package sender

import (
	"testing"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestIdleConnectionsAreBounded: all origins together keep no more than
// MaxConnections. The oldest is closed first, and its origin needs a new connection.
func TestIdleConnectionsAreBounded(t *testing.T) {
	c := newClient(t, Options{MaxConnections: 3})
	targets := make([]*Target, 5)
	receivers := make([]*receivertest.Receiver, len(targets))
	for i := range targets {
		receivers[i] = receivertest.Listen(t)
		targets[i] = open(t, c, receivers[i].URL(), webhook.Settings{})
		if a := targets[i].Send(due("user.created", []byte(`1`))); a.StatusCode != 200 {
			t.Fatalf("got %+v", a)
		}
		if open := len(c.conns); open > 3 {
			t.Fatal(open, "connections open after endpoint", i)
		}
	}
	for i := len(targets) - 1; i >= 0; i-- { // the last three are kept, the first two are not
		if a := targets[i].Send(due("user.created", []byte(`2`))); a.StatusCode != 200 {
			t.Fatalf("got %+v", a)
		}
	}
	for i, s := range receivers {
		if got, want := s.Accepted(), map[bool]int{true: 2, false: 1}[i < 2]; got != want {
			t.Fatal("endpoint", i, "connected", got, "times, want", want)
		}
	}
	for _, target := range targets {
		target.Close()
	}
	wantNothingIdle(t, c)
	for _, s := range receivers {
		if !s.WaitClosed(within(t)) {
			t.Fatal("connections are still open at a receiver")
		}
	}
}

func wantNothingIdle(t *testing.T, c *Client) {
	t.Helper()
	c.idle.mu.Lock()
	defer c.idle.mu.Unlock()
	if p := c.idle; p.all != (idleList{}) || p.busy != 0 || len(p.origins) != 0 || len(c.conns) != 0 {
		t.Fatalf("after closing all: %+v, %d known", p, len(c.conns))
	}
}

// TestOriginIsShared: endpoints at one origin share connections, as many as they may
// have together, until the last target is closed.
func TestOriginIsShared(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{})
	first := open(t, c, s.URL()+"first", webhook.Settings{Concurrency: 1})
	second := open(t, c, s.URL()+"second", webhook.Settings{Concurrency: 1})
	wantAttempt(t, send(first), 200, webhook.ReasonNone)
	wantAttempt(t, send(second), 200, webhook.ReasonNone)
	if got := s.Accepted(); got != 1 {
		t.Fatal(got, "connections, want one for both endpoints")
	}
	first.Close()
	first.Close()
	wantAttempt(t, send(second), 200, webhook.ReasonNone)
	if got := s.Accepted(); got != 1 {
		t.Fatal(got, "connections, want the one that the second endpoint may keep")
	}
	wantAttempt(t, send(first), 200, webhook.ReasonNone) // in flight while it closes
	second.Close()
	wantAttempt(t, send(first), 200, webhook.ReasonNone)
	wantNothingIdle(t, c)
}

// TestOriginsAreApart: a connection serves one scheme, host, port and set of
// certificates only, and each target counts once in what its origin may keep.
func TestOriginsAreApart(t *testing.T) {
	c := newClient(t, Options{})
	bundle := otherBundle
	seen := map[*site]string{}
	for _, at := range []struct{ url, bundle string }{
		{"http://receiver.example/", ""},
		{"http://other.example/", ""},
		{"http://receiver.example:8080/", ""},
		{"https://receiver.example/", ""},
		{"https://receiver.example/", bundle},
	} {
		e := endpoint(at.url)
		e.CABundle = at.bundle
		target, err := c.Open(e, webhook.Settings{Concurrency: 3})
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Open(e, webhook.Settings{Concurrency: 4})
		if err != nil {
			t.Fatal(err)
		}
		if known, taken := seen[target.origin.site]; taken || again.origin.site != target.origin.site || target.origin.maxIdle != 7 {
			t.Errorf("%s shares with %q, and has %+v", at.url, known, target.origin.site)
		}
		seen[target.origin.site] = at.url
		defer target.Close()
		defer again.Close()
	}
}

// TestIdleGiveWay: connections in use count, and are never closed for others.
func TestIdleGiveWay(t *testing.T) {
	p := newIdlePool(2)
	first := &conn{origin: p.join(originKey{host: "first"}, nil, "a", 1)}
	second := &conn{origin: p.join(originKey{host: "second"}, nil, "a", 1)}
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
