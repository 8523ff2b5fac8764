package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// SaveGate stores an endpoint's breaker state; the zero state removes it.
func (s *Store) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	s.submit(func() error {
		// A closed breaker is the absence of a record.
		if g.OpenUntil.IsZero() && g.Openings == 0 {
			delete(s.gates, n)
		} else {
			s.gates[n] = g
		}
		return nil
	}, done)
}

// Gate returns an endpoint's breaker state; zero if none is stored.
func (s *Store) Gate(_ context.Context, n webhook.EndpointNumber) (webhook.GateState, error) {
	// A missing entry is the zero state: closed, and never opened.
	return view(s, "read gate", func() (webhook.GateState, error) { return s.gates[n], nil })
}

// Reap removes events whose deliveries have all expired, and endpoints that were
// deleted before the retention: up to limit of them. more is true if it removed that
// many. Unlike a store on disk it keeps no place between calls.
func (s *Store) Reap(ctx context.Context, now time.Time, limit int) (bool, error) {
	horizon, more := now.Add(-s.retention), false
	err := s.update(ctx, "reap", func() error {
		s.changes = slices.DeleteFunc(s.changes, func(e audit.Entry) bool { return e.At.Before(horizon) })
		// Removals count, not looks: memory is quick to look at.
		left := limit
		// A copy: removeEvent changes the order.
		for _, id := range slices.Clone(s.order[0]) {
			if left == 0 || !id.Time().Before(horizon) {
				continue
			}
			// Also of events that stay: some of their deliveries may have expired.
			s.forgetLogs(id)
			if !s.needed(id) {
				s.removeEvent(id)
				left--
			}
		}
		// After the events, so that an endpoint whose last delivery went just now goes too.
		for n, e := range s.endpoints {
			if left > 0 && e.Deleted() && e.DeletedAt.Before(horizon) && !s.hasDeliveries(n) {
				delete(s.endpoints, n)
				delete(s.gates, n)
				delete(s.order, n)
				left--
			}
		}
		more = left == 0
		return nil
	})
	return more && err == nil, err
}

// needed reports whether any delivery of an event is still there.
func (s *Store) needed(id webhook.ID) bool {
	e := s.events[id]
	return slices.ContainsFunc(e.Recipients(), func(n webhook.EndpointNumber) bool {
		_, err := s.find(id.For(n))
		return err == nil
	})
}

// hasDeliveries reports whether any delivery of an endpoint is still there.
func (s *Store) hasDeliveries(n webhook.EndpointNumber) bool {
	return slices.ContainsFunc(s.order[n], func(id webhook.ID) bool {
		_, err := s.find(id)
		return err == nil
	})
}

// forgetLogs drops the attempts of an event's deliveries that have expired.
func (s *Store) forgetLogs(id webhook.ID) {
	e := s.events[id]
	for _, n := range e.Recipients() {
		if _, err := s.find(id.For(n)); err != nil {
			delete(s.logs, id.For(n))
		}
	}
}

// removeEvent removes an event with everything that belongs to it.
func (s *Store) removeEvent(id webhook.ID) {
	e := s.events[id]
	for _, n := range e.Recipients() {
		delete(s.deliveries, id.For(n))
		delete(s.logs, id.For(n))
		s.forget(id.For(n))
	}
	delete(s.events, id)
	s.forget(id)
}

// forget removes an ID from those of its endpoint, or from those of the events.
func (s *Store) forget(id webhook.ID) {
	ids := s.order[id.Endpoint]
	if at, there := slices.BinarySearchFunc(ids, id, webhook.ID.Compare); there {
		s.order[id.Endpoint] = slices.Delete(ids, at, at+1)
	}
}
