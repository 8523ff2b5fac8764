package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// eventListTests are about the list of events.
var eventListTests = []test{
	{name: "lists events by client, publisher, type, match and time, in pages", run: listEveryEvent},
	{name: "lists no events where there are none", run: func(f *fixture) {
		f.endpoint("a")
		for _, q := range []webhook.EventQuery{{}, {ClientID: "a"}, {Publisher: "b"}, {Matched: webhook.OnlyMatched}} {
			q.Limit = 5
			same(f, f.listedEvents(q), nil)
		}
	}},
	{name: "begins a list of events before any ID, stored or not", run: func(f *fixture) {
		var ids []webhook.ID
		for range 4 {
			e := f.event(1)
			f.accept(e)
			ids = append(ids, e.ID)
		}
		f.check(func() {
			for _, before := range around(ids, 0) {
				page, err := f.ListEvents(f.Context(), webhook.EventQuery{Before: before, Limit: 2})
				f.must(err)
				if len(page.Events) > 2 {
					f.Fatalf("a page of 2 has %d events", len(page.Events))
				}
				var got, want []webhook.ID
				for _, e := range page.Events {
					got = append(got, e.ID)
				}
				for _, id := range reversed(ids) {
					if (before == webhook.ID{} || id.Compare(before) < 0) {
						want = append(want, id)
					}
				}
				same(f, got, firstOf(want, 2))
			}
		})
	}},
	{name: "bounds the events that it looks at for a page", run: func(f *fixture) {
		rare := f.event(1)
		rare.Type = "user.rare"
		f.accept(rare)
		f.queued(1, 2500)
		f.check(func() {
			q := webhook.EventQuery{EventType: "user.rare", Limit: 1}
			page, err := f.ListEvents(f.Context(), q)
			f.must(err)
			if len(page.Events) == 0 && page.Next == (webhook.ID{}) {
				f.Fatal("the list ends before its only event")
			}
			same(f, f.listedEvents(q), []webhook.ID{rare.ID})
		})
	}},
	{name: "counts all deliveries of an event that is stored in parts", run: func(f *fixture) {
		var to []webhook.EndpointNumber
		for n := range webhook.EndpointNumber(webhook.MaxFanOut + 5) {
			to = append(to, n+1)
		}
		e := f.event(to...)
		f.accept(e)
		f.check(func() {
			page, err := f.ListEvents(f.Context(), webhook.EventQuery{Limit: 1})
			f.must(err)
			same(f, page.Events, []webhook.EventSummary{{
				ID: e.ID, Type: e.Type, ClientID: e.ClientID, Size: len(e.Data), Deliveries: webhook.MaxFanOut + 5,
			}})
		})
	}},
}

// listEveryEvent compares every combination of filters with a plain filter over all.
func listEveryEvent(f *fixture) {
	start := f.now
	for _, client := range []string{"a", "b", "a"} {
		f.endpoint(client)
	}
	third, err := f.Endpoint(f.Context(), 3)
	f.must(err)
	f.deleteEndpoint(third) // its deliveries belong to the client all the same
	recipients := [][]webhook.EndpointNumber{nil, {1}, {2}, {3}, {1, 2, 3}, {2, 3}}
	var all []webhook.Event
	for i := range 24 {
		f.now = start.Add(time.Duration(i/4) * time.Second)
		e := f.event()
		e.Type = []string{"user.created", "user.updated"}[i%2]
		e.ClientID = []string{"", "a", "b"}[i%3]
		e.Publisher = []string{"p", "q"}[i/2%2]
		e.Data = fmt.Appendf(nil, `"%0*d"`, i, i)
		for _, n := range recipients[i%6] {
			switch (i + int(n)) % 3 {
			case 0:
				e.Disabled = append(e.Disabled, n)
			case 1:
				e.Limited = append(e.Limited, n)
			default:
				e.Endpoints = append(e.Endpoints, n)
			}
		}
		all = append(all, e)
	}
	f.accept(all...)
	f.check(func() {
		for _, q := range eventQueries(start) {
			var want []webhook.EventSummary
			for _, e := range slices.Backward(all) {
				if s, selected := listedEvent(q, &e); selected {
					want = append(want, s)
				}
			}
			for _, q.Limit = range []int{1, 7, 100} {
				if got := f.everyEvent(q); !slices.Equal(got, want) {
					f.Fatalf("query %+v lists\n%v\nwant\n%v", q, got, want)
				}
			}
		}
	})
}

// eventQueries returns lists by every combination of filters.
func eventQueries(start time.Time) (out []webhook.EventQuery) {
	for _, q := range []webhook.EventQuery{
		{},
		{Since: start.Add(2 * time.Second)},
		{Until: start.Add(3 * time.Second)},
		{Since: start.Add(time.Second), Until: start.Add(3 * time.Second)},
		{Since: start.Add(3 * time.Second), Until: start.Add(time.Second)},
	} {
		for _, q.ClientID = range []string{"", "a", "b", "c"} {
			for _, q.Publisher = range []string{"", "p", "none"} {
				for _, q.EventType = range []string{"", "user.updated"} {
					for _, q.Matched = range []webhook.Match{webhook.AnyMatch, webhook.OnlyMatched, webhook.OnlyUnmatched} {
						out = append(out, q)
					}
				}
			}
		}
	}
	return out
}

// listedEvent says what a query means, without any index.
func listedEvent(q webhook.EventQuery, e *webhook.Event) (webhook.EventSummary, bool) {
	s := webhook.EventSummary{ID: e.ID, Type: e.Type, ClientID: e.ClientID, Size: len(e.Data)}
	for _, n := range e.Recipients() {
		if client := map[webhook.EndpointNumber]string{1: "a", 2: "b", 3: "a"}[n]; q.ClientID == "" || client == q.ClientID {
			s.Deliveries++
		}
	}
	theirs := q.ClientID != "" && (e.ClientID == q.ClientID || s.Deliveries > 0)
	switch at := e.ID.Time(); {
	case q.EventType != "" && q.EventType != e.Type,
		q.ClientID+q.Publisher != "" && !theirs && e.Publisher != q.Publisher,
		q.Matched == webhook.OnlyMatched && s.Deliveries == 0,
		q.Matched == webhook.OnlyUnmatched && s.Deliveries > 0,
		!q.Since.IsZero() && at.Before(q.Since),
		!q.Until.IsZero() && !at.Before(q.Until):
		return s, false
	}
	return s, true
}

// everyEvent reads a whole list of events page by page.
func (f *fixture) everyEvent(q webhook.EventQuery) (list []webhook.EventSummary) {
	f.Helper()
	list, err := eventsOfPages(f.Context(), f, q)
	f.must(err)
	return list
}

// listedEvents returns the IDs of a whole list of events.
func (f *fixture) listedEvents(q webhook.EventQuery) (ids []webhook.ID) {
	f.Helper()
	for _, e := range f.everyEvent(q) {
		ids = append(ids, e.ID)
	}
	return ids
}
