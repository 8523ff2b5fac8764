package pgstore

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Each skips from endpoint to endpoint of a part, one look-up in the index for each,
// however many deliveries they have.
var (
	sqlQueueHeads = tables.Statement("wakes.queue", `WITH RECURSIVE head(endpoint, seq, nonce) AS (
			(SELECT endpoint, seq, nonce FROM queued WHERE part = $1 AND endpoint >= $2 ORDER BY endpoint, seq, nonce LIMIT 1)
			UNION ALL
			SELECT n.endpoint, n.seq, n.nonce FROM head AS h CROSS JOIN LATERAL (
				SELECT t.endpoint, t.seq, t.nonce FROM queued AS t
				WHERE t.part = $1 AND t.endpoint > h.endpoint ORDER BY t.endpoint, t.seq, t.nonce LIMIT 1
			) AS n
		) SELECT endpoint, seq, nonce FROM head`)
	sqlScheduleHeads = tables.Statement("wakes.schedule", `WITH RECURSIVE head(endpoint, due, seq, nonce) AS (
			(SELECT endpoint, due, seq, nonce FROM retrying WHERE part = $1 AND endpoint >= $2 ORDER BY endpoint, due, seq, nonce LIMIT 1)
			UNION ALL
			SELECT n.endpoint, n.due, n.seq, n.nonce FROM head AS h CROSS JOIN LATERAL (
				SELECT t.endpoint, t.due, t.seq, t.nonce FROM retrying AS t
				WHERE t.part = $1 AND t.endpoint > h.endpoint ORDER BY t.endpoint, t.due, t.seq, t.nonce LIMIT 1
			) AS n
		) SELECT endpoint, due, seq, nonce FROM head`)
	sqlGatesOf = tables.Statement("wakes.gates", `SELECT endpoint, record FROM gate WHERE part = $1 AND endpoint >= $2`)
)

// Wakes calls visit for each endpoint of some parts with pending deliveries, ascending. It
// reads the heads of all before the first visit.
func (s *Store) Wakes(ctx context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	var found map[webhook.EndpointNumber]*webhook.Wake
	err := s.view(ctx, "read wakes", func(ctx context.Context, _ querier) (err error) {
		found, err = s.readWakes(ctx, parts, from)
		return err
	})
	if err != nil {
		return err
	}
	numbers := make([]webhook.EndpointNumber, 0, len(found))
	for n, wake := range found {
		if wake.Queued != (webhook.ID{}) || wake.Scheduled != (webhook.Slot{}) { // else it has a gate only
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := visit(*found[n]); err != nil {
			return err
		}
	}
	return nil
}

// readWakes reads the heads of all parts in one round trip.
func (s *Store) readWakes(ctx context.Context, parts webhook.Parts, from webhook.EndpointNumber) (map[webhook.EndpointNumber]*webhook.Wake, error) {
	found := map[webhook.EndpointNumber]*webhook.Wake{}
	at := func(k tables.Key) *webhook.Wake {
		n := webhook.EndpointNumber(k.Endpoint)
		if found[n] == nil {
			found[n] = &webhook.Wake{Endpoint: n}
		}
		return found[n]
	}
	batch := &pgx.Batch{}
	first := int32(min(from, maxEndpoint))
	for p := range parts.All {
		part := int16(p)
		batch.Queue(sqlQueueHeads, part, first).Query(func(rows pgx.Rows) error {
			var k tables.Key
			_, err := pgx.ForEachRow(rows, []any{&k.Endpoint, &k.Seq, &k.Nonce}, func() error {
				at(k).Queued = k.ID()
				return nil
			})
			return err
		})
		batch.Queue(sqlScheduleHeads, part, first).Query(func(rows pgx.Rows) error {
			var k tables.Key
			var due int64
			_, err := pgx.ForEachRow(rows, []any{&k.Endpoint, &due, &k.Seq, &k.Nonce}, func() error {
				at(k).Scheduled = webhook.Slot{At: webhook.DueTime(due), ID: k.ID()}
				return nil
			})
			return err
		})
		batch.Queue(sqlGatesOf, part, first).Query(func(rows pgx.Rows) error {
			var k tables.Key
			var raw []byte
			_, err := pgx.ForEachRow(rows, []any{&k.Endpoint, &raw}, func() (err error) {
				at(k).Gate, err = record.DecodeGate(raw)
				return err
			})
			return err
		})
	}
	return found, s.reads.SendBatch(ctx, batch).Close()
}

// maxEndpoint is the largest number of an endpoint that the schema allows.
const maxEndpoint = 1<<26 - 1

// maxCounted bounds how many deliveries Backlog counts: more of them are shown as these.
const maxCounted = 1_000_000

var (
	sqlCountOf = tables.ForTables("backlog.count", `SELECT count(*) FROM (
		SELECT 1 FROM TABLE WHERE part = $1 AND endpoint = $2 LIMIT $3) AS few`, pendingTables...)
	sqlFirstOf = tables.ForTables("backlog.first", `SELECT coalesce(min(seq), 0) FROM (
		SELECT seq FROM TABLE WHERE part = $1 AND endpoint = $2 ORDER BY seq, nonce LIMIT 1) AS first`, pendingTables...)
	sqlFirstDue = tables.Statement("backlog.due", `SELECT coalesce(min(due), 0) FROM (
		SELECT due FROM retrying WHERE part = $1 AND endpoint = $2 ORDER BY due, seq, nonce LIMIT 1) AS first`)
)

// Backlog returns what an endpoint has still to deliver. It counts up to a million of each
// kind.
func (s *Store) Backlog(ctx context.Context, n webhook.EndpointNumber) (out webhook.Backlog, err error) {
	k := tables.KeyOf(webhook.ID{Endpoint: n})
	err = s.view(ctx, "read backlog", func(ctx context.Context, _ querier) error {
		out = webhook.Backlog{}
		var queuedSeq, retryingSeq, due int64
		batch := &pgx.Batch{}
		one := func(to *int64) func(pgx.Row) error { return func(row pgx.Row) error { return row.Scan(to) } }
		batch.Queue(sqlCountOf[tables.QueuedTable], k.Part, k.Endpoint, maxCounted).QueryRow(one(&out.Queued))
		batch.Queue(sqlCountOf[tables.RetryingTable], k.Part, k.Endpoint, maxCounted).QueryRow(one(&out.Retrying))
		batch.Queue(sqlFirstOf[tables.QueuedTable], k.Part, k.Endpoint).QueryRow(one(&queuedSeq))
		batch.Queue(sqlFirstOf[tables.RetryingTable], k.Part, k.Endpoint).QueryRow(one(&retryingSeq))
		batch.Queue(sqlFirstDue, k.Part, k.Endpoint).QueryRow(one(&due))
		if err := s.reads.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		out.NextRetryAt = webhook.DueTime(due).Time()
		for _, seq := range []int64{queuedSeq, retryingSeq} {
			if at := webhook.SeqTime(uint64(seq)); seq > 0 && (out.OldestAt.IsZero() || at.Before(out.OldestAt)) {
				out.OldestAt = at
			}
		}
		return nil
	})
	return out, err
}
