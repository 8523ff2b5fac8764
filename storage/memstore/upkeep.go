package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// SaveGate keeps an endpoint's breaker state; the zero state forgets it.
func (s *Store) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	s.submit(func() error {
		if g.OpenUntil.IsZero() && g.Openings == 0 {
			delete(s.gates, n)
		} else {
			s.gates[n] = g
		}
		return nil
	}, done)
}

// Gate reads an endpoint's breaker state; zero if there is none.
func (s *Store) Gate(n webhook.EndpointNumber) (g webhook.GateState, err error) {
	err = s.view("read gate", func() error {
		g = s.gates[n]
		return nil
	})
	return g, err
}

// Reap removes events whose deliveries have all expired, and endpoints whose
// deletion lies back as long: up to limit of them. more is true if it removed that many.
func (s *Store) Reap(ctx context.Context, now time.Time, limit int) (bool, error) {
	horizon, more := now.Add(-s.retention), false
	err := s.update(ctx, "reap", func() error {
		left := limit
		for _, id := range slices.Clone(s.order[0]) {
			if left == 0 || !id.Time().Before(horizon) {
				continue
			}
			s.forgetLogs(id)
			if !s.needed(id) {
				s.removeEvent(id)
				left--
			}
		}
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

// needed tells whether any delivery of an event is still there.
func (s *Store) needed(id webhook.ID) bool {
	e := s.events[id]
	return slices.ContainsFunc(e.Recipients(), func(n webhook.EndpointNumber) bool {
		_, err := s.find(id.For(n))
		return err == nil
	})
}

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

func (s *Store) forget(id webhook.ID) {
	ids := s.order[id.Endpoint]
	if at, there := slices.BinarySearchFunc(ids, id, webhook.ID.Compare); there {
		s.order[id.Endpoint] = slices.Delete(ids, at, at+1)
	}
}
