package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// ListDeliveries returns deliveries newest first. Unlike a store on disk, it looks at
// everything that the endpoints in question have.
func (s *Store) ListDeliveries(_ context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error) {
	return view(s, "list deliveries", func() (webhook.DeliveryPage, error) {
		return s.list(q, func(*webhook.Delivery) bool { return true }), nil
	})
}

// list returns one page of the deliveries that q selects and also accepts. Next is
// set only where another one follows, so it takes one more than fits.
func (s *Store) list(q webhook.DeliveryQuery, also func(*webhook.Delivery) bool) (page webhook.DeliveryPage) {
	for _, id := range slices.Backward(s.candidates(q)) {
		d, err := s.find(id)
		if err != nil || !selects(q, &d) || !also(&d) {
			continue
		}
		// One more matches, so there is a next page.
		if len(page.Deliveries) == q.Limit {
			page.Next = page.Deliveries[q.Limit-1].ID
			break
		}
		page.Deliveries = append(page.Deliveries, shown(d))
	}
	return page
}

// shown returns a delivery whose attempts the caller may change.
func shown(d webhook.Delivery) webhook.Delivery {
	d.AttemptLog = slices.Clone(d.AttemptLog)
	return d
}

// candidates returns the deliveries of the endpoints that q allows, oldest first.
func (s *Store) candidates(q webhook.DeliveryQuery) []webhook.ID {
	var out []webhook.ID
	for n, ids := range s.order {
		theirs := q.ClientID == "" || s.endpoints[n].ClientID == q.ClientID
		if n != 0 && theirs && (q.Endpoint == 0 || q.Endpoint == n) {
			out = append(out, ids...)
		}
	}
	// Of several endpoints: each one's are in order already.
	slices.SortFunc(out, webhook.ID.Compare)
	return out
}

// selects reports whether a delivery is in a list, its endpoint aside.
func selects(q webhook.DeliveryQuery, d *webhook.Delivery) bool {
	return (q.Before == webhook.ID{} || d.ID.Compare(q.Before) < 0) &&
		q.Selects(d) && q.Code.Selects(d.LastAttempt()) && within(d.ID, q.Since, q.Until)
}

// within reports whether an event was accepted in a period; zero times are no bounds.
func within(id webhook.ID, since, until time.Time) bool {
	return (since.IsZero() || id.Seq >= webhook.SeqAt(since)) && (until.IsZero() || id.Seq < webhook.SeqAt(until))
}

// ListEvents returns events newest first. Unlike a store on disk, it looks at all of them.
func (s *Store) ListEvents(_ context.Context, q webhook.EventQuery) (webhook.EventPage, error) {
	return view(s, "list events", func() (page webhook.EventPage, err error) {
		var theirs []webhook.EndpointNumber
		for n, e := range s.endpoints {
			if e.ClientID == q.ClientID {
				theirs = append(theirs, n)
			}
		}
		slices.Sort(theirs)
		for _, id := range slices.Backward(s.order[0]) {
			e := s.events[id]
			shown, selected := q.Selects(&e, len(e.Data), theirs)
			if !selected || !within(id, q.Since, q.Until) || q.Before != (webhook.ID{}) && id.Compare(q.Before) >= 0 {
				continue
			}
			// One more matches, so there is a next page.
			if len(page.Events) == q.Limit {
				page.Next = page.Events[q.Limit-1].ID
				break
			}
			page.Events = append(page.Events, shown)
		}
		return page, nil
	})
}
