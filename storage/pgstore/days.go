package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// A day is dropped when its retention, counted from the last finish in it and at most
// twice, is over. What is pending needs its event and its attempts for longer: before the
// day goes, these are copied to where what belongs to no day is.

// dropDays drops one day that is due, and reports whether there may be more of them.
func (s *Store) dropDays(ctx context.Context, horizon time.Time, _ int) (dropped bool, err error) {
	err = s.inUpkeep(ctx, "drop expired days", func(ctx context.Context) error {
		days, err := schema.Days(ctx, s.writes)
		for _, day := range days {
			if err != nil || dropped {
				break
			}
			dropped, err = s.dropDay(ctx, day, horizon)
		}
		return err
	})
	return dropped, err
}

// dropDay drops a day if it is due.
func (s *Store) dropDay(ctx context.Context, day, horizon time.Time) (dropped bool, err error) {
	end := day.AddDate(0, 0, 1)
	if horizon.Before(end) {
		return false, nil
	}
	forced := !horizon.Before(end.Add(s.options.Retention))
	if late, err := finishedAfter(ctx, s.writes, day, horizon); err != nil || late && !forced {
		return false, err
	}
	if err := s.keepPending(ctx, day); err != nil {
		return false, err
	}
	err = s.change(ctx, "drop an expired day", func(ctx context.Context, tx *transaction) error {
		return s.dropTables(ctx, tx, day, horizon, forced)
	})
	if errors.Is(err, errLateFinish) {
		return false, nil
	}
	return err == nil, err
}

var sqlLateFinish = tables.Statement("days.late", `SELECT count(*) FROM (SELECT 1 FROM done WHERE seq >= $1 AND seq < $2 AND finished > $3 LIMIT 1) AS first`)

// errLateFinish reports that a delivery of a day has finished while the day was being dropped.
var errLateFinish = errors.New("a delivery has finished meanwhile")

// finishedAfter reports whether a delivery of a day has finished after a time.
func finishedAfter(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, day, after time.Time,
) (bool, error) {
	from, to := schema.Day(day)
	var some int64
	err := q.QueryRow(ctx, sqlLateFinish, int64(from), int64(to), after.UnixMilli()).Scan(&some)
	return some > 0, err
}

// keptAtOnce is how many deliveries keepPending looks at in one transaction.
const keptAtOnce = 2000

var (
	sqlPendingOfDay = tables.ForTables("days.pending", `SELECT endpoint, seq, nonce FROM TABLE WHERE (part, endpoint, seq, nonce) > ($1, $2, $3, $4)
		AND seq >= $5 AND seq < $6 ORDER BY part, endpoint, seq, nonce LIMIT $7`, pendingTables...)
	sqlAttemptedOfDay = map[tables.Table]string{
		tables.QueuedTable: tables.Statement("days.attempted.queued", `SELECT endpoint, seq, nonce FROM queued WHERE (part, endpoint, seq, nonce) > ($1, $2, $3, $4)
			AND seq >= $5 AND seq < $6 AND record IS NOT NULL ORDER BY part, endpoint, seq, nonce LIMIT $7`),
		tables.RetryingTable: sqlPendingOfDay[tables.RetryingTable],
	}
	sqlKeepEvents = tables.Statement("days.keep", `INSERT INTO event_kept (seq, nonce, head, data) SELECT DISTINCT ON (e.seq, e.nonce) e.seq, e.nonce, e.head, e.data
		FROM unnest($1::int8[], $2::int8[]) AS k(seq, nonce) JOIN event e ON e.seq = k.seq AND e.nonce = k.nonce ON CONFLICT DO NOTHING`)
)

// keepPending copies the events of a day whose deliveries are pending. They never change,
// and no delivery of so old a day becomes pending again, so that this needs no lock.
func (s *Store) keepPending(ctx context.Context, day time.Time) error {
	return eachOfDay(ctx, s.writes, sqlPendingOfDay, day, func(ids []webhook.ID) error {
		return s.change(ctx, "keep the events of pending deliveries", func(ctx context.Context, tx *transaction) error {
			k := tables.KeysOf(ids)
			_, err := tx.Exec(ctx, sqlKeepEvents, k.Seqs, k.Nonces)
			return err
		})
	})
}

// eachOfDay calls visit for the deliveries of a day that statements find in the queues and
// retry schedules, some at a time.
func eachOfDay(ctx context.Context, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, sql map[tables.Table]string, day time.Time, visit func([]webhook.ID) error,
) error {
	from, to := schema.Day(day)
	for _, t := range pendingTables {
		for after := (tables.Key{Part: -1}); ; {
			rows, err := q.Query(ctx, sql[t], after.Part, after.Endpoint, after.Seq, after.Nonce, int64(from), int64(to), keptAtOnce)
			if err != nil {
				return err
			}
			ids, err := collectIDs(rows)
			if err != nil {
				return err
			}
			if len(ids) > 0 {
				if err := visit(ids); err != nil {
					return err
				}
				after = tables.KeyOf(ids[len(ids)-1])
			}
			if len(ids) < keptAtOnce {
				break
			}
		}
	}
	return nil
}

// dropTables drops the tables of a day. Writers and readers wait meanwhile, so it gives up
// after half a second: the next call tries again.
func (s *Store) dropTables(ctx context.Context, tx *transaction, day, horizon time.Time, forced bool) error {
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '500ms'`); err != nil {
		return err
	}
	// In the order in which writers take them.
	if _, err := tx.Exec(ctx, `LOCK TABLE event, done, attempt IN ACCESS EXCLUSIVE MODE`); err != nil {
		return err
	}
	late, err := finishedAfter(ctx, tx, day, horizon)
	if err != nil {
		return err
	}
	if late && !forced {
		return errLateFinish
	}
	old := schema.DayTable("attempt", day)
	if _, err := tx.Exec(ctx, `ALTER TABLE attempt DETACH PARTITION `+old); err != nil {
		return err
	}
	// What is inserted now belongs to no day.
	keep := fmt.Sprintf(`INSERT INTO attempt SELECT a.* FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS k(part, endpoint, seq, nonce)
		JOIN %s a ON a.part = k.part AND a.endpoint = k.endpoint AND a.seq = k.seq AND a.nonce = k.nonce`, old)
	err = eachOfDay(ctx, tx, sqlAttemptedOfDay, day, func(ids []webhook.ID) error {
		k := tables.KeysOf(ids)
		_, err := tx.Exec(ctx, keep, k.Parts, k.Endpoints, k.Seqs, k.Nonces)
		return err
	})
	if err != nil {
		return err
	}
	_, to := schema.Day(day)
	if _, err := tx.Exec(ctx, sqlKeepLast, int64(to)-1); err != nil {
		return err
	}
	return schema.DropDay(ctx, tx, day)
}

// collectHeads returns the events in rows of seq, nonce and head.
func collectHeads(rows pgx.Rows) (out []tables.EventHead, err error) {
	var k tables.Key
	var head []byte
	_, err = pgx.ForEachRow(rows, []any{&k.Seq, &k.Nonce, &head}, func() error {
		out = append(out, tables.EventHead{ID: k.ID(), Head: slices.Clone(head)})
		return nil
	})
	return out, err
}

// mergeHeads returns events of several tables in order of time, and nothing beyond the
// last one of a table that had limit of them: more may follow there.
func mergeHeads(found [][]tables.EventHead, limit int) (out []tables.EventHead) {
	var bound *webhook.ID
	for _, t := range found {
		out = append(out, t...)
		if len(t) == limit {
			if last := t[limit-1].ID; bound == nil || last.Compare(*bound) < 0 {
				bound = &last
			}
		}
	}
	slices.SortFunc(out, func(a, b tables.EventHead) int { return a.ID.Compare(b.ID) })
	if bound != nil {
		out = slices.DeleteFunc(out, func(e tables.EventHead) bool { return e.ID.Compare(*bound) > 0 })
	}
	return out
}
