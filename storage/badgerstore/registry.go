package badgerstore

import (
	"context"
	"errors"
	"math"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// APIKeys returns all, in order of their IDs.
func (s *Store) APIKeys(_ context.Context) ([]webhook.APIKey, error) {
	return view(s, "read API keys", func(tx *badger.Txn) (out []webhook.APIKey, err error) {
		it := forward(tx, layout.SpaceAPIKey.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			// One that cannot be read fails the whole list: a key that is missing here would be
			// refused as unknown.
			k, err := decoded(it, record.DecodeAPIKey)
			if err != nil {
				return nil, err
			}
			out = append(out, k)
		}
		return out, nil
	})
}

// CreateAPIKey adds a key; ErrExists if the ID is taken.
func (s *Store) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	return s.changeOne(ctx, "create API key "+k.ID, layout.APIKeyKey(k.ID), func(c *change, exists bool) error {
		// Decided inside the committer, where nobody can create it in between.
		if exists {
			return webhook.ErrExists
		}
		c.put(layout.APIKeyKey(k.ID), record.EncodeAPIKey(&k))
		return nil
	})
}

// DeleteAPIKey removes a key; ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id string) error {
	return s.changeOne(ctx, "delete API key "+id, layout.APIKeyKey(id), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(layout.APIKeyKey(id))
		return nil
	})
}

// cursorKeySize is the size of the key that authenticates cursors, in bytes.
const cursorKeySize = 32

// CursorKey returns the stored key. The first call stores the one offered: inside the
// committer, so that two callers get the same.
func (s *Store) CursorKey(ctx context.Context, offered [cursorKeySize]byte) ([cursorKeySize]byte, error) {
	var kept [cursorKeySize]byte
	err := s.update(ctx, "keep cursor key", func(tx *badger.Txn) (*change, error) {
		err := get(tx, layout.MetaCursorKey, func(value []byte) error {
			// A shorter key would authenticate cursors of another server, or none.
			if copy(kept[:], value) < len(kept) {
				return record.ErrDamaged
			}
			return nil
		})
		c := &change{}
		if errors.Is(err, webhook.ErrNotFound) {
			// Decided here and not by the caller: of two servers of one directory in turn, the
			// second must accept the cursors of the first.
			kept, err = offered, nil
			c.put(layout.MetaCursorKey, offered[:])
		}
		return c, err
	})
	if err != nil { // the write may not have ended yet
		return [cursorKeySize]byte{}, err
	}
	return kept, nil
}

// EventTypes returns all, in order of their names.
func (s *Store) EventTypes(_ context.Context) ([]webhook.EventType, error) {
	return view(s, "read event types", func(tx *badger.Txn) (out []webhook.EventType, err error) {
		it := forward(tx, layout.SpaceEventType.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			// The name stands in the key, so that keys sort by it.
			description, err := decoded(it, record.DecodeEventType)
			if err != nil {
				return nil, err
			}
			out = append(out, webhook.EventType{Name: string(it.Item().Key()[1:]), Description: description})
		}
		return out, nil
	})
}

// CreateEventType adds an event type; ErrExists if the name is taken.
func (s *Store) CreateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "create event type "+t.Name, layout.EventTypeKey(t.Name), func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.put(layout.EventTypeKey(t.Name), record.EncodeEventType(t))
		return nil
	})
}

// UpdateEventType changes an event type's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	// The whole record is replaced: an event type has a description and nothing else.
	return s.changeOne(ctx, "update event type "+t.Name, layout.EventTypeKey(t.Name), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.put(layout.EventTypeKey(t.Name), record.EncodeEventType(t))
		return nil
	})
}

// DeleteEventType removes an event type; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.changeOne(ctx, "delete event type "+name, layout.EventTypeKey(name), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(layout.EventTypeKey(name))
		return nil
	})
}

// Grants returns all, in order of their IDs, without their logos.
func (s *Store) Grants(_ context.Context) ([]webhook.Grant, error) {
	return view(s, "read grants", func(tx *badger.Txn) (out []webhook.Grant, err error) {
		it := forward(tx, layout.SpaceGrant.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			g, err := decoded(it, record.DecodeGrant)
			if err != nil {
				return nil, err
			}
			out = append(out, g)
		}
		return out, nil
	})
}

// Grant returns one, with its logo; ErrNotFound.
func (s *Store) Grant(_ context.Context, id string) (webhook.Grant, error) {
	return view(s, "read grant "+id, func(tx *badger.Txn) (webhook.Grant, error) { return readGrant(tx, id) })
}

func readGrant(tx *badger.Txn, id string) (webhook.Grant, error) {
	g, err := readRecord(tx, layout.GrantKey(layout.SpaceGrant, id), record.DecodeGrant)
	if err != nil {
		return g, err
	}
	g.Brand.LogoURL, _, err = readIfStored(tx, layout.GrantKey(layout.SpaceLogo, id), func(value []byte) (string, error) {
		return string(value), nil
	})
	return g, err
}

// CreateGrant adds one, which Badger removes when it has ended; ErrExists if the ID is taken.
func (s *Store) CreateGrant(ctx context.Context, g webhook.Grant) error {
	return s.changeOne(ctx, "create grant "+g.ID, layout.GrantKey(layout.SpaceGrant, g.ID), func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.putGrant(&g)
		return nil
	})
}

// putGrant writes a grant and its logo, until its end.
func (c *change) putGrant(g *webhook.Grant) {
	c.putUntil(layout.GrantKey(layout.SpaceGrant, g.ID), record.EncodeGrant(g), g.Ends())
	if g.Brand.LogoURL != "" {
		c.putUntil(layout.GrantKey(layout.SpaceLogo, g.ID), []byte(g.Brand.LogoURL), g.Ends())
	}
}

// RedeemGrant exchanges a link for a session; ErrNotFound, ErrConflict.
func (s *Store) RedeemGrant(ctx context.Context, id string, session webhook.Grant) error {
	return s.update(ctx, "redeem grant "+id, func(tx *badger.Txn) (*change, error) {
		link, err := readGrant(tx, id) // with the logo, which has to last as long as the session
		if err != nil {
			return nil, err
		}
		if err := link.Redeem(&session); err != nil {
			return nil, err
		}
		c := &change{}
		c.putGrant(&link)
		c.putGrant(&session)
		return c, nil
	})
}

// DeleteGrant removes one, and the session that came from it; ErrNotFound.
func (s *Store) DeleteGrant(ctx context.Context, id string) error {
	return s.update(ctx, "delete grant "+id, func(tx *badger.Txn) (*change, error) {
		g, err := readRecord(tx, layout.GrantKey(layout.SpaceGrant, id), record.DecodeGrant)
		if err != nil {
			return nil, err
		}
		c := &change{}
		c.remove(layout.GrantKey(layout.SpaceGrant, id))
		c.remove(layout.GrantKey(layout.SpaceLogo, id))
		if g.UsedBy != "" {
			c.remove(layout.GrantKey(layout.SpaceGrant, g.UsedBy))
		}
		return c, nil
	})
}

// AppendAudit stores an entry of the audit, which expires like finished deliveries.
func (s *Store) AppendAudit(ctx context.Context, e audit.Entry) error {
	return s.update(ctx, "record a change", func(*badger.Txn) (*change, error) {
		c := &change{}
		c.putUntil(layout.AuditKey(e.ID), record.EncodeAudit(&e), e.At.Add(s.retention))
		return c, nil
	})
}

// ListAudit returns the entries that q selects, newest first.
func (s *Store) ListAudit(_ context.Context, q audit.Query) (audit.Page, error) {
	return view(s, "list changes", func(tx *badger.Txn) (page audit.Page, err error) {
		prefix := layout.SpaceAudit.Prefix()
		it := engine.NewBackward(tx, prefix)
		defer it.Close()
		from := webhook.ID{Seq: math.MaxUint64, Nonce: math.MaxUint32}
		if !q.Until.IsZero() {
			from = webhook.ID{Seq: webhook.SeqAt(q.Until)}
		}
		if q.Before != (webhook.ID{}) && q.Before.Compare(from) < 0 {
			from = q.Before
		}
		it.Seek(layout.AuditKey(from))
		for looked, allowance := 0, q.Looks(); ; {
			// Stopped is at entries that have expired, and so are all older ones.
			if it.Next(prefix, &allowance) != engine.Found {
				return page, nil
			}
			id := layout.ParseEventKey(it.Key)
			if !q.Starts(id) {
				continue
			}
			e, err := record.DecodeAudit(id, it.Value)
			if err != nil || q.Ended(&e) {
				return page, err
			}
			if looked++; !page.Add(&q, e, looked) {
				return page, nil
			}
		}
	})
}

// SaveFigures stores what a server has counted; an empty value removes it.
func (s *Store) SaveFigures(ctx context.Context, name string, value []byte) error {
	return s.update(ctx, "save figures", func(*badger.Txn) (*change, error) {
		c := &change{}
		if len(value) == 0 {
			c.remove(layout.FiguresKey(name))
		} else {
			c.put(layout.FiguresKey(name), value)
		}
		return c, nil
	})
}

// Figures returns what servers have counted under names with a prefix.
func (s *Store) Figures(_ context.Context, prefix string) (map[string][]byte, error) {
	return view(s, "read figures", func(tx *badger.Txn) (map[string][]byte, error) {
		it := forward(tx, layout.FiguresKey(prefix))
		defer it.Close()
		found := map[string][]byte{}
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return nil, err
			}
			found[string(it.Item().Key()[1:])] = value
		}
		return found, nil
	})
}
