package badgerstore

import (
	"context"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

func encodeEventType(t webhook.EventType) []byte {
	return appendString([]byte{recordVersion}, t.Description)
}

// EventTypes reads the registry, by name.
func (s *Store) EventTypes() ([]webhook.EventType, error) {
	var out []webhook.EventType
	err := s.view("read event types", func(tx *badger.Txn) error {
		it := forward(tx, []byte{byte(spaceEventType)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			t := webhook.EventType{Name: string(it.Item().Key()[1:])}
			err := it.Item().Value(func(record []byte) error {
				d := newDecoder(record)
				t.Description = d.string()
				return d.err
			})
			if err != nil {
				return err
			}
			out = append(out, t)
		}
		return nil
	})
	return out, err
}

// CreateEventType adds an entry; ErrExists if the name is taken.
func (s *Store) CreateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeEventType(ctx, "create event type "+t.Name, t.Name, func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.put(eventTypeKey(t.Name), encodeEventType(t))
		return nil
	})
}

// UpdateEventType changes an entry's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeEventType(ctx, "update event type "+t.Name, t.Name, func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.put(eventTypeKey(t.Name), encodeEventType(t))
		return nil
	})
}

// DeleteEventType removes an entry; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.changeEventType(ctx, "delete event type "+name, name, func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(eventTypeKey(name))
		return nil
	})
}

func (s *Store) changeEventType(ctx context.Context, action, name string, write func(*change, bool) error) error {
	return s.update(ctx, action, func(tx *badger.Txn) (*change, error) {
		exists, err := has(tx, eventTypeKey(name))
		if err != nil {
			return nil, fmt.Errorf("look it up: %w", err)
		}
		c := &change{}
		return c, write(c, exists)
	})
}
