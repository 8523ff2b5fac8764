package storagetest

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// nodesTests are about who is in the cluster and who has which part.
var nodesTests = []sharedTest{
	{"show each node to the others as it last described itself", func(c *cluster) {
		a, b := c.joined()
		same(a.fixture, a.incarnation != 0 && b.incarnation != 0 && a.incarnation != b.incarnation, true)
		beat := storage.Beat{Lease: 2 * lease, Applied: 7, Leaving: true}
		a.beat(beat)
		got := b.beat(storage.Beat{Lease: lease})
		same(b.fixture, len(got.Nodes), 2)
		same(b.fixture, slices.IsSortedFunc(got.Nodes, func(x, y storage.Node) int { return compareIncarnations(x.Incarnation, y.Incarnation) }), true)
		seen := nodeOf(b, got, a)
		same(b.fixture, seen.NodeInfo, storage.NodeInfo{Name: "a", Address: "a:8094", Version: "1"})
		same(b.fixture, []any{seen.Lease, seen.Applied, seen.Leaving}, []any{beat.Lease, beat.Applied, true})
		left := seen.Expires.Sub(got.Now)
		same(b.fixture, left > lease && left <= 2*lease, true)
	}},
	{"take the time of leases from the records, whatever their own clocks say", func(c *cluster) {
		a, b := c.joined()
		before := a.beat(storage.Beat{Lease: lease}).Now
		for _, step := range []time.Duration{time.Hour, -2 * time.Hour} {
			a.ahead.Add(int64(step))
			b.ahead.Add(int64(step))
			got := a.beat(storage.Beat{Lease: lease})
			left := nodeOf(a, got, a).Expires.Sub(got.Now)
			same(a.fixture, left > 0 && left <= lease, true)
			same(a.fixture, got.Now.Sub(before) >= 0 && got.Now.Sub(before) < time.Minute, true)
			b.is(b.Fence(b.Context(), a.incarnation), webhook.ErrConflict)
		}
	}},
	{"give each free part to one node, in its next epoch", func(c *cluster) {
		a, b := c.joined()
		before := a.beat(storage.Beat{Lease: lease})
		var some webhook.Parts
		for p := range 10 {
			some.Add(webhook.Part(p))
		}
		got, err := a.Claim(a.Context(), some)
		a.must(err)
		same(a.fixture, got, some)
		got, err = b.Claim(b.Context(), some)
		b.must(err)
		same(b.fixture, got, webhook.Parts{})
		got, err = a.Claim(a.Context(), some) // they are a's already, and not free
		a.must(err)
		same(a.fixture, got, webhook.Parts{})
		all := webhook.AllParts()
		got, err = b.Claim(b.Context(), all)
		b.must(err)
		same(b.fixture, got.Len(), webhook.PartCount-10)
		now := a.beat(storage.Beat{Lease: lease})
		for p, o := range now.Parts {
			want := b.incarnation
			if p < 10 {
				want = a.incarnation
			}
			same(a.fixture, o, storage.Ownership{Owner: want, Epoch: before.Parts[p].Epoch + 1})
		}
	}},
	{"divide parts that several claim at the same time", func(c *cluster) {
		a, b := c.joined()
		got := make([]webhook.Parts, 2*racers)
		for _, err := range race(func(i int) (err error) {
			got[i], err = []*node{a, b}[i%2].Claim(c.Context(), webhook.AllParts())
			return err
		}) {
			a.must(err)
		}
		sum := 0
		for _, parts := range got {
			sum += parts.Len()
		}
		same(a.fixture, sum, webhook.PartCount)
		ofA, ofB := owned(a, a), owned(a, b)
		same(a.fixture, ofA.Len()+ofB.Len(), webhook.PartCount)
	}},
	{"hand parts over, in their next epoch, and free them", func(c *cluster) {
		a, b := c.joined()
		var some, other webhook.Parts
		some.Add(3)
		some.Add(200)
		other.Add(4)
		_, err := a.Claim(a.Context(), some)
		a.must(err)
		_, err = b.Claim(b.Context(), other)
		b.must(err)
		epoch := a.beat(storage.Beat{Lease: lease}).Parts[3].Epoch
		var three webhook.Parts
		three.Add(3)
		a.must(a.Release(a.Context(), three, b.incarnation))
		same(a.fixture, a.beat(storage.Beat{Lease: lease}).Parts[3], storage.Ownership{Owner: b.incarnation, Epoch: epoch + 1})
		// What is not a's, it cannot give: neither what it gave nor what it never had.
		all := webhook.AllParts()
		a.must(a.Release(a.Context(), all, 0))
		now := b.beat(storage.Beat{Lease: lease})
		same(b.fixture, now.Parts[200].Owner, storage.Incarnation(0))
		same(b.fixture, now.Parts[200].Epoch, epoch+1)
		three.Add(4)
		same(b.fixture, owned(b, b), three)
	}},
	{"free the parts of a node that leaves, and store nothing more of it", func(c *cluster) {
		a, b := c.joined()
		_, err := a.Claim(a.Context(), webhook.AllParts())
		a.must(err)
		id := a.queued(1, 1)[0]
		a.must(a.Leave(a.Context()))
		got := b.beat(storage.Beat{Lease: lease})
		same(b.fixture, len(got.Nodes), 1)
		same(b.fixture, got.Nodes[0].Incarnation, b.incarnation)
		same(b.fixture, owned(b, a), webhook.Parts{})
		refuses(a, id)
		all, err := b.Claim(b.Context(), webhook.AllParts())
		b.must(err)
		same(b.fixture, all.Len(), webhook.PartCount)
	}},
	{"count what is pending for all nodes together, those that are gone included", func(c *cluster) {
		a, b := c.joined()
		ids := a.queued(1, 5)
		b.queued(2, 3)
		b.attempted(ids[0], 200)
		b.attempted(ids[1], 500)
		_, err := a.Cancel(a.Context(), ids[2], webhook.ReasonCancelled, a.now)
		a.must(err)
		const pending = 5 + 3 - 2
		for _, n := range []*node{a, b} {
			same(n.fixture, n.beat(storage.Beat{Lease: lease}).Pending, int64(pending))
		}
		a.must(a.Leave(a.Context()))
		same(b.fixture, b.beat(storage.Beat{Lease: lease}).Pending, int64(pending))
		third := c.node()
		third.join("c", lease)
		same(third.fixture, third.beat(storage.Beat{Lease: lease}).Pending, int64(pending))
		same(third.fixture, third.Store.Pending(), int64(pending))
	}},
}

func compareIncarnations(a, b storage.Incarnation) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// nodeOf returns what a cluster shows of a node.
func nodeOf(f *node, c storage.Cluster, n *node) storage.Node {
	f.Helper()
	at := slices.IndexFunc(c.Nodes, func(one storage.Node) bool { return one.Incarnation == n.incarnation })
	if at < 0 {
		f.Fatalf("node %x is not in the cluster: %+v", n.incarnation, c.Nodes)
	}
	return c.Nodes[at]
}

// owned returns the parts that a node has, as another one sees it.
func owned(seenBy, n *node) (parts webhook.Parts) {
	seenBy.Helper()
	for p, o := range seenBy.beat(storage.Beat{Lease: lease}).Parts {
		if o.Owner == n.incarnation {
			parts.Add(webhook.Part(p))
		}
	}
	return parts
}

// refuses checks that a node is fenced: no kind of write of it is stored. The delivery is
// queued.
func refuses(n *node, id webhook.ID) {
	n.Helper()
	ctx, was := n.Context(), n.delivery(id)
	_, err := n.acceptMatched(0, n.event(1))
	n.is(err, webhook.ErrFenced)
	_, settled := n.settling(was, 200)
	n.is(<-settled, webhook.ErrFenced)
	gate := make(chan error, 1)
	n.SaveGate(1, webhook.GateState{Openings: 9}, func(err error) { gate <- err })
	n.is(<-gate, webhook.ErrFenced)
	for _, write := range []func() error{
		func() error { _, err := n.CreateEndpoint(ctx, n.registration("client")); return err },
		func() error { return n.CreateEventType(ctx, webhook.EventType{Name: "of a fenced node"}) },
		func() error { return n.CreateAPIKey(ctx, webhook.APIKey{ID: "fenced"}) },
		func() error { return n.CreateGrant(ctx, webhook.Grant{ID: "fenced"}) },
		func() error { _, err := n.Cancel(ctx, id, webhook.ReasonCancelled, n.now); return err },
		func() error { _, err := n.Claim(ctx, webhook.AllParts()); return err },
		func() error { return n.Release(ctx, webhook.AllParts(), 0) },
		func() error { _, err := n.Heartbeat(ctx, storage.Beat{Lease: lease}); return err },
	} {
		n.is(write(), webhook.ErrFenced)
	}
	select {
	case <-n.Fenced():
	default:
		n.Fatal("Fenced is not closed")
	}
	select {
	case <-n.Broken():
		n.Fatal("a fenced store is not broken")
	default:
	}
	same(n.fixture, n.delivery(id), was)
	g, err := n.Gate(ctx, 1)
	n.must(err)
	same(n.fixture, g, webhook.GateState{})
}
