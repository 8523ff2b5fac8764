package storagetest

import (
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// resultTests change what a store returned, or what it was given, as callers do: an
// endpoint is decrypted in place, a list of scopes is appended to. What is stored must
// not follow.
var resultTests = []test{
	{name: "keeps endpoints apart from what callers hold", run: func(f *fixture) {
		given := f.registration("a")
		created, err := f.CreateEndpoint(f.Context(), given)
		f.must(err)
		want := f.registration("a")
		want.ID, want.Revision = created.ID, 2
		updated := f.update(created, func(e *webhook.Endpoint) { e.Description = want.Description })
		read, err := f.Endpoint(f.Context(), created.Number())
		f.must(err)
		list, err := f.ListEndpoints(f.Context(), "a", 0, 1)
		f.must(err)
		for _, e := range []webhook.Endpoint{given, created, updated, read, list[0]} {
			e.EventTypes[0], e.Secrets[0], e.Headers[0] = "changed", signing.Secret{Value: "changed"}, webhook.CustomHeader{Name: "changed"}
		}
		f.check(func() {
			got, err := f.Endpoint(f.Context(), created.Number())
			f.must(err)
			same(f, got, want)
		})
	}},
	{name: "keeps API keys apart from what callers hold", run: func(f *fixture) {
		given := webhook.APIKey{ID: "a", Scopes: []string{"events:write"}, CreatedAt: f.now}
		f.must(f.CreateAPIKey(f.Context(), given))
		given.Scopes[0] = "admin"
		for range 2 {
			keys, err := f.APIKeys(f.Context())
			f.must(err)
			same(f, keys[0].Scopes, []string{"events:write"})
			keys[0].Scopes[0] = "admin"
		}
	}},
	{name: "keeps attempts apart from what callers hold", run: func(f *fixture) {
		f.endpoint("a")
		id := f.queued(1, 1)[0]
		f.attempted(id, 500)
		want := f.attempted(id, 500)
		page, err := f.ListDeliveries(f.Context(), webhook.DeliveryQuery{Limit: 1})
		f.must(err)
		ofEvent, err := f.EventDeliveries(f.Context(), id, 0, 1)
		f.must(err)
		for _, d := range []webhook.Delivery{f.delivery(id), page.Deliveries[0], ofEvent[0]} {
			d.AttemptLog[0] = webhook.Attempt{Detail: "changed"}
		}
		same(f, f.delivery(id), want)
		page, err = f.ListDeliveries(f.Context(), webhook.DeliveryQuery{Limit: 1})
		f.must(err)
		same(f, page.Deliveries, []webhook.Delivery{want.Listed()})
	}},
	{name: "lets a change alter neither ID nor revision", run: func(f *fixture) {
		e := f.endpoint("a")
		got := f.update(e, func(e *webhook.Endpoint) {
			e.ID, e.Revision = webhook.ID{Seq: 1, Endpoint: 99, Nonce: 1}, 50
		})
		e.Revision = 2
		same(f, got, e)
		f.check(func() {
			got, err := f.Endpoint(f.Context(), e.Number())
			f.must(err)
			same(f, got, e)
			_, err = f.Endpoint(f.Context(), 99)
			f.is(err, webhook.ErrNotFound)
		})
	}},
	{name: "lists an endpoint and its deliveries with the client that it has now", run: func(f *fixture) {
		e := f.endpoint("a")
		id := f.queued(e.Number(), 1)[0]
		want := f.update(e, func(e *webhook.Endpoint) { e.ClientID = "b" })
		f.check(func() {
			none, err := f.ListEndpoints(f.Context(), "a", 0, 5)
			f.must(err)
			same(f, len(none), 0)
			theirs, err := f.ListEndpoints(f.Context(), "b", 0, 5)
			f.must(err)
			same(f, theirs, []webhook.Endpoint{want})
			same(f, f.listed(webhook.DeliveryQuery{ClientID: "a", Limit: 5}), nil)
			same(f, f.listed(webhook.DeliveryQuery{ClientID: "b", Limit: 5}), []webhook.ID{id})
		})
	}},
	{name: "takes a name again that was given up", run: func(f *fixture) {
		first, second := webhook.EventType{Name: "a", Description: "first"}, webhook.EventType{Name: "a", Description: "second"}
		f.must(f.CreateEventType(f.Context(), first))
		f.must(f.DeleteEventType(f.Context(), "a"))
		f.must(f.CreateEventType(f.Context(), second))
		f.must(f.CreateAPIKey(f.Context(), webhook.APIKey{ID: "a", Name: "first", CreatedAt: f.now}))
		f.must(f.DeleteAPIKey(f.Context(), "a"))
		key := webhook.APIKey{ID: "a", Name: "second", CreatedAt: f.now, ExpiresAt: f.at(1)}
		f.must(f.CreateAPIKey(f.Context(), key))
		f.check(func() {
			types, err := f.EventTypes(f.Context())
			f.must(err)
			same(f, types, []webhook.EventType{second})
			keys, err := f.APIKeys(f.Context())
			f.must(err)
			same(f, keys, []webhook.APIKey{key})
		})
	}},
}

// orphanTests are about a delivery whose event is gone: it was cancelled during its last
// attempt, expired with its event, and then the attempt delivered it after all.
var orphanTests = []test{
	{name: "shows a delivery whose event is gone", timed: true, run: func(f *fixture) {
		id := f.orphan()
		f.check(func() {
			same(f, f.delivery(id).Status, webhook.Delivered)
			same(f, f.listed(webhook.DeliveryQuery{Endpoint: 1, Limit: 5}), []webhook.ID{id})
			_, err := f.Event(f.Context(), id)
			f.is(err, webhook.ErrNotFound)
			_, err = f.EventDeliveries(f.Context(), id, 0, 5)
			f.is(err, webhook.ErrNotFound)
		})
	}},
	{name: "sends nothing again whose event is gone", timed: true, run: func(f *fixture) {
		id := f.orphan()
		_, err := f.Requeue(f.Context(), id)
		f.is(err, webhook.ErrNotFound)
		f.replay(webhook.DeliveryQuery{Endpoint: 1, Limit: 5}, 0)
		f.check(func() {
			same(f, f.delivery(id).Status, webhook.Delivered)
			same(f, f.queue(1), nil)
			same(f, f.Pending(), 0)
		})
	}},
	{name: "forgets a delivery without event as any other", timed: true, run: func(f *fixture) {
		id := f.orphan()
		f.expire()
		f.reap(f.clock())
		f.check(func() {
			_, err := f.Delivery(f.Context(), id)
			f.is(err, webhook.ErrNotFound)
			same(f, f.listed(webhook.DeliveryQuery{Endpoint: 1, Limit: 5}), nil)
		})
	}},
}

// orphan makes a delivery of endpoint 1 whose event is gone.
func (f *fixture) orphan() webhook.ID {
	f.Helper()
	e := f.endpoint("a")
	id := f.queued(e.Number(), 1)[0]
	inFlight := f.delivery(id)
	_, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.now)
	f.must(err)
	f.expire()
	f.reap(f.clock())
	f.now = f.clock()
	f.settle(webhook.Settlement{Was: inFlight.Place(), Now: inFlight.Attempted(f.attempt(200), forever, 0)})
	return id
}
