package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	// The check stays: it is that of the key, not of an endpoint.
	gainKey = tables.Statement("secretKey.gain", `INSERT INTO secret_key (id, endpoints, check_value) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET endpoints = secret_key.endpoints + excluded.endpoints`)
	loseKey = tables.Statement("secretKey.lose", `UPDATE secret_key SET endpoints = endpoints - $2 WHERE id = $1 RETURNING endpoints`)
	// A key in no use has no row, so that it can be removed from the settings.
	dropKey = tables.Statement("secretKey.drop", `DELETE FROM secret_key WHERE id = $1 AND endpoints = 0`)
	allKeys = tables.Statement("secretKeys", `SELECT id, endpoints, check_value FROM secret_key ORDER BY id`)
)

// writeKeyUses updates the counts in the transaction that moves the endpoints.
func writeKeyUses(ctx context.Context, tx pgx.Tx, t *storage.KeyTally) error {
	return t.Each(func(id string, by int64, check []byte) (err error) {
		if by > 0 {
			_, err = tx.Exec(ctx, gainKey, tables.NameOf(id), by, check)
		} else {
			var left int64
			if err = tx.QueryRow(ctx, loseKey, tables.NameOf(id), -by).Scan(&left); err == nil && left == 0 {
				_, err = tx.Exec(ctx, dropKey, tables.NameOf(id))
			} else if err == nil && left < 0 {
				err = record.ErrDamaged
			}
		}
		if err != nil {
			return fmt.Errorf("count the webhooks under key %q: %w", id, err)
		}
		return nil
	})
}

// KeyUses returns each key that encrypts the values of any endpoint, by ID.
func (s *Store) KeyUses(ctx context.Context) ([]storage.KeyUse, error) {
	return fetch(ctx, s, "read secret keys", readKeyUses)
}

// readKeyUses is KeyUses in a transaction.
func readKeyUses(ctx context.Context, q querier) (uses []storage.KeyUse, err error) {
	rows, err := q.Query(ctx, allKeys)
	if err != nil {
		return nil, err
	}
	var id []byte
	var use storage.KeyUse
	_, err = pgx.ForEachRow(rows, []any{&id, &use.Endpoints, &use.Check}, func() error {
		use.KeyID = string(id)
		uses = append(uses, use)
		use.Check = nil
		return nil
	})
	return uses, err
}

// maxReseal bounds the endpoints that one call to Reseal changes.
const maxReseal = 1000

var (
	otherKeys = tables.Statement("reseal.select", `SELECT record FROM endpoint WHERE number >= $1 AND key_id <> $2 AND key_id <> ''
		ORDER BY number LIMIT $3 FOR UPDATE`)
	resealEndpoint = tables.Statement("reseal.update", `UPDATE endpoint SET key_id = $2, record = $3 WHERE number = $1`)
)

// Reseal replaces the sealed values of endpoints that another key encrypts: up to r.Limit,
// at most 1,000, in one transaction. The version of the registrations stays, because
// nothing changes that a node has in memory.
func (s *Store) Reseal(ctx context.Context, r storage.Resealing) (done int, next webhook.EndpointNumber, err error) {
	err = s.change(ctx, "reencrypt webhooks", func(ctx context.Context, tx *transaction) error {
		limit := min(r.Limit, maxReseal)
		found, err := collectEndpoints(ctx, tx, otherKeys, int32(r.From), tables.NameOf(r.KeyID), limit+1)
		if err != nil {
			return err
		}
		if next = 0; len(found) > limit { // one more than fits says where to continue
			next, found = found[limit].Number(), found[:limit]
		}
		done = len(found)
		return reseal(ctx, tx, r, found)
	})
	if err != nil {
		return 0, 0, err
	}
	return done, next, nil
}

// reseal seals some endpoints again, and stores them and the counts of keys.
func reseal(ctx context.Context, tx pgx.Tx, r storage.Resealing, found []webhook.Endpoint) error {
	var tally storage.KeyTally
	batch := &pgx.Batch{}
	for _, e := range found {
		now, err := r.Seal(e)
		if err != nil {
			return fmt.Errorf("webhook %s: %w", webhook.EndpointID.Format(e.ID), err)
		}
		tally.Move(e.Sealed, now)
		e.Sealed = now
		batch.Queue(resealEndpoint, int32(e.Number()), tables.NameOf(now.KeyID), record.EncodeEndpoint(&e))
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return writeKeyUses(ctx, tx, &tally)
}
