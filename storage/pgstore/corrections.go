package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// Requeue puts a delivery back into the queue, at its place in order of acceptance. A
// finished one whose event is gone is not found.
func (s *Store) Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error) {
	var due webhook.Due
	err := s.change(ctx, "requeue delivery", func(ctx context.Context, tx *transaction) error {
		was, err := s.finder.Find(ctx, tx, id, tables.Changing)
		if err != nil {
			return err
		}
		event, err := readEvent(ctx, tx, id)
		if err != nil && !errors.Is(err, webhook.ErrNotFound) {
			return err
		}
		due = webhook.Due{Delivery: was, Data: event.Data}
		due.Delivery.AttemptLog = nil
		// Asked for twice, or never attempted: the caller gets it as it is.
		if was.Status == webhook.Queued {
			return nil
		}
		// Without its event there is nothing to send. A pending one is attempted all the
		// same, and fails with a reason that says so.
		if was.Status.Finished() && err != nil {
			return webhook.ErrNotFound
		}
		due.Delivery = was.Requeue()
		var m tables.Relocation
		m.Move(&was, &due.Delivery)
		due.Delivery.AttemptLog = nil
		return tx.relocate(ctx, &m)
	})
	if err != nil {
		return webhook.Due{}, err
	}
	return due, nil
}

// Cancel ends a queued or retrying delivery; ErrConflict if it had finished.
func (s *Store) Cancel(
	ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time,
) (webhook.Delivery, error) {
	var d webhook.Delivery
	err := s.change(ctx, "cancel delivery", func(ctx context.Context, tx *transaction) error {
		was, err := s.finder.Find(ctx, tx, id, tables.Changing)
		if err != nil {
			return err
		}
		if was.Status.Finished() {
			return webhook.ErrConflict
		}
		var m tables.Relocation
		list := []webhook.Delivery{was}
		if err := tables.ReadLatest(ctx, tx, list); err != nil {
			return err
		}
		// The record is written with the latest attempt; the caller gets all of them.
		d = list[0].Cancel(reason, now)
		m.Move(&was, &d)
		if err := readLog(ctx, tx, &d); err != nil {
			return err
		}
		return tx.relocate(ctx, &m)
	})
	if err != nil {
		return webhook.Delivery{}, err
	}
	return d, nil
}

// maxBulk bounds one call that changes many deliveries, so that it holds their rows for
// milliseconds.
const maxBulk = 5_000

var eventsThere = tables.ForTables("exist", `SELECT e.seq, e.nonce FROM unnest($1::int8[], $2::int8[]) AS k(seq, nonce)
	JOIN TABLE e ON e.seq = k.seq AND e.nonce = k.nonce`, tables.EventTables...)

// Replay requeues finished deliveries of the endpoint q.Endpoint, at most 5,000 in one
// call. It selects them like ListDeliveries, on a snapshot, and looks at each again in the
// transaction that changes them.
func (s *Store) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	// The caller asks again for the rest.
	q.Limit = min(q.Limit, maxBulk)
	page, err := snapshot(ctx, s, "select deliveries to replay", func(ctx context.Context, tx pgx.Tx) (webhook.DeliveryPage, error) {
		return s.finder.ListPage(ctx, tx, q, tables.FinishedScans(q.Status))
	})
	if err != nil || len(page.Deliveries) == 0 {
		return 0, page.Next, err
	}
	ids := make([]webhook.ID, len(page.Deliveries))
	for i := range page.Deliveries {
		ids[i] = page.Deliveries[i].ID
	}
	requeued := 0
	err = s.change(ctx, "replay deliveries", func(ctx context.Context, tx *transaction) error {
		var m tables.Relocation
		var err error
		if requeued, err = s.requeueAll(ctx, tx, ids, &m); err != nil {
			return err
		}
		return tx.relocate(ctx, &m)
	})
	if err != nil {
		return 0, webhook.ID{}, err
	}
	return requeued, page.Next, nil
}

// existing returns those of the events of some deliveries that are stored.
func existing(ctx context.Context, tx pgx.Tx, ids []webhook.ID) (map[webhook.ID]struct{}, error) {
	there, keys, batch := make(map[webhook.ID]struct{}, len(ids)), tables.KeysOf(ids), &pgx.Batch{}
	for _, t := range tables.EventTables {
		batch.Queue(eventsThere[t], keys.Seqs, keys.Nonces).Query(func(rows pgx.Rows) error {
			var k tables.Key
			_, err := pgx.ForEachRow(rows, []any{&k.Seq, &k.Nonce}, func() error {
				there[k.ID()] = struct{}{}
				return nil
			})
			return err
		})
	}
	return there, tx.SendBatch(ctx, batch).Close()
}

// pendingTables hold the deliveries that are still owed.
var pendingTables = []tables.Table{tables.QueuedTable, tables.RetryingTable}

var firstPending = tables.ForTables("firstPending", `SELECT endpoint, seq, nonce FROM TABLE
	WHERE part = $1 AND endpoint = $2 ORDER BY seq, nonce LIMIT $3`, pendingTables...)

// CancelPending cancels up to limit pending deliveries of an endpoint, at most 5,000 in
// one call. Less than limit does not mean that none is left; 0 does.
func (s *Store) CancelPending(
	ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int,
) (int, error) {
	for {
		// Selected outside of the transaction that changes them; each is looked at again there.
		ids, err := s.pendingIDs(ctx, n, min(limit, maxBulk))
		if err != nil || len(ids) == 0 {
			return 0, err
		}
		cancelled := 0
		err = s.change(ctx, "cancel deliveries", func(ctx context.Context, tx *transaction) error {
			list, err := s.lockPending(ctx, tx, ids)
			if err != nil {
				return err
			}
			var m tables.Relocation
			for i := range list {
				d := list[i].Cancel(reason, now)
				m.Move(&list[i], &d)
			}
			cancelled = len(list)
			return tx.relocate(ctx, &m)
		})
		if err != nil {
			return 0, err
		}
		// Others may have ended all of these meanwhile, which does not say that none is left.
		if cancelled > 0 {
			return cancelled, nil
		}
	}
}

// lockPending returns those of some deliveries that are pending, with type and latest
// attempt: the records of what they become show both.
func (s *Store) lockPending(ctx context.Context, tx pgx.Tx, ids []webhook.ID) ([]webhook.Delivery, error) {
	found, err := s.finder.LockAll(ctx, tx, pendingTables, ids)
	if err != nil {
		return nil, err
	}
	var list []webhook.Delivery
	for _, id := range ids {
		if d, there := found[id]; there {
			list = append(list, d)
		}
	}
	return list, errors.Join(tables.EventTypes(ctx, tx, list), tables.ReadLatest(ctx, tx, list))
}

// pendingIDs returns the first pending deliveries of an endpoint: those of its queue,
// then those of its retry schedule.
func (s *Store) pendingIDs(ctx context.Context, n webhook.EndpointNumber, limit int) ([]webhook.ID, error) {
	return snapshot(ctx, s, "select deliveries to cancel", func(ctx context.Context, tx pgx.Tx) (ids []webhook.ID, err error) {
		k := tables.KeyOf(webhook.ID{Endpoint: n})
		for _, t := range pendingTables {
			rows, err := tx.Query(ctx, firstPending[t], k.Part, k.Endpoint, limit-len(ids))
			if err != nil {
				return nil, err
			}
			var found tables.Key
			_, err = pgx.ForEachRow(rows, []any{&found.Endpoint, &found.Seq, &found.Nonce}, func() error {
				ids = append(ids, found.ID())
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		return ids, nil
	})
}
