package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// insert adds an ID to those of its endpoint, or to those of the events.
func (s *Store) insert(id webhook.ID) {
	ids := s.order[id.Endpoint]
	if at, there := slices.BinarySearchFunc(ids, id, webhook.ID.Compare); !there {
		s.order[id.Endpoint] = slices.Insert(ids, at, id)
	}
	s.lastSeq = max(s.lastSeq, id.Seq)
}

// Accept stores events with a delivery for each of their recipients.
func (s *Store) Accept(events []webhook.Event, _ uint64, done func([]webhook.Receipt, error)) {
	// The committer's goroutine fills it and then calls done, so no lock guards it.
	receipts := make([]webhook.Receipt, len(events))
	s.submit(func() error {
		for i := range events {
			receipts[i] = s.accept(events[i])
		}
		return nil
	}, func(err error) {
		if err != nil {
			done(nil, fmt.Errorf("accept events: %w", err))
			return
		}
		done(receipts, nil)
	})
}

// accept stores one event, unless its idempotency key is known.
func (s *Store) accept(e webhook.Event) webhook.Receipt {
	if e.IdempotencyKey != "" {
		key := publisherKey{e.Publisher, e.IdempotencyKey}
		// Bound to the event's own time, as on disk: not to when it was stored.
		if first, known := s.keys[key]; known && s.present().Before(first.ID.Time().Add(keyLifetime)) {
			return repeated(first, e)
		}
		// The event itself, not the stored one: its identity and counts answer repetitions.
		s.keys[key] = e
	}
	// As storage.Events says of Event: its Endpoints are all recipients.
	kept := e
	kept.Endpoints, kept.Disabled, kept.Limited = e.Recipients(), nil, nil
	kept.Fingerprint = [16]byte{} // belongs to the idempotency key, not to the event
	s.events[e.ID] = kept
	s.insert(e.ID)
	for _, n := range kept.Endpoints {
		id := e.ID.For(n)
		d := webhook.Delivery{ID: id, EventType: e.Type, Status: webhook.Queued}
		// A withheld delivery has finished before it began: it is listed, and can be replayed.
		if reason := e.Withheld(n); reason != webhook.ReasonNone {
			d = d.Fail(reason, e.ID.Time())
		}
		s.deliveries[id] = d
		s.insert(id)
	}
	return e.Receipt()
}

// repeated returns the receipt of an event whose key stands for an earlier one.
func repeated(first, e webhook.Event) webhook.Receipt {
	if first.Identity() != e.Identity() {
		return webhook.Receipt{EventID: first.ID, Err: webhook.ErrKeyReused}
	}
	return webhook.Receipt{
		EventID: first.ID, Deliveries: len(first.Endpoints), Disabled: len(first.Disabled), Limited: len(first.Limited), Duplicate: true,
	}
}

// Event returns an event with its data; ErrNotFound.
func (s *Store) Event(_ context.Context, id webhook.ID) (webhook.Event, error) {
	return view(s, "read event", func() (webhook.Event, error) {
		e, ok := s.events[id.Event()]
		if !ok {
			return e, webhook.ErrNotFound
		}
		return e, nil
	})
}

// find returns a delivery that has not expired; ErrNotFound. Expired ones stay in
// the maps until Reap removes their event.
func (s *Store) find(id webhook.ID) (webhook.Delivery, error) {
	d, ok := s.deliveries[id]
	if !ok || d.Status.Finished() && !s.present().Before(d.FinishedAt.Add(s.retention)) {
		return webhook.Delivery{}, webhook.ErrNotFound
	}
	return d, nil
}

// Settle moves a delivery to where it is now. A delivery that somebody ended during
// the attempt stays ended, unless the attempt delivered it.
func (s *Store) Settle(st webhook.Settlement, done func(error)) {
	s.submit(func() error {
		now := st.Now
		stored, err := s.find(now.ID)
		switch {
		case err == nil:
			now = now.Over(&stored)
			s.record(&now)
		case now.Status.Finished(): // it was ended, and has expired, during the attempt
			if last := now.LastAttempt(); last != nil {
				now.AttemptLog = []webhook.Attempt{short(*last)}
			}
		default:
			// It was ended and has expired. Its event may be gone, and a retry needs the payload.
			return nil
		}
		s.deliveries[now.ID] = now
		s.insert(now.ID)
		return nil
	}, done)
}

// Delivery returns a delivery with all its attempts; ErrNotFound.
func (s *Store) Delivery(_ context.Context, id webhook.ID) (webhook.Delivery, error) {
	return view(s, "read delivery", func() (webhook.Delivery, error) {
		d, err := s.find(id)
		// Lists get d as it is; only this call pays for the whole log.
		return s.whole(d), err
	})
}

// EventDeliveries returns an event's deliveries in order of endpoint.
func (s *Store) EventDeliveries(_ context.Context, id webhook.ID, from webhook.EndpointNumber, limit int) ([]webhook.Delivery, error) {
	return view(s, "read deliveries of event", func() (out []webhook.Delivery, err error) {
		e, ok := s.events[id.Event()]
		if !ok {
			return nil, webhook.ErrNotFound
		}
		// Ascending, as every list of endpoints.
		for _, n := range e.Recipients() {
			d, err := s.find(id.For(n))
			if err == nil && n >= from && len(out) < limit {
				out = append(out, shown(d))
			}
		}
		return out, nil
	})
}

// hasEvent reports whether a delivery's event is stored. A delivery can outlive it: one
// that was cancelled during an attempt, expired, and was delivered by that attempt.
func (s *Store) hasEvent(id webhook.ID) bool {
	_, ok := s.events[id.Event()]
	return ok
}

// due returns a delivery as it is read to be attempted: with its data, without attempts.
func (s *Store) due(d webhook.Delivery) webhook.Due {
	// Whoever attempts it needs none, and they can be large.
	d.AttemptLog = nil
	return webhook.Due{Delivery: d, Data: s.events[d.ID.Event()].Data}
}

// Requeue puts a delivery back into the queue, wherever it was.
func (s *Store) Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error) {
	var due webhook.Due
	err := s.update(ctx, "requeue delivery", func() error {
		d, err := s.find(id)
		if err != nil {
			return err
		}
		// A queued one stays as it is, with its attempts.
		if d.Status != webhook.Queued {
			// Without its event there is nothing to send.
			if d.Status.Finished() && !s.hasEvent(id) {
				return webhook.ErrNotFound
			}
			d = d.Requeue()
			s.deliveries[id] = d
		}
		// Read here, under the lock of the write: a later write may change the delivery.
		due = s.due(d)
		return nil
	})
	if err != nil {
		return webhook.Due{}, err
	}
	return due, nil
}

// Cancel ends a queued or retrying delivery; ErrConflict if it had finished.
func (s *Store) Cancel(
	ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time,
) (webhook.Delivery, error) {
	var d webhook.Delivery
	err := s.update(ctx, "cancel delivery", func() error {
		was, err := s.find(id)
		if err != nil {
			return err
		}
		// Nothing is left to cancel. What it ended as stays.
		if was.Status.Finished() {
			return webhook.ErrConflict
		}
		d = was.Cancel(reason, now)
		s.deliveries[id] = d
		// The stored delivery keeps one attempt, the caller sees all.
		d = s.whole(d)
		return nil
	})
	if err != nil {
		return webhook.Delivery{}, err
	}
	return d, nil
}

// Replay requeues finished deliveries of one endpoint.
func (s *Store) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	var page webhook.DeliveryPage
	err := s.update(ctx, "replay deliveries", func() error {
		// Selected and requeued under one lock: no need to look again.
		page = s.list(q, func(d *webhook.Delivery) bool { return d.Status.Finished() && s.hasEvent(d.ID) })
		for _, d := range page.Deliveries {
			s.deliveries[d.ID] = d.Requeue()
		}
		return nil
	})
	if err != nil {
		return 0, webhook.ID{}, err
	}
	// Next counts what the query selects, not what was requeued since: a requeued
	// delivery is not finished any more, and no later page finds it again.
	return len(page.Deliveries), page.Next, nil
}

// CancelPending cancels up to limit pending deliveries of an endpoint.
func (s *Store) CancelPending(
	ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int,
) (int, error) {
	cancelled := 0
	err := s.update(ctx, "cancel deliveries", func() error {
		for _, id := range s.order[n] {
			// In order of acceptance, so that steps take the oldest first.
			if d := s.deliveries[id]; !d.Status.Finished() && cancelled < limit {
				// The log stays where it is, under the same ID.
				s.deliveries[id] = d.Cancel(reason, now)
				cancelled++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return cancelled, nil
}
