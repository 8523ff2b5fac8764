package storagetest

import (
	"math/rand/v2"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// networkTests are about writes of which nobody knows whether they were stored. The store
// finds out, or repeats them, and nothing is doubled, lost or brought back.
var networkTests = []sharedTest{
	{"acknowledge an event once although the answer to its commit was lost", func(c *cluster) {
		a, b := c.joined()
		a.accept(a.event(9)) // its statements are prepared
		for fault, fail := range faultsOf(a) {
			plain, keyed := a.event(1), a.keyed("p", fault, "1")
			met := a.network.Met()
			fail()
			receipts, err := a.acceptMatched(0, plain, keyed)
			if err != nil {
				c.Fatalf("%s: %v", fault, err)
			}
			same(a.fixture, a.network.Met(), met+1)
			same(a.fixture, receipts, []webhook.Receipt{
				{EventID: plain.ID, Deliveries: 1},
				{EventID: keyed.ID, Deliveries: 2},
			})
			same(b.fixture, b.accept(b.keyed("p", fault, "1"))[0], webhook.Receipt{EventID: keyed.ID, Deliveries: 2, Duplicate: true})
		}
		same(b.fixture, len(b.queue(1)), 4)
		same(b.fixture, len(b.queue(2)), 2)
		owe(7, a, b)
		a.must(a.Err())
	}},
	{"bring nothing back that was delivered before its commit was known", func(c *cluster) {
		a, b := c.joined()
		a.accept(a.event(9))
		e := a.keyed("p", "k", "1")
		a.network.LoseAnswers(1)
		done := a.accepting(0, e)
		for a.network.Met() == 0 {
			time.Sleep(time.Millisecond)
		}
		a.network.Cut()
		// The owner finds it in the queue, as an audit would.
		for len(b.queue(1)) == 0 {
			time.Sleep(time.Millisecond)
		}
		delivered := b.attempted(e.ID.For(1), 200)
		failed := b.attempted(e.ID.For(2), 410)
		a.network.Mend()
		got := <-done
		a.must(got.err)
		same(a.fixture, got.receipts, []webhook.Receipt{{EventID: e.ID, Deliveries: 2}})
		b.onlyIn(e.ID.For(1), delivered)
		b.onlyIn(e.ID.For(2), failed)
		same(b.fixture, b.queue(1), nil)
		owe(1, a, b)
	}},
	{"settle once although the answer to the commit was lost", func(c *cluster) {
		a, b := c.joined()
		warm := a.queued(9, 2)
		a.attempted(warm[0], 200)
		a.attempted(warm[1], 500)
		for _, code := range []int{200, 500} {
			for fault, fail := range faultsOf(a) {
				id := a.queued(1, 1)[0]
				was := a.delivery(id)
				fail()
				now, done := a.settling(was, code)
				if err := <-done; err != nil {
					c.Fatalf("%s: %v", fault, err)
				}
				d := b.delivery(id)
				same(b.fixture, d.Status, now.Status)
				same(b.fixture, len(d.AttemptLog), 1)
				b.onlyIn(id, d)
			}
		}
		same(b.fixture, len(b.queue(1)), 0)
		owe(3, a, b)
	}},
	{"keep the order of one endpoint's settlements through faults", func(c *cluster) {
		a, b := c.joined()
		id := a.queued(1, 1)[0]
		d := a.delivery(id)
		for i := range 12 {
			switch i % 3 {
			case 1:
				a.network.LoseAnswers(1)
			case 2:
				a.network.BreakOff(1)
			}
			now := d.Attempted(a.attempt(500), webhook.RetryPolicy{MaxAttempts: 99, Initial: time.Second, Multiplier: 1, MaxDelay: time.Hour}, 0)
			now.AttemptLog = now.AttemptLog[len(now.AttemptLog)-1:]
			a.must(a.trySettle(webhook.Settlement{Was: d.Place(), Now: now}))
			d = now
		}
		got := b.delivery(id)
		same(b.fixture, got.Attempts, 12)
		for i, one := range got.AttemptLog {
			same(b.fixture, one.Number, i+1)
		}
		owe(1, a, b)
	}},
	{"make a change once although the answer to its commit was lost", func(c *cluster) {
		a, b := c.joined()
		ctx := c.Context()
		first := a.endpoint("client")
		ids := a.queued(1, 3)
		for fault, fail := range faultsOf(a) {
			fail()
			e, err := a.CreateEndpoint(ctx, a.registration("client"))
			if err != nil {
				c.Fatalf("%s: %v", fault, err)
			}
			fail()
			_, err = a.UpdateEndpoint(ctx, e.Number(), func(e *webhook.Endpoint) error { e.Settings.Burst++; return nil })
			a.must(err)
			got, err := b.Endpoint(ctx, e.Number())
			b.must(err)
			same(b.fixture, []any{got.Settings.Burst, got.Revision}, []any{8, uint64(2)})
			fail()
			a.must(a.CreateEventType(ctx, webhook.EventType{Name: fault}))
			id := ids[0]
			ids = ids[1:]
			fail()
			_, err = a.Cancel(ctx, id, webhook.ReasonCancelled, a.at(1))
			a.must(err)
			b.onlyIn(id, b.delivery(id))
			same(b.fixture, b.delivery(id).Status, webhook.Cancelled)
			fail()
			_, err = a.Requeue(ctx, id)
			a.must(err)
			same(b.fixture, b.delivery(id).Spent, 0)
		}
		list, err := b.ListEndpoints(ctx, "client", 0, 100)
		b.must(err)
		same(b.fixture, len(list), 3)
		same(b.fixture, list[2].Number(), first.Number())
		owe(3, a, b)
	}},
	{"answer while their records cannot be reached, and lose nothing of it", unreachable},
	{"lose nothing and double nothing, whatever fails", soak},
}

// owe checks how many deliveries are pending, as the records have it and as each store
// counts in memory.
func owe(want int, nodes ...*node) {
	for _, n := range nodes {
		n.Helper()
		same(n.fixture, n.beat(storage.Beat{Lease: lease}).Pending, int64(want))
		same(n.fixture, n.Pending(), int64(want))
	}
}

// faultsOf returns the ways in which one commit can end without an answer.
func faultsOf(n *node) map[string]func() {
	return map[string]func(){
		"lost":   func() { n.network.LoseAnswers(1) },
		"broken": func() { n.network.BreakOff(1) },
	}
}

// unreachable cuts a node off for longer than a publisher waits.
func unreachable(c *cluster) {
	a, b := c.joined()
	id := a.queued(1, 1)[0]
	was := a.delivery(id)
	a.network.Cut()
	_, settled := a.settling(was, 200)
	e := a.keyed("p", "k", "1")
	_, err := a.acceptMatched(0, e)
	a.is(err, webhook.ErrUnavailable)
	_, err = a.CreateEndpoint(a.Context(), a.registration("client"))
	a.is(err, webhook.ErrUnavailable)
	_, err = a.Event(a.Context(), e.ID)
	a.is(err, webhook.ErrUnavailable)
	a.must(a.Err())
	select {
	case err := <-settled:
		c.Fatalf("the settlement ended: %v", err)
	default:
	}
	a.network.Mend()
	a.must(<-settled)
	same(b.fixture, b.delivery(id).Status, webhook.Delivered)
	// The publisher comes again: it is stored once, whatever became of the first time.
	again := a.keyed("p", "k", "1")
	a.accept(again)
	same(b.fixture, len(b.queue(1)), 1)
}

// soak has two nodes accept and settle while their networks fail at random.
func soak(c *cluster) {
	a, b := c.joined()
	nodes, random := []*node{a, b}, rand.New(rand.NewPCG(1, 2))
	const rounds = 60
	delivered := map[webhook.ID]bool{}
	pending := 0
	for round := range rounds {
		n, other := nodes[round%2], nodes[(round+1)%2]
		fail(n, random)
		var events []webhook.Event
		for range 1 + random.IntN(4) {
			events = append(events, n.event(1, 2))
		}
		receipts, err := n.acceptMatched(0, events...)
		n.must(err)
		for i, r := range receipts {
			same(n.fixture, r, webhook.Receipt{EventID: events[i].ID, Deliveries: 2})
		}
		pending += 2 * len(events)
		fail(other, random)
		for _, e := range events {
			id := e.ID.For(1)
			_, done := other.settling(webhook.Delivery{ID: id, EventType: e.Type, Status: webhook.Queued}, 200)
			other.must(<-done)
			delivered[id] = true
			pending--
		}
	}
	same(a.fixture, a.queue(1), nil)
	same(b.fixture, len(b.queue(2)), pending)
	list := b.listed(webhook.DeliveryQuery{Endpoint: 1, Limit: 100})
	same(b.fixture, len(list), len(delivered))
	for _, id := range list {
		same(b.fixture, delivered[id], true)
		same(b.fixture, len(b.delivery(id).AttemptLog), 1)
	}
	owe(pending, a, b)
	c.Logf("%d and %d commits failed", a.network.Met(), b.network.Met())
}

// fail lets a network fail in a random way.
func fail(n *node, random *rand.Rand) {
	switch random.IntN(6) {
	case 0:
		n.network.LoseAnswers(1 + random.IntN(2))
	case 1:
		n.network.BreakOff(1 + random.IntN(2))
	case 2:
		n.network.Cut()
		time.AfterFunc(time.Duration(random.IntN(50))*time.Millisecond, n.network.Mend)
	}
}
