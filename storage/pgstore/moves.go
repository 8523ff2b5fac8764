package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// move is a delivery that joins (+1) or leaves (-1) a queue or a retry schedule. The counts
// in memory follow these once the transaction is committed.
type move struct {
	id               webhook.ID
	queued, retrying int8
	due              webhook.DueTime // of the slot that it joins
}

// pendingOf returns by how much moves raise the number of pending deliveries.
func pendingOf(moves []move) (sum int64) {
	for i := range moves {
		sum += int64(moves[i].queued) + int64(moves[i].retrying)
	}
	return sum
}

// relocation takes deliveries from one table to another.
type relocation struct {
	left           map[table][]webhook.ID
	queued, done   []webhook.ID
	queuedRecords  [][]byte
	doneRecords    [][]byte
	statuses       []int16
	finished       []int64
	attempts       []webhook.ID
	slots          []int16
	attemptRecords [][]byte
	moved          []move
}

// move takes a delivery from where it was to where it is now: into the queue, or among
// the finished ones. was has what its record had, and its latest attempt.
func (m *relocation) move(was, now *webhook.Delivery) {
	if m.left == nil {
		m.left = map[table][]webhook.ID{}
	}
	from := tableOf(was.Status)
	m.left[from] = append(m.left[from], was.ID)
	raw := record.EncodeDelivery(now)
	if now.Status.Finished() {
		m.done, m.doneRecords = append(m.done, now.ID), append(m.doneRecords, raw)
		m.statuses, m.finished = append(m.statuses, statusCode(now.Status)), append(m.finished, now.FinishedAt.UnixMilli())
	} else {
		m.queued, m.queuedRecords = append(m.queued, now.ID), append(m.queuedRecords, raw)
		m.keepLog(was)
	}
	one := move{id: now.ID, queued: 1}
	if now.Status.Finished() {
		one.queued = 0
	}
	switch was.Status {
	case webhook.Queued:
		one.queued--
	case webhook.Retrying:
		one.retrying--
	}
	m.moved = append(m.moved, one)
}

// keepLog copies into the log the attempt that a delivery's own record holds, before that
// is replaced.
func (m *relocation) keepLog(d *webhook.Delivery) {
	for i := range d.AttemptLog {
		a := &d.AttemptLog[i]
		m.attempts, m.slots = append(m.attempts, d.ID), append(m.slots, slotOf(a.Number))
		m.attemptRecords = append(m.attemptRecords, record.EncodeAttempt(a))
	}
}

var (
	leaveTable = forTables("leave", `DELETE FROM TABLE d USING unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS k(part, endpoint, seq, nonce)
		WHERE d.part = k.part AND d.endpoint = k.endpoint AND d.seq = k.seq AND d.nonce = k.nonce`, deliveryTables...)
	placeQueued = statement("place.queued", `INSERT INTO queued (part, endpoint, seq, nonce, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::bytea[])`)
	placeDone = statement("place.done", `INSERT INTO done (part, endpoint, seq, nonce, status, finished, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::int8[], $7::bytea[])`)
	placeAttempts = statement("place.attempts", `INSERT INTO attempt (part, endpoint, seq, nonce, slot, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[])
		ON CONFLICT (part, endpoint, seq, nonce, slot) DO UPDATE SET record = excluded.record`)
)

// write makes the moves in a transaction.
func (m *relocation) write(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	for _, t := range deliveryTables {
		if ids := m.left[t]; len(ids) > 0 {
			k := keysOf(ids)
			batch.Queue(leaveTable[t], k.parts, k.endpoints, k.seqs, k.nonces).Exec(allOf(len(ids)))
		}
	}
	if len(m.queued) > 0 {
		k := keysOf(m.queued)
		batch.Queue(placeQueued, k.parts, k.endpoints, k.seqs, k.nonces, m.queuedRecords)
	}
	if len(m.done) > 0 {
		k := keysOf(m.done)
		batch.Queue(placeDone, k.parts, k.endpoints, k.seqs, k.nonces, m.statuses, m.finished, m.doneRecords)
	}
	if len(m.attempts) > 0 {
		k := keysOf(m.attempts)
		batch.Queue(placeAttempts, k.parts, k.endpoints, k.seqs, k.nonces, m.slots, m.attemptRecords)
	}
	return tx.SendBatch(ctx, batch).Close()
}
