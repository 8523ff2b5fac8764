package httpapi

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/corpastro/astrohook/webhook"
)

// nodes are servers over one store, each of which is the other one's peer. A change reaches
// the others when AwaitApplied or CatchUp brings it, and not before.
type nodes struct {
	all      []*fixture
	hold     chan struct{} // AwaitApplied waits for it, unless it is nil
	fail     error
	caughtUp atomic.Int32
}

// peersOf are the peers of one of the nodes.
type peersOf struct {
	*nodes
	self int
}

func (p *peersOf) CatchUp(ctx context.Context) error {
	p.caughtUp.Add(1)
	if p.fail != nil {
		return p.fail
	}
	return p.all[p.self].Refresh(ctx, true, true)
}

func (p *peersOf) AwaitApplied(ctx context.Context) error {
	if p.fail != nil {
		return p.fail
	}
	if p.hold != nil {
		<-p.hold
	}
	for _, node := range p.all {
		if err := node.Refresh(ctx, true, true); err != nil {
			return err
		}
	}
	return nil
}

// newNodes starts two servers over one store.
func newNodes(t testing.TB, change ...func(*Options)) *nodes {
	t.Helper()
	n := &nodes{}
	first := newFixture(t, append(change, func(o *Options) { o.Peers = &peersOf{n, 0} })...)
	second := newFixture(t, append(change, func(o *Options) { o.Store, o.Peers = first.store, &peersOf{n, 1} })...)
	n.all = []*fixture{first, second}
	return n
}

// TestKeysOfOtherNodes: a key that one node makes is good on the other from the answer on,
// and refused there once either has deleted it. The answer comes no earlier.
func TestKeysOfOtherNodes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := newNodes(t)
		a, b := n.all[0], n.all[1]
		id, text := a.makeKey(t, `{"name":"crm","client_id":"acme"}`)
		a.tokens["crm"], b.tokens["crm"] = text, text
		b.want(t, 200, "crm", "GET", "/api/webhooks", "")

		n.hold = make(chan struct{})
		var answered atomic.Bool
		var deleting sync.WaitGroup
		deleting.Go(func() {
			b.want(t, 204, admin, "DELETE", "/api/keys/"+id, "")
			answered.Store(true)
		})
		synctest.Wait()
		a.want(t, 200, "crm", "GET", "/api/webhooks", "") // it has not heard of it
		b.want(t, 401, "crm", "GET", "/api/webhooks", "")
		if answered.Load() {
			t.Error("the deletion is answered before every node knows of it")
		}
		close(n.hold)
		deleting.Wait()
		a.want(t, 401, "crm", "GET", "/api/webhooks", "")
	})
}

// TestEventTypesOfOtherNodes: what one node registers can be published on the other from the
// answer on, and what one removes cannot.
func TestEventTypesOfOtherNodes(t *testing.T) {
	n := newNodes(t)
	a, b := n.all[0], n.all[1]
	event := `{"event_type":"order.paid","data":1}`
	b.want(t, 422, backend, "POST", "/api/events", event)
	a.want(t, 201, admin, "POST", "/api/event-types", `{"name":"order.paid"}`)
	b.want(t, 202, backend, "POST", "/api/events", event)
	b.want(t, 200, admin, "PUT", "/api/event-types/order.paid", `{"description":"paid"}`)
	if got := a.want(t, 200, acme, "GET", "/api/event-types/order.paid", "").text(t, "description"); got != "paid" {
		t.Errorf("the other node shows %q", got)
	}
	b.want(t, 204, admin, "DELETE", "/api/event-types/order.paid", "")
	a.want(t, 422, backend, "POST", "/api/events", event)
}

// TestChangeOfUnknownReach: nobody knows whether all nodes have a change. It is stored, and
// the caller is told so. A new API key is shown all the same, because no later answer would.
func TestChangeOfUnknownReach(t *testing.T) {
	n := newNodes(t)
	a := n.all[0]
	id, _ := a.makeKey(t, `{"name":"crm","client_id":"acme"}`)
	hook := "/api/webhooks/" + a.register(t, acme)
	a.want(t, 201, admin, "POST", "/api/event-types", `{"name":"order.paid"}`)

	n.fail = errors.Join(webhook.ErrUnavailable, errors.New("no heartbeat"))
	for _, c := range []struct{ caller, method, path, body string }{
		{acme, "POST", hook + "/pause", ""},
		{acme, "POST", hook + "/rotate-secret", ""},
		{acme, "DELETE", hook, ""},
		{admin, "DELETE", "/api/keys/" + id, ""},
		{admin, "POST", "/api/event-types", `{"name":"order.sent"}`},
		{admin, "PUT", "/api/event-types/order.paid", `{"description":"paid"}`},
		{admin, "DELETE", "/api/event-types/order.paid", ""},
	} {
		r := a.want(t, 503, c.caller, c.method, c.path, c.body)
		if r.text(t, "detail") != errNotInForce.Error() || r.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %s", c.method, c.path, r.body)
		}
	}
	a.makeKey(t, `{"name":"erp","client_id":"acme"}`)

	n.fail = nil
	a.want(t, 404, acme, "GET", hook, "")
	a.want(t, 404, admin, "DELETE", "/api/keys/"+id, "")
	a.want(t, 200, admin, "GET", "/api/event-types/order.sent", "")
	a.want(t, 404, admin, "GET", "/api/event-types/order.paid", "")
}

// TestLimitsCountOtherNodes: before a client's limits are checked, this node catches up with
// what others have registered. If it cannot, nothing is registered.
func TestLimitsCountOtherNodes(t *testing.T) {
	n := newNodes(t, func(o *Options) {
		o.ClientLimits = func(string) webhook.ClientLimits { return webhook.ClientLimits{Webhooks: 2, Patterns: 3} }
	})
	a, b := n.all[0], n.all[1]
	register := `{"event_type":"*","target_url":"https://example.com/hook"}`
	a.register(t, acme)
	b.register(t, acme)
	before := n.caughtUp.Load()
	a.want(t, 409, acme, "POST", "/api/webhooks", register)
	if n.caughtUp.Load() == before {
		t.Error("a limit was checked with what this node happened to know")
	}
	n.fail = webhook.ErrUnavailable
	b.want(t, 503, globex, "POST", "/api/webhooks", register)
	n.fail = nil
	if got := b.want(t, 200, globex, "GET", "/api/webhooks", "").data(t); len(got) != 0 {
		t.Errorf("registered: %v", got)
	}
}

// TestCursorsOfOtherNodes: a list that began on one node continues on the other.
func TestCursorsOfOtherNodes(t *testing.T) {
	n := newNodes(t)
	a, b := n.all[0], n.all[1]
	a.register(t, acme)
	a.register(t, acme)
	first := a.want(t, 200, acme, "GET", "/api/webhooks?limit=1", "")
	second := b.want(t, 200, acme, "GET", "/api/webhooks?limit=1&cursor="+first.text(t, "next_cursor"), "")
	if one, other := first.data(t), second.data(t); len(other) != 1 || one[0]["id"] == other[0]["id"] {
		t.Errorf("%v, then %v", one, other)
	}
}
