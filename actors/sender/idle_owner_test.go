package sender

import (
	"fmt"
	"testing"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// openFor opens a target for a client.
func openFor(t *testing.T, c *Client, client, url string) *Target {
	t.Helper()
	e := endpoint(url)
	e.ClientID = client
	target, err := c.Open(e, webhook.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// TestIdleConnectionsAreSharedByClient: a client with many receivers opens more
// connections than all clients may keep. The only connection of another client
// stays, although it is the oldest.
func TestIdleConnectionsAreSharedByClient(t *testing.T) {
	c := newClient(t, Options{MaxConnections: 4})
	s := receivertest.Listen(t)
	modest := openFor(t, c, "modest", s.URL())
	wantAttempt(t, send(modest), 200, webhook.ReasonNone)
	for range 3 {
		for range 6 {
			many := openFor(t, c, "many", receivertest.Listen(t).URL())
			wantAttempt(t, send(many), 200, webhook.ReasonNone)
			defer many.Close()
		}
		wantAttempt(t, send(modest), 200, webhook.ReasonNone)
	}
	if got := s.Accepted(); got != 1 {
		t.Errorf("the receiver was connected to %d times, want once", got)
	}
	modest.Close()
}

// TestIdleOwnership: a connection counts for the client that used it last. An owner
// without targets and connections is forgotten.
func TestIdleOwnership(t *testing.T) {
	p := newIdlePool(10)
	key := originKey{host: "shared"}
	a, b := p.join(key, nil, "a", 4), p.join(key, nil, "b", 4)
	p.opened()
	p.put(&conn{origin: a})
	if cn := p.take(b); cn == nil || cn.origin != b {
		t.Fatal("the connection of the same origin is not used")
	} else {
		p.put(cn)
	}
	if a.owner.idle.count != 0 || b.owner.idle.count != 1 {
		t.Error("the connection counts for", a.owner.idle.count, b.owner.idle.count)
	}
	p.leave(b, 4)
	if p.clients["b"] == nil || len(p.clients) != 2 {
		t.Error("the account with a connection is gone:", p.clients)
	}
	if surplus := p.leave(a, 4); len(surplus) != 1 || len(p.clients) != 0 {
		t.Error("accounts are left:", surplus, p.clients)
	}
}

// TestIdleVictims: the client with most connections loses its own until it has about
// as many as the others. Among clients with one each, the oldest connection goes.
func TestIdleVictims(t *testing.T) {
	const clients, most = 1000, 3000
	p := newIdlePool(most)
	add := func(client string, n int) {
		o := p.join(originKey{host: client}, nil, client, n)
		for range n {
			p.opened()
			p.put(&conn{origin: o})
		}
	}
	add("hog", most)
	for i := range clients {
		add(fmt.Sprint(i), 2)
	}
	if hog := p.clients["hog"].idle.count; hog != most-2*clients {
		t.Errorf("the hog keeps %d connections, want %d", hog, most-2*clients)
	}
	add("hog", most)
	for i := range clients {
		if n := p.clients[fmt.Sprint(i)].idle.count; n != 2 {
			t.Fatalf("client %d keeps %d connections of 2", i, n)
		}
	}
	if p.all.count != most {
		t.Errorf("%d connections are kept, want %d", p.all.count, most)
	}
}

// BenchmarkIdlePool measures what a request costs in a full pool of many clients.
func BenchmarkIdlePool(b *testing.B) {
	const clients = 8192
	p := newIdlePool(clients)
	var origins []*origin
	for i := range 2 * clients {
		origins = append(origins, p.join(originKey{host: fmt.Sprint(i)}, nil, fmt.Sprint(i), 1))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.opened()
		p.put(&conn{origin: origins[i%len(origins)]})
	}
}
