package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var settleTests = []test{
	{name: "keeps a delivered one with its attempt", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		want := f.attempted(id, 200)
		f.check(func() {
			same(f, f.delivery(id), want)
			same(f, f.queue(1), nil)
			same(f, f.Pending(), 0)
		})
	}},
	{name: "keeps every field of every attempt through retries to the end", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		for range 2 {
			want := f.attempted(id, 500)
			same(f, want.Status, webhook.Retrying)
			f.check(func() { same(f, f.delivery(id), want); same(f, len(f.queue(1)), 0); same(f, f.Pending(), 1) })
		}
		want := f.attempted(id, 503)
		same(f, want.Status, webhook.Failed)
		f.check(func() {
			same(f, f.delivery(id), want)
			same(f, f.schedule(1, 1e6), nil)
			same(f, f.Pending(), 0)
		})
	}},
	{name: "keeps every reason and every part of an attempt", run: everyReason},
	{name: "moves a retrying delivery from slot to slot", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.attempted(id, 500) // due at 10 s
		same(f, f.schedule(1, 11), []webhook.ID{id})
		f.attempted(id, 500) // due at 20 s
		f.check(func() {
			same(f, f.schedule(1, 19), nil)
			same(f, f.schedule(1, 21), []webhook.ID{id})
			b, err := f.Backlog(f.Context(), 1)
			f.must(err)
			same(f, b, webhook.Backlog{Retrying: 1, OldestAt: f.now, NextRetryAt: f.delivery(id).NextAttemptAt.Time()})
		})
	}},
	{name: "puts a delivery back into the queue", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		was := f.attempted(id, 500)
		now := was.Requeue()
		f.settle(webhook.Settlement{Was: was.Place(), Now: now})
		f.check(func() {
			same(f, f.queue(1), []webhook.ID{id})
			same(f, f.schedule(1, 1e6), nil)
			same(f, f.delivery(id), now)
		})
	}},
	{name: "settles what was requeued while its attempt was in flight", run: func(f *fixture) {
		ids := f.queued(1, 2)
		f.attempted(ids[0], 500)
		inFlight := f.delivery(ids[0])
		_, err := f.Requeue(f.Context(), ids[0])
		f.must(err)
		now := inFlight.Attempted(f.attempt(200), webhook.DefaultSettings().Retry, 0)
		f.settle(webhook.Settlement{Was: inFlight.Place(), Now: now})
		f.check(func() { f.onlyIn(ids[0], now); same(f, f.queue(1), ids[1:]); same(f, f.Pending(), 1) })
	}},
	{name: "lets end what was cancelled while its attempt was in flight", run: func(f *fixture) {
		for _, code := range []int{200, 500} {
			id := f.queued(1, 1)[0]
			inFlight := f.delivery(id)
			cancelled, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.at(1))
			f.must(err)
			now := inFlight.Attempted(f.attempt(code), webhook.DefaultSettings().Retry, 0)
			f.settle(webhook.Settlement{Was: inFlight.Place(), Now: now})
			if code != 200 { // not delivered after all: it stays cancelled
				now = now.Cancel(cancelled.Reason, cancelled.FinishedAt)
			}
			f.check(func() { f.onlyIn(id, now); same(f, f.queue(1), nil); same(f, f.Pending(), 0) })
		}
	}},
	{name: "lets end what was cancelled in bulk while its attempt was in flight", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		inFlight := f.delivery(id)
		n, err := f.CancelPending(f.Context(), 1, webhook.ReasonEndpointDeleted, f.at(1), 10)
		f.must(err)
		same(f, n, 1)
		now := inFlight.Attempted(f.attempt(200), webhook.DefaultSettings().Retry, 0)
		f.settle(webhook.Settlement{Was: inFlight.Place(), Now: now})
		f.check(func() { f.onlyIn(id, now); same(f, f.Pending(), 0) })
	}},
	{name: "takes a due time up to the millisecond, never early", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		was := f.delivery(id)
		now := was.Attempted(f.attempt(500), webhook.DefaultSettings().Retry, 0)
		now.NextAttemptAt = webhook.DueAt(f.at(5).Add(100 * time.Microsecond))
		f.settle(webhook.Settlement{Was: was.Place(), Now: now})
		same(f, f.schedule(1, 5), nil)
		due, _, err := f.Scheduled(f.Context(), 1, webhook.Slot{}, f.at(6), 1, 1)
		f.must(err)
		same(f, len(due), 1)
		f.settle(webhook.Settlement{Was: now.Place(), Now: now.Fail(webhook.ReasonPanic, f.at(7))})
		f.check(func() { same(f, f.schedule(1, 1e6), nil); same(f, f.Pending(), 0) })
	}},
}

// onlyIn checks that a delivery is where want says, and nowhere else.
func (f *fixture) onlyIn(id webhook.ID, want webhook.Delivery) {
	f.Helper()
	same(f, f.delivery(id), want)
	for _, status := range webhook.Statuses {
		found := slices.Contains(f.listed(webhook.DeliveryQuery{Endpoint: id.Endpoint, Status: status, Limit: 10}), id)
		same(f, found, status == want.Status)
	}
}

func everyReason(f *fixture) {
	var want []webhook.Delivery
	for i, reason := range append([]webhook.Reason{"reason_of_a_later_version"}, webhook.Reasons...) {
		id := f.queued(1, 1)[0]
		was := f.delivery(id)
		now := was.Attempted(webhook.Attempt{
			At: f.at(i), Duration: time.Duration(i) * time.Microsecond, Failure: reason,
			Response: []byte{0, byte(i), 0xff}, RetryAfter: time.Duration(i) * time.Second,
			Latency: time.Duration(i%3) * time.Millisecond, Requests: i % 3, ResponseTruncated: i%2 == 0,
			Detail:   strings.Repeat("d", i*webhook.MaxDetail/len(webhook.Reasons)),
			Location: strings.Repeat("l", i*webhook.MaxLocation/len(webhook.Reasons)), ResponseEncoding: strings.Repeat("e", 2*i),
		}, webhook.RetryPolicy{MaxAttempts: 1}, 0)
		now = now.Fail(reason, f.at(i))
		now.Spent = i
		f.settle(webhook.Settlement{Was: was.Place(), Now: now})
		want = append(want, now)
	}
	f.check(func() {
		for _, d := range want {
			same(f, f.delivery(d.ID), d)
		}
	})
}

var orderTests = []test{
	{name: "commits and answers in the order in which writes were handed over", run: func(f *fixture) {
		const writes = 300
		var events []webhook.Event
		for range writes {
			events = append(events, f.event(1))
		}
		got, want := make(chan int, 3*writes), []int{}
		if f.backend.Remote { // its events have an order of their own
			f.accept(events...)
		}
		for i, e := range events {
			d := webhook.Delivery{ID: e.ID.For(1), EventType: e.Type, Status: webhook.Queued}
			if !f.backend.Remote {
				f.Accept([]webhook.Event{e}, 0, func([]webhook.Receipt, error) { got <- 3 * i })
				want = append(want, 3*i)
			}
			want = append(want, 3*i+1, 3*i+2)
			f.Settle(webhook.Settlement{Was: d.Place(), Now: d.Fail(webhook.ReasonPanic, f.now)}, func(error) { got <- 3*i + 1 })
			f.SaveGate(1, webhook.GateState{Openings: i + 1}, func(error) { got <- 3*i + 2 })
		}
		var order []int
		for range want {
			order = append(order, <-got)
		}
		same(f, order, want)
		f.check(func() {
			g, err := f.Gate(f.Context(), 1)
			f.must(err)
			same(f, g.Openings, writes)
			same(f, f.Pending(), 0)
		})
	}},
	{name: "calls every done once although it is closed meanwhile", run: closeUnderLoad},
	{name: "is not broken", run: func(f *fixture) {
		f.must(f.Err())
		select {
		case <-f.Broken():
			f.Fatal("Broken is closed")
		default:
		}
	}},
	{name: "refuses calls after Close, and bears a second one", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.must(f.Close())
		f.must(f.Close())
		f.is(f.trySettle(webhook.Settlement{Now: webhook.Delivery{ID: id}}), webhook.ErrShuttingDown)
		_, err := f.Delivery(f.Context(), id)
		f.is(err, webhook.ErrShuttingDown)
		_, err = f.Queued(f.Context(), 1, webhook.ID{}, 1, 1)
		f.is(err, webhook.ErrShuttingDown)
		_, err = f.CreateEndpoint(f.Context(), f.registration("a"))
		f.is(err, webhook.ErrShuttingDown)
	}},
	{name: "bears contexts that end meanwhile", run: impatient},
	{name: "serves concurrent readers and writers", run: concurrently},
}

// closeUnderLoad hands writes over while the store closes: each is either stored
// and acknowledged, or refused.
func closeUnderLoad(f *fixture) {
	type answer struct {
		id  webhook.ID
		err error
	}
	const writers, each = 4, 200
	answers, started := make(chan answer, 2*writers*each), make(chan struct{}, writers)
	batches := make([][]webhook.Event, writers)
	for i := range batches {
		for range each {
			batches[i] = append(batches[i], f.event(1))
		}
	}
	for _, events := range batches {
		go func() {
			for i, e := range events {
				f.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { answers <- answer{e.ID, err} })
				if i == each/4 {
					started <- struct{}{}
				}
			}
		}()
	}
	for range writers {
		<-started
	}
	f.must(f.Close())
	acknowledged := map[webhook.ID]bool{}
	for range writers * each {
		a := <-answers
		if _, twice := acknowledged[a.id]; twice {
			f.Fatalf("done was called twice for %v", a.id)
		}
		acknowledged[a.id] = a.err == nil
		if a.err != nil && !errors.Is(a.err, webhook.ErrShuttingDown) {
			f.Fatal(a.err)
		}
	}
	if !f.backend.Persistent {
		return
	}
	f.open()
	for id, yes := range acknowledged {
		_, err := f.Event(f.Context(), id)
		same(f, err == nil, yes)
	}
}

// impatient ends the context of writes while they are under way. They may or may not
// happen. Nobody may look at their results, or the race detector would object.
func impatient(f *fixture) {
	ids := f.queued(1, 40)
	for i, id := range ids {
		ctx, cancel := context.WithCancel(f.Context())
		go cancel()
		_, err := f.Cancel(ctx, id, webhook.ReasonCancelled, f.now)
		_, err2 := f.Requeue(ctx, ids[max(i-1, 0)])
		_, _, err3 := f.Replay(ctx, webhook.DeliveryQuery{Endpoint: 1, Limit: 5})
		_, err4 := f.CancelPending(ctx, 1, webhook.ReasonCancelled, f.now, 3)
		_, err5 := f.CreateEndpoint(ctx, f.registration("a"))
		_, err6 := f.UpdateEndpoint(ctx, 1, func(e *webhook.Endpoint) error { e.Settings.Burst++; return nil })
		_, err7 := f.Reap(ctx, f.now, 10)
		for _, err := range []error{err, err2, err3, err4, err5, err6, err7} {
			if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, webhook.ErrConflict) && !errors.Is(err, webhook.ErrNotFound) {
				f.Fatal(err)
			}
		}
	}
	f.check(func() { same(f, len(f.listed(webhook.DeliveryQuery{Endpoint: 1, Limit: 9})), len(ids)) })
}

func concurrently(f *fixture) {
	const workers, rounds = 6, 30
	done := make(chan error, 2*workers)
	work := make([][]webhook.Event, workers)
	for i := range work {
		for range rounds {
			work[i] = append(work[i], f.event(1, 2))
		}
	}
	for i := range workers {
		go func() { done <- f.deliverAll(work[i]) }()
		go func() { done <- f.readAround(rounds) }()
	}
	for range 2 * workers {
		f.must(<-done)
	}
	f.check(func() {
		same(f, f.Pending(), workers*rounds)
		same(f, len(f.queue(1)), 0)
		same(f, len(f.queue(2)), workers*rounds)
		same(f, len(f.listed(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Delivered, Limit: 50})), workers*rounds)
	})
}

// deliverAll accepts events and settles their deliveries to endpoint 1.
func (f *fixture) deliverAll(events []webhook.Event) error {
	var failed error
	for _, e := range events {
		accepted := make(chan error, 1)
		f.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { accepted <- err })
		failed = errors.Join(failed, <-accepted)
		d := webhook.Delivery{ID: e.ID.For(1), EventType: e.Type, Status: webhook.Queued}
		now := d.Attempted(f.attempt(200), webhook.DefaultSettings().Retry, 0)
		failed = errors.Join(failed, f.trySettle(webhook.Settlement{Was: d.Place(), Now: now}))
	}
	return failed
}

func (f *fixture) readAround(rounds int) error {
	var failed error
	for range rounds {
		_, err := f.Queued(f.Context(), 2, webhook.ID{}, 50, 1<<20)
		_, err2 := f.ListDeliveries(f.Context(), webhook.DeliveryQuery{Limit: 20})
		_, err3 := f.Backlog(f.Context(), 1)
		_, _, err4 := f.Scheduled(f.Context(), 1, webhook.Slot{}, f.now, 10, 1<<20)
		failed = errors.Join(failed, err, err2, err3, err4, f.Wakes(f.Context(), webhook.AllParts(), 0, func(webhook.Wake) error { return nil }))
	}
	return failed
}
