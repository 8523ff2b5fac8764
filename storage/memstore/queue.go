package memstore

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Queued reads an endpoint's queue in order of acceptance, from the ID from on.
func (s *Store) Queued(n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	var out []webhook.Due
	err := s.view("read queue", func() error {
		ids, size := s.order[n], 0
		start, _ := slices.BinarySearchFunc(ids, from.For(n), webhook.ID.Compare)
		for _, id := range ids[start:] {
			if len(out) >= limit {
				break
			}
			d := s.deliveries[id]
			if d.Status != webhook.Queued {
				continue
			}
			due := s.due(d)
			if size += len(due.Data); size > maxBytes && len(out) > 0 {
				break
			}
			out = append(out, due)
		}
		return nil
	})
	return out, err
}

func slotOf(d *webhook.Delivery) webhook.Slot { return webhook.Slot{At: d.NextAttemptAt, ID: d.ID} }

// schedule gives an endpoint's retrying deliveries in order of due time.
func (s *Store) schedule(n webhook.EndpointNumber) []webhook.Delivery {
	var out []webhook.Delivery
	for _, id := range s.order[n] {
		if d := s.deliveries[id]; d.Status == webhook.Retrying {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b webhook.Delivery) int { return slotOf(&a).Compare(slotOf(&b)) })
	return out
}

// Scheduled reads an endpoint's retry schedule in order of due time, as far as it is due.
func (s *Store) Scheduled(
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) (due []webhook.Due, next webhook.DueTime, err error) {
	err = s.view("read retry schedule", func() error {
		size := 0
		for _, d := range s.schedule(n) {
			if slotOf(&d).Before(webhook.Slot{At: from.At, ID: from.ID.For(n)}) {
				continue
			}
			one := s.due(d)
			size += len(one.Data)
			if d.NextAttemptAt.After(now) || len(due) >= limit || size > maxBytes && len(due) > 0 {
				next = d.NextAttemptAt
				break
			}
			due = append(due, one)
		}
		return nil
	})
	return due, next, err
}

// Backlog tells what an endpoint has still to deliver.
func (s *Store) Backlog(n webhook.EndpointNumber) (b webhook.Backlog, err error) {
	err = s.view("read backlog", func() error {
		b = s.backlog(n)
		return nil
	})
	return b, err
}

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
		if b.OldestAt.IsZero() {
			b.OldestAt = id.Time()
		}
	}
	if retrying := s.schedule(n); len(retrying) > 0 {
		b.NextRetryAt = retrying[0].NextAttemptAt.Time()
	}
	return b
}

// Pending counts the deliveries of all endpoints that are queued or retrying.
func (s *Store) Pending() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := int64(0)
	for _, d := range s.deliveries {
		if !d.Status.Finished() {
			pending++
		}
	}
	return pending
}

// PendingOf counts those of some endpoints.
func (s *Store) PendingOf(endpoints []webhook.EndpointNumber) (sum int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range endpoints {
		b := s.backlog(n)
		sum += b.Queued + b.Retrying
	}
	return sum
}

// Wakes calls visit for each endpoint that has pending deliveries, ascending.
func (s *Store) Wakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	var numbers []webhook.EndpointNumber
	err := s.view("read wakes", func() error {
		for n := range s.order {
			if n >= max(from, 1) {
				numbers = append(numbers, n)
			}
		}
		return nil
	})
	slices.Sort(numbers)
	for _, n := range numbers {
		var wake webhook.Wake
		if err == nil {
			err = s.view("read wakes", func() error { wake = s.wake(n); return nil })
		}
		if err == nil && (wake.Queued != webhook.ID{} || wake.Scheduled != webhook.Slot{}) {
			err = visit(wake)
		}
	}
	return err
}

func (s *Store) wake(n webhook.EndpointNumber) webhook.Wake {
	wake := webhook.Wake{Endpoint: n, Gate: s.gates[n]}
	for _, id := range s.order[n] {
		switch d := s.deliveries[id]; {
		case d.Status == webhook.Queued && wake.Queued == webhook.ID{}:
			wake.Queued = id
		case d.Status == webhook.Retrying && (wake.Scheduled.ID == webhook.ID{} || slotOf(&d).Before(wake.Scheduled)):
			wake.Scheduled = slotOf(&d)
		}
	}
	return wake
}
