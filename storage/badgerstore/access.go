package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

func encodeAPIKey(k *webhook.APIKey) []byte {
	dst := appendString([]byte{recordVersion}, k.ID)
	dst = appendString(appendString(dst, k.Name), k.ClientID)
	dst = binary.AppendUvarint(dst, uint64(len(k.Scopes)))
	for _, scope := range k.Scopes {
		dst = appendString(dst, scope)
	}
	dst = append(dst, k.Hash[:]...)
	return appendTime(appendTime(dst, k.CreatedAt), k.ExpiresAt)
}

func decodeAPIKey(record []byte) (webhook.APIKey, error) {
	d := newDecoder(record)
	k := webhook.APIKey{ID: d.string(), Name: d.string(), ClientID: d.string()}
	for range d.count() {
		k.Scopes = append(k.Scopes, d.string())
	}
	if len(d.rest) < len(k.Hash) {
		d.fail()
		return k, d.err
	}
	d.rest = d.rest[copy(k.Hash[:], d.rest):]
	k.CreatedAt, k.ExpiresAt = d.time(), d.time()
	return k, d.err
}

// APIKeys reads all, by ID.
func (s *Store) APIKeys() ([]webhook.APIKey, error) {
	var out []webhook.APIKey
	err := s.view("read API keys", func(tx *badger.Txn) error {
		it := forward(tx, []byte{byte(spaceAPIKey)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			k, err := decoded(it, decodeAPIKey)
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
	return s.changeOne(ctx, "create API key "+k.ID, apiKeyKey(k.ID), func(c *change, exists bool) error {
		if exists {
			return webhook.ErrExists
		}
		c.put(apiKeyKey(k.ID), encodeAPIKey(&k))
		return nil
	})
}

// DeleteAPIKey removes one; ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id string) error {
	return s.changeOne(ctx, "delete API key "+id, apiKeyKey(id), func(c *change, exists bool) error {
		if !exists {
			return webhook.ErrNotFound
		}
		c.remove(apiKeyKey(id))
		return nil
	})
}

// CursorKey gives the key that is kept, or keeps the one offered.
func (s *Store) CursorKey(ctx context.Context, offered [32]byte) (kept [32]byte, err error) {
	err = s.update(ctx, "keep cursor key", func(tx *badger.Txn) (*change, error) {
		err := get(tx, metaCursorKey, func(value []byte) error {
			if copy(kept[:], value) < len(kept) {
				return errDamaged
			}
			return nil
		})
		c := &change{}
		if errors.Is(err, webhook.ErrNotFound) {
			kept, err = offered, nil
			c.put(metaCursorKey, offered[:])
		}
		return c, err
	})
	return kept, err
}
