package tables

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// stored makes some events, each with deliveries of all statuses for endpoints that share
// a part, or a client, or neither. Two events have the same Seq, and one is kept.
func stored(t *testing.T, tx pgx.Tx) (events []webhook.Event, deliveries []webhook.Delivery) {
	t.Helper()
	reasons := []webhook.Reason{webhook.ReasonTimeout, webhook.ReasonHTTP5xx}
	for i := range 12 {
		e := webhook.Event{
			ID: idAt(time.Duration(i/2*2)*time.Hour, uint32(i)), Type: []string{"a", "b", "c"}[i%3], Data: make([]byte, i),
			Endpoints: []webhook.EndpointNumber{1, 2, 257},
		}
		if i%5 == 0 {
			e.ClientID = "acme"
		}
		if i == 7 {
			e.Endpoints = nil
		}
		events = append(events, e)
		for j, n := range e.Endpoints {
			d := webhook.Delivery{ID: e.ID.For(n), EventType: e.Type, Status: webhook.Queued}
			switch (i + j) % 4 {
			case 1:
				d.Status, d.Attempts, d.Reason = webhook.Retrying, 1+i%3, reasons[j%2]
				putAttempt(t, tx, d.ID, webhook.Attempt{Number: d.Attempts, StatusCode: 500 + i%3})
			case 2:
				d.Status, d.Attempts, d.FinishedAt = webhook.Delivered, 1, e.ID.Time()
				d.AttemptLog = []webhook.Attempt{{Number: 1, StatusCode: 204}}
			case 3:
				d.Status, d.Attempts, d.Reason, d.FinishedAt = webhook.Failed, 3, reasons[i%2], e.ID.Time().Add(-18*time.Hour)
				d.AttemptLog = []webhook.Attempt{{Number: 3}}
			}
			put(t, tx, d)
			if d.Status == webhook.Retrying {
				d.AttemptLog = []webhook.Attempt{{StatusCode: 500 + i%3}}
			}
			deliveries = append(deliveries, d)
		}
		putEvents(t, tx, EventTables[i%2], e)
	}
	for n, client := range map[int32]string{1: "acme", 2: "other", 257: "acme"} {
		exec(t, tx, `INSERT INTO endpoint VALUES ($1, $2, 1, NULL, '', '')`, n, NameOf(client))
	}
	slices.SortFunc(events, func(a, b webhook.Event) int { return b.ID.Compare(a.ID) })
	slices.SortFunc(deliveries, func(a, b webhook.Delivery) int { return b.ID.Compare(a.ID) })
	return events, deliveries
}

// pagesOf returns the IDs of all pages of a list.
func pagesOf(t *testing.T, page func(before webhook.ID) ([]webhook.ID, webhook.ID, error)) (all []webhook.ID) {
	t.Helper()
	var before webhook.ID
	for range 200 {
		ids, next, err := page(before)
		must(t, err)
		all = append(all, ids...)
		if next == (webhook.ID{}) {
			return all
		}
		before = next
	}
	t.Fatal("the list has no end")
	return nil
}

// TestListPage: whatever the filters and the size of pages, a list has those deliveries
// that the filters select and that have not expired, newest first, each once.
func TestListPage(t *testing.T) {
	tx := begin(t)
	_, all := stored(t, tx)
	clientOf := map[webhook.EndpointNumber]string{1: "acme", 2: "other", 257: "acme"}
	middle := noon.Add(-4 * time.Hour)
	for _, q := range []webhook.DeliveryQuery{
		{},
		{Endpoint: 1},
		{Endpoint: 257},
		{Endpoint: 9},
		{ClientID: "acme"},
		{ClientID: "nobody"},
		{ClientID: "acme", Endpoint: 257},
		{ClientID: "acme", Endpoint: 2},
		{Status: webhook.Queued},
		{Status: webhook.Retrying, Endpoint: 2},
		{Status: webhook.Failed},
		{Status: webhook.Delivered, ClientID: "acme"},
		{Status: webhook.Processing},
		{EventType: "b"},
		{EventType: "b", Endpoint: 1},
		{EventType: "none", ClientID: "other"},
		{Reason: webhook.ReasonTimeout},
		{Reason: webhook.ReasonHTTP5xx, ClientID: "acme"},
		{Code: "5xx"},
		{Code: "501", Endpoint: 1},
		{Code: webhook.NoCode, ClientID: "other"},
		{Code: "204", EventType: "a"},
		{MinAttempts: 2},
		{Since: middle},
		{Until: middle, Endpoint: 1},
		{Since: middle, Until: noon, ClientID: "acme"},
		{Since: noon, Until: middle},
	} {
		var want []webhook.ID
		for _, d := range all {
			at := d.ID.Time()
			place := (q.Endpoint == 0 || q.Endpoint == d.ID.Endpoint) && (q.ClientID == "" || q.ClientID == clientOf[d.ID.Endpoint]) &&
				!at.Before(q.Since) && (q.Until.IsZero() || at.Before(q.Until))
			expired := d.Status.Finished() && !d.FinishedAt.After(noon.Add(-retention))
			if place && !expired && q.Selects(&d) && q.Code.Selects(d.LastAttempt()) {
				want = append(want, d.ID)
			}
		}
		for _, q.Limit = range []int{1, 3, 100} {
			got := pagesOf(t, func(before webhook.ID) (ids []webhook.ID, next webhook.ID, err error) {
				q.Before = before
				page, err := finder().ListPage(t.Context(), tx, q, ScansOf(q.Status))
				for _, d := range page.Deliveries {
					ids = append(ids, d.ID)
				}
				if len(ids) > q.Limit {
					err = fmt.Errorf("a page of %d has %d", q.Limit, len(ids))
				}
				return ids, page.Next, err
			})
			if !slices.Equal(got, want) {
				t.Errorf("%+v lists\n%v\nwant\n%v", q, got, want)
			}
		}
	}
}

// TestListEvents is the same for events, of which the list has the size of the data.
func TestListEvents(t *testing.T) {
	tx := begin(t)
	all, _ := stored(t, tx)
	middle := noon.Add(-4 * time.Hour)
	theirs := map[string][]webhook.EndpointNumber{"acme": {1, 257}, "other": {2}}
	for _, q := range []webhook.EventQuery{
		{},
		{ClientID: "acme"},
		{ClientID: "other"},
		{ClientID: "nobody"},
		{EventType: "c"},
		{Publisher: "p"},
		{Matched: webhook.OnlyMatched},
		{Matched: webhook.OnlyUnmatched},
		{Since: middle},
		{Until: middle, EventType: "a"},
		{Since: middle, Until: middle},
	} {
		var want []webhook.EventSummary
		for i := range all {
			e := &all[i]
			at := e.ID.Time()
			if at.Before(q.Since) || !q.Until.IsZero() && !at.Before(q.Until) {
				continue
			}
			if shown, selected := q.Selects(e, len(e.Data), theirs[q.ClientID]); selected {
				want = append(want, shown)
			}
		}
		for _, q.Limit = range []int{1, 5, 100} {
			var got []webhook.EventSummary
			pagesOf(t, func(before webhook.ID) ([]webhook.ID, webhook.ID, error) {
				q.Before = before
				page, err := ListEvents(t.Context(), tx, q)
				got = append(got, page.Events...)
				return nil, page.Next, err
			})
			if !slices.Equal(got, want) {
				t.Errorf("%+v lists\n%v\nwant\n%v", q, got, want)
			}
		}
	}
}

// TestListsLookAtABoundedNumber of rows for a page that finds nothing; the next page continues
// where this one ended.
func TestListsLookAtABoundedNumber(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 0)
	exec(t, tx, `INSERT INTO retrying SELECT 1, 1, $1::int8 + n, 0, 0, $2 FROM generate_series(1, 2500) n`,
		int64(id.Seq), record.EncodeDelivery(&webhook.Delivery{Status: webhook.Retrying, EventType: "x", Attempts: 1}))
	exec(t, tx, `INSERT INTO event SELECT $1::int8 + n, 0, $2, '' FROM generate_series(1, 2500) n`,
		int64(id.Seq), record.EncodeEvent(&webhook.Event{Type: "x"}, nil))
	pages := 0
	got := pagesOf(t, func(before webhook.ID) ([]webhook.ID, webhook.ID, error) {
		pages++
		page, err := finder().ListPage(t.Context(), tx, webhook.DeliveryQuery{Endpoint: 1, EventType: "y", Before: before, Limit: 10}, ScansOf(""))
		return nil, page.Next, err
	})
	if pages != 3 || len(got) > 0 {
		t.Errorf("%d pages of deliveries with %d", pages, len(got))
	}
	pages = 0
	pagesOf(t, func(before webhook.ID) ([]webhook.ID, webhook.ID, error) {
		pages++
		page, err := ListEvents(t.Context(), tx, webhook.EventQuery{EventType: "y", Before: before, Limit: 10})
		return nil, page.Next, err
	})
	if pages != 3 {
		t.Errorf("%d pages of events", pages)
	}
}
