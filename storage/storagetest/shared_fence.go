package storagetest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// fenceSoon bounds how long a fence may take, whatever the victim does.
const fenceSoon = 20 * time.Second

// fenceTests are about nodes that others take for dead. The clocks of leases are those of
// the records, so the tests let short leases end.
var fenceTests = []sharedTest{
	{"store nothing of a node that was fenced, and let it know", func(c *cluster) {
		a, b := c.joined()
		_, err := a.Claim(a.Context(), webhook.AllParts())
		a.must(err)
		id := a.queued(1, 1)[0]
		b.is(b.Fence(b.Context(), a.incarnation), webhook.ErrConflict)
		before := b.beat(storage.Beat{Lease: lease})
		same(b.fixture, before.Parts[0].Owner, a.incarnation)
		a.expired()
		b.must(b.Fence(b.Context(), a.incarnation))
		refuses(a, id)
		after := b.beat(storage.Beat{Lease: lease})
		same(b.fixture, len(after.Nodes), 1)
		for p, o := range after.Parts {
			same(b.fixture, o.Owner, storage.Incarnation(0))
			same(b.fixture, o.Epoch > before.Parts[p].Epoch, true)
		}
		got, err := b.Claim(b.Context(), webhook.AllParts())
		b.must(err)
		same(b.fixture, got.Len(), webhook.PartCount)
		b.attempted(id, 200)
		_, err = b.acceptMatched(0, b.event(1))
		b.must(err)
	}},
	{"fence a node once, whoever does and however often", func(c *cluster) {
		a, b := c.joined()
		third := c.node()
		third.join("c", lease)
		a.expired()
		nodes := []*node{b, third}
		for _, err := range race(func(i int) error { return nodes[i%2].Fence(c.Context(), a.incarnation) }) {
			b.must(err)
		}
		same(b.fixture, len(b.beat(storage.Beat{Lease: lease}).Nodes), 2)
		b.must(b.Fence(b.Context(), a.incarnation))
	}},
	{"do not fence a node that has renewed its lease", func(c *cluster) {
		a, b := c.joined()
		a.expired()
		a.beat(storage.Beat{Lease: lease}) // late, and nobody has minded
		b.is(b.Fence(b.Context(), a.incarnation), webhook.ErrConflict)
		a.accept(a.event(1))
	}},
	{"let a fenced process join again as another node", func(c *cluster) {
		a, b := c.joined()
		a.expired()
		b.must(b.Fence(b.Context(), a.incarnation))
		again := c.node()
		again.join("a", lease)
		same(a.fixture, again.incarnation != a.incarnation, true)
		again.accept(again.event(1))
		same(b.fixture, len(b.queue(1)), 1)
	}},
	{"store nothing more once Fence has returned, in the middle of load", fencedUnderLoad},
	{"fence a node that holds its locks and does not answer", func(c *cluster) {
		a, b := c.joined()
		_, err := a.Claim(a.Context(), webhook.AllParts())
		a.must(err)
		a.accept(a.event(1)) // its statements are prepared
		a.expired()
		a.network.Stall()
		half := a.event(1)
		done := a.accepting(0, half)
		for a.network.Met() == 0 {
			time.Sleep(time.Millisecond)
		}
		began := time.Now()
		b.must(b.Fence(b.Context(), a.incarnation))
		if took := time.Since(began); took > fenceSoon {
			c.Errorf("the fence took %v", took)
		}
		same(b.fixture, len(b.queue(1)), 1)
		a.network.Mend()
		a.is((<-done).err, webhook.ErrFenced)
		_, err = b.Event(b.Context(), half.ID)
		b.is(err, webhook.ErrNotFound)
	}},
	{"fence a node that cannot reach its records, and store nothing of it afterwards", func(c *cluster) {
		a, b := c.joined()
		id := a.queued(1, 1)[0]
		was := a.delivery(id)
		a.expired()
		a.network.Cut()
		_, settled := a.settling(was, 200)
		b.must(b.Fence(b.Context(), a.incarnation))
		a.network.Mend()
		a.is(<-settled, webhook.ErrFenced)
		same(b.fixture, b.delivery(id), was)
	}},
}

// fencedUnderLoad fences a node while it accepts as fast as it can. What is stored when
// Fence returns is all that will ever be, and has all that was acknowledged.
func fencedUnderLoad(c *cluster) {
	a, b := c.joined()
	const most, least = 50_000, 300
	type answer struct {
		id  webhook.ID
		err error
	}
	answers, handedOver := make(chan answer, most), 0
	var acknowledged atomic.Int64
	a.expired()
	fenced, fencing := make(chan error, 1), false
	for stop := false; !stop && handedOver < most; handedOver++ {
		e := a.event(1)
		a.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) {
			if err == nil {
				acknowledged.Add(1)
			}
			answers <- answer{e.ID, err}
		})
		if handedOver%20 == 0 {
			time.Sleep(time.Millisecond) // several groups, not one
		}
		if !fencing && acknowledged.Load() >= least {
			fencing = true
			go func() { fenced <- b.Fence(c.Context(), a.incarnation) }()
		}
		select {
		case err := <-fenced:
			b.must(err)
			stop = true
		default:
		}
	}
	if handedOver == most {
		c.Fatal("the fence took too long, or never began")
	}
	stored := storedIn(b, 1)
	refused := 0
	for range handedOver {
		switch got := <-answers; {
		case got.err == nil && !stored[got.id]:
			c.Fatalf("%v was acknowledged, and was not stored when Fence returned", got.id)
		case got.err != nil:
			a.is(got.err, webhook.ErrFenced)
			refused++
		}
	}
	if now := storedIn(b, 1); len(now) != len(stored) {
		c.Fatalf("%d events were stored when Fence returned, and %d are now", len(stored), len(now))
	}
	if refused == 0 || len(stored) < least {
		c.Fatalf("%d were refused and %d stored: the fence came too late or too early", refused, len(stored))
	}
	same(b.fixture, b.beat(storage.Beat{Lease: lease}).Pending, int64(len(stored)))
}

// storedIn returns the events that an endpoint's queue has.
func storedIn(n *node, e webhook.EndpointNumber) map[webhook.ID]bool {
	n.Helper()
	out := map[webhook.ID]bool{}
	for from := (webhook.ID{}); ; {
		due, err := n.Queued(n.Context(), e, from, 1000, 1<<30)
		n.must(err)
		ids := idsOf(due)
		fresh := slices.DeleteFunc(ids, func(id webhook.ID) bool { return out[id.Event()] })
		if len(fresh) == 0 {
			return out
		}
		for _, id := range fresh {
			out[id.Event()] = true
		}
		from = fresh[len(fresh)-1]
	}
}
