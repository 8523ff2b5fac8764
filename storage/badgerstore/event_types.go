package badgerstore

import (
	"context"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

func encodeEventType(t webhook.EventType) []byte {
	return appendString([]byte{recordVersion}, t.Description)
}

func decodeDescription(record []byte) (description string, err error) {
	d := newDecoder(record)
	description = d.string()
	return description, d.err
}

// EventTypes reads the registry, by name.
func (s *Store) EventTypes() ([]webhook.EventType, error) {
	var out []webhook.EventType
	err := s.view("read event types", func(tx *badger.Txn) error {
		it := forward(tx, []byte{byte(spaceEventType)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			description, err := decoded(it, decodeDescription)
			if err != nil {
				return err
			}
			out = append(out, webhook.EventType{Name: string(it.Item().Key()[1:]), Description: description})
		}
		return nil
	})
	return out, err
}

// CreateEventType adds an entry; ErrExists if the name is taken.
func (s *Store) CreateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "create event type "+t.Name, eventTypeKey(t.Name), func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.put(eventTypeKey(t.Name), encodeEventType(t))
		return nil
	})
}

// UpdateEventType changes an entry's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "update event type "+t.Name, eventTypeKey(t.Name), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.put(eventTypeKey(t.Name), encodeEventType(t))
		return nil
	})
}

// DeleteEventType removes an entry; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.changeOne(ctx, "delete event type "+name, eventTypeKey(name), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(eventTypeKey(name))
		return nil
	})
}
