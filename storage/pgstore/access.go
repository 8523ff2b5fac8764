package pgstore

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	apiKeys      = statement("apiKeys", `SELECT record FROM api_key ORDER BY id`)
	insertAPIKey = statement("apiKey.insert", `INSERT INTO api_key (id, record) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	deleteAPIKey = statement("apiKey.delete", `DELETE FROM api_key WHERE id = $1`)
	keepMeta     = statement("meta.keep", `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	readMeta     = statement("meta.read", `SELECT value FROM meta WHERE name = $1`)
)

// APIKeys returns all, in order of their IDs.
func (s *Store) APIKeys(ctx context.Context) ([]webhook.APIKey, error) {
	return fetch(ctx, s, "read API keys", func(ctx context.Context, q querier) (out []webhook.APIKey, err error) {
		rows, err := q.Query(ctx, apiKeys)
		if err != nil {
			return nil, err
		}
		var raw []byte
		// One that cannot be read fails the whole list: a key that is missing here would be
		// refused as unknown.
		_, err = pgx.ForEachRow(rows, []any{&raw}, func() error {
			k, err := record.DecodeAPIKey(raw)
			out = append(out, k)
			return err
		})
		return out, err
	})
}

// CreateAPIKey adds a key; ErrExists if the ID is taken.
func (s *Store) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	return s.changeOne(ctx, "create API key "+k.ID, bumpAPIKeys, webhook.ErrExists, insertAPIKey, nameOf(k.ID), record.EncodeAPIKey(&k))
}

// DeleteAPIKey removes a key; ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id string) error {
	return s.changeOne(ctx, "delete API key "+id, bumpAPIKeys, webhook.ErrNotFound, deleteAPIKey, nameOf(id))
}

// metaCursorKey names the key of cursors in the table meta.
const metaCursorKey = "cursor_key"

// CursorKey returns the stored key. The first call stores the one offered; which call of
// several is the first, the database decides.
func (s *Store) CursorKey(ctx context.Context, offered [32]byte) (kept [32]byte, err error) {
	err = s.change(ctx, "keep cursor key", func(ctx context.Context, tx *transaction) error {
		if _, err := tx.Exec(ctx, keepMeta, metaCursorKey, hex.EncodeToString(offered[:])); err != nil {
			return err
		}
		var text string
		if err := tx.QueryRow(ctx, readMeta, metaCursorKey).Scan(&text); err != nil {
			return err
		}
		raw, err := hex.DecodeString(text)
		// A shorter key would authenticate cursors of another server, or none.
		if err != nil || copy(kept[:], raw) < len(kept) {
			return fmt.Errorf("the key of cursors: %w", record.ErrDamaged)
		}
		return nil
	})
	return kept, err
}
