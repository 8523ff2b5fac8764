package memstore

import (
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// ListDeliveries lists deliveries newest first. Unlike the stores on disk, it looks
// at all that the endpoints in question have.
func (s *Store) ListDeliveries(q webhook.DeliveryQuery) (page webhook.DeliveryPage, err error) {
	err = s.view("list deliveries", func() error {
		page = s.list(q, func(*webhook.Delivery) bool { return true })
		return nil
	})
	return page, err
}

func (s *Store) list(q webhook.DeliveryQuery, also func(*webhook.Delivery) bool) (page webhook.DeliveryPage) {
	for _, id := range slices.Backward(s.candidates(q)) {
		d, err := s.find(id)
		if err != nil || !selects(q, &d) || !also(&d) {
			continue
		}
		if len(page.Deliveries) == q.Limit {
			page.Next = page.Deliveries[q.Limit-1].ID
			break
		}
		page.Deliveries = append(page.Deliveries, d)
	}
	return page
}

// candidates are the deliveries of the endpoints that q allows, oldest first.
func (s *Store) candidates(q webhook.DeliveryQuery) []webhook.ID {
	var out []webhook.ID
	for n, ids := range s.order {
		theirs := q.ClientID == "" || s.endpoints[n].ClientID == q.ClientID
		if n != 0 && theirs && (q.Endpoint == 0 || q.Endpoint == n) {
			out = append(out, ids...)
		}
	}
	slices.SortFunc(out, webhook.ID.Compare)
	return out
}

func selects(q webhook.DeliveryQuery, d *webhook.Delivery) bool {
	return (q.Before == webhook.ID{} || d.ID.Compare(q.Before) < 0) &&
		(q.Status == "" || q.Status == d.Status) &&
		(q.EventType == "" || q.EventType == d.EventType) &&
		(q.Since.IsZero() || d.ID.Seq >= webhook.SeqAt(q.Since)) &&
		(q.Until.IsZero() || d.ID.Seq < webhook.SeqAt(q.Until))
}
