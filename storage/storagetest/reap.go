package storagetest

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var reapTests = []test{
	{name: "forgets finished deliveries, and then their events", timed: true, run: func(f *fixture) {
		done, failed := f.queued(1, 1)[0], f.queued(1, 1)[0]
		f.attempted(done, 200)
		f.attempted(failed, 410)
		f.sleep(f.config.Retention - f.margin())
		same(f, f.delivery(done).Status, webhook.Delivered)
		f.reap(f.clock())
		_, err := f.Event(f.Context(), done)
		f.must(err)
		f.sleep(2*f.margin() + f.backend.Overdue)
		f.check(func() {
			for _, id := range []webhook.ID{done, failed} {
				_, err := f.Delivery(f.Context(), id)
				f.is(err, webhook.ErrNotFound)
				_, err = f.Requeue(f.Context(), id)
				f.is(err, webhook.ErrNotFound)
			}
			same(f, f.listed(webhook.DeliveryQuery{Limit: 5}), nil)
			same(f, f.listed(webhook.DeliveryQuery{Endpoint: 1, Limit: 5}), nil)
		})
		some, err := f.EventDeliveries(f.Context(), done, 0, 10)
		f.must(err)
		same(f, len(some), 0)
		f.reap(f.clock())
		last := f.LastSeq()
		f.check(func() {
			for _, id := range []webhook.ID{done, failed} {
				_, err := f.Event(f.Context(), id)
				f.is(err, webhook.ErrNotFound)
			}
			same(f, f.LastSeq() >= last, true) // no ID is issued twice
		})
	}},
	{name: "keeps for ever what is pending, and what it needs", timed: true, run: func(f *fixture) {
		shared := f.event(1, 2, 3)
		f.accept(shared)
		f.attempted(shared.ID.For(1), 200)
		retrying := f.attempted(shared.ID.For(2), 500)
		queued, waiting, requeued := f.queued(1, 1)[0], f.queued(2, 1)[0], f.queued(4, 1)[0]
		f.attempted(waiting, 500)
		f.attempted(requeued, 410)
		_, err := f.Requeue(f.Context(), requeued)
		f.must(err)
		f.expire()
		f.reap(f.now.Add(50 * 365 * 24 * time.Hour)) // whatever the clock says
		f.check(func() {
			for _, id := range []webhook.ID{waiting, requeued} {
				f.delivery(id)
				_, err := f.Event(f.Context(), id)
				f.must(err)
			}
			same(f, f.delivery(shared.ID.For(2)), retrying)
			same(f, f.delivery(shared.ID.For(3)).Status, webhook.Queued)
			_, err := f.Delivery(f.Context(), shared.ID.For(1))
			f.is(err, webhook.ErrNotFound)
			got, err := f.Event(f.Context(), shared.ID)
			f.must(err)
			same(f, got, shared)
			same(f, f.queue(1), []webhook.ID{queued})
			same(f, f.queue(4), []webhook.ID{requeued})
			same(f, f.Pending(), 5)
		})
		f.now = f.clock()
		f.attempted(queued, 200)
		f.attempted(shared.ID.For(2), 200)
		f.reap(f.now.Add(time.Hour))
		_, err = f.Event(f.Context(), queued)
		f.must(err)
		f.attempted(shared.ID.For(3), 200)
		f.expire()
		f.reap(f.clock())
		for _, id := range []webhook.ID{queued, shared.ID} {
			_, err := f.Event(f.Context(), id)
			f.is(err, webhook.ErrNotFound)
		}
	}},
	{name: "forgets what failed at a disabled endpoint, and keeps its event till then", timed: true, run: func(f *fixture) {
		e := f.event()
		e.Disabled = []webhook.EndpointNumber{1}
		f.accept(e)
		f.sleep(f.config.Retention - f.margin())
		f.reap(f.clock().Add(time.Hour))
		_, err := f.Event(f.Context(), e.ID)
		f.must(err)
		f.delivery(e.ID.For(1))
		f.sleep(2*f.margin() + f.backend.Overdue)
		f.reap(f.clock())
		f.check(func() {
			_, err := f.Delivery(f.Context(), e.ID.For(1))
			f.is(err, webhook.ErrNotFound)
			_, err = f.Event(f.Context(), e.ID)
			f.is(err, webhook.ErrNotFound)
		})
	}},
	{name: "does not bring back what ended and expired during an attempt", timed: true, run: func(f *fixture) {
		for _, code := range []int{500, 200} {
			id := f.queued(1, 1)[0]
			inFlight := f.delivery(id)
			_, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.now)
			f.must(err)
			f.expire()
			f.reap(f.clock())
			f.now = f.clock()
			now := inFlight.Attempted(f.attempt(code), webhook.DefaultSettings().Retry, 0)
			f.settle(webhook.Settlement{Was: inFlight.Place(), Now: now})
			_, err = f.Delivery(f.Context(), id)
			same(f, err == nil, code == 200)
			same(f, f.Pending(), 0)
			same(f, f.wakes(), nil)
		}
	}},
	{name: "removes in bounded steps, and starts again after the end", timed: true, run: func(f *fixture) {
		ids := f.queued(1, 30)
		for _, id := range ids[5:] {
			f.attempted(id, 200)
		}
		f.expire()
		for range 2 {
			steps, more := 0, true
			for more && steps < 1000 {
				var err error
				more, err = f.Reap(f.Context(), f.clock(), 3)
				f.must(err)
				steps++
			}
			if steps == 1000 {
				f.Fatal("Reap does not end")
			}
		}
		for i, id := range ids {
			_, err := f.Event(f.Context(), id)
			same(f, err == nil, i < 5)
		}
		f.now = f.clock()
		f.attempted(ids[0], 200)
		f.expire()
		f.reap(f.clock())
		_, err := f.Event(f.Context(), ids[0])
		f.is(err, webhook.ErrNotFound)
		same(f, f.queue(1), ids[1:5])
	}},
	{name: "removes endpoints that were deleted as long ago", timed: true, run: func(f *fixture) {
		gone, pending, stays := f.endpoint("a"), f.endpoint("a"), f.endpoint("a")
		f.saveGate(gone.Number(), webhook.GateState{Openings: 1})
		f.deleteEndpoint(gone)
		f.deleteEndpoint(pending)
		f.queued(pending.Number(), 1)
		f.reap(f.clock().Add(30 * time.Second))
		_, err := f.Endpoint(f.Context(), gone.Number())
		f.must(err)
		f.expire()
		f.reap(f.clock())
		f.check(func() {
			_, err := f.Endpoint(f.Context(), gone.Number())
			f.is(err, webhook.ErrNotFound)
			same(f, f.gate(gone.Number()), webhook.GateState{})
			_, err = f.Endpoint(f.Context(), pending.Number())
			f.must(err)
			_, err = f.Endpoint(f.Context(), stays.Number())
			f.must(err)
		})
		next := f.endpoint("a")
		same(f, next.ID.Endpoint, 4) // never used twice
	}},
	{name: "never uses a number twice", timed: true, run: func(f *fixture) {
		f.deleteEndpoint(f.endpoint("a"))
		f.expire()
		f.reap(f.clock())
		_, err := f.Endpoint(f.Context(), 1)
		f.is(err, webhook.ErrNotFound)
		f.check(func() {})
		same(f, f.endpoint("a").ID.Endpoint, 2)
	}},
}

// reap reaps until there is no more.
func (f *fixture) reap(now time.Time) {
	f.Helper()
	for {
		more, err := f.Reap(f.Context(), now, 100)
		f.must(err)
		if !more {
			return
		}
	}
}
