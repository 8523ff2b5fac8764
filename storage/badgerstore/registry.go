package badgerstore

import (
	"context"
	"errors"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// APIKeys reads all, by ID.
func (s *Store) APIKeys() ([]webhook.APIKey, error) {
	var out []webhook.APIKey
	err := s.view("read API keys", func(tx *badger.Txn) error {
		it := forward(tx, layout.SpaceAPIKey.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			k, err := decoded(it, layout.DecodeAPIKey)
			if err != nil {
				return err
			}
			out = append(out, k)
		}
		return nil
	})
	return out, err
}

// CreateAPIKey adds one; ErrExists if the ID is taken.
func (s *Store) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	return s.changeOne(ctx, "create API key "+k.ID, layout.APIKeyKey(k.ID), func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.put(layout.APIKeyKey(k.ID), layout.EncodeAPIKey(&k))
		return nil
	})
}

// DeleteAPIKey removes one; ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id string) error {
	return s.changeOne(ctx, "delete API key "+id, layout.APIKeyKey(id), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(layout.APIKeyKey(id))
		return nil
	})
}

// CursorKey gives the key that is kept, or keeps the one offered.
func (s *Store) CursorKey(ctx context.Context, offered [32]byte) (kept [32]byte, err error) {
	err = s.update(ctx, "keep cursor key", func(tx *badger.Txn) (*change, error) {
		err := get(tx, layout.MetaCursorKey, func(value []byte) error {
			if copy(kept[:], value) < len(kept) {
				return layout.ErrDamaged
			}
			return nil
		})
		c := &change{}
		if errors.Is(err, webhook.ErrNotFound) {
			kept, err = offered, nil
			c.put(layout.MetaCursorKey, offered[:])
		}
		return c, err
	})
	return kept, err
}

// EventTypes reads the registry, by name.
func (s *Store) EventTypes() ([]webhook.EventType, error) {
	var out []webhook.EventType
	err := s.view("read event types", func(tx *badger.Txn) error {
		it := forward(tx, layout.SpaceEventType.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			description, err := decoded(it, layout.DecodeEventType)
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
	return s.changeOne(ctx, "create event type "+t.Name, layout.EventTypeKey(t.Name), func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.put(layout.EventTypeKey(t.Name), layout.EncodeEventType(t))
		return nil
	})
}

// UpdateEventType changes an entry's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "update event type "+t.Name, layout.EventTypeKey(t.Name), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.put(layout.EventTypeKey(t.Name), layout.EncodeEventType(t))
		return nil
	})
}

// DeleteEventType removes an entry; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.changeOne(ctx, "delete event type "+name, layout.EventTypeKey(name), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(layout.EventTypeKey(name))
		return nil
	})
}
