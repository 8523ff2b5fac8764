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
			got, err := f.Event(e.ID)
			f.must(err)
			same(f, got, e)
			all, err := f.EventDeliveries(e.ID, 0, 10)
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
		got, err := f.Event(e.ID.For(2))
		f.must(err)
		same(f, got, e)
	}},
	{name: "keeps an event that nobody wants", run: func(f *fixture) {
		e := f.event()
		same(f, f.accept(e), []webhook.Receipt{{EventID: e.ID}})
		f.check(func() {
			got, err := f.Event(e.ID)
			f.must(err)
			same(f, got, e)
		})
	}},
	{name: "keeps a failed delivery for each disabled endpoint", run: disabledEndpoints},
	{name: "counts disabled endpoints in the fan-out", run: func(f *fixture) {
		e := f.event(1)
		for n := range webhook.EndpointNumber(webhook.MaxFanOut) {
			e.Disabled = append(e.Disabled, n+2)
		}
		same(f, f.accept(e), []webhook.Receipt{{EventID: e.ID, Err: webhook.ErrFanOut}})
		e.Disabled = e.Disabled[1:]
		same(f, f.accept(e), []webhook.Receipt{{EventID: e.ID, Deliveries: 1, Disabled: webhook.MaxFanOut - 1}})
		same(f, f.Pending(), 1)
	}},
	{name: "answers an empty batch", run: func(f *fixture) {
		same(f, len(f.accept()), 0)
	}},
	{name: "keeps the largest payload", run: func(f *fixture) {
		e := f.event(1)
		e.Data = bytes.Repeat([]byte("x"), webhook.MaxPayload)
		f.accept(e)
		f.check(func() {
			due, err := f.Queued(1, webhook.ID{}, 1, 1)
			f.must(err)
			same(f, len(due), 1)
			same(f, bytes.Equal(due[0].Data, e.Data), true)
		})
	}},
	{name: "keeps the widest fan-out and refuses a wider one alone", run: wideFanOut},
	{name: "does not know what is not there", run: func(f *fixture) {
		_, err := f.Event(f.id())
		f.is(err, webhook.ErrNotFound)
		_, err = f.Delivery(f.id().For(1))
		f.is(err, webhook.ErrNotFound)
		_, err = f.EventDeliveries(f.id(), 0, 1)
		f.is(err, webhook.ErrNotFound)
		e := f.event(1)
		f.accept(e)
		_, err = f.Delivery(e.ID.For(2))
		f.is(err, webhook.ErrNotFound)
		e.ID.Nonce++
		_, err = f.Event(e.ID)
		f.is(err, webhook.ErrNotFound)
	}},
	{name: "reads an event's deliveries from a number on", run: func(f *fixture) {
		e := f.event(1, 2, 3, 4, 5)
		f.accept(e)
		some, err := f.EventDeliveries(e.ID, 2, 3)
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

func disabledEndpoints(f *fixture) {
	for _, client := range []string{"a", "b", "a"} {
		f.endpoint(client)
	}
	e := f.event(2)
	e.Disabled, e.IdempotencyKey = []webhook.EndpointNumber{1, 3}, "key"
	receipt := webhook.Receipt{EventID: e.ID, Deliveries: 1, Disabled: 2}
	same(f, f.accept(e), []webhook.Receipt{receipt})
	f.check(func() {
		got, err := f.Event(e.ID)
		f.must(err)
		same(f, got, e)
		again := e
		again.ID = f.id()
		receipt.Duplicate = true
		same(f, f.accept(again), []webhook.Receipt{receipt})
		same(f, f.Pending(), 1)
		same(f, f.wakes(), []webhook.Wake{{Endpoint: 2}})
		for _, n := range e.Disabled {
			d := e.Undeliverable(n)
			same(f, d.Reason, webhook.ReasonEndpointDisabled)
			f.onlyIn(d.ID, d)
			b, err := f.Backlog(n)
			f.must(err)
			same(f, b, webhook.Backlog{})
		}
		all, err := f.EventDeliveries(e.ID, 0, 10)
		f.must(err)
		same(f, len(all), 3)
		want := []webhook.ID{e.ID.For(3), e.ID.For(2), e.ID.For(1)}
		same(f, f.listed(webhook.DeliveryQuery{Limit: 2}), want)
		same(f, f.listed(webhook.DeliveryQuery{ClientID: "a", Limit: 1}), []webhook.ID{want[0], want[2]})
	})
	due, err := f.Requeue(f.Context(), e.ID.For(3))
	f.must(err)
	same(f, due.Data, e.Data)
	f.replay(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Failed, Limit: 5}, 1)
	f.check(func() { same(f, f.queue(1), []webhook.ID{e.ID.For(1)}); same(f, f.queue(3), []webhook.ID{e.ID.For(3)}) })
}

func wideFanOut(f *fixture) {
	to := make([]webhook.EndpointNumber, webhook.MaxFanOut+1)
	for i := range to {
		to[i] = webhook.EndpointNumber(1 + 200*i)
	}
	widest, wider, other := f.event(to[1:]...), f.event(to...), f.event(1)
	widest.Data = bytes.Repeat([]byte("x"), webhook.MaxPayload)
	same(f, f.accept(wider, widest, other), []webhook.Receipt{
		{EventID: wider.ID, Err: webhook.ErrFanOut},
		{EventID: widest.ID, Deliveries: webhook.MaxFanOut},
		{EventID: other.ID, Deliveries: 1},
	})
	same(f, f.Pending(), int64(webhook.MaxFanOut+1))
	f.check(func() {
		_, err := f.Event(wider.ID)
		f.is(err, webhook.ErrNotFound)
		same(f, f.delivery(widest.ID.For(to[webhook.MaxFanOut])).Status, webhook.Queued)
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
			_, err := f.Event(again.ID)
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
		f.Accept([]webhook.Event{first, second, plain, third}, func(r []webhook.Receipt, _ error) { got <- r })
		f.Accept([]webhook.Event{later}, func(r []webhook.Receipt, _ error) { got <- r })
		duplicate := webhook.Receipt{EventID: first.ID, Deliveries: 2, Duplicate: true}
		same(f, <-got, []webhook.Receipt{
			{EventID: first.ID, Deliveries: 2},
			duplicate,
			{EventID: plain.ID, Deliveries: 1},
			{EventID: first.ID, Err: webhook.ErrKeyReused},
		})
		same(f, <-got, []webhook.Receipt{duplicate})
	}},
	{name: "remembers a key for a day", bubble: true, run: func(f *fixture) {
		f.now = f.now.Add(-24*time.Hour + 10*time.Second) // numbered long ago: virtual days are slow
		first := f.keyed("p", "k", "1")
		f.accept(first)
		time.Sleep(8 * time.Second)
		same(f, f.accept(f.keyed("p", "k", "1"))[0].Duplicate, true)
		time.Sleep(4 * time.Second)
		f.now = time.Now()
		again := f.keyed("p", "k", "1")
		same(f, f.accept(again), []webhook.Receipt{{EventID: again.ID, Deliveries: 2}})
	}},
}
