package storagetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var queueTests = []test{
	{name: "reads a queue in order of acceptance with payloads", run: func(f *fixture) {
		ids := f.queued(2, 5)
		f.queued(1, 1)
		f.queued(3, 1)
		f.check(func() {
			same(f, f.queue(2), ids)
			due, err := f.Queued(f.Context(), 2, ids[1], 2, 1<<20)
			f.must(err)
			same(f, idsOf(due), ids[1:3])
			same(f, due[0].Data, f.event().Data)
			same(f, due[0].Delivery, f.delivery(ids[1]))
			due, err = f.Queued(f.Context(), 2, f.id(), 2, 1<<20)
			f.must(err)
			same(f, len(due), 0)
		})
	}},
	{name: "reads each delivery's own payload however many events lie between", run: queuePayloads},
	{name: "bounds the bytes of a read, except for the first", run: func(f *fixture) {
		ids, size := f.queued(1, 5), len(f.event().Data)
		for maxBytes, count := range map[int]int{0: 1, size - 1: 1, 2*size - 1: 1, 2 * size: 2, 10 * size: 5} {
			due, err := f.Queued(f.Context(), 1, webhook.ID{}, 10, maxBytes)
			f.must(err)
			same(f, idsOf(due), ids[:count])
		}
	}},
	{name: "has nothing for an endpoint without deliveries", run: func(f *fixture) {
		f.queued(2, 3)
		same(f, f.queue(1), nil)
		same(f, f.queue(3), nil)
	}},
	{name: "finds the head of a queue again whatever was taken from it and put back", run: queueHead},
	{name: "finds what joined a queue out of order", run: func(f *fixture) {
		early := f.event(1)
		late := f.queued(1, 1)
		same(f, f.queue(1), late)
		f.accept(early)
		same(f, f.queue(1), []webhook.ID{early.ID.For(1), late[0]})
	}},
	{name: "finds what joined an empty queue out of order", run: func(f *fixture) {
		early := f.event(1)
		late := f.queued(1, 1)
		f.attempted(late[0], 200)
		same(f, f.queue(1), nil)
		f.accept(early)
		same(f, f.queue(1), []webhook.ID{early.ID.For(1)})
	}},
}

// queuePayloads has an endpoint get events that are near to one another, and far.
func queuePayloads(f *fixture) {
	for _, between := range []int{0, 0, 1, 7, 8, 0, 9, 30, 0, 0, 2} {
		f.queued(2, between)
		e := f.event(1)
		e.Data = fmt.Appendf(nil, `{"between":%d,"id":"%v"}`, between, e.ID)
		f.accept(e)
	}
	due, err := f.Queued(f.Context(), 1, webhook.ID{}, 100, 1<<20)
	f.must(err)
	same(f, len(due), 11)
	for _, d := range due {
		e, err := f.Event(f.Context(), d.Delivery.ID.Event())
		f.must(err)
		same(f, string(d.Data), string(e.Data))
		same(f, d.Delivery.EventType, e.Type)
	}
}

// queueHead takes from a queue and puts back while its head is looked at.
func queueHead(f *fixture) {
	ids := f.queued(1, 20)
	for i, id := range ids {
		same(f, f.queue(1), ids[i:])
		f.attempted(id, 200)
	}
	same(f, f.queue(1), nil)
	for _, i := range []int{19, 7, 3, 11} {
		_, err := f.Requeue(f.Context(), ids[i])
		f.must(err)
		b, err := f.Backlog(f.Context(), 1)
		f.must(err)
		same(f, b.Queued > 0 && b.OldestAt.Equal(f.now), true)
	}
	want := []webhook.ID{ids[3], ids[7], ids[11], ids[19]}
	same(f, f.queue(1), want)
	for i, id := range want {
		f.attempted(id, 200)
		same(f, f.queue(1), slices.Concat(want[i+1:], []webhook.ID(nil)))
	}
	more := f.queued(1, 2)
	f.check(func() { same(f, f.queue(1), more) })
}

var scheduleTests = []test{
	{name: "reads a schedule in order of due time as far as it is due", run: func(f *fixture) {
		ids := f.queued(2, 4)
		f.attempted(f.queued(1, 1)[0], 500)
		f.retryAt(ids[0], 40)
		f.retryAt(ids[1], 20)
		f.retryAt(ids[2], 20)
		f.retryAt(ids[3], 10)
		f.check(func() {
			same(f, f.schedule(2, 100), []webhook.ID{ids[3], ids[1], ids[2], ids[0]})
			f.scheduled(webhook.Slot{}, 5, 10, nil, 10)
			f.scheduled(webhook.Slot{}, 20, 10, []webhook.ID{ids[3], ids[1], ids[2]}, 40)
			f.scheduled(webhook.Slot{}, 100, 2, []webhook.ID{ids[3], ids[1]}, 20)
			f.scheduled(webhook.Slot{}, 100, 4, []webhook.ID{ids[3], ids[1], ids[2], ids[0]}, 0)
			f.scheduled(webhook.Slot{At: webhook.DueAt(f.at(20)), ID: ids[2]}, 100, 10, []webhook.ID{ids[2], ids[0]}, 0)
			f.scheduled(webhook.Slot{At: webhook.DueAt(f.at(41))}, 100, 10, nil, 0)
		})
	}},
	{name: "gives payload and history of what is due", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		want := f.attempted(id, 500)
		f.check(func() {
			due, _, err := f.Scheduled(f.Context(), 1, webhook.Slot{}, f.at(60), 10, 1<<20)
			f.must(err)
			same(f, due, []webhook.Due{{Delivery: withoutLog(want), Data: f.event().Data}})
		})
	}},
	{name: "reads each delivery's own payload however many events lie between", run: queuePayloads},
	{name: "bounds the bytes of a read, except for the first", run: func(f *fixture) {
		ids, size := f.queued(2, 3), len(f.event().Data)
		for i, id := range ids {
			f.retryAt(id, 10+i)
		}
		due, next, err := f.Scheduled(f.Context(), 2, webhook.Slot{}, f.at(60), 10, 0)
		f.must(err)
		same(f, idsOf(due), ids[:1])
		same(f, next, webhook.DueAt(f.at(11)))
		due, next, err = f.Scheduled(f.Context(), 2, webhook.Slot{}, f.at(60), 10, 2*size)
		f.must(err)
		same(f, idsOf(due), ids[:2])
		same(f, next, webhook.DueAt(f.at(12)))
	}},
	{name: "finds what joined a schedule before what was due first", run: func(f *fixture) {
		ids := f.queued(2, 3)
		f.retryAt(ids[0], 30)
		same(f, f.schedule(2, 100), ids[:1])
		f.retryAt(ids[1], 10)
		same(f, f.schedule(2, 100), []webhook.ID{ids[1], ids[0]})
		f.attempted(ids[0], 200)
		f.attempted(ids[1], 200)
		same(f, f.schedule(2, 100), nil)
		f.retryAt(ids[2], 5)
		f.check(func() { same(f, f.schedule(2, 100), ids[2:]) })
	}},
}

// retryAt settles a failed attempt whose next one is due some seconds after f.now.
func (f *fixture) retryAt(id webhook.ID, seconds int) {
	f.Helper()
	was := f.delivery(id)
	now := was.Attempted(f.attempt(500), webhook.DefaultSettings().Retry, 0)
	now.NextAttemptAt = webhook.DueAt(f.at(seconds))
	f.settle(webhook.Settlement{Was: was.Place(), Now: now})
}

// scheduled checks one read of endpoint 2's schedule; next is in seconds after f.now, 0 for none.
func (f *fixture) scheduled(from webhook.Slot, seconds, limit int, want []webhook.ID, next int) {
	f.Helper()
	due, at, err := f.Scheduled(f.Context(), 2, from, f.at(seconds), limit, 1<<20)
	f.must(err)
	same(f, idsOf(due), want)
	wantNext := webhook.DueTime(0)
	if next > 0 {
		wantNext = webhook.DueAt(f.at(next))
	}
	same(f, at, wantNext)
}

var backlogTests = []test{
	{name: "counts what is pending through every transition", run: countBacklog},
	{name: "has nothing for an unknown endpoint", run: func(f *fixture) {
		b, err := f.Backlog(f.Context(), 9)
		f.must(err)
		same(f, b, webhook.Backlog{})
		same(f, f.Pending(), 0)
	}},
}

func countBacklog(f *fixture) {
	expect := func(queued, retrying int64, oldest, next time.Time) {
		f.Helper()
		f.check(func() {
			f.Helper()
			b, err := f.Backlog(f.Context(), 1)
			f.must(err)
			same(f, b, webhook.Backlog{Queued: queued, Retrying: retrying, OldestAt: oldest, NextRetryAt: next})
			same(f, f.Pending(), queued+retrying)
		})
	}
	var none time.Time
	start := f.now
	first := f.queued(1, 1)[0]
	f.now = start.Add(time.Second)
	second, third := f.queued(1, 1)[0], f.queued(1, 1)[0]
	expect(3, 0, start, none)
	f.retryAt(first, 10)
	expect(2, 1, start, f.at(10))
	f.retryAt(second, 5)
	expect(1, 2, start, f.at(5))
	f.attempted(first, 200)
	expect(1, 1, f.now, f.at(5))
	_, err := f.Requeue(f.Context(), second)
	f.must(err)
	expect(2, 0, f.now, none)
	_, err = f.Cancel(f.Context(), third, webhook.ReasonCancelled, f.now)
	f.must(err)
	expect(1, 0, f.now, none)
	_, _, err = f.Replay(f.Context(), webhook.DeliveryQuery{Endpoint: 1, Limit: 10})
	f.must(err)
	expect(3, 0, start, none)
	_, err = f.CancelPending(f.Context(), 1, webhook.ReasonCancelled, f.now, 10)
	f.must(err)
	expect(0, 0, none, none)
}

var wakeTests = []test{
	{name: "wakes each endpoint that has pending deliveries, ascending", run: func(f *fixture) {
		queued := f.queued(7, 3)
		retried := f.queued(3, 1)[0]
		f.retryAt(retried, 20)
		both := f.queued(5, 2)
		f.retryAt(both[0], 10)
		f.attempted(f.queued(4, 1)[0], 200)
		end := cmp.Or(f.backend.LastEndpoint, 1<<32-1)
		last := f.queued(end, 2)
		f.retryAt(last[0], 30)
		f.retryAt(last[1], 25)
		gate := webhook.GateState{OpenUntil: f.at(90), Openings: 3, Since: 300}
		f.saveGate(3, gate)
		f.saveGate(4, gate)
		f.check(func() {
			slot := func(id webhook.ID, seconds int) webhook.Slot {
				return webhook.Slot{At: webhook.DueAt(f.at(seconds)), ID: id}
			}
			want := []webhook.Wake{
				{Endpoint: 3, Scheduled: slot(retried, 20), Gate: gate},
				{Endpoint: 5, Queued: both[1], Scheduled: slot(both[0], 10)},
				{Endpoint: 7, Queued: queued[0]},
				{Endpoint: end, Scheduled: slot(last[1], 25)},
			}
			same(f, f.wakes(), want)
			same(f, f.wakesFrom(3), want)
			same(f, f.wakesFrom(4), want[1:])
			same(f, f.wakesFrom(8), want[3:])
			same(f, f.wakesFrom(end), want[3:])
		})
		enough := errors.New("enough")
		f.is(f.Wakes(f.Context(), webhook.AllParts(), 0, func(webhook.Wake) error { return enough }), enough)
	}},
	{name: "wakes only the endpoints of the parts that are asked for", run: func(f *fixture) {
		for _, n := range []webhook.EndpointNumber{1, 2, 257, 300, 1 << 31} {
			f.retryAt(f.queued(n, 2)[0], 20)
		}
		var one, none webhook.Parts
		one.Add(1)
		both := one
		both.Add(webhook.EndpointNumber(300).Part())
		f.check(func() {
			same(f, f.wokenOf(one, 0), []webhook.EndpointNumber{1, 257})
			same(f, f.wokenOf(one, 2), []webhook.EndpointNumber{257})
			same(f, f.wokenOf(both, 0), []webhook.EndpointNumber{1, 257, 300})
			same(f, f.wokenOf(none, 0), nil)
		})
	}},
	{name: "wakes nobody while nothing is pending", run: func(f *fixture) {
		f.endpoint("a")
		f.attempted(f.queued(1, 1)[0], 200)
		f.check(func() { same(f, f.wakes(), nil) })
	}},
	{name: "keeps a gate until it is forgotten", run: func(f *fixture) {
		want := webhook.GateState{OpenUntil: f.at(5), Openings: 2, Since: 4}
		f.saveGate(1, want)
		f.saveGate(2, webhook.GateState{Openings: 1})
		f.check(func() {
			same(f, f.gate(1), want)
			same(f, f.gate(2), webhook.GateState{Openings: 1})
			same(f, f.gate(3), webhook.GateState{})
		})
		f.saveGate(1, webhook.GateState{})
		f.check(func() { same(f, f.gate(1), webhook.GateState{}) })
	}},
}

func (f *fixture) wakes() []webhook.Wake { return f.wakesFrom(0) }

func (f *fixture) wakesFrom(from webhook.EndpointNumber) []webhook.Wake {
	f.Helper()
	var out []webhook.Wake
	f.must(f.Wakes(f.Context(), webhook.AllParts(), from, func(w webhook.Wake) error { out = append(out, w); return nil }))
	return out
}

// wokenOf returns the numbers of the endpoints of some parts that have work.
func (f *fixture) wokenOf(parts webhook.Parts, from webhook.EndpointNumber) []webhook.EndpointNumber {
	f.Helper()
	var out []webhook.EndpointNumber
	f.must(f.Wakes(f.Context(), parts, from, func(w webhook.Wake) error { out = append(out, w.Endpoint); return nil }))
	return out
}

func (f *fixture) saveGate(n webhook.EndpointNumber, g webhook.GateState) {
	f.Helper()
	done := make(chan error, 1)
	f.SaveGate(n, g, func(err error) { done <- err })
	f.must(<-done)
}

func (f *fixture) gate(n webhook.EndpointNumber) webhook.GateState {
	f.Helper()
	g, err := f.Gate(f.Context(), n)
	f.must(err)
	return g
}
