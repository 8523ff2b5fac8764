package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	sqlTakenKeys = tables.Statement("accept.takenKeys", `SELECT t.key, t.record FROM unnest($1::bytea[]) AS s(key)
		JOIN idem AS t ON t.key = s.key WHERE t.expires > $2`)
	sqlTakenIDs = tables.Statement("accept.takenIDs", `SELECT t.seq, t.nonce FROM unnest($1::int8[], $2::int8[]) AS s(seq, nonce)
		JOIN event AS t ON t.seq = s.seq AND t.nonce = s.nonce`)
)

// errTaken reports an event whose ID is that of another one.
var errTaken = errors.New("another event has the same ID")

// eachKeyed calls visit for each event of the group that has an idempotency key of which
// the database has nothing yet, as far as is known.
func (w *writer) eachKeyed(visit func(*keyedEvent)) {
	for _, j := range w.jobs {
		if j.out || j.accept == nil {
			continue
		}
		for i := range j.accept.keyed {
			if k := &j.accept.keyed[i]; k.used && k.first == nil {
				visit(k)
			}
		}
	}
}

// findKeys looks up which idempotency keys of the group are taken, and reports whether any
// is that was not known to be. Their events get the receipt of the first one.
func (w *writer) findKeys(ctx context.Context) (found bool, err error) {
	var hashes [][]byte
	w.eachKeyed(func(k *keyedEvent) { hashes = append(hashes, k.hash[:]) })
	rows, err := w.conn.Query(ctx, sqlTakenKeys, hashes, w.store.options.Now().UnixMilli())
	if err != nil {
		return false, err
	}
	taken := map[[16]byte]*record.KeyedEvent{}
	var hash, raw []byte
	_, err = pgx.ForEachRow(rows, []any{&hash, &raw}, func() error {
		first, err := record.DecodeKeyedEvent(raw)
		taken[[16]byte(hash)] = &first
		hash, raw = nil, nil
		return err
	})
	w.eachKeyed(func(k *keyedEvent) { k.first = taken[k.hash] })
	return len(taken) > 0, err
}

// refuseTaken fails the calls of which an event has the ID of a stored one: the numbers of
// two nodes, and 32 random bits, have met. Their callers number the events again. It returns
// cause if there are none.
func (w *writer) refuseTaken(ctx context.Context, cause error) error {
	var ids []webhook.ID
	for _, j := range w.jobs {
		if !j.out && j.accept != nil {
			for i := range j.accept.events {
				ids = append(ids, j.accept.events[i].ID)
			}
		}
	}
	k := tables.KeysOf(ids)
	rows, err := w.conn.Query(ctx, sqlTakenIDs, k.Seqs, k.Nonces)
	if err != nil {
		return w.dropped(err)
	}
	taken := map[webhook.ID]struct{}{}
	var found tables.Key
	if _, err := pgx.ForEachRow(rows, []any{&found.Seq, &found.Nonce}, func() error {
		taken[found.ID()] = struct{}{}
		return nil
	}); err != nil {
		return w.dropped(err)
	}
	for _, j := range w.jobs {
		if !j.out && j.accept != nil && j.accept.hasAny(taken) {
			j.fail(fmt.Errorf("%w: %w", webhook.ErrExists, errTaken))
			cause = nil
		}
	}
	return cause
}

// hasAny reports whether an event of the call has one of some IDs. The call was refused,
// so none of its own events is stored.
func (a *acceptance) hasAny(ids map[webhook.ID]struct{}) bool {
	for i := range a.events {
		if _, there := ids[a.events[i].ID.Event()]; there {
			return true
		}
	}
	return false
}

// leaveOut drops a part whose deliveries somebody else has made.
func (w *writer) leaveOut(p *part) {
	for _, j := range w.jobs {
		j.out = j.out || j.part == p
	}
}

// lookForAll makes all settlements of the group look where their deliveries are.
func (w *writer) lookForAll() {
	for _, j := range w.jobs {
		if j.settle != nil {
			j.settle.kind = byLooking
		}
	}
}

// refuseAccepts fails everything that brings new work, and reports whether there was any.
func (w *writer) refuseAccepts(err error) (refused bool) {
	for _, j := range w.jobs {
		if !j.out && (j.accept != nil || j.part != nil && j.first != nil) {
			j.fail(err)
			refused = true
		}
	}
	return refused
}

var sqlVersion = tables.Statement("registry.version", `SELECT version FROM registry`)

// refuseStale fails the events that were matched with an older version than the present
// one, and returns cause if there are none.
func (w *writer) refuseStale(ctx context.Context, cause error) error {
	var version int64
	if err := w.conn.QueryRow(ctx, sqlVersion).Scan(&version); err != nil {
		return w.dropped(err)
	}
	for _, j := range w.jobs {
		if !j.out && j.accept != nil && j.accept.matched > 0 && j.accept.matched < uint64(version) {
			j.fail(webhook.ErrStale)
			cause = nil
		}
	}
	return cause
}
