package memstore

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// record takes the latest attempt of a settled delivery into its log, and leaves in
// the delivery what lists show of it.
func (s *Store) record(d *webhook.Delivery) {
	last := d.LastAttempt()
	if last == nil {
		d.AttemptLog = s.deliveries[d.ID].AttemptLog
		return
	}
	a := *last
	if n := a.Long(); n > 0 {
		if s.bodies.Take(d.ID.Endpoint, n, time.Now()) {
			s.bodies.Committed(n)
		} else {
			a = a.Cut()
		}
		a.Response = slices.Clone(a.Response)
	}
	log := slices.DeleteFunc(s.logs[d.ID], func(old webhook.Attempt) bool {
		return old.Number == a.Number || old.Number <= a.Number-webhook.MaxAttemptLog
	})
	for i := range log {
		if log[i].Number <= a.Number-webhook.MaxLongResponses {
			log[i] = short(log[i])
		}
	}
	s.logs[d.ID] = append(log, a)
	d.AttemptLog = []webhook.Attempt{short(a)}
}

// short is the attempt with a short response that shares no memory with the long one.
func short(a webhook.Attempt) webhook.Attempt {
	if len(a.Response) > webhook.MaxShortResponse {
		a = a.Shortened()
		a.Response = slices.Clone(a.Response)
	}
	return a
}

// whole is a stored delivery with its log.
func (s *Store) whole(d webhook.Delivery) webhook.Delivery {
	if log := s.logs[d.ID]; log != nil {
		d.AttemptLog = slices.Clone(log)
	}
	return d
}
