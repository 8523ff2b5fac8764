package memstore

import (
	"context"
	"slices"

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
		(q.Status == "" || q.Status == d.Status) &&
		(q.EventType == "" || q.EventType == d.EventType) &&
		(q.Since.IsZero() || d.ID.Seq >= webhook.SeqAt(q.Since)) &&
		(q.Until.IsZero() || d.ID.Seq < webhook.SeqAt(q.Until))
}
