package storagetest

import (
	"github.com/corpastro/astrohook/webhook"
)

var changeTests = []test{
	{name: "requeues a delivery wherever it stands", run: func(f *fixture) {
		for _, code := range []int{500, 200, 410} {
			id := f.queued(1, 1)[0]
			was := f.attempted(id, code)
			due, err := f.Requeue(f.Context(), id)
			f.must(err)
			want := was.Requeue()
			same(f, due, webhook.Due{Delivery: withoutLog(want), Data: f.event().Data})
			f.check(func() {
				f.onlyIn(id, want)
				same(f, f.queue(1), []webhook.ID{id})
				same(f, f.schedule(1, 1e6), nil)
			})
			f.attempted(id, 200)
			f.check(func() { same(f, f.queue(1), nil); same(f, f.delivery(id).Attempts, 2) })
		}
	}},
	{name: "leaves alone what is queued already", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		want := f.delivery(id)
		due, err := f.Requeue(f.Context(), id)
		f.must(err)
		same(f, due, webhook.Due{Delivery: want, Data: f.event().Data})
		f.check(func() { f.onlyIn(id, want); same(f, f.Pending(), 1) })
	}},
	{name: "reads a requeued delivery's history from the queue", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.attempted(id, 500)
		due, err := f.Requeue(f.Context(), id)
		f.must(err)
		f.check(func() {
			got, err := f.Queued(f.Context(), 1, webhook.ID{}, 1, 1)
			f.must(err)
			same(f, got, []webhook.Due{due})
		})
	}},
	{name: "cancels what is pending, and only that", run: func(f *fixture) {
		ids := f.queued(1, 4)
		f.attempted(ids[1], 500)
		f.attempted(ids[2], 200)
		for i, id := range ids[:2] {
			want := f.delivery(id).Cancel(webhook.ReasonCancelled, f.at(i))
			got, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.at(i))
			f.must(err)
			same(f, got, want)
			f.check(func() { f.onlyIn(id, want) })
			_, err = f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.at(9))
			f.is(err, webhook.ErrConflict)
		}
		_, err := f.Cancel(f.Context(), ids[2], webhook.ReasonCancelled, f.now)
		f.is(err, webhook.ErrConflict)
		f.check(func() { same(f, f.queue(1), ids[3:]); same(f, f.schedule(1, 1e6), nil) })
	}},
	{name: "does not know what is not there", run: func(f *fixture) {
		_, err := f.Requeue(f.Context(), f.id().For(1))
		f.is(err, webhook.ErrNotFound)
		_, err = f.Cancel(f.Context(), f.id().For(1), webhook.ReasonCancelled, f.now)
		f.is(err, webhook.ErrNotFound)
	}},
}

var bulkTests = []test{
	{name: "replays the finished deliveries that a query selects", run: func(f *fixture) {
		ids := f.queued(1, 10)
		other := f.queued(2, 1)[0]
		for i, id := range append(ids[:8:8], other) {
			f.anyStatus(id, []int{0, 2, 3, 1}[i%4]) // delivered, failed, cancelled, retrying
		}
		// Newest first: 6 cancelled, 5 failed, 4 delivered, 2 cancelled, 1 failed, 0 delivered.
		q := webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Failed, Limit: 1}
		q.Before = f.replay(q, 1)
		same(f, f.queue(1), []webhook.ID{ids[5], ids[8], ids[9]})
		f.replay(q, 1)
		q.Before = webhook.ID{}
		f.replay(q, 0)
		f.replay(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Retrying, Limit: 9}, 0)
		f.replay(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Queued, Limit: 9}, 0)
		f.replay(webhook.DeliveryQuery{Endpoint: 1, EventType: "user.never", Limit: 9}, 0)
		f.replay(webhook.DeliveryQuery{Endpoint: 1, Until: f.now, Limit: 9}, 0)
		same(f, f.replay(webhook.DeliveryQuery{Endpoint: 1, Limit: 9}, 4), webhook.ID{})
		f.check(func() {
			same(f, f.queue(1), []webhook.ID{ids[0], ids[1], ids[2], ids[4], ids[5], ids[6], ids[8], ids[9]})
			same(f, f.delivery(ids[1]).Spent, 1)
			same(f, f.delivery(other).Status, webhook.Delivered)
			b, err := f.Backlog(f.Context(), 1)
			f.must(err)
			same(f, b.Queued, 8)
			same(f, b.Retrying, 2)
		})
	}},
	{name: "cancels all pending deliveries of an endpoint in steps", run: func(f *fixture) {
		ids := f.queued(1, 7)
		other := f.queued(2, 2)
		f.attempted(ids[0], 500)
		f.attempted(ids[1], 500)
		f.attempted(ids[2], 200)
		for _, want := range []int{4, 2, 0} {
			n, err := f.CancelPending(f.Context(), 1, webhook.ReasonEndpointDeleted, f.at(1), 4)
			f.must(err)
			same(f, n, want)
		}
		f.check(func() {
			for _, id := range ids {
				d := f.delivery(id)
				if id == ids[2] {
					same(f, d.Status, webhook.Delivered)
					continue
				}
				same(f, d.Status, webhook.Cancelled)
				same(f, d.Reason, webhook.ReasonEndpointDeleted)
				same(f, d.FinishedAt, f.at(1))
			}
			same(f, f.queue(2), other)
			same(f, f.Pending(), 2)
			same(f, f.wakes(), []webhook.Wake{{Endpoint: 2, Queued: other[0]}})
		})
	}},
}

// replay checks how many deliveries one call requeues, and returns where the next continues.
func (f *fixture) replay(q webhook.DeliveryQuery, want int) webhook.ID {
	f.Helper()
	n, next, err := f.Replay(f.Context(), q)
	f.must(err)
	same(f, n, want)
	return next
}
