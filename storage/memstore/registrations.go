package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// cloneEndpoint copies what a caller could change.
func cloneEndpoint(e webhook.Endpoint) webhook.Endpoint {
	// What callers change in place. Nobody changes Sealed.
	e.EventTypes, e.Secrets, e.Headers = slices.Clone(e.EventTypes), slices.Clone(e.Secrets), slices.Clone(e.Headers)
	return e
}

// CreateEndpoint stores a new endpoint under the next number.
func (s *Store) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	return s.CreateNumbered(ctx, e, func(*webhook.Endpoint) error { return nil })
}

// CreateNumbered stores a new endpoint, which finish changes once it has its number.
func (s *Store) CreateNumbered(
	ctx context.Context, e webhook.Endpoint, finish func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	err := s.update(ctx, "create webhook", func() error {
		e.ID.Endpoint, e.Revision = s.lastNumber+1, 1
		// finish encrypts, and what it encrypts is bound to the number.
		if err := finish(&e); err != nil {
			return err
		}
		// Only once nothing can fail: a number that was refused is used by the next.
		s.lastNumber++
		s.endpoints[s.lastNumber] = cloneEndpoint(e)
		s.lastSeq = max(s.lastSeq, e.ID.Seq)
		return nil
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return e, nil
}

// UpdateEndpoint applies change to the stored endpoint, in one step.
func (s *Store) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var now webhook.Endpoint
	err := s.update(ctx, "update webhook", func() error {
		was, ok := s.endpoints[n]
		if !ok {
			return webhook.ErrNotFound
		}
		// change works on a copy, so that its error leaves nothing of it behind.
		now = cloneEndpoint(was)
		if err := change(&now); err != nil {
			return err
		}
		// Neither is change's to change.
		now.ID, now.Revision = was.ID, was.Revision+1
		s.endpoints[n] = cloneEndpoint(now)
		return nil
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return now, nil
}

// Endpoint returns one endpoint, deleted or not.
func (s *Store) Endpoint(_ context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	return view(s, "read webhook", func() (webhook.Endpoint, error) {
		stored, ok := s.endpoints[n]
		if !ok {
			return webhook.Endpoint{}, webhook.ErrNotFound
		}
		// Package sealed decrypts into what it gets here.
		return cloneEndpoint(stored), nil
	})
}

// ListEndpoints returns endpoints that are not deleted, newest first.
func (s *Store) ListEndpoints(_ context.Context, clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	return view(s, "list webhooks", func() (out []webhook.Endpoint, err error) {
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(s.endpoints))) {
			e := s.endpoints[n]
			// Numbers ascend with time, so that descending ones are newest first.
			theirs := clientID == "" || e.ClientID == clientID
			if theirs && !e.Deleted() && (before == 0 || n < before) && len(out) < limit {
				out = append(out, cloneEndpoint(e))
			}
		}
		return out, nil
	})
}

// EachEndpoint calls visit for every endpoint, deleted or not, in ascending order. It
// does not hold the lock while visit runs, so that visit may use the store.
func (s *Store) EachEndpoint(_ context.Context, visit func(webhook.Endpoint) error) error {
	all, err := view(s, "read webhooks", func() (all []webhook.Endpoint, err error) {
		for _, n := range slices.Sorted(maps.Keys(s.endpoints)) {
			// All at once: a start goes through them anyway, and visit may call the store.
			all = append(all, cloneEndpoint(s.endpoints[n]).WithoutSecrets())
		}
		return all, nil
	})
	for _, e := range all {
		// Stops at the first error of visit.
		if err == nil {
			err = visit(e)
		}
	}
	return err
}

// EventTypes returns all, in order of their names.
func (s *Store) EventTypes(_ context.Context) ([]webhook.EventType, error) {
	return view(s, "read event types", func() ([]webhook.EventType, error) {
		// By name, as the keys on disk sort.
		byName := func(a, b webhook.EventType) int { return cmp.Compare(a.Name, b.Name) }
		return slices.SortedFunc(maps.Values(s.types), byName), nil
	})
}

// CreateEventType adds an event type; ErrExists if the name is taken.
func (s *Store) CreateEventType(ctx context.Context, t webhook.EventType) error {
	return s.update(ctx, "create event type "+t.Name, func() error {
		if _, ok := s.types[t.Name]; ok {
			return webhook.ErrExists
		}
		s.types[t.Name] = t
		return nil
	})
}

// UpdateEventType changes an event type's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.update(ctx, "update event type "+t.Name, func() error {
		if _, ok := s.types[t.Name]; !ok {
			return webhook.ErrNotFound
		}
		s.types[t.Name] = t
		return nil
	})
}

// DeleteEventType removes an event type; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.update(ctx, "delete event type "+name, func() error {
		if _, ok := s.types[name]; !ok {
			return webhook.ErrNotFound
		}
		delete(s.types, name)
		return nil
	})
}
