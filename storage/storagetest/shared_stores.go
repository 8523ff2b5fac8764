package storagetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// storesTests have two stores at once, of which none knows what the other one does.
var storesTests = []sharedTest{
	{"show what any of them has stored", func(c *cluster) {
		a, b := c.two()
		e := a.event(1, 2)
		a.accept(e)
		got, err := b.Event(b.Context(), e.ID)
		b.must(err)
		same(b.fixture, got.Data, e.Data)
		for _, n := range e.Endpoints {
			same(b.fixture, b.queue(n), []webhook.ID{e.ID.For(n)})
		}
		want := b.attempted(e.ID.For(1), 200)
		same(a.fixture, a.delivery(e.ID.For(1)), want)
		same(a.fixture, a.queue(1), nil)
		want = b.attempted(e.ID.For(2), 500)
		same(a.fixture, a.delivery(e.ID.For(2)), want)
		same(a.fixture, a.schedule(2, 1e6), []webhook.ID{e.ID.For(2)})
		same(a.fixture, len(a.wakes()), 1)
	}},
	{"order a queue by its deliveries' IDs, in whatever order they were committed", func(c *cluster) {
		a, b := c.two()
		older := a.event(1)
		b.now = a.at(1)
		newer := b.event(1)
		b.accept(newer)
		same(a.fixture, a.queue(1), []webhook.ID{newer.ID.For(1)})
		a.accept(older)
		for _, n := range []*node{a, b} {
			same(n.fixture, n.queue(1), []webhook.ID{older.ID.For(1), newer.ID.For(1)})
			same(n.fixture, n.listed(webhook.DeliveryQuery{Limit: 1}), []webhook.ID{newer.ID.For(1), older.ID.For(1)})
			wakes := n.wakes()
			same(n.fixture, len(wakes), 1)
			same(n.fixture, wakes[0].Queued, older.ID.For(1))
		}
	}},
	{"give out each number once, and lose no change", func(c *cluster) {
		a, b := c.two()
		nodes := []*node{a, b}
		registrations := make([]webhook.Endpoint, racers)
		for i := range registrations {
			registrations[i] = nodes[i%2].registration("client")
		}
		numbers := make([]webhook.EndpointNumber, racers)
		for _, err := range race(func(i int) error {
			e, err := nodes[i%2].CreateEndpoint(c.Context(), registrations[i])
			numbers[i] = e.Number()
			return err
		}) {
			a.must(err)
		}
		slices.Sort(numbers)
		same(a.fixture, len(slices.Compact(numbers)), racers)
		n := numbers[0]
		for _, err := range race(func(i int) error {
			_, err := nodes[i%2].UpdateEndpoint(c.Context(), n, func(e *webhook.Endpoint) error { e.Settings.Burst++; return nil })
			return err
		}) {
			a.must(err)
		}
		for _, one := range nodes {
			e, err := one.Endpoint(c.Context(), n)
			one.must(err)
			same(one.fixture, e.Settings.Burst, 7+racers)
			same(one.fixture, e.Revision, uint64(1+racers))
		}
	}},
	{"let one of several take a name or give it up", func(c *cluster) {
		a, b := c.two()
		nodes, ctx := []*node{a, b}, c.Context()
		for _, one := range []struct {
			run  func(n *node) error
			lost error
		}{
			{func(n *node) error { return n.CreateEventType(ctx, webhook.EventType{Name: "a"}) }, webhook.ErrExists},
			{func(n *node) error { return n.DeleteEventType(ctx, "a") }, webhook.ErrNotFound},
			{func(n *node) error { return n.CreateAPIKey(ctx, webhook.APIKey{ID: "a"}) }, webhook.ErrExists},
			{func(n *node) error { return n.DeleteAPIKey(ctx, "a") }, webhook.ErrNotFound},
		} {
			a.one(race(func(i int) error { return one.run(nodes[i%2]) }), one.lost)
		}
	}},
	{"let one of several exchange a link, and see at once what the other did", func(c *cluster) {
		a, b := c.two()
		nodes, ctx := []*node{a, b}, c.Context()
		a.must(a.CreateGrant(ctx, a.link("link")))
		winner := a.one(race(func(i int) error {
			return nodes[i%2].RedeemGrant(ctx, "link", a.session(string(rune('a'+i)), "link"))
		}), webhook.ErrConflict)
		session := string(rune('a' + winner))
		_, err := nodes[(winner+1)%2].Grant(ctx, session)
		a.must(err)
		b.must(b.DeleteGrant(ctx, "link"))
		_, err = a.Grant(ctx, session)
		a.is(err, webhook.ErrNotFound)
	}},
	{"agree on one cursor key", func(c *cluster) {
		a, b := c.two()
		nodes, keys := []*node{a, b}, make([][32]byte, racers)
		for _, err := range race(func(i int) (err error) {
			keys[i], err = nodes[i%2].CursorKey(c.Context(), [32]byte{byte(i + 1)})
			return err
		}) {
			a.must(err)
		}
		same(a.fixture, len(slices.CompactFunc(keys, func(x, y [32]byte) bool { return x == y })), 1)
	}},
	{"store one event of all that come under one key, whichever of them it comes to", racedKeys},
	{"refuse another event under the key of one that the other has stored", func(c *cluster) {
		a, b := c.two()
		first := a.keyed("p", "k", "1")
		a.accept(first)
		again, other := b.keyed("p", "k", "1"), b.keyed("p", "k", "2")
		same(b.fixture, b.accept(again, other), []webhook.Receipt{
			{EventID: first.ID, Deliveries: 2, Duplicate: true},
			{EventID: first.ID, Err: webhook.ErrKeyReused},
		})
		same(b.fixture, b.queue(1), []webhook.ID{first.ID.For(1)})
	}},
	{"settle what the other has changed during the attempt", func(c *cluster) {
		a, b := c.two()
		for _, one := range []struct {
			change func(id webhook.ID) error
			code   int
			want   webhook.Status
		}{
			{func(id webhook.ID) error {
				_, err := b.Cancel(c.Context(), id, webhook.ReasonCancelled, b.at(1))
				return err
			}, 500, webhook.Cancelled},
			{func(id webhook.ID) error {
				_, err := b.Cancel(c.Context(), id, webhook.ReasonCancelled, b.at(1))
				return err
			}, 200, webhook.Delivered},
			{func(id webhook.ID) error { _, err := b.Requeue(c.Context(), id); return err }, 200, webhook.Delivered},
			{func(id webhook.ID) error { _, err := b.Requeue(c.Context(), id); return err }, 500, webhook.Retrying},
		} {
			id := a.queued(1, 1)[0]
			a.attempted(id, 500)
			inFlight := a.delivery(id)
			a.must(one.change(id))
			_, done := a.settling(inFlight, one.code)
			a.must(<-done)
			d := b.delivery(id)
			same(b.fixture, d.Status, one.want)
			same(b.fixture, len(d.AttemptLog), 2)
			b.onlyIn(id, d)
		}
	}},
	{"bear each other's load", func(c *cluster) {
		a, b := c.two()
		const rounds = 40
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i, n := range []*node{a, b, a, b} {
			var events []webhook.Event
			for range rounds {
				events = append(events, n.event(1, 2))
			}
			all.Go(func() { errs[i] = n.deliverAll(events) })
		}
		all.Wait()
		for _, err := range errs {
			a.must(err)
		}
		same(a.fixture, len(a.queue(1)), 0)
		same(b.fixture, len(b.queue(2)), 4*rounds)
		same(b.fixture, len(b.listed(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Delivered, Limit: 50})), 4*rounds)
	}},
}

// racedKeys has two stores accept the same keys at the same time, in opposite orders: the
// second waits for the commit of the first, and neither waits for ever.
func racedKeys(c *cluster) {
	a, b := c.two()
	const keys, rounds = 20, 5
	for round := range rounds {
		batches := make([][]webhook.Event, racers)
		for i := range batches {
			n := []*node{a, b}[i%2]
			for k := range keys {
				batches[i] = append(batches[i], n.keyed("p", fmt.Sprint(round, "-", k), "1"))
			}
			if i%4 < 2 {
				slices.Reverse(batches[i])
			}
		}
		receipts := make([][]webhook.Receipt, racers)
		for _, err := range race(func(i int) (err error) {
			receipts[i], err = waitFor([]*node{a, b}[i%2].Store, batches[i])
			return err
		}) {
			a.must(err)
		}
		first := map[string]webhook.ID{}
		for i, batch := range batches {
			for k, e := range batch {
				if r := receipts[i][k]; !r.Duplicate {
					same(a.fixture, r, webhook.Receipt{EventID: e.ID, Deliveries: 2})
					same(a.fixture, first[e.IdempotencyKey], webhook.ID{})
					first[e.IdempotencyKey] = e.ID
				}
			}
		}
		for i, batch := range batches {
			for k, e := range batch {
				same(a.fixture, receipts[i][k].EventID, first[e.IdempotencyKey])
				same(a.fixture, receipts[i][k].Deliveries, 2)
			}
		}
		same(a.fixture, len(a.queue(1)), keys*(round+1))
	}
}
