package pgstore

import (
	"context"
	"errors"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	nextEndpoint = tables.Statement("endpoint.next", `UPDATE registry SET version = version + 1, next_endpoint = next_endpoint + 1,
		last_seq = greatest(last_seq, $1) RETURNING version, next_endpoint - 1`)
	insertEndpoint = tables.Statement("endpoint.insert", `INSERT INTO endpoint (number, client, changed, deleted_at, key_id, record) VALUES ($1, $2, $3, $4, $5, $6)`)
	updateEndpoint = tables.Statement("endpoint.update", `UPDATE endpoint SET client = $2, changed = $3, deleted_at = $4, key_id = $5, record = $6 WHERE number = $1`)
	oneEndpoint    = tables.Statement("endpoint", `SELECT record FROM endpoint WHERE number = $1`)
	lockEndpoint   = tables.Statement("endpoint.lock", `SELECT record FROM endpoint WHERE number = $1 FOR UPDATE`)
	listEndpoints  = tables.Statement("endpoints", `SELECT record FROM endpoint WHERE number < $1 AND deleted_at IS NULL ORDER BY number DESC LIMIT $2`)
	clientsList    = tables.Statement("endpoints.client", `SELECT record FROM endpoint WHERE number < $1 AND deleted_at IS NULL AND client = $3 ORDER BY number DESC LIMIT $2`)
	endpointsFrom  = tables.Statement("endpoints.from", `SELECT record FROM endpoint WHERE number > $1 ORDER BY number LIMIT $2`)
)

// CreateEndpoint stores a new endpoint under the next number.
func (s *Store) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	return s.CreateNumbered(ctx, e, func(*webhook.Endpoint) error { return nil })
}

// CreateNumbered stores a new endpoint, which finish changes once it has its number.
func (s *Store) CreateNumbered(
	ctx context.Context, e webhook.Endpoint, finish func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var stored webhook.Endpoint
	err := s.change(ctx, "create webhook", func(ctx context.Context, tx *transaction) error {
		stored = e
		var version, number int64
		// A number that is not used after all is not lost: the error takes this back.
		if err := tx.QueryRow(ctx, nextEndpoint, tables.KeyOf(e.ID).Seq).Scan(&version, &number); err != nil {
			return err
		}
		stored.ID.Endpoint, stored.Revision = webhook.EndpointNumber(number), 1
		if err := finish(&stored); err != nil {
			return err
		}
		var tally storage.KeyTally
		tally.Move(webhook.SealedValues{}, stored.Sealed)
		if err := writeKeyUses(ctx, tx, &tally); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertEndpoint, endpointRow(&stored, version)...)
		return err
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	s.sawSeq(stored.ID.Seq)
	return stored, nil
}

// endpointRow returns the columns of an endpoint that changes with a version.
func endpointRow(e *webhook.Endpoint, version int64) []any {
	var deleted *int64
	if e.Deleted() {
		at := e.DeletedAt.UnixMilli()
		deleted = &at
	}
	return []any{int32(e.Number()), tables.NameOf(e.ClientID), version, deleted, tables.NameOf(e.Sealed.KeyID), record.EncodeEndpoint(e)}
}

// UpdateEndpoint applies change to the stored endpoint, in one step; ErrNotFound.
func (s *Store) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var now webhook.Endpoint
	err := s.change(ctx, "update webhook", func(ctx context.Context, tx *transaction) error {
		var version int64
		if err := tx.QueryRow(ctx, bumpEndpoints).Scan(&version); err != nil {
			return err
		}
		was, err := readEndpoint(ctx, tx, lockEndpoint, n)
		if err != nil {
			return err
		}
		if now, err = readEndpoint(ctx, tx, oneEndpoint, n); err != nil {
			return err
		}
		if err := change(&now); err != nil {
			return err
		}
		now.ID, now.Revision = was.ID, was.Revision+1 // neither is change's to change
		var tally storage.KeyTally
		tally.Move(was.Sealed, now.Sealed)
		if err := writeKeyUses(ctx, tx, &tally); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, updateEndpoint, endpointRow(&now, version)...)
		return err
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return now, nil
}

// readEndpoint returns one endpoint by one of the statements that read it; ErrNotFound.
func readEndpoint(ctx context.Context, q querier, sql string, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	if n > math.MaxInt32 { // the column has no such number
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	var raw []byte
	err := q.QueryRow(ctx, sql, int32(n)).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return record.DecodeEndpoint(raw)
}

// Endpoint returns one endpoint, deleted or not; ErrNotFound.
func (s *Store) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	return fetch(ctx, s, "read webhook", func(ctx context.Context, q querier) (webhook.Endpoint, error) {
		return readEndpoint(ctx, q, oneEndpoint, n)
	})
}

// ListEndpoints returns endpoints that are not deleted, newest first.
func (s *Store) ListEndpoints(
	ctx context.Context, clientID string, before webhook.EndpointNumber, limit int,
) ([]webhook.Endpoint, error) {
	if before == 0 || before > math.MaxInt32 {
		before = math.MaxInt32
	}
	sql, args := listEndpoints, []any{int32(before), limit}
	if clientID != "" {
		sql, args = clientsList, append(args, tables.NameOf(clientID))
	}
	return fetch(ctx, s, "list webhooks", func(ctx context.Context, q querier) ([]webhook.Endpoint, error) {
		return collectEndpoints(ctx, q, sql, args...)
	})
}

// collectEndpoints returns the endpoints that a statement selects.
func collectEndpoints(ctx context.Context, q querier, sql string, args ...any) (out []webhook.Endpoint, err error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&raw}, func() error {
		e, err := record.DecodeEndpoint(raw)
		out = append(out, e)
		return err
	})
	return out, err
}

// endpointsAtOnce is how many endpoints a visit reads in one round trip.
const endpointsAtOnce = 2000

// EachEndpoint calls visit for every endpoint, deleted or not, in ascending order. No
// transaction is open meanwhile, so that visit may take its time and use the store.
func (s *Store) EachEndpoint(ctx context.Context, visit func(webhook.Endpoint) error) error {
	last := webhook.EndpointNumber(0)
	for {
		some, err := fetch(ctx, s, "read webhooks", func(ctx context.Context, q querier) ([]webhook.Endpoint, error) {
			return collectEndpoints(ctx, q, endpointsFrom, int32(last), endpointsAtOnce)
		})
		if err != nil {
			return err
		}
		for _, e := range some {
			if err := visit(e.WithoutSecrets()); err != nil {
				return err
			}
			last = e.Number()
		}
		if len(some) < endpointsAtOnce {
			return nil
		}
	}
}
