package storagetest

import (
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// pageTests read from every place that a caller can name, between records as well as at
// them: a page begins where another one ended, whatever was stored or removed there since.
var pageTests = []test{
	{name: "begins a list before any ID, stored or not", run: listFromAnywhere},
	{name: "begins a queue at any ID, stored or not", run: func(f *fixture) {
		ids := f.queued(2, 12)
		f.queued(1, 3)
		for i := 0; i < len(ids); i += 3 {
			f.attempted(ids[i], 200)
		}
		ids = slices.DeleteFunc(ids, func(id webhook.ID) bool { return f.delivery(id).Status.Finished() })
		f.check(func() {
			for _, from := range around(ids, 1, 2, 3) {
				due, err := f.Queued(f.Context(), 2, from, 3, 1<<20)
				f.must(err)
				// The number in from does not count: the call says whose queue it is.
				want := slices.DeleteFunc(slices.Clone(ids), func(id webhook.ID) bool { return id.Compare(from.For(2)) < 0 })
				same(f, idsOf(due), firstOf(want, 3))
			}
		})
	}},
	{name: "begins a schedule at any slot, taken or not", run: scheduleFromAnywhere},
	{name: "puts a delivery back at its place in the queue", run: func(f *fixture) {
		ids := f.queued(1, 5)
		for _, i := range []int{3, 1} {
			f.attempted(ids[i], 410)
		}
		same(f, f.queue(1), []webhook.ID{ids[0], ids[2], ids[4]})
		for _, i := range []int{3, 1} {
			_, err := f.Requeue(f.Context(), ids[i])
			f.must(err)
		}
		f.check(func() { same(f, f.queue(1), ids) })
	}},
	{name: "reads an event's deliveries in pages, also where some have expired", timed: true, run: func(f *fixture) {
		e := f.event(2, 3, 5, 7, 11, 13)
		f.accept(e)
		for _, n := range []webhook.EndpointNumber{3, 7, 13} {
			f.attempted(e.ID.For(n), 200)
		}
		f.expire()
		for from, want := range map[webhook.EndpointNumber][]webhook.EndpointNumber{
			0: {2, 5}, 2: {2, 5}, 3: {5, 11}, 5: {5, 11}, 6: {11}, 12: nil, 1<<32 - 1: nil,
		} {
			some, err := f.EventDeliveries(f.Context(), e.ID, from, 2)
			f.must(err)
			var got []webhook.EndpointNumber
			for _, d := range some {
				got = append(got, d.ID.Endpoint)
			}
			same(f, got, want)
		}
	}},
	{name: "stops a visit of wakes where the visitor asks for it", run: func(f *fixture) {
		for n := range webhook.EndpointNumber(4) {
			f.queued(n+1, 1)
		}
		var seen []webhook.EndpointNumber
		f.is(f.Wakes(f.Context(), webhook.AllParts(), 2, func(w webhook.Wake) error {
			seen = append(seen, w.Endpoint)
			if w.Endpoint == 3 {
				return webhook.ErrConflict
			}
			return nil
		}), webhook.ErrConflict)
		same(f, seen, []webhook.EndpointNumber{2, 3})
	}},
}

// likeStored reports whether an ID has the Seq of an event with another nonce. The store
// never meets such an ID: no two events share a Seq.
func likeStored(id webhook.ID, events []webhook.ID) bool {
	return slices.ContainsFunc(events, func(e webhook.ID) bool { return e.Seq == id.Seq && e.Nonce != id.Nonce })
}

// around returns IDs at and next to those given, with some endpoint numbers, and the
// first and the last that there can be.
func around(ids []webhook.ID, numbers ...webhook.EndpointNumber) []webhook.ID {
	out := []webhook.ID{{}, {Seq: 1<<64 - 1, Nonce: 1<<32 - 1}}
	for _, id := range ids {
		for _, n := range numbers {
			for _, by := range []webhook.ID{
				{Seq: id.Seq, Nonce: id.Nonce},
				{Seq: id.Seq, Nonce: id.Nonce - 1},
				{Seq: id.Seq, Nonce: id.Nonce + 1},
				{Seq: id.Seq - 1, Nonce: 1<<32 - 1},
				{Seq: id.Seq + 1},
			} {
				out = append(out, by.For(n))
			}
		}
	}
	return out
}

// firstOf returns up to limit elements; nil if there are none.
func firstOf[T any](list []T, limit int) []T {
	return append([]T(nil), list[:min(limit, len(list))]...)
}

// listFromAnywhere lists from every ID at, between and beside the stored ones: the page
// must be the newest of those that are older.
func listFromAnywhere(f *fixture) {
	for _, client := range []string{"a", "b", "a"} {
		f.endpoint(client)
	}
	var all []webhook.ID
	for i := range 4 {
		e := f.event(1, 2, 3)
		f.accept(e)
		for _, n := range e.Endpoints {
			f.anyStatus(e.ID.For(n), i+int(n))
			all = append(all, e.ID.For(n))
		}
	}
	slices.SortFunc(all, func(a, b webhook.ID) int { return b.Compare(a) })
	var events []webhook.ID
	for _, id := range all {
		if id.Endpoint == 1 {
			events = append(events, id)
		}
	}
	f.check(func() {
		for _, before := range around(events, 0, 1, 2, 3, 4) {
			if likeStored(before, events) {
				continue
			}
			for _, q := range []webhook.DeliveryQuery{{}, {Endpoint: 2}, {ClientID: "a"}, {Endpoint: 3, ClientID: "a"}} {
				q.Before, q.Limit = before, 4
				page, err := f.ListDeliveries(f.Context(), q)
				f.must(err)
				var got, want []webhook.ID
				for _, d := range page.Deliveries {
					got = append(got, d.ID)
				}
				for _, id := range all {
					if selected(q, &webhook.Delivery{ID: id}) && (before == webhook.ID{} || id.Compare(before) < 0) {
						want = append(want, id)
					}
				}
				if !slices.Equal(got, firstOf(want, 4)) {
					f.Fatalf("query %+v lists\n%v\nwant\n%v", q, got, firstOf(want, 4))
				}
			}
		}
	})
}

// scheduleFromAnywhere reads a schedule from every slot at, between and beside those
// that are taken; two deliveries share a due time.
func scheduleFromAnywhere(f *fixture) {
	ids := f.queued(2, 5)
	var slots []webhook.Slot
	for i, seconds := range []int{30, 10, 20, 20, 40} {
		f.retryAt(ids[i], seconds)
		slots = append(slots, webhook.Slot{At: webhook.DueAt(f.at(seconds)), ID: ids[i]})
	}
	slices.SortFunc(slots, webhook.Slot.Compare)
	f.check(func() {
		for _, slot := range slots {
			for _, at := range []webhook.DueTime{slot.At - 1, slot.At, slot.At + 1} {
				for _, id := range around([]webhook.ID{slot.ID}, 1, 2) {
					from := webhook.Slot{At: at, ID: id}
					due, next, err := f.Scheduled(f.Context(), 2, from, f.at(30), 2, 1<<20)
					f.must(err)
					rest := slices.DeleteFunc(slices.Clone(slots), func(s webhook.Slot) bool {
						return s.Before(webhook.Slot{At: at, ID: id.For(2)})
					})
					var want []webhook.ID
					for len(want) < 2 && len(rest) > 0 && !rest[0].At.After(f.at(30)) {
						want, rest = append(want, rest[0].ID), rest[1:]
					}
					same(f, idsOf(due), want)
					wantNext := webhook.DueTime(0)
					if len(rest) > 0 {
						wantNext = rest[0].At
					}
					same(f, next, wantNext)
				}
			}
		}
	})
}

// countTests are about the figures that limits are checked against.
var countTests = []test{
	{name: "counts what some endpoints have pending", run: func(f *fixture) {
		first, second := f.queued(1, 3), f.queued(2, 2)
		f.attempted(first[0], 500)
		f.attempted(second[0], 200)
		for want, of := range map[int64][]webhook.EndpointNumber{0: nil, 3: {1}, 1: {2, 9}, 4: {1, 2}} {
			same(f, f.PendingOf(of), want)
		}
		f.attempted(first[0], 200)
		same(f, f.PendingOf([]webhook.EndpointNumber{1}), 2)
		f.check(func() {
			same(f, f.Pending(), 3)
			// It may rise for a while after a start, and is never too high.
			if got := f.PendingOf([]webhook.EndpointNumber{1, 2, 9}); got > 3 {
				f.Fatalf("%d are pending, want at most 3", got)
			}
		})
	}},
	{name: "keeps an attempt once that is settled twice", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		was := f.delivery(id)
		now := was.Attempted(f.attempt(500), forever, 0)
		f.settle(webhook.Settlement{Was: was.Place(), Now: now})
		f.settle(webhook.Settlement{Was: now.Place(), Now: now})
		f.check(func() {
			same(f, f.delivery(id), now)
			same(f, f.Pending(), 1)
			same(f, f.schedule(1, 1e6), []webhook.ID{id})
		})
	}},
	{name: "answers a repetition with the figures of the first, withheld ones too", run: func(f *fixture) {
		first := f.keyed("p", "k", "1")
		first.Disabled, first.Limited = []webhook.EndpointNumber{3, 4, 5}, []webhook.EndpointNumber{6}
		want := webhook.Receipt{EventID: first.ID, Deliveries: 2, Disabled: 3, Limited: 1}
		same(f, f.accept(first), []webhook.Receipt{want})
		want.Duplicate = true
		f.check(func() {
			again := f.keyed("p", "k", "1")
			again.Limited = []webhook.EndpointNumber{1, 2, 7}
			same(f, f.accept(again), []webhook.Receipt{want})
			same(f, f.Pending(), 2)
			all, err := f.EventDeliveries(f.Context(), first.ID, 0, 10)
			f.must(err)
			same(f, len(all), 6)
		})
	}},
	{name: "wakes nobody for what was withheld", run: func(f *fixture) {
		e := f.event()
		e.Disabled, e.Limited = []webhook.EndpointNumber{1}, []webhook.EndpointNumber{2}
		f.accept(e)
		f.check(func() {
			same(f, f.wakes(), nil)
			same(f, f.PendingOf([]webhook.EndpointNumber{1, 2}), 0)
			b, err := f.Backlog(f.Context(), 1)
			f.must(err)
			same(f, b, webhook.Backlog{})
		})
	}},
}
