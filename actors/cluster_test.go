package actors

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

// versioned is a store that several nodes share: it counts the changes of endpoints, and
// compares the version that events were matched with.
type versioned struct {
	storage.Store
	mu      sync.Mutex
	version uint64
	changed map[webhook.EndpointNumber]uint64 // the version of each endpoint's last change
	stale   int                               // publications that were refused
	held    int                               // holds on the registrations
	lost    atomic.Bool                       // holds end at once, as a failover ends them
	// before, if set, runs before each comparison, unless registrations are held.
	before func()
}

// hold changes the number of holds.
func (v *versioned) hold(by int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.held += by
}

func (v *versioned) isHeld() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.held > 0 && !v.lost.Load()
}

func (v *versioned) note(e webhook.Endpoint, err error) (webhook.Endpoint, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.version++
		v.changed[e.Number()] = v.version
	}
	return e, err
}

func (v *versioned) now() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.version
}

func (v *versioned) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	return v.note(v.Store.CreateEndpoint(ctx, e))
}

func (v *versioned) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	return v.note(v.Store.UpdateEndpoint(ctx, n, change))
}

func (v *versioned) Accept(events []webhook.Event, matched uint64, done func([]webhook.Receipt, error)) {
	if v.before != nil && !v.isHeld() {
		v.before()
	}
	v.mu.Lock()
	stale := matched < v.version
	if stale {
		v.stale++
	}
	v.mu.Unlock()
	if stale {
		go done(nil, webhook.ErrStale)
		return
	}
	v.Store.Accept(events, matched, done)
}

// changes visits what changed after a version, without secrets.
func (v *versioned) changes(ctx context.Context, since uint64, visit func(webhook.Endpoint) error) (uint64, error) {
	version := v.now()
	v.mu.Lock()
	var numbers []webhook.EndpointNumber
	for n, at := range v.changed {
		if at > since {
			numbers = append(numbers, n)
		}
	}
	v.mu.Unlock()
	slices.Sort(numbers)
	for _, n := range numbers {
		e, err := v.Store.Endpoint(ctx, n)
		if err != nil {
			return 0, err
		}
		e.Secrets, e.Headers = nil, nil
		if err := visit(e); err != nil {
			return 0, err
		}
	}
	return version, nil
}

// fleet is some nodes with one store and one receiver, in a bubble of virtual time.
type fleet struct {
	*testing.T
	versioned *versioned
	receiver  *receiver
	nodes     []*rig
	links     []*link

	mu    sync.Mutex
	owner [webhook.PartCount]int // index of a node; -1: nobody
	hints func(Hint) []Hint      // what arrives of a hint; nil: it does
	given []Hint
}

// link is the cluster as one node sees it.
type link struct {
	*fleet
	noLease atomic.Bool
	refuses atomic.Pointer[error] // of MayPublish
	fails   atomic.Pointer[error] // of Changes
	keeps   atomic.Pointer[error] // of HoldRegistrations
}

func (l *link) MaySend() bool { return !l.noLease.Load() }

func (l *link) MayPublish() error {
	if err := l.refuses.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *link) Version() uint64 { return l.versioned.now() }

func (l *link) Changes(ctx context.Context, since uint64, visit func(webhook.Endpoint) error) (uint64, error) {
	if err := l.fails.Load(); err != nil {
		return 0, *err
	}
	return l.versioned.changes(ctx, since, visit)
}

func (l *link) HoldRegistrations(context.Context) (release func(), err error) {
	if err := l.keeps.Load(); err != nil {
		return nil, *err
	}
	l.versioned.hold(+1)
	return func() { l.versioned.hold(-1) }, nil
}

// Offer carries a hint to the nodes that own its endpoints.
func (l *link) Offer(h Hint) {
	h.Endpoints = slices.Clone(h.Endpoints)
	arrive := []Hint{h}
	l.mu.Lock()
	l.given = append(l.given, h)
	if l.hints != nil {
		arrive = l.hints(h)
	}
	to := make([][]Hint, len(l.nodes))
	for _, one := range arrive {
		by := make([][]webhook.EndpointNumber, len(l.nodes))
		for _, n := range one.Endpoints {
			if owner := l.owner[n.Part()]; owner >= 0 {
				by[owner] = append(by[owner], n)
			}
		}
		for i, endpoints := range by {
			if len(endpoints) > 0 {
				one.Endpoints = endpoints
				to[i] = append(to[i], one)
			}
		}
	}
	l.mu.Unlock()
	for i, hints := range to {
		if len(hints) > 0 {
			l.nodes[i].d.Offer(hints)
		}
	}
}

// inFleet runs a test with some started nodes that have no parts; change adapts the
// options of each.
func inFleet(t *testing.T, count int, change func(node int, o *Options), test func(f *fleet)) {
	synctest.Test(t, func(t *testing.T) {
		v := &versioned{Store: memstore.Open(memstore.Options{}), changed: map[webhook.EndpointNumber]uint64{}, version: 1}
		store := storagetest.NewFaulty(v)
		f := &fleet{T: t, versioned: v, receiver: newReceiver()}
		for p := range f.owner {
			f.owner[p] = -1
		}
		abort := sync.OnceFunc(func() { close(f.receiver.abort) })
		for i := range count {
			l := &link{fleet: f}
			r := &rig{t: t, store: store, receiver: f.receiver, overlooks: true}
			r.options = Options{
				Store: store, Open: f.receiver.open, Sequence: new(webhook.Sequence), Log: slog.New(slog.DiscardHandler),
				Abort: abort, Cluster: l,
			}
			if change != nil {
				change(i, &r.options)
			}
			f.links, f.nodes = append(f.links, l), append(f.nodes, r)
		}
		for _, r := range f.nodes {
			r.start()
		}
		test(f)
		if len(f.receiver.doubled) > 0 {
			t.Error("in flight twice at a time:", f.receiver.doubled)
		}
		for _, r := range f.nodes {
			r.stop()
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // as inRig
	})
}

// partsOf returns the parts of some endpoints.
func partsOf(endpoints ...webhook.EndpointNumber) (parts webhook.Parts) {
	for _, n := range endpoints {
		parts.Add(n.Part())
	}
	return parts
}

// own makes a node the owner of parts that nobody has.
func (f *fleet) own(node int, parts webhook.Parts) {
	f.mu.Lock()
	for p := range parts.All {
		f.owner[p] = node
	}
	f.mu.Unlock()
	f.nodes[node].d.GainParts(parts)
}

// move hands parts of one node to another one, as the cluster does, and waits.
func (f *fleet) move(from, to int, parts webhook.Parts) {
	f.Helper()
	drained := make(chan webhook.Part, webhook.PartCount)
	f.nodes[from].d.DrainParts(parts, func(p webhook.Part) { drained <- p })
	for range parts.Len() {
		p := <-drained
		if !parts.Has(p) {
			f.Fatal("a part drained twice, or was not asked to:", p)
		}
		parts.Remove(p)
		var one webhook.Parts
		one.Add(p)
		f.own(to, one)
	}
}

// spread divides all parts among the nodes.
func (f *fleet) spread() {
	for i := range f.nodes {
		var parts webhook.Parts
		for p := i; p < webhook.PartCount; p += len(f.nodes) {
			parts.Add(webhook.Part(p))
		}
		f.own(i, parts)
	}
	synctest.Wait()
}

// register makes some endpoints through one node, which the others hear nothing of.
func (f *fleet) register(node, count int, s webhook.Settings) (numbers []webhook.EndpointNumber) {
	f.Helper()
	for range count {
		numbers = append(numbers, f.nodes[node].register(s))
	}
	return numbers
}

// wantOnce checks that every event was sent to every endpoint exactly once, and delivered.
func (f *fleet) wantOnce(endpoints []webhook.EndpointNumber, events []webhook.ID) {
	f.Helper()
	for _, n := range endpoints {
		f.nodes[0].wantOnce(n, events)
	}
}

// running counts the actors of a node.
func (f *fleet) running(node int) int { return f.nodes[node].actorsRunning() }

// TestNodesDeliverToTheirParts: an event that any node accepts reaches the endpoints of
// all, each by its owner's actor, without a wait for an audit.
func TestNodesDeliverToTheirParts(t *testing.T) {
	inFleet(t, 3, nil, func(f *fleet) {
		f.spread()
		endpoints := f.register(0, 9, webhook.Settings{})
		var events []webhook.ID
		for i := range 30 {
			events = append(events, f.nodes[i%3].publish(2, 10)...)
		}
		f.wantOnce(endpoints, events)
		for i := range f.nodes {
			if got := f.running(i); got != 3 {
				t.Errorf("node %d runs %d actors, and owns 3 endpoints", i, got)
			}
		}
	})
}

// TestHintWithoutData: a hint that carries no data, as one about a large event, makes the
// owner read the delivery.
func TestHintWithoutData(t *testing.T) {
	inFleet(t, 2, nil, func(f *fleet) {
		f.hints = func(h Hint) []Hint { h.Data = nil; return []Hint{h} }
		endpoints := f.register(0, 2, webhook.Settings{})
		f.own(1, webhook.AllParts())
		f.wantOnce(endpoints, f.nodes[0].publish(40, 100))
	})
}

// TestHintsAreHints: hints that come twice, late, and to the wrong node deliver nothing
// twice. One that reached the old owner is forwarded, once.
func TestHintsAreHints(t *testing.T) {
	inFleet(t, 3, nil, func(f *fleet) {
		endpoints := f.register(0, 1, webhook.Settings{})
		n := endpoints[0]
		f.own(1, partsOf(n))
		var late []Hint
		f.hints = func(h Hint) []Hint {
			late = append(late, h)
			return []Hint{h, h}
		}
		events := f.nodes[0].publish(20, 10)
		f.wantOnce(endpoints, events)
		slices.Reverse(late)
		f.nodes[1].d.Offer(late)
		f.wantOnce(endpoints, events)

		f.hints = nil
		f.mu.Lock()
		f.given = nil
		f.mu.Unlock()
		f.nodes[2].d.Offer([]Hint{{Event: events[0], Endpoints: endpoints, Type: "user.created", Data: []byte("1")}})
		synctest.Wait()
		f.nodes[2].d.Offer([]Hint{{Event: events[0], Endpoints: endpoints, Type: "user.created", Data: []byte("1"), Forwarded: true}})
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.given) != 1 || !f.given[0].Forwarded || f.given[0].Event != events[0] {
			t.Errorf("the wrong node forwarded %+v", f.given)
		}
	})
}

// TestHintsAtRandom: a third of all hints are lost, others come twice, and up to 9 s late. An
// audit finds what is missing, and nothing is sent twice.
func TestHintsAtRandom(t *testing.T) {
	inFleet(t, 3, nil, func(f *fleet) {
		random, pauses := rand.New(rand.NewPCG(3, 4)), rand.New(rand.NewPCG(5, 6)) // of different goroutines
		f.hints = func(h Hint) (at []Hint) {                                       // with f.mu held
			h.Endpoints = slices.Clone(h.Endpoints)
			for range random.IntN(3) {
				time.AfterFunc(time.Duration(random.IntN(9000))*time.Millisecond, func() {
					for i := range f.nodes {
						f.nodes[i].d.Offer([]Hint{h}) // two of three are not the owner
					}
				})
			}
			return nil
		}
		f.spread()
		endpoints := f.register(0, 6, webhook.Settings{})
		var events []webhook.ID
		for i := range 200 {
			events = append(events, f.nodes[i%3].publish(1, 10)...)
			time.Sleep(time.Duration(pauses.IntN(100)) * time.Millisecond)
		}
		time.Sleep(15 * time.Second)
		f.wantOnce(endpoints, events)
	})
}

// TestGainedPartsFindTheirWork: what nobody owned waits in storage, and is sent when a node
// gains the part: queued, retrying, and what a deleted endpoint has pending is cancelled.
func TestGainedPartsFindTheirWork(t *testing.T) {
	inFleet(t, 2, nil, func(f *fleet) {
		endpoints := f.register(0, 3, regular(time.Minute, 5))
		queued, retrying, deleted := endpoints[0], endpoints[1], endpoints[2]
		f.own(0, partsOf(retrying))
		f.receiver.does(retrying, answers(500, 0))
		event := f.nodes[0].publish(1, 10)[0]
		synctest.Wait()
		f.receiver.does(retrying, answers(200, 0))
		f.nodes[1].change(deleted, func(e *webhook.Endpoint) { e.Delete(time.Now()) })
		time.Sleep(10 * time.Second)
		f.nodes[0].wantStatus(event.For(queued), webhook.Queued, "", 0)
		f.nodes[0].wantStatus(event.For(deleted), webhook.Queued, "", 0)
		f.nodes[0].wantStatus(event.For(retrying), webhook.Retrying, f.nodes[0].delivery(event.For(retrying)).Reason, 1)
		f.move(0, 1, partsOf(retrying))
		f.own(1, partsOf(queued, deleted))
		f.nodes[0].wantStatus(event.For(queued), webhook.Delivered, "", 1)
		f.nodes[0].wantStatus(event.For(deleted), webhook.Cancelled, webhook.ReasonEndpointDeleted, 0)
		time.Sleep(time.Minute)
		f.nodes[0].wantStatus(event.For(retrying), webhook.Delivered, "", 2)
		if f.running(0) != 0 {
			t.Error("the first node still has an actor")
		}
	})
}
