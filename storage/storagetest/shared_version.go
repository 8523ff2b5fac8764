package storagetest

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// versionTests are about registrations, which every node knows, and their version.
var versionTests = []sharedTest{
	{"refuse events that were matched before a registration, and store nothing of them", func(c *cluster) {
		a, b := c.two()
		before := a.version()
		_, err := a.acceptMatched(before, a.event(1))
		a.must(err)
		registered := b.endpoint("client")
		stale := a.keyed("p", "k", "1")
		_, err = a.acceptMatched(before, stale, a.event(1))
		a.is(err, webhook.ErrStale)
		_, err = b.Event(b.Context(), stale.ID)
		b.is(err, webhook.ErrNotFound)
		same(a.fixture, len(a.queue(1)), 1)
		a.must(a.Err())
		now := a.version()
		same(a.fixture, now > before, true)
		// Matched again, it is not a repetition of what was refused.
		receipts, err := a.acceptMatched(now, stale)
		a.must(err)
		same(a.fixture, receipts, []webhook.Receipt{{EventID: stale.ID, Deliveries: 2}})
		_, err = b.UpdateEndpoint(b.Context(), registered.Number(), func(e *webhook.Endpoint) error { e.Description = "changed"; return nil })
		b.must(err)
		_, err = a.acceptMatched(now, a.event(1))
		a.is(err, webhook.ErrStale)
		_, err = a.acceptMatched(0, a.event(1)) // not compared
		a.must(err)
	}},
	{"refuse stale events alone, whatever is committed with them", func(c *cluster) {
		a, b := c.two()
		before, id := a.version(), a.queued(1, 1)[0]
		b.endpoint("client")
		was, stale, good := a.delivery(id), a.event(2), a.event(3)
		first := a.accepting(0, a.event(4))
		refused, stored := a.accepting(before, stale), a.accepting(before+1, good)
		_, settled := a.settling(was, 200)
		a.must((<-first).err)
		a.is((<-refused).err, webhook.ErrStale)
		a.must((<-stored).err)
		a.must(<-settled)
		same(b.fixture, b.queue(2), nil)
		same(b.fixture, b.queue(3), []webhook.ID{good.ID.For(3)})
		same(b.fixture, b.delivery(id).Status, webhook.Delivered)
	}},
	{"hold registrations on all nodes until they are released", func(c *cluster) {
		a, b := c.two()
		release, err := a.HoldRegistrations(c.Context())
		a.must(err)
		changed := make(chan error, 1)
		go func() { changed <- b.CreateEventType(c.Context(), webhook.EventType{Name: "t"}) }()
		held := a.version()
		for range 20 {
			_, err = a.acceptMatched(held, a.event(1))
			a.must(err)
		}
		same(a.fixture, a.version(), held)
		release()
		release() // does nothing
		a.must(<-changed)
		release, err = b.HoldRegistrations(c.Context()) // the next one's turn
		b.must(err)
		release()
		same(a.fixture, a.version() > held, true)
		_, err = a.acceptMatched(held, a.event(1))
		a.is(err, webhook.ErrStale)
	}},
	{"let go of registrations that nobody releases", func(c *cluster) {
		a, b := c.two()
		_, err := a.HoldRegistrations(c.Context())
		a.must(err)
		err = webhook.ErrUnavailable
		for begun := time.Now(); errors.Is(err, webhook.ErrUnavailable) && time.Since(begun) < time.Minute; {
			err = b.CreateEventType(c.Context(), webhook.EventType{Name: "t"})
		}
		b.must(err)
	}},
	{"raise the version with each change of registrations, and with nothing else", func(c *cluster) {
		a, b := c.two()
		ctx := c.Context()
		e := a.endpoint("client")
		last := a.version()
		for name, change := range []func() error{
			func() error { _, err := a.CreateEndpoint(ctx, a.registration("client")); return err },
			func() error {
				_, err := b.UpdateEndpoint(ctx, e.Number(), func(e *webhook.Endpoint) error { e.Status = webhook.EndpointPaused; return nil })
				return err
			},
			func() error { a.deleteEndpoint(e); return nil },
			func() error { return b.CreateEventType(ctx, webhook.EventType{Name: "t"}) },
			func() error { return a.UpdateEventType(ctx, webhook.EventType{Name: "t", Description: "d"}) },
			func() error { return b.DeleteEventType(ctx, "t") },
			func() error { return a.CreateAPIKey(ctx, webhook.APIKey{ID: "k"}) },
			func() error { return b.DeleteAPIKey(ctx, "k") },
		} {
			a.must(change())
			now := b.version()
			if now <= last {
				c.Fatalf("change %d left the version at %d", name, now)
			}
			last = now
		}
		id := a.queued(2, 1)[0]
		a.attempted(id, 500)
		_, err := b.Requeue(ctx, id)
		b.must(err)
		gate := make(chan error, 1)
		a.SaveGate(2, webhook.GateState{Openings: 1}, func(err error) { gate <- err })
		a.must(<-gate)
		_, err = a.UpdateEndpoint(ctx, e.Number(), func(*webhook.Endpoint) error { return webhook.ErrConflict })
		a.is(err, webhook.ErrConflict)
		same(a.fixture, a.version(), last)
	}},
	{"show what has changed since a version", func(c *cluster) {
		a, b := c.two()
		ctx := c.Context()
		kept, gone := a.endpoint("client"), a.endpoint("client")
		before := a.version()
		same(a.fixture, changed(b, before), changesSince{Changes: storage.Changes{Version: before}})
		third := a.endpoint("other")
		a.deleteEndpoint(gone)
		got := changed(b, before)
		same(a.fixture, got.numbers, map[webhook.EndpointNumber]bool{third.Number(): false, gone.Number(): true})
		same(a.fixture, got.EventTypes || got.APIKeys, false)
		same(a.fixture, got.secrets, false)
		after := got.Version
		a.must(a.CreateEventType(ctx, webhook.EventType{Name: "t"}))
		got = changed(b, after)
		same(a.fixture, []bool{got.EventTypes, got.APIKeys, len(got.numbers) == 0}, []bool{true, false, true})
		a.must(a.CreateAPIKey(ctx, webhook.APIKey{ID: "k"}))
		got = changed(b, got.Version)
		same(a.fixture, []bool{got.EventTypes, got.APIKeys, len(got.numbers) == 0}, []bool{false, true, true})
		all := changed(b, 0)
		same(a.fixture, len(all.numbers), 3)
		same(a.fixture, all.numbers[kept.Number()], false)
		same(a.fixture, b.beat2().Version, all.Version)
	}},
	{"store no event without a webhook whose registration was answered before", registrationsRace},
}

// changesSince is what Changes showed.
type changesSince struct {
	storage.Changes
	numbers map[webhook.EndpointNumber]bool // whether it is deleted
	secrets bool                            // some value of a secret was shown
}

// changed reads what has changed since a version.
func changed(n *node, since uint64) (out changesSince) {
	n.Helper()
	var err error
	out.Changes, err = n.Changes(n.Context(), since, func(e webhook.Endpoint) error {
		if out.numbers == nil {
			out.numbers = map[webhook.EndpointNumber]bool{}
		}
		out.numbers[e.Number()] = !e.DeletedAt.IsZero()
		for _, s := range e.Secrets {
			out.secrets = out.secrets || s.Value != ""
		}
		return nil
	})
	n.must(err)
	return out
}

// beat2 joins and returns the cluster.
func (n *node) beat2() storage.Cluster {
	n.Helper()
	n.join("n", lease)
	return n.beat(storage.Beat{Lease: lease})
}

// registrationsRace has one store register webhooks while the other accepts events that
// it matches with what it knows: an event that is stored goes to every webhook whose
// registration had been answered before the event was handed over.
func registrationsRace(c *cluster) {
	a, b := c.two()
	const registrations = 200
	a.accept(a.event(1))       // its session is open
	var answered atomic.Uint64 // the largest number of a webhook that was registered
	var failed error
	ended := make(chan struct{})
	made := make([]webhook.Endpoint, registrations)
	for i := range made {
		made[i] = b.registration("client")
	}
	go func() {
		defer close(ended)
		for _, e := range made {
			got, err := b.CreateEndpoint(c.Context(), e)
			if failed = err; err != nil {
				return
			}
			answered.Store(uint64(got.Number()))
			time.Sleep(time.Millisecond) // or none of the events would get in
		}
	}()
	known, version, stored, stale := []webhook.EndpointNumber(nil), uint64(1), 0, 0
	for running := true; running; {
		select {
		case <-ended:
			running = false
		default:
		}
		least := webhook.EndpointNumber(answered.Load())
		for {
			e := a.event(known...)
			_, err := a.acceptMatched(version, e)
			if err == nil {
				stored++
				break
			}
			a.is(err, webhook.ErrStale)
			stale++
			got, err := a.Changes(c.Context(), version, func(e webhook.Endpoint) error { known = append(known, e.Number()); return nil })
			a.must(err)
			slices.Sort(known)
			version = got.Version
		}
		if webhook.EndpointNumber(len(known)) < least {
			c.Fatalf("an event is stored for %d webhooks, and %d had been registered", len(known), least)
		}
	}
	a.must(failed)
	same(a.fixture, len(known), registrations)
	if stored < 2 || stale == 0 {
		c.Errorf("%d events were stored, and %d were matched again: the two did not meet", stored, stale)
	}
}
