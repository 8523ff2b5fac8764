package storagetest

import (
	"bytes"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var acceptTests = []test{
	{name: "keeps an event and a queued delivery for each endpoint", run: func(f *fixture) {
		e := f.event(2, 3, 300)
		same(f, f.accept(e), []webhook.Receipt{{EventID: e.ID, Deliveries: 3}})
		f.check(func() {
			got, err := f.Event(f.Context(), e.ID)
			f.must(err)
			same(f, got, e)
			all, err := f.EventDeliveries(f.Context(), e.ID, 0, 10)
			f.must(err)
			want := []webhook.Delivery{}
			for _, n := range e.Endpoints {
				d := webhook.Delivery{ID: e.ID.For(n), EventType: e.Type, Status: webhook.Queued}
				want = append(want, d)
				same(f, f.delivery(d.ID), d)
			}
			same(f, all, want)
		})
	}},
	{name: "finds an event by the ID of its delivery", run: func(f *fixture) {
		e := f.event(2)
		f.accept(e)
		got, err := f.Event(f.Context(), e.ID.For(2))
		f.must(err)
		same(f, got, e)
	}},
	{name: "keeps an event that nobody wants", run: func(f *fixture) {
		e := f.event()
		same(f, f.accept(e), []webhook.Receipt{{EventID: e.ID}})
		f.check(func() {
			got, err := f.Event(f.Context(), e.ID)
			f.must(err)
			same(f, got, e)
		})
	}},
	{name: "answers an empty batch", run: func(f *fixture) {
		same(f, len(f.accept()), 0)
	}},
	{name: "keeps the largest payload", run: func(f *fixture) {
		e := f.event(1)
		e.Data = bytes.Repeat([]byte("x"), webhook.MaxPayload)
		f.accept(e)
		f.check(func() {
			due, err := f.Queued(f.Context(), 1, webhook.ID{}, 1, 1)
			f.must(err)
			same(f, len(due), 1)
			same(f, bytes.Equal(due[0].Data, e.Data), true)
		})
	}},
	{name: "keeps a fan-out that no one transaction holds", run: wideFanOut},
	{name: "removes a wide event with all its recipients", timed: true, run: wideReap},
	{name: "keeps what is withheld, finished, with its reason", run: withheld},
	{name: "does not know what is not there", run: func(f *fixture) {
		_, err := f.Event(f.Context(), f.id())
		f.is(err, webhook.ErrNotFound)
		_, err = f.Delivery(f.Context(), f.id().For(1))
		f.is(err, webhook.ErrNotFound)
		_, err = f.EventDeliveries(f.Context(), f.id(), 0, 1)
		f.is(err, webhook.ErrNotFound)
		e := f.event(1)
		f.accept(e)
		_, err = f.Delivery(f.Context(), e.ID.For(2))
		f.is(err, webhook.ErrNotFound)
		e.ID.Nonce++
		_, err = f.Event(f.Context(), e.ID)
		f.is(err, webhook.ErrNotFound)
	}},
	{name: "reads an event's deliveries from a number on", run: func(f *fixture) {
		e := f.event(1, 2, 3, 4, 5)
		f.accept(e)
		some, err := f.EventDeliveries(f.Context(), e.ID, 2, 3)
		f.must(err)
		same(f, len(some), 3)
		same(f, some[0].ID, e.ID.For(2))
		same(f, some[2].ID, e.ID.For(4))
	}},
	{name: "remembers the largest Seq", run: func(f *fixture) {
		same(f, f.LastSeq(), 0)
		e := f.endpoint("a")
		f.check(func() { same(f, f.LastSeq(), e.ID.Seq) })
		events := []webhook.Event{f.event(1), f.event(1)}
		f.accept(events[1], events[0])
		f.check(func() { same(f, f.LastSeq(), events[1].ID.Seq) })
		e = f.endpoint("b")
		f.check(func() { same(f, f.LastSeq(), e.ID.Seq) })
	}},
}

// wide makes an event with more recipients than one transaction holds, and returns
// its last ones: one that it goes to, a disabled and a limited one.
func (f *fixture) wide() (e webhook.Event, queued, disabled, limited webhook.EndpointNumber) {
	var to []webhook.EndpointNumber
	for i := range 2*webhook.MaxFanOut + 10 {
		to = append(to, webhook.EndpointNumber(1+3*i))
	}
	last := to[len(to)-1]
	e = f.event(to...)
	e.Disabled = []webhook.EndpointNumber{2, 5, last - 1}
	e.Limited = []webhook.EndpointNumber{3, last - 2, last + 1}
	e.Data = bytes.Repeat([]byte("x"), webhook.MaxPayload)
	return e, last, last - 1, last + 1
}

func wideFanOut(f *fixture) {
	e, queued, disabled, limited := f.wide()
	e.IdempotencyKey = "wide"
	before, after := f.event(1), f.event(1)
	receipt := webhook.Receipt{EventID: e.ID, Deliveries: len(e.Endpoints), Disabled: 3, Limited: 3}
	same(f, f.accept(before, e, after), []webhook.Receipt{
		{EventID: before.ID, Deliveries: 1}, receipt, {EventID: after.ID, Deliveries: 1},
	})
	same(f, f.Pending(), int64(len(e.Endpoints)+2))
	receipt.Duplicate = true
	f.check(func() {
		got, err := f.Event(f.Context(), e.ID)
		f.must(err)
		same(f, got.Endpoints, e.Recipients())
		same(f, f.delivery(e.ID.For(queued)).Status, webhook.Queued)
		same(f, f.delivery(e.ID.For(disabled)).Reason, webhook.ReasonEndpointDisabled)
		same(f, f.delivery(e.ID.For(limited)).Reason, webhook.ReasonClientLimit)
		last, err := f.EventDeliveries(f.Context(), e.ID, disabled, 10)
		f.must(err)
		same(f, len(last), 3)
		page, err := f.ListDeliveries(f.Context(), webhook.DeliveryQuery{Limit: 2, Before: before.ID.For(1)})
		f.must(err)
		same(f, page.Deliveries[0].ID, e.ID.For(limited))
		edge := got.Endpoints[webhook.MaxFanOut-2] // a page that goes over the edge of the first part
		some, err := f.EventDeliveries(f.Context(), e.ID, edge, 4)
		f.must(err)
		for i, d := range some {
			same(f, d.ID.Endpoint, got.Endpoints[webhook.MaxFanOut-2+i])
		}
		same(f, len(some), 4)
		again := e
		again.ID = f.id()
		same(f, f.accept(again), []webhook.Receipt{receipt})
		same(f, f.Pending(), int64(len(e.Endpoints)+2))
	})
}

func wideReap(f *fixture) {
	e, queued, _, _ := f.wide()
	e.Limited = e.Endpoints[:len(e.Endpoints)-1] // they have finished
	e.Endpoints = []webhook.EndpointNumber{queued}
	f.accept(e)
	f.expire()
	reap := func() {
		for more := true; more; {
			var err error
			more, err = f.Reap(f.Context(), f.clock(), 1000)
			f.must(err)
		}
	}
	reap()
	due, err := f.Queued(f.Context(), queued, webhook.ID{}, 1, 1)
	f.must(err)
	same(f, len(due[0].Data), webhook.MaxPayload) // one of the last part is pending still
	_, err = f.CancelPending(f.Context(), queued, webhook.ReasonCancelled, f.clock(), 1)
	f.must(err)
	f.expire()
	reap()
	_, err = f.Event(f.Context(), e.ID)
	f.is(err, webhook.ErrNotFound)
}

func withheld(f *fixture) {
	disabled, limited := f.endpoint("client-1"), f.endpoint("client-1")
	e := f.event(7)
	e.Disabled, e.Limited = []webhook.EndpointNumber{disabled.Number()}, []webhook.EndpointNumber{limited.Number()}
	same(f, f.accept(e), []webhook.Receipt{{EventID: e.ID, Deliveries: 1, Disabled: 1, Limited: 1}})
	same(f, f.Pending(), 1)
	want := webhook.Delivery{
		ID: e.ID.For(disabled.Number()), EventType: e.Type, Status: webhook.Failed,
		Reason: webhook.ReasonEndpointDisabled, FinishedAt: e.ID.Time(),
	}
	f.check(func() {
		same(f, f.delivery(want.ID), want)
		same(f, f.delivery(e.ID.For(limited.Number())).Reason, webhook.ReasonClientLimit)
		same(f, len(f.queue(disabled.Number())), 0)
		all, err := f.EventDeliveries(f.Context(), e.ID, 0, 10)
		f.must(err)
		same(f, len(all), 3)
		list := webhook.DeliveryQuery{Endpoint: disabled.Number(), Status: webhook.Failed, Limit: 10}
		same(f, f.listed(list), []webhook.ID{want.ID})
	})
	n, _, err := f.Replay(f.Context(), webhook.DeliveryQuery{Endpoint: disabled.Number(), Status: webhook.Failed, Limit: 10})
	f.must(err)
	same(f, n, 1)
	f.check(func() {
		due, err := f.Queued(f.Context(), disabled.Number(), webhook.ID{}, 1, 1)
		f.must(err)
		same(f, string(due[0].Data), string(e.Data))
		same(f, f.Pending(), 2)
	})
}

// keyed makes an event with an idempotency key.
func (f *fixture) keyed(publisher, key, data string) webhook.Event {
	e := f.event(1, 2)
	e.Publisher, e.IdempotencyKey, e.Data = publisher, key, []byte(data)
	return e
}

var keyTests = []test{
	{name: "stores a repeated key once, per publisher", run: func(f *fixture) {
		first := f.keyed("p", "k", "1")
		same(f, f.accept(first), []webhook.Receipt{{EventID: first.ID, Deliveries: 2}})
		f.check(func() {
			again := f.keyed("p", "k", "1")
			again.Endpoints = []webhook.EndpointNumber{1}
			same(f, f.accept(again), []webhook.Receipt{{EventID: first.ID, Deliveries: 2, Duplicate: true}})
			_, err := f.Event(f.Context(), again.ID)
			f.is(err, webhook.ErrNotFound)
			same(f, len(f.queue(1)), 1)
		})
		for _, other := range []webhook.Event{f.keyed("p2", "k", "1"), f.keyed("p", "k2", "1"), f.keyed("", "pk", "1")} {
			same(f, f.accept(other), []webhook.Receipt{{EventID: other.ID, Deliveries: 2}})
		}
	}},
	{name: "refuses a key that was used for another event", run: func(f *fixture) {
		first := f.keyed("p", "k", "1")
		f.accept(first)
		data, client, name := f.keyed("p", "k", "2"), f.keyed("p", "k", "1"), f.keyed("p", "k", "1")
		client.ClientID, name.Type = "client-2", "user.updated"
		f.check(func() {
			for _, e := range []webhook.Event{data, client, name} {
				same(f, f.accept(e), []webhook.Receipt{{EventID: first.ID, Err: webhook.ErrKeyReused}})
			}
			same(f, f.queue(1), []webhook.ID{first.ID.For(1)})
		})
	}},
	{name: "compares events under one key as JSON", run: func(f *fixture) {
		first := f.keyed("p", "k", `{"a":{"x":1,"y":[1,2]},"b":2}`)
		f.accept(first)
		f.check(func() {
			duplicate := webhook.Receipt{EventID: first.ID, Deliveries: 2, Duplicate: true}
			same(f, f.accept(f.keyed("p", "k", `{"b":2,"a":{"y":[1,2],"x":1}}`)), []webhook.Receipt{duplicate})
			other := webhook.Receipt{EventID: first.ID, Err: webhook.ErrKeyReused}
			same(f, f.accept(f.keyed("p", "k", `{"a":{"x":1,"y":[2,1]},"b":2}`)), []webhook.Receipt{other})
		})
	}},
	{name: "sees repetitions within one batch and between batches on their way", run: func(f *fixture) {
		first, second, third := f.keyed("p", "k", "1"), f.keyed("p", "k", "1"), f.keyed("p", "k", "2")
		plain, later := f.event(1), f.keyed("p", "k", "1")
		got := make(chan []webhook.Receipt, 2)
		f.Accept([]webhook.Event{first, second, plain, third}, 0, func(r []webhook.Receipt, _ error) { got <- r })
		f.Accept([]webhook.Event{later}, 0, func(r []webhook.Receipt, _ error) { got <- r })
		duplicate := webhook.Receipt{EventID: first.ID, Deliveries: 2, Duplicate: true}
		same(f, <-got, []webhook.Receipt{
			{EventID: first.ID, Deliveries: 2},
			duplicate,
			{EventID: plain.ID, Deliveries: 1},
			{EventID: first.ID, Err: webhook.ErrKeyReused},
		})
		same(f, <-got, []webhook.Receipt{duplicate})
	}},
	{name: "remembers a key for a day", timed: true, run: func(f *fixture) {
		left := 24 * time.Hour
		if !f.backend.Remote { // numbered long ago: virtual days are slow
			left = 10 * time.Second
			f.now = f.now.Add(left - 24*time.Hour)
		}
		first := f.keyed("p", "k", "1")
		f.accept(first)
		f.sleep(left - f.margin())
		same(f, f.accept(f.keyed("p", "k", "1"))[0].Duplicate, true)
		f.sleep(2 * f.margin())
		f.now = f.clock()
		again := f.keyed("p", "k", "1")
		same(f, f.accept(again), []webhook.Receipt{{EventID: again.ID, Deliveries: 2}})
	}},
}
