package tables

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Move is a delivery that joins (+1) or leaves (-1) a queue or a retry schedule. The counts
// in memory follow these once the transaction is committed.
type Move struct {
	ID               webhook.ID
	Queued, Retrying int8
	Due              webhook.DueTime // of the slot that it joins
}

// PendingOf returns by how much moves raise the number of pending deliveries.
func PendingOf(moves []Move) (sum int64) {
	for i := range moves {
		sum += int64(moves[i].Queued) + int64(moves[i].Retrying)
	}
	return sum
}

// Relocation takes deliveries from one table to another.
type Relocation struct {
	left           map[Table][]webhook.ID
	queued, done   []webhook.ID
	queuedRecords  [][]byte
	doneRecords    [][]byte
	statuses       []int16
	finished       []int64
	attempts       []webhook.ID
	slots          []int16
	attemptRecords [][]byte
	Moved          []Move
}

// Move takes a delivery from where it was to where it is now: into the queue, or among
// the finished ones. was has what its record had, and its latest attempt.
func (m *Relocation) Move(was, now *webhook.Delivery) {
	if m.left == nil {
		m.left = map[Table][]webhook.ID{}
	}
	from := TableOf(was.Status)
	m.left[from] = append(m.left[from], was.ID)
	raw := record.EncodeDelivery(now)
	if now.Status.Finished() {
		m.done, m.doneRecords = append(m.done, now.ID), append(m.doneRecords, raw)
		m.statuses, m.finished = append(m.statuses, StatusCode(now.Status)), append(m.finished, now.FinishedAt.UnixMilli())
	} else {
		m.queued, m.queuedRecords = append(m.queued, now.ID), append(m.queuedRecords, raw)
		m.keepLog(was)
	}
	one := Move{ID: now.ID, Queued: 1}
	if now.Status.Finished() {
		one.Queued = 0
	}
	switch was.Status {
	case webhook.Queued:
		one.Queued--
	case webhook.Retrying:
		one.Retrying--
	}
	m.Moved = append(m.Moved, one)
}

// Add puts a delivery into the queue that there was none of.
func (m *Relocation) Add(id webhook.ID) {
	m.queued, m.queuedRecords = append(m.queued, id), append(m.queuedRecords, nil)
	m.Moved = append(m.Moved, Move{ID: id, Queued: 1})
}

// keepLog copies into the log the attempt that a delivery's own record holds, before that
// is replaced.
func (m *Relocation) keepLog(d *webhook.Delivery) {
	for i := range d.AttemptLog {
		a := &d.AttemptLog[i]
		m.attempts, m.slots = append(m.attempts, d.ID), append(m.slots, SlotOf(a.Number))
		m.attemptRecords = append(m.attemptRecords, record.EncodeAttempt(a))
	}
}

var (
	// LeaveTable removes deliveries from each table.
	LeaveTable = ForTables("leave", `DELETE FROM TABLE d USING unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS k(part, endpoint, seq, nonce)
		WHERE d.part = k.part AND d.endpoint = k.endpoint AND d.seq = k.seq AND d.nonce = k.nonce`, DeliveryTables...)
	placeQueued = Statement("place.queued", `INSERT INTO queued (part, endpoint, seq, nonce, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::bytea[])`)
	placeDone = Statement("place.done", `INSERT INTO done (part, endpoint, seq, nonce, status, finished, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::int8[], $7::bytea[])`)
	placeAttempts = Statement("place.attempts", `INSERT INTO attempt (part, endpoint, seq, nonce, slot, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[])
		ON CONFLICT (part, endpoint, seq, nonce, slot) DO UPDATE SET record = excluded.record`)
)

// Write makes the moves in a transaction.
func (m *Relocation) Write(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	for _, t := range DeliveryTables {
		if ids := m.left[t]; len(ids) > 0 {
			k := KeysOf(ids)
			batch.Queue(LeaveTable[t], k.Parts, k.Endpoints, k.Seqs, k.Nonces).Exec(AllOf(len(ids)))
		}
	}
	if len(m.queued) > 0 {
		k := KeysOf(m.queued)
		batch.Queue(placeQueued, k.Parts, k.Endpoints, k.Seqs, k.Nonces, m.queuedRecords)
	}
	if len(m.done) > 0 {
		k := KeysOf(m.done)
		batch.Queue(placeDone, k.Parts, k.Endpoints, k.Seqs, k.Nonces, m.statuses, m.finished, m.doneRecords)
	}
	if len(m.attempts) > 0 {
		k := KeysOf(m.attempts)
		batch.Queue(placeAttempts, k.Parts, k.Endpoints, k.Seqs, k.Nonces, m.slots, m.attemptRecords)
	}
	return tx.SendBatch(ctx, batch).Close()
}
