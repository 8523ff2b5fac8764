package pgstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// doubt is a settlement whose delivery may not have been where it was believed to be.
type doubt struct {
	*outcome
	tried moveKind // how the group tried to move it; byLooking if it did not
}

// search is one transaction that looks where the deliveries of doubtful are, and settles
// them there.
type search struct {
	*writer
	tx pgx.Tx
	// left is how many deliveries of each kind the group has moved and the search has not
	// met yet.
	left [moveKinds]int
	// moves are what the group and the search have done together.
	moves []tables.Move
	// drift is by how much that differs from what the group has counted.
	drift int64
}

// look settles the doubtful.
func (w *writer) look(ctx context.Context) error {
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		return w.dropped(err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	number := w.slot.next()
	if err := w.store.number(ctx, tx, w.slot, number, 0); err != nil {
		if session.KindOf(err) == session.FailedCheck {
			w.slot.sent = number // the next attempt finds out why
			return session.ErrUnknown
		}
		return w.dropped(err)
	}
	f := &search{writer: w, tx: tx, left: w.moved}
	for _, one := range w.doubtful {
		if err := f.settle(ctx, one); err != nil {
			return w.dropped(err)
		}
	}
	if f.drift != 0 {
		if _, err := tx.Exec(ctx, sqlAddPending, int64(w.store.incarnation), w.slot.number, f.drift); err != nil {
			return w.dropped(err)
		}
	}
	w.slot.sent, w.whenCommitted = number, f.finish
	warned := session.Warnings(w.conn)
	if err := tx.Commit(ctx); err != nil {
		return w.dropped(err)
	}
	if session.Warnings(w.conn) > warned {
		return session.ErrUnknown
	}
	w.slot.last, w.slot.sent, w.whenCommitted = number, 0, nil
	f.finish()
	return nil
}

// finish notes that the search is committed.
func (f *search) finish() {
	f.doubtful = f.doubtful[:0]
	f.store.applied(f.moves)
}

// settle settles one doubt, and keeps account of the counts.
func (f *search) settle(ctx context.Context, s doubt) error {
	var believed tables.Move
	if s.tried != byLooking {
		believed = s.tried.moveOf(&s.now)
	}
	done, already, err := f.settleFound(ctx, s.outcome)
	if err != nil {
		return err
	}
	// The group has moved it, unless it has moved fewer than are found so.
	if already && s.tried != byLooking && f.left[s.tried] > 0 {
		f.left[s.tried]--
		done = believed
	}
	f.moves = append(f.moves, done)
	f.drift += tables.PendingOf([]tables.Move{done}) - tables.PendingOf([]tables.Move{believed})
	return nil
}

// settleFound settles a delivery from where it is stored, and returns what that does to
// the counts. already reports that it is stored as it should be.
func (f *search) settleFound(ctx context.Context, o *outcome) (done tables.Move, already bool, err error) {
	done.ID = o.now.ID
	stored, err := f.store.finder.Find(ctx, f.tx, o.now.ID, tables.Changing)
	if errors.Is(err, webhook.ErrNotFound) { // it was ended, and has expired, during the attempt
		if o.now.Status.Finished() {
			_, err := f.tx.Exec(ctx, sqlPlaceExpired, doneRow(&o.now, o.Delivery)...)
			return done, false, err
		}
		return done, false, nil
	}
	if err != nil {
		return done, false, err
	}
	if bytes.Equal(record.EncodeDelivery(&stored), o.Delivery) {
		return done, true, nil
	}
	now, err := o.Over(&stored)
	if err != nil {
		return done, false, err
	}
	list := []webhook.Delivery{now}
	if now.Attempts > 0 && len(now.AttemptLog) == 0 {
		if err := tables.ReadLatest(ctx, f.tx, list); err != nil {
			return done, false, err
		}
	}
	done = moveBetween(&stored, &list[0])
	return done, false, f.replace(ctx, o, &stored, &list[0])
}

// moveBetween returns what a move does to the counts.
func moveBetween(was, now *webhook.Delivery) tables.Move {
	m := tables.Move{ID: now.ID, Due: now.NextAttemptAt}
	for _, end := range []struct {
		of *webhook.Delivery
		by int8
	}{{was, -1}, {now, +1}} {
		switch end.of.Status {
		case webhook.Queued:
			m.Queued += end.by
		case webhook.Retrying:
			m.Retrying += end.by
		}
	}
	return m
}

var (
	sqlPlaceExpired = tables.Statement("look.expired", `INSERT INTO done (part, endpoint, seq, nonce, status, finished, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (part, endpoint, seq, nonce) DO UPDATE SET status = excluded.status, finished = excluded.finished, record = excluded.record`)
	sqlPlaceDone = tables.Statement("look.done", `INSERT INTO done (part, endpoint, seq, nonce, status, finished, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	sqlPlaceRetrying = tables.Statement("look.retrying", `INSERT INTO retrying (part, endpoint, seq, nonce, due, record)
		VALUES ($1, $2, $3, $4, $5, $6)`)
	sqlPlaceQueued = tables.Statement("look.queued", `INSERT INTO queued (part, endpoint, seq, nonce, record)
		VALUES ($1, $2, $3, $4, $5)`)
)

// doneRow returns the columns of a delivery that has finished.
func doneRow(d *webhook.Delivery, raw []byte) []any {
	k := tables.KeyOf(d.ID)
	return []any{k.Part, k.Endpoint, k.Seq, k.Nonce, tables.StatusCode(d.Status), d.FinishedAt.UnixMilli(), raw}
}

// replace removes a delivery from where it was and writes it where it is now, with the
// attempt.
func (f *search) replace(ctx context.Context, o *outcome, was, now *webhook.Delivery) error {
	k, raw := tables.KeyOf(now.ID), record.EncodeDelivery(now)
	batch, from := &pgx.Batch{}, tables.KeysOf([]webhook.ID{now.ID})
	batch.Queue(tables.LeaveTable[tables.TableOf(was.Status)], from.Parts, from.Endpoints, from.Seqs, from.Nonces).Exec(tables.AllOf(1))
	switch {
	case now.Status.Finished():
		batch.Queue(sqlPlaceDone, doneRow(now, raw)...)
	case now.Status == webhook.Retrying:
		batch.Queue(sqlPlaceRetrying, k.Part, k.Endpoint, k.Seq, k.Nonce, int64(now.NextAttemptAt), raw)
	default:
		batch.Queue(sqlPlaceQueued, k.Part, k.Endpoint, k.Seq, k.Nonce, raw)
	}
	for _, entry := range []struct {
		slot int16
		raw  []byte
	}{{tables.SlotOf(o.Number), o.Attempt}, {tables.BodySlotOf(o.Number), o.Body}} {
		if entry.raw != nil {
			batch.Queue(sqlLog, from.Parts, from.Endpoints, from.Seqs, from.Nonces, []int16{entry.slot}, [][]byte{entry.raw})
		}
	}
	return f.tx.SendBatch(ctx, batch).Close()
}
