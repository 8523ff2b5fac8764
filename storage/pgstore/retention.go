package pgstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// reaper removes what no delivery needs any more. Nearly all of it goes with the tables of
// its day. What is in no day's table, or was kept beyond its day, goes row by row. The
// position is in memory only: a restart begins a new round.
type reaper struct {
	mu    sync.Mutex // one call at a time
	round []reapStep // what is left of the round
	event webhook.ID // from where the walk through events continues
	gone  tables.Key // the same for deleted endpoints: seq is the time of deletion
}

// reapStep does a part of a round, up to limit rows, and reports whether it has more to do.
type reapStep func(ctx context.Context, horizon time.Time, limit int) (more bool, err error)

// Reap makes the tables of the days to come, drops the days that nobody needs, and removes
// up to limit rows of what is not in a day. It removes nothing early if now is ahead of
// the store's own clock.
func (s *Store) Reap(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	s.reaper.mu.Lock()
	defer s.reaper.mu.Unlock()
	if own := s.options.Now(); now.After(own) {
		now = own
	}
	if len(s.reaper.round) == 0 {
		s.reaper.event, s.reaper.gone = webhook.ID{}, tables.Key{}
		s.reaper.round = []reapStep{s.makeDays, s.dropDays, s.forgetKeys, s.forgetAudit, s.forgetJobs, s.reapDone, s.reapEvents, s.reapEndpoints}
	}
	for len(s.reaper.round) > 0 {
		more, err := s.reaper.round[0](ctx, now.Add(-s.options.Retention), max(limit, 1))
		if err != nil || more {
			return more && err == nil, err
		}
		s.reaper.round = s.reaper.round[1:]
	}
	return false, nil
}

// makeDays makes the tables of the next days.
func (s *Store) makeDays(ctx context.Context, horizon time.Time, _ int) (bool, error) {
	now := horizon.Add(s.options.Retention)
	return false, s.inUpkeep(ctx, "make the tables of the next days", func(ctx context.Context) error {
		return schema.MakeDays(ctx, s.writes, now, now.AddDate(0, 0, schema.DaysAhead))
	})
}

// inUpkeep runs statements that change tables, with errors as of any other call.
func (s *Store) inUpkeep(ctx context.Context, action string, run func(ctx context.Context) error) error {
	err := s.writable()
	if err == nil {
		err = session.Translate(ctx, run(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

var sqlForgetKeys = tables.Statement("reap.idem", `DELETE FROM idem WHERE key IN (SELECT key FROM idem WHERE expires < $1 ORDER BY expires LIMIT $2)`)

// forgetKeys removes idempotency keys that may be used again.
func (s *Store) forgetKeys(ctx context.Context, horizon time.Time, limit int) (more bool, err error) {
	now := horizon.Add(s.options.Retention)
	err = s.change(ctx, "forget idempotency keys", func(ctx context.Context, tx *transaction) error {
		tag, err := tx.Exec(ctx, sqlForgetKeys, now.UnixMilli(), limit)
		more = tag.RowsAffected() == int64(limit)
		return err
	})
	return more, err
}

var (
	sqlExpired       = tables.Statement("reap.expired", `SELECT endpoint, seq, nonce FROM done_other WHERE finished <= $1 LIMIT $2`)
	sqlForgetAttempt = tables.Statement("reap.attempts", `DELETE FROM attempt a USING unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS k(part, endpoint, seq, nonce)
		WHERE a.part = k.part AND a.endpoint = k.endpoint AND a.seq = k.seq AND a.nonce = k.nonce`)
)

// reapDone removes finished deliveries of no day, once they have expired, and their attempts.
func (s *Store) reapDone(ctx context.Context, horizon time.Time, limit int) (more bool, err error) {
	err = s.change(ctx, "remove expired deliveries", func(ctx context.Context, tx *transaction) error {
		rows, err := tx.Query(ctx, sqlExpired, horizon.UnixMilli(), limit)
		if err != nil {
			return err
		}
		ids, err := collectIDs(rows)
		more = len(ids) == limit
		if err != nil || len(ids) == 0 {
			return err
		}
		return forgetDeliveries(ctx, tx, ids)
	})
	return more, err
}

// forgetDeliveries removes finished deliveries with their attempts.
func forgetDeliveries(ctx context.Context, tx pgx.Tx, ids []webhook.ID) error {
	k := tables.KeysOf(ids)
	batch := &pgx.Batch{}
	batch.Queue(tables.LeaveTable[tables.DoneTable], k.Parts, k.Endpoints, k.Seqs, k.Nonces)
	batch.Queue(sqlForgetAttempt, k.Parts, k.Endpoints, k.Seqs, k.Nonces)
	return tx.SendBatch(ctx, batch).Close()
}

// collectIDs returns the deliveries in rows of endpoint, seq and nonce.
func collectIDs(rows pgx.Rows) (ids []webhook.ID, err error) {
	var k tables.Key
	_, err = pgx.ForEachRow(rows, []any{&k.Endpoint, &k.Seq, &k.Nonce}, func() error {
		ids = append(ids, k.ID())
		return nil
	})
	return ids, err
}

// looseTables hold events that are in no day.
var looseTables = []string{"event_other", "event_kept"}

var (
	sqlLoose = tables.ForTables("reap.events", `SELECT seq, nonce, head FROM TABLE WHERE seq < $1 AND (seq, nonce) > ($2, $3)
		ORDER BY seq, nonce LIMIT $4`, looseTables...)
	sqlForgetEvent = tables.ForTables("reap.event", `DELETE FROM TABLE WHERE seq = $1 AND nonce = $2`, tables.EventTables...)
	sqlUnfinished  = tables.Statement("reap.unfinished", `SELECT count(*) FROM unfinished WHERE seq = $1 AND nonce = $2`)
	sqlKeepLast    = tables.Statement("registry.lastSeq", `UPDATE registry SET last_seq = $1 WHERE last_seq < $1`)
)

// reapEvents removes events of no day that are older than the horizon and that no delivery
// needs, in order of time.
func (s *Store) reapEvents(ctx context.Context, horizon time.Time, limit int) (bool, error) {
	events, err := snapshot(ctx, s, "read old events", func(ctx context.Context, tx pgx.Tx) ([]tables.EventHead, error) {
		return looseEvents(ctx, tx, s.reaper.event, horizon, limit)
	})
	if err != nil || len(events) == 0 {
		return false, err
	}
	err = s.change(ctx, "remove old events", func(ctx context.Context, tx *transaction) error {
		for _, e := range events {
			if err := s.reapEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, sqlKeepLast, int64(events[len(events)-1].ID.Seq))
		return err
	})
	if err != nil {
		return false, err
	}
	s.reaper.event = events[len(events)-1].ID
	return true, nil
}

// looseEvents returns the next events of no day that are older than the horizon, in order
// of time: up to limit of each table, and nothing beyond the last one of a full table.
func looseEvents(ctx context.Context, tx pgx.Tx, after webhook.ID, horizon time.Time, limit int) ([]tables.EventHead, error) {
	var heads [][]tables.EventHead
	k := tables.KeyOf(after)
	for _, t := range looseTables {
		rows, err := tx.Query(ctx, sqlLoose[t], int64(webhook.SeqAt(horizon)), k.Seq, k.Nonce, limit)
		if err != nil {
			return nil, err
		}
		found, err := collectHeads(rows)
		if err != nil {
			return nil, err
		}
		heads = append(heads, found)
	}
	return mergeHeads(heads, limit), nil
}

// reapEvent removes an event that no delivery needs, with what is left of its deliveries.
func (s *Store) reapEvent(ctx context.Context, tx pgx.Tx, e tables.EventHead) error {
	endpoints, err := record.DecodeRecipients(e.Head)
	if err != nil {
		return err
	}
	var unfinished int64
	if err := tx.QueryRow(ctx, sqlUnfinished, tables.KeyOf(e.ID).Seq, tables.KeyOf(e.ID).Nonce).Scan(&unfinished); err != nil || unfinished > 0 {
		return err
	}
	ids := make([]webhook.ID, len(endpoints))
	for i, n := range endpoints {
		ids[i] = e.ID.For(n)
	}
	found, err := s.finder.FindAll(ctx, tx, tables.DeliveryTables, ids)
	if err != nil || len(found) > 0 {
		return err
	}
	if err := forgetDeliveries(ctx, tx, ids); err != nil {
		return err
	}
	for _, t := range tables.EventTables {
		if _, err := tx.Exec(ctx, sqlForgetEvent[t], tables.KeyOf(e.ID).Seq, tables.KeyOf(e.ID).Nonce); err != nil {
			return err
		}
	}
	return nil
}

var (
	sqlDeleted = tables.Statement("reap.deleted", `SELECT number, deleted_at FROM endpoint WHERE deleted_at < $1 AND (deleted_at, number) > ($2, $3)
		ORDER BY deleted_at, number LIMIT $4`)
	sqlHasAny = tables.ForTables("reap.hasAny", `SELECT count(*) FROM (SELECT 1 FROM TABLE WHERE part = $1 AND endpoint = $2 LIMIT 1) AS first`, tables.DeliveryTables...)

	sqlForgetEndpoint = tables.Statement("reap.endpoint", `DELETE FROM endpoint WHERE number = $1`)
	sqlForgetGate     = tables.Statement("reap.gate", `DELETE FROM gate WHERE part = $1 AND endpoint = $2`)
)

// reapEndpoints removes endpoints that were deleted before the horizon and have no
// deliveries left.
func (s *Store) reapEndpoints(ctx context.Context, horizon time.Time, limit int) (more bool, err error) {
	last := s.reaper.gone
	err = s.change(ctx, "remove deleted webhooks", func(ctx context.Context, tx *transaction) error {
		rows, err := tx.Query(ctx, sqlDeleted, horizon.UnixMilli(), s.reaper.gone.Seq, s.reaper.gone.Endpoint, limit)
		if err != nil {
			return err
		}
		var numbers []webhook.EndpointNumber
		_, err = pgx.ForEachRow(rows, []any{&last.Endpoint, &last.Seq}, func() error {
			numbers = append(numbers, webhook.EndpointNumber(last.Endpoint))
			return nil
		})
		if err != nil {
			return err
		}
		more = len(numbers) == limit
		return s.removeEndpoints(ctx, tx, numbers)
	})
	if err == nil {
		s.reaper.gone = last
	}
	return more, err
}

// removeEndpoints removes those of some endpoints that have no deliveries.
func (s *Store) removeEndpoints(ctx context.Context, tx pgx.Tx, numbers []webhook.EndpointNumber) error {
	var tally storage.KeyTally
	for _, n := range numbers {
		k, left := tables.KeyOf(webhook.ID{Endpoint: n}), int64(0)
		for _, t := range tables.DeliveryTables {
			var some int64
			if err := tx.QueryRow(ctx, sqlHasAny[t], k.Part, k.Endpoint).Scan(&some); err != nil {
				return err
			}
			left += some
		}
		if left > 0 {
			continue
		}
		e, err := readEndpoint(ctx, tx, lockEndpoint, n)
		if err != nil {
			return err
		}
		tally.Move(e.Sealed, webhook.SealedValues{})
		if _, err := tx.Exec(ctx, sqlForgetEndpoint, k.Endpoint); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlForgetGate, k.Part, k.Endpoint); err != nil {
			return err
		}
	}
	return writeKeyUses(ctx, tx, &tally)
}
