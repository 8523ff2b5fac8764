package storagetest

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var listTests = []test{
	{name: "lists by endpoint, client, status, type and time, in pages", run: listEverything},
	{name: "lists nothing where there is nothing", run: func(f *fixture) {
		f.endpoint("a")
		for _, q := range []webhook.DeliveryQuery{{}, {Endpoint: 1}, {ClientID: "a"}, {ClientID: "b"}, {Endpoint: 1, ClientID: "b"}} {
			q.Limit = 5
			same(f, f.listed(q), nil)
		}
	}},
	{name: "continues where a page ended although more came in between", run: func(f *fixture) {
		f.endpoint("a")
		ids := f.queued(1, 10)
		for _, q := range []webhook.DeliveryQuery{{Endpoint: 1}, {ClientID: "a"}, {}} {
			q.Limit = 4
			page, err := f.ListDeliveries(f.Context(), q)
			f.must(err)
			newer := f.queued(1, 3)
			for i := 1; i < 6; i++ { // what moves to another space is neither lost nor doubled
				f.attempted(ids[i], 200)
			}
			q.Before = page.Next
			got := f.listed(q)
			from := slices.Index(reversed(ids), page.Next)
			same(f, got, reversed(ids)[from+1:])
			ids = append(ids, newer...)
		}
	}},
	{name: "shows the whole delivery", run: func(f *fixture) {
		f.endpoint("a")
		ids := f.queued(1, 4)
		f.attempted(ids[0], 200)
		f.attempted(ids[1], 500)
		_, err := f.Cancel(f.Context(), ids[2], webhook.ReasonCancelled, f.now)
		f.must(err)
		f.check(func() {
			for _, q := range []webhook.DeliveryQuery{{Endpoint: 1}, {ClientID: "a"}, {}} {
				q.Limit = 5
				page, err := f.ListDeliveries(f.Context(), q)
				f.must(err)
				same(f, len(page.Deliveries), 4)
				for _, d := range page.Deliveries {
					same(f, d, f.delivery(d.ID).Listed())
				}
			}
		})
	}},
	{name: "fills a page although more have left the queue than it may look at", run: func(f *fixture) {
		f.endpoint("a")
		ids := f.queued(1, 3000)
		for _, id := range ids {
			d := f.delivery(id)
			f.Settle(webhook.Settlement{Was: d.Place(), Now: d.Fail(webhook.ReasonPanic, f.now)}, func(error) {})
		}
		f.check(func() {
			for _, q := range []webhook.DeliveryQuery{{Endpoint: 1}, {ClientID: "a"}, {}} {
				q.Limit = 50
				page, err := f.ListDeliveries(f.Context(), q)
				f.must(err)
				same(f, len(page.Deliveries), 50)
				same(f, f.listed(q), reversed(ids))
			}
		})
	}},
	{name: "bounds the work for a page", run: func(f *fixture) {
		f.endpoint("a")
		rare := f.event(1)
		rare.Type = "user.rare"
		f.accept(rare)
		ids := f.queued(1, 2500)
		for _, id := range ids[:1500] {
			d := f.delivery(id)
			f.Settle(webhook.Settlement{Was: d.Place(), Now: d.Fail(webhook.ReasonPanic, f.now)}, func(error) {})
		}
		f.check(func() {
			for _, q := range []webhook.DeliveryQuery{{Endpoint: 1}, {ClientID: "a"}, {}} {
				q.EventType, q.Limit = "user.rare", 1
				same(f, f.listed(q), []webhook.ID{rare.ID.For(1)})
				q.Status = webhook.Queued
				same(f, f.listed(q), []webhook.ID{rare.ID.For(1)})
				// Nothing matches, so that only a bound ends a page before the end.
				for _, none := range []webhook.DeliveryQuery{{MinAttempts: 1}, {Code: "404"}, {Reason: webhook.ReasonGone}} {
					none.Endpoint, none.ClientID, none.Limit = q.Endpoint, q.ClientID, 1
					page, err := f.ListDeliveries(f.Context(), none)
					f.must(err)
					same(f, page.Deliveries, nil)
					same(f, f.listed(none), nil)
				}
			}
		})
	}},
}

// listEverything fills a store with deliveries of every status and compares every
// combination of filters with a plain filter over all.
func listEverything(f *fixture) {
	start := f.now
	for _, client := range []string{"a", "b", "a"} {
		f.endpoint(client)
	}
	var all []webhook.Delivery
	for i := range 24 {
		f.now = start.Add(time.Duration(i/4) * time.Second)
		e := f.event(1, 2, 3)
		if i%5 == 0 {
			e.Type = "user.updated"
		}
		f.accept(e)
		for _, n := range e.Endpoints {
			all = append(all, f.anyStatus(e.ID.For(n), i+int(n)))
		}
	}
	third, err := f.Endpoint(f.Context(), 3)
	f.must(err)
	f.deleteEndpoint(third) // its deliveries are listed all the same
	slices.SortFunc(all, func(a, b webhook.Delivery) int { return b.ID.Compare(a.ID) })
	f.check(func() {
		for _, q := range queries(start) {
			want := []webhook.ID(nil)
			for _, d := range all {
				if selected(q, &d) {
					want = append(want, d.ID)
				}
			}
			for _, q.Limit = range []int{1, 7, 100} {
				got := f.listed(q)
				if !slices.Equal(got, want) {
					f.Fatalf("query %+v lists\n%v\nwant\n%v", q, got, want)
				}
			}
		}
	})
}

// anyStatus moves a queued delivery to one status or another.
func (f *fixture) anyStatus(id webhook.ID, choice int) webhook.Delivery {
	switch choice % 7 {
	case 0:
		return f.attempted(id, 200)
	case 5: // requeued, with an attempt in its log
		f.attempted(id, 410)
		_, err := f.Requeue(f.Context(), id)
		f.must(err)
	case 6: // without an answer
		was := f.delivery(id)
		policy := webhook.RetryPolicy{MaxAttempts: 3, Initial: 10 * time.Second, Multiplier: 2, MaxDelay: time.Hour}
		a := webhook.Attempt{At: f.now, Duration: time.Millisecond, Failure: webhook.ReasonTimeout}
		f.settle(webhook.Settlement{Was: was.Place(), Now: was.Attempted(a, policy, 0)})
	case 1:
		return f.attempted(id, 500)
	case 2:
		return f.attempted(id, 410)
	case 3:
		d, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.now)
		f.must(err)
		return d
	}
	return f.delivery(id)
}

func queries(start time.Time) []webhook.DeliveryQuery {
	var out []webhook.DeliveryQuery
	for _, from := range []webhook.DeliveryQuery{
		{},
		{Endpoint: 1},
		{Endpoint: 3},
		{ClientID: "a"},
		{ClientID: "b"},
		{Endpoint: 1, ClientID: "a"},
		{Endpoint: 1, ClientID: "b"},
		{Since: start.Add(2 * time.Second)},
		{Until: start.Add(3 * time.Second)},
		{Endpoint: 2, Since: start.Add(time.Second), Until: start.Add(3 * time.Second)},
		{ClientID: "a", Since: start.Add(time.Second), Until: start.Add(3 * time.Second)},
		{Since: start.Add(3 * time.Second), Until: start.Add(time.Second)},
	} {
		for _, from.Status = range append([]webhook.Status{""}, webhook.Statuses...) {
			for _, from.EventType = range []string{"", "user.updated", "user.never"} {
				out = append(out, from)
			}
		}
	}
	for _, from := range []webhook.DeliveryQuery{{}, {Endpoint: 2}, {ClientID: "a"}} {
		for _, from.Status = range []webhook.Status{"", webhook.Retrying, webhook.Failed, webhook.Queued} {
			out = append(out, narrowed(from)...)
		}
	}
	return out
}

// narrowed returns a query with each filter about the latest attempt, and with several.
func narrowed(q webhook.DeliveryQuery) (out []webhook.DeliveryQuery) {
	for _, q.Reason = range []webhook.Reason{webhook.ReasonHTTP5xx, webhook.ReasonGone, webhook.ReasonCancelled, webhook.ReasonTimeout} {
		out = append(out, q)
	}
	q.Reason = webhook.ReasonNone
	for _, q.Code = range []webhook.CodeFilter{"2xx", "4xx", "5xx", "410", "500", "404", webhook.NoCode} {
		out = append(out, q)
	}
	for q.MinAttempts = range 3 {
		out = append(out, q)
	}
	q.Code, q.MinAttempts = "", 1
	return append(out, q)
}

// selected says what a query means, without any index.
func selected(q webhook.DeliveryQuery, d *webhook.Delivery) bool {
	client := map[webhook.EndpointNumber]string{1: "a", 2: "b", 3: "a"}[d.ID.Endpoint]
	last := d.LastAttempt()
	code := func(first, end int) bool { return last != nil && first <= last.StatusCode && last.StatusCode < end }
	codes := map[webhook.CodeFilter]bool{
		"": true, "2xx": code(200, 300), "4xx": code(400, 500), "5xx": code(500, 600),
		"410": code(410, 411), "500": code(500, 501), "404": code(404, 405), webhook.NoCode: code(0, 1),
	}
	switch at := d.QueuedAt(); {
	case !codes[q.Code],
		q.Reason != "" && q.Reason != d.Reason,
		q.MinAttempts > d.Attempts,
		q.Endpoint != 0 && q.Endpoint != d.ID.Endpoint,
		q.ClientID != "" && q.ClientID != client,
		q.Status != "" && q.Status != d.Status,
		q.EventType != "" && q.EventType != d.EventType,
		!q.Since.IsZero() && at.Before(q.Since),
		!q.Until.IsZero() && !at.Before(q.Until):
		return false
	}
	return true
}
