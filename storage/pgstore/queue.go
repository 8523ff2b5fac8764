package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	sqlQueue = tables.Statement("queue", `SELECT seq, nonce, record FROM queued
		WHERE part = $1 AND endpoint = $2 AND (seq, nonce) >= ($3, $4) ORDER BY seq, nonce LIMIT $5`)
	sqlSchedule = tables.Statement("schedule", `SELECT due, seq, nonce, record FROM retrying
		WHERE part = $1 AND endpoint = $2 AND (due, seq, nonce) >= ($3, $4, $5) ORDER BY due, seq, nonce LIMIT $6`)
	sqlPayloads = tables.ForTables("payloads", `SELECT e.seq, e.nonce, e.head, e.data FROM unnest($1::int8[], $2::int8[]) AS k(seq, nonce)
		JOIN TABLE e ON e.seq = k.seq AND e.nonce = k.nonce`, tables.EventTables...)
	sqlGate = tables.Statement("gate", `SELECT record FROM gate WHERE part = $1 AND endpoint = $2`)
)

// Queued returns deliveries of an endpoint's queue in order of acceptance, starting with
// the ID from.
func (s *Store) Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	var b batch
	err := s.view(ctx, "read queue", func(ctx context.Context, q querier) error {
		b = batch{limit: limit, maxBytes: maxBytes}
		seen, start := s.heads.Begin(n, s.options.Now()), from
		// A read from the middle says nothing about the head.
		if from == (webhook.ID{}) {
			start = seen.Queue
		}
		rows, err := queueRows(ctx, q, start.For(n), limit)
		if err != nil {
			return err
		}
		if from == (webhook.ID{}) {
			s.heads.Found(n, seen, rows)
		}
		_, err = b.fill(ctx, q, rows)
		return err
	})
	return b.out, err
}

// queueRows returns the first deliveries of a queue from an ID on, without data.
func queueRows(ctx context.Context, q querier, from webhook.ID, limit int) ([]webhook.Delivery, error) {
	k := tables.KeyOf(from)
	rows, err := q.Query(ctx, sqlQueue, k.Part, k.Endpoint, k.Seq, k.Nonce, max(limit, 1))
	if err != nil {
		return nil, err
	}
	var out []webhook.Delivery
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&k.Seq, &k.Nonce, &raw}, func() error {
		d, err := decodeDue(k.ID(), raw)
		out, raw = append(out, d), nil
		return err
	})
	return out, err
}

// decodeDue reads the record of a delivery without attempts; nil stands for one that was
// never attempted.
func decodeDue(id webhook.ID, raw []byte) (webhook.Delivery, error) {
	if len(raw) == 0 {
		raw = record.Fresh
	}
	return record.DecodeDue(id, raw)
}

// Scheduled returns deliveries of an endpoint's retry schedule that are due, in order of
// due time, starting with the slot from.
func (s *Store) Scheduled(
	ctx context.Context, n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) (due []webhook.Due, next webhook.DueTime, err error) {
	var b batch
	err = s.view(ctx, "read retry schedule", func(ctx context.Context, q querier) error {
		b, next = batch{limit: limit, maxBytes: maxBytes}, 0
		from.ID = from.ID.For(n)
		// One more than is asked for: its due time is the next.
		rows, err := scheduleRows(ctx, q, from, limit+1)
		if err != nil {
			return err
		}
		ready := 0
		for ready < len(rows) && ready < limit && !rows[ready].NextAttemptAt.After(now) {
			ready++
		}
		taken, err := b.fill(ctx, q, rows[:ready])
		if taken < len(rows) {
			next = rows[taken].NextAttemptAt
		}
		return err
	})
	return b.out, next, err
}

// scheduleRows returns the first deliveries of a retry schedule from a slot on, without data.
func scheduleRows(ctx context.Context, q querier, from webhook.Slot, limit int) ([]webhook.Delivery, error) {
	k := tables.KeyOf(from.ID)
	rows, err := q.Query(ctx, sqlSchedule, k.Part, k.Endpoint, int64(from.At), k.Seq, k.Nonce, max(limit, 1))
	if err != nil {
		return nil, err
	}
	var out []webhook.Delivery
	var due int64
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&due, &k.Seq, &k.Nonce, &raw}, func() error {
		d, err := decodeDue(k.ID(), raw)
		// The column decides: it is what the schedule is ordered by.
		d.NextAttemptAt = webhook.DueTime(due)
		out, raw = append(out, d), nil
		return err
	})
	return out, err
}

// batch gathers deliveries with their data up to the bounds of one read.
type batch struct {
	limit, maxBytes int
	out             []webhook.Due
	bytes           int
}

// firstChunk is how many events are read at first: together they may have as much data as
// one read should hold, whatever their size.
const firstChunk = 32

// fill adds deliveries with their data, and returns how many it took. It reads them in
// chunks, whose size follows from the size of those before.
func (b *batch) fill(ctx context.Context, q querier, rows []webhook.Delivery) (taken int, err error) {
	rows = rows[:min(len(rows), b.limit)]
	for chunk := firstChunk; taken < len(rows); {
		some := rows[taken:min(taken+chunk, len(rows))]
		payloads, err := readPayloads(ctx, q, some)
		if err != nil {
			return taken, err
		}
		for _, d := range some {
			if !b.add(d, payloads[d.ID.Event()]) {
				return taken, nil
			}
			taken++
		}
		left, mean := b.maxBytes-b.bytes, b.bytes/taken+1
		if left < mean {
			return taken, nil
		}
		chunk = max(left/mean, 1)
	}
	return taken, nil
}

// add adds a delivery with its payload, and reports whether it fitted. If the event is
// missing, Data is nil: a pending delivery has its event unless data was lost.
func (b *batch) add(d webhook.Delivery, p record.Payload) bool {
	// The first one is taken whatever its size, or an endpoint could get stuck.
	if len(b.out) > 0 && b.bytes+len(p.Data) > b.maxBytes {
		return false
	}
	// Of a delivery that was never attempted, the event has the type.
	if d.EventType == "" {
		d.EventType = p.EventType
	}
	b.bytes += len(p.Data)
	b.out = append(b.out, webhook.Due{Delivery: d, Data: p.Data})
	return true
}

// readPayloads returns what attempts need of the events of some deliveries.
func readPayloads(ctx context.Context, q querier, list []webhook.Delivery) (map[webhook.ID]record.Payload, error) {
	found := make(map[webhook.ID]record.Payload, len(list))
	for _, table := range tables.EventTables {
		var ids []webhook.ID
		for i := range list {
			if _, there := found[list[i].ID.Event()]; !there {
				ids = append(ids, list[i].ID.Event())
			}
		}
		if len(ids) == 0 { // nearly always, before what was kept is looked at
			break
		}
		if err := readPayloadsFrom(ctx, q, table, ids, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func readPayloadsFrom(ctx context.Context, q querier, table string, ids []webhook.ID, found map[webhook.ID]record.Payload) error {
	k := tables.KeysOf(ids)
	rows, err := q.Query(ctx, sqlPayloads[table], k.Seqs, k.Nonces)
	if err != nil {
		return err
	}
	var id tables.Key
	var head, data []byte
	_, err = pgx.ForEachRow(rows, []any{&id.Seq, &id.Nonce, &head, &data}, func() error {
		name, err := record.DecodeTypeOfEvent(head)
		if data == nil {
			data = []byte{}
		}
		found[id.ID()] = record.Payload{EventType: name, Data: data}
		head, data = nil, nil
		return err
	})
	return err
}

// Gate returns an endpoint's breaker state; zero if none is stored.
func (s *Store) Gate(ctx context.Context, n webhook.EndpointNumber) (g webhook.GateState, err error) {
	err = s.view(ctx, "read breaker state", func(ctx context.Context, q querier) error {
		k := tables.KeyOf(webhook.ID{Endpoint: n})
		var raw []byte
		err := q.QueryRow(ctx, sqlGate, k.Part, k.Endpoint).Scan(&raw)
		if errors.Is(err, pgx.ErrNoRows) {
			g = webhook.GateState{}
			return nil
		}
		if err == nil {
			g, err = record.DecodeGate(raw)
		}
		return err
	})
	return g, err
}
