package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Queued returns deliveries of an endpoint's queue in order of acceptance, starting
// with the ID from.
func (s *Store) Queued(_ context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	return view(s, "read queue", func() (out []webhook.Due, err error) {
		ids, size := s.order[n], 0
		// order has all deliveries of the endpoint, of every status.
		start, _ := slices.BinarySearchFunc(ids, from.For(n), webhook.ID.Compare)
		// Finished deliveries are passed over one by one. A disk would have a queue apart.
		for _, id := range ids[start:] {
			if len(out) >= limit {
				break
			}
			d := s.deliveries[id]
			if d.Status != webhook.Queued {
				continue
			}
			due := s.due(d)
			// The first one goes whatever its size, or an endpoint could get stuck.
			if size += len(due.Data); size > maxBytes && len(out) > 0 {
				break
			}
			out = append(out, due)
		}
		return out, nil
	})
}

// slotOf returns the place of a retrying delivery in its endpoint's schedule.
func slotOf(d *webhook.Delivery) webhook.Slot { return webhook.Slot{At: d.NextAttemptAt, ID: d.ID} }

// schedule returns an endpoint's retrying deliveries in order of due time.
func (s *Store) schedule(n webhook.EndpointNumber) []webhook.Delivery {
	var out []webhook.Delivery
	for _, id := range s.order[n] {
		if d := s.deliveries[id]; d.Status == webhook.Retrying {
			out = append(out, d)
		}
	}
	// order is by time of the event; retries are due in an order of their own.
	slices.SortFunc(out, func(a, b webhook.Delivery) int { return slotOf(&a).Compare(slotOf(&b)) })
	return out
}

// Scheduled returns deliveries of an endpoint's retry schedule that are due, in order
// of due time, starting with the slot from.
func (s *Store) Scheduled(_ context.Context,
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) (due []webhook.Due, next webhook.DueTime, err error) {
	due, err = view(s, "read retry schedule", func() (due []webhook.Due, err error) {
		size := 0
		for _, d := range s.schedule(n) {
			// From is a place, not a delivery: it may have left.
			if slotOf(&d).Before(webhook.Slot{At: from.At, ID: from.ID.For(n)}) {
				continue
			}
			// Measured before it is taken, as the bounds include it.
			one := s.due(d)
			size += len(one.Data)
			if d.NextAttemptAt.After(now) || len(due) >= limit || size > maxBytes && len(due) > 0 {
				// The caller wakes up then, also when the bounds of this call are the reason.
				next = d.NextAttemptAt
				break
			}
			due = append(due, one)
		}
		return due, nil
	})
	return due, next, err
}

// Backlog returns what an endpoint has still to deliver.
func (s *Store) Backlog(_ context.Context, n webhook.EndpointNumber) (webhook.Backlog, error) {
	return view(s, "read backlog", func() (webhook.Backlog, error) { return s.backlog(n), nil })
}

// backlog is Backlog with the lock held.
func (s *Store) backlog(n webhook.EndpointNumber) (b webhook.Backlog) {
	for _, id := range s.order[n] {
		switch s.deliveries[id].Status {
		case webhook.Queued:
			b.Queued++
		case webhook.Retrying:
			b.Retrying++
		default:
			continue
		}
		if b.OldestAt.IsZero() { // the IDs are in order of time
			b.OldestAt = id.Time()
		}
	}
	// The first due is not the oldest: delays grow with each attempt.
	if retrying := s.schedule(n); len(retrying) > 0 {
		b.NextRetryAt = retrying[0].NextAttemptAt.Time()
	}
	return b
}

// Pending returns how many deliveries of all endpoints are queued or retrying.
func (s *Store) Pending() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Counted each time: there is no sum that could drift.
	pending := int64(0)
	for _, d := range s.deliveries {
		if !d.Status.Finished() {
			pending++
		}
	}
	return pending
}

// PendingOf returns the same for some endpoints.
func (s *Store) PendingOf(endpoints []webhook.EndpointNumber) (sum int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range endpoints {
		// From the same source as Backlog, so that limits and figures cannot differ.
		b := s.backlog(n)
		sum += b.Queued + b.Retrying
	}
	return sum
}

// Wakes calls visit for each endpoint with pending deliveries, ascending. It does not
// hold the lock while visit runs, so that visit may use the store.
func (s *Store) Wakes(_ context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	wakes, err := view(s, "read wakes", func() (wakes []webhook.Wake, err error) {
		for _, n := range slices.Sorted(maps.Keys(s.order)) {
			wake := s.wake(n)
			// Number 0 has the events, which nobody is woken for.
			if n >= max(from, 1) && parts.Has(n.Part()) && (wake.Queued != webhook.ID{} || wake.Scheduled != webhook.Slot{}) {
				wakes = append(wakes, wake)
			}
		}
		return wakes, nil
	})
	// The first error of visit ends the visit, and is the caller's.
	for _, wake := range wakes {
		if err == nil {
			err = visit(wake)
		}
	}
	return err
}

// wake returns the head of an endpoint's queue and of its schedule, and its gate.
func (s *Store) wake(n webhook.EndpointNumber) webhook.Wake {
	wake := webhook.Wake{Endpoint: n, Gate: s.gates[n]}
	for _, id := range s.order[n] {
		switch d := s.deliveries[id]; {
		// The first in order is the head.
		case d.Status == webhook.Queued && wake.Queued == webhook.ID{}:
			wake.Queued = id
		case d.Status == webhook.Retrying && (wake.Scheduled.ID == webhook.ID{} || slotOf(&d).Before(wake.Scheduled)):
			wake.Scheduled = slotOf(&d)
		}
	}
	return wake
}
