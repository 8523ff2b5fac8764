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
		if err := finish(&e); err != nil {
			return err
		}
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
		now = cloneEndpoint(was)
		if err := change(&now); err != nil {
			return err
		}
		now.ID, now.Revision = was.ID, was.Revision+1
		s.endpoints[n] = cloneEndpoint(now)
		return nil
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return now, nil
}

// Endpoint reads one, deleted or not.
func (s *Store) Endpoint(n webhook.EndpointNumber) (e webhook.Endpoint, err error) {
	err = s.view("read webhook", func() error {
		stored, ok := s.endpoints[n]
		if !ok {
			return webhook.ErrNotFound
		}
		e = cloneEndpoint(stored)
		return nil
	})
	return e, err
}

// ListEndpoints lists endpoints that are not deleted, newest first.
func (s *Store) ListEndpoints(clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	var out []webhook.Endpoint
	err := s.view("list webhooks", func() error {
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(s.endpoints))) {
			e := s.endpoints[n]
			theirs := clientID == "" || e.ClientID == clientID
			if theirs && !e.Deleted() && (before == 0 || n < before) && len(out) < limit {
				out = append(out, cloneEndpoint(e))
			}
		}
		return nil
	})
	return out, err
}

// EachEndpoint calls visit for every endpoint, deleted or not, in ascending order.
func (s *Store) EachEndpoint(visit func(webhook.Endpoint) error) error {
	var all []webhook.Endpoint
	err := s.view("read webhooks", func() error {
		for _, n := range slices.Sorted(maps.Keys(s.endpoints)) {
			all = append(all, cloneEndpoint(s.endpoints[n]).WithoutSecrets())
		}
		return nil
	})
	for _, e := range all {
		if err == nil {
			err = visit(e)
		}
	}
	return err
}

// EventTypes reads the registry, by name.
func (s *Store) EventTypes() ([]webhook.EventType, error) {
	var out []webhook.EventType
	err := s.view("read event types", func() error {
		out = slices.SortedFunc(maps.Values(s.types), func(a, b webhook.EventType) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
	return out, err
}

// CreateEventType adds an entry; ErrExists if the name is taken.
func (s *Store) CreateEventType(ctx context.Context, t webhook.EventType) error {
	return s.update(ctx, "create event type "+t.Name, func() error {
		if _, ok := s.types[t.Name]; ok {
			return webhook.ErrExists
		}
		s.types[t.Name] = t
		return nil
	})
}

// UpdateEventType changes an entry's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.update(ctx, "update event type "+t.Name, func() error {
		if _, ok := s.types[t.Name]; !ok {
			return webhook.ErrNotFound
		}
		s.types[t.Name] = t
		return nil
	})
}

// DeleteEventType removes an entry; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.update(ctx, "delete event type "+name, func() error {
		if _, ok := s.types[name]; !ok {
			return webhook.ErrNotFound
		}
		delete(s.types, name)
		return nil
	})
}
