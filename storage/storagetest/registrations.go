package storagetest

import (
	"context"
	"errors"

	"github.com/corpastro/astrohook/webhook"
)

var endpointTests = []test{
	{name: "numbers endpoints from 1 and keeps all of them", run: func(f *fixture) {
		for i := range 3 {
			want := f.registration("client-1")
			got, err := f.CreateEndpoint(f.Context(), want)
			f.must(err)
			want.ID.Endpoint, want.Revision = webhook.EndpointNumber(i+1), 1
			same(f, got, want)
			f.check(func() {
				stored, err := f.Endpoint(f.Context(), want.Number())
				f.must(err)
				same(f, stored, want)
			})
		}
	}},
	{name: "does not know what is not there", run: func(f *fixture) {
		_, err := f.Endpoint(f.Context(), 1)
		f.is(err, webhook.ErrNotFound)
		_, err = f.UpdateEndpoint(f.Context(), 1, func(*webhook.Endpoint) error { return nil })
		f.is(err, webhook.ErrNotFound)
	}},
	{name: "counts revisions, and keeps what a failing change saw", run: func(f *fixture) {
		e := f.endpoint("client-1")
		for revision := uint64(2); revision < 5; revision++ {
			got, err := f.UpdateEndpoint(f.Context(), e.Number(), func(e *webhook.Endpoint) error {
				e.Status, e.TargetURL = webhook.EndpointPaused, "https://example.com/other"
				return nil
			})
			f.must(err)
			same(f, got.Revision, revision)
		}
		refused := errors.New("refused")
		_, err := f.UpdateEndpoint(f.Context(), e.Number(), func(e *webhook.Endpoint) error {
			e.TargetURL, e.EventTypes[0], e.Secrets[0].Value = "nowhere", "changed", "changed"
			return refused
		})
		f.is(err, refused)
		e.Status, e.TargetURL, e.Revision = webhook.EndpointPaused, "https://example.com/other", 4
		f.check(func() {
			got, err := f.Endpoint(f.Context(), e.Number())
			f.must(err)
			same(f, got, e)
		})
	}},
	{name: "applies concurrent changes one after the other", run: concurrentUpdates},
	{name: "lists a client's endpoints newest first, without deleted ones", run: listEndpoints},
	{name: "visits every endpoint in ascending order, without its secrets", run: func(f *fixture) {
		var want []webhook.Endpoint
		for _, client := range []string{"b", "a", "b"} {
			want = append(want, f.endpoint(client).WithoutSecrets())
		}
		want[1] = f.deleteEndpoint(want[1]).WithoutSecrets()
		f.check(func() {
			var got []webhook.Endpoint
			f.must(f.EachEndpoint(f.Context(), func(e webhook.Endpoint) error { got = append(got, e); return nil }))
			same(f, got, want)
		})
		enough, visits := errors.New("enough"), 0
		f.is(f.EachEndpoint(f.Context(), func(webhook.Endpoint) error { visits++; return enough }), enough)
		same(f, visits, 1)
	}},
	{name: "refuses a write whose context has ended", run: func(f *fixture) {
		ctx, cancel := context.WithCancel(f.Context())
		cancel()
		_, err := f.CreateEndpoint(ctx, f.registration("a"))
		f.is(err, context.Canceled)
	}},
}

func concurrentUpdates(f *fixture) {
	n, done := f.endpoint("client-1").ID.Endpoint, make(chan error)
	const writers, rounds = 8, 10
	for range writers {
		go func() {
			var failed error
			for range rounds {
				_, err := f.UpdateEndpoint(f.Context(), n, func(e *webhook.Endpoint) error { e.Settings.Burst++; return nil })
				failed = errors.Join(failed, err)
			}
			done <- failed
		}()
	}
	for range writers {
		f.must(<-done)
	}
	e, err := f.Endpoint(f.Context(), n)
	f.must(err)
	same(f, e.Settings.Burst, 7+writers*rounds)
	same(f, e.Revision, uint64(1+writers*rounds))
}

// deleteEndpoint marks an endpoint deleted at f.now.
func (f *fixture) deleteEndpoint(e webhook.Endpoint) webhook.Endpoint {
	f.Helper()
	e, err := f.UpdateEndpoint(f.Context(), e.Number(), func(e *webhook.Endpoint) error { e.DeletedAt = f.now; return nil })
	f.must(err)
	return e
}

func listEndpoints(f *fixture) {
	var all []webhook.Endpoint
	// "ab" and "a" must not be taken for one another, nor a number for a part of a name.
	for _, client := range []string{"a", "ab", "a", "a\x00\x00", "ab", "a"} {
		all = append(all, f.endpoint(client))
	}
	list, err := f.ListEndpoints(f.Context(), "", 0, 1)
	f.must(err)
	same(f, list, []webhook.Endpoint{all[5]})
	f.deleteEndpoint(all[2])
	numbers := func(client string, before webhook.EndpointNumber, limit int) []webhook.EndpointNumber {
		list, err := f.ListEndpoints(f.Context(), client, before, limit)
		f.must(err)
		out := []webhook.EndpointNumber{}
		for _, e := range list {
			out = append(out, e.Number())
		}
		return out
	}
	f.check(func() {
		same(f, numbers("a", 0, 10), []webhook.EndpointNumber{6, 1})
		same(f, numbers("ab", 0, 10), []webhook.EndpointNumber{5, 2})
		same(f, numbers("ab", 5, 10), []webhook.EndpointNumber{2})
		same(f, numbers("", 0, 10), []webhook.EndpointNumber{6, 5, 4, 2, 1})
		same(f, numbers("", 0, 2), []webhook.EndpointNumber{6, 5})
		same(f, numbers("", 5, 2), []webhook.EndpointNumber{4, 2})
		same(f, numbers("nobody", 0, 2), []webhook.EndpointNumber{})
	})
}

var eventTypeTests = []test{
	{name: "keeps the registry by name", run: func(f *fixture) {
		ctx := f.Context()
		f.must(f.CreateEventType(ctx, webhook.EventType{Name: "b.two", Description: "second"}))
		f.must(f.CreateEventType(ctx, webhook.EventType{Name: "a.one"}))
		f.is(f.CreateEventType(ctx, webhook.EventType{Name: "a.one", Description: "again"}), webhook.ErrExists)
		f.must(f.UpdateEventType(ctx, webhook.EventType{Name: "b.two", Description: "changed"}))
		f.is(f.UpdateEventType(ctx, webhook.EventType{Name: "c.three"}), webhook.ErrNotFound)
		f.is(f.DeleteEventType(ctx, "c.three"), webhook.ErrNotFound)
		f.check(func() {
			got, err := f.EventTypes(ctx)
			f.must(err)
			same(f, got, []webhook.EventType{{Name: "a.one"}, {Name: "b.two", Description: "changed"}})
		})
		f.must(f.DeleteEventType(ctx, "a.one"))
		f.check(func() {
			got, err := f.EventTypes(ctx)
			f.must(err)
			same(f, got, []webhook.EventType{{Name: "b.two", Description: "changed"}})
		})
	}},
}
