package pgstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// table is one of the three that hold deliveries. A delivery is in one of them.
type table string

const (
	queuedTable   table = "queued"
	retryingTable table = "retrying"
	doneTable     table = "done"
)

// deliveryTables are all of them.
var deliveryTables = []table{queuedTable, retryingTable, doneTable}

// tableOf returns the table that holds deliveries of a status.
func tableOf(s webhook.Status) table {
	switch {
	case s == webhook.Retrying:
		return retryingTable
	case s.Finished():
		return doneTable
	}
	return queuedTable
}

// tablesFor returns the tables that hold deliveries of a status, "" for any. Processing
// is never stored.
func tablesFor(s webhook.Status) []table {
	switch s {
	case "":
		return deliveryTables
	case webhook.Processing:
		return nil
	}
	return []table{tableOf(s)}
}

// forTables registers one statement for each of some tables; TABLE stands for its name.
func forTables[T ~string](name, sql string, tables ...T) map[T]string {
	texts := map[T]string{}
	for _, t := range tables {
		texts[t] = statement(name+"."+string(t), strings.ReplaceAll(sql, "TABLE", string(t)))
	}
	return texts
}

// lookup says whether a search keeps what it finds from being changed by others until
// the end of the transaction.
type lookup bool

const (
	reading  lookup = false
	changing lookup = true
)

const (
	findSQL    = `SELECT record FROM TABLE WHERE part = $1 AND endpoint = $2 AND seq = $3 AND nonce = $4`
	findAllSQL = `SELECT d.endpoint, d.seq, d.nonce, d.record
		FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS k(part, endpoint, seq, nonce)
		JOIN TABLE d ON d.part = k.part AND d.endpoint = k.endpoint AND d.seq = k.seq AND d.nonce = k.nonce`
)

var (
	findOne = map[lookup]map[table]string{
		reading:  forTables("find", findSQL, deliveryTables...),
		changing: forTables("lock", findSQL+" FOR UPDATE", deliveryTables...),
	}
	findMany = map[lookup]map[table]string{
		reading:  forTables("findAll", findAllSQL, deliveryTables...),
		changing: forTables("lockAll", findAllSQL+" FOR UPDATE OF d", deliveryTables...),
	}
	headOf  = forTables("head", `SELECT head FROM TABLE WHERE seq = $1 AND nonce = $2`, eventTables...)
	headsOf = forTables("heads", `SELECT e.seq, e.nonce, e.head FROM unnest($1::int8[], $2::int8[]) AS k(seq, nonce)
		JOIN TABLE e ON e.seq = k.seq AND e.nonce = k.nonce`, eventTables...)
)

// finder finds deliveries. Those that finished before the retention are not found: they
// stay in their table until their day is dropped.
type finder struct {
	now       func() time.Time
	retention time.Duration
}

// find returns a delivery from whichever table has it, as its record says: with the
// latest attempt if it has finished. ErrNotFound, also once it has expired.
func (f finder) find(ctx context.Context, tx pgx.Tx, id webhook.ID, how lookup) (webhook.Delivery, error) {
	var d webhook.Delivery
	found, eventType := false, ""
	batch, k := &pgx.Batch{}, keyOf(id)
	for _, t := range deliveryTables {
		batch.Queue(findOne[how][t], k.part, k.endpoint, k.seq, k.nonce).QueryRow(func(row pgx.Row) error {
			var raw []byte
			err := row.Scan(&raw)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err == nil {
				d, err = decodeDelivery(id, raw)
				found = true
			}
			return err
		})
	}
	for _, t := range eventTables {
		batch.Queue(headOf[t], k.seq, k.nonce).QueryRow(func(row pgx.Row) error {
			var head []byte
			err := row.Scan(&head)
			if errors.Is(err, pgx.ErrNoRows) { // a delivery can outlive its event
				return nil
			}
			if err == nil {
				eventType, err = record.DecodeTypeOfEvent(head)
			}
			return err
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return webhook.Delivery{}, err
	}
	if !found || f.expired(&d) {
		return webhook.Delivery{}, webhook.ErrNotFound
	}
	// A fresh record has no type: it is the event's.
	if d.EventType == "" {
		d.EventType = eventType
	}
	return d, nil
}

// decodeDelivery reads the record of a delivery; nil stands for one that was never
// attempted.
func decodeDelivery(id webhook.ID, raw []byte) (webhook.Delivery, error) {
	if len(raw) == 0 {
		raw = record.Fresh
	}
	return record.DecodeDelivery(id, raw)
}

// expired reports whether a delivery finished so long ago that nobody sees it any more.
// It stays in its table until its day is swept.
func (f finder) expired(d *webhook.Delivery) bool {
	return d.Status.Finished() && !f.now().Before(d.FinishedAt.Add(f.retention))
}

// findAll returns those of some deliveries that are in one of the tables, by ID.
func (f finder) findAll(ctx context.Context, tx pgx.Tx, tables []table, ids []webhook.ID, how lookup) (map[webhook.ID]webhook.Delivery, error) {
	found := make(map[webhook.ID]webhook.Delivery, len(ids))
	batch, keys := &pgx.Batch{}, keysOf(ids)
	for _, t := range tables {
		batch.Queue(findMany[how][t],
			keys.parts, keys.endpoints, keys.seqs, keys.nonces).Query(func(rows pgx.Rows) error {
			return eachDelivery(rows, func(d webhook.Delivery) {
				if !f.expired(&d) {
					found[d.ID] = d
				}
			})
		})
	}
	return found, tx.SendBatch(ctx, batch).Close()
}

// eachDelivery calls visit for each row of endpoint, seq, nonce and record.
func eachDelivery(rows pgx.Rows, visit func(webhook.Delivery)) error {
	defer rows.Close()
	var k key
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&k.endpoint, &k.seq, &k.nonce, &raw); err != nil {
			return err
		}
		d, err := decodeDelivery(k.id(), raw)
		if err != nil {
			return err
		}
		visit(d)
	}
	return rows.Err()
}

// eventTypes completes the deliveries that have no type of their own: it is their event's.
func eventTypes(ctx context.Context, tx pgx.Tx, list []webhook.Delivery) error {
	var ids []webhook.ID
	for i := range list {
		if list[i].EventType == "" {
			ids = append(ids, list[i].ID.Event())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	heads, err := readHeads(ctx, tx, ids)
	for i := range list {
		head, there := heads[list[i].ID.Event()]
		if err == nil && there && list[i].EventType == "" {
			list[i].EventType, err = record.DecodeTypeOfEvent(head)
		}
	}
	return err
}

// eventTables are where an event can be: in its day, or kept beyond it.
var eventTables = []string{"event", "event_kept"}

// readHeads returns the heads of those of some events that are stored.
func readHeads(ctx context.Context, tx pgx.Tx, events []webhook.ID) (map[webhook.ID][]byte, error) {
	heads, keys, batch := make(map[webhook.ID][]byte, len(events)), keysOf(events), &pgx.Batch{}
	for _, t := range eventTables {
		batch.Queue(headsOf[t], keys.seqs, keys.nonces).Query(func(rows pgx.Rows) error {
			var k key
			var head []byte
			_, err := pgx.ForEachRow(rows, []any{&k.seq, &k.nonce, &head}, func() error {
				heads[k.id()] = head
				head = nil
				return nil
			})
			return err
		})
	}
	return heads, tx.SendBatch(ctx, batch).Close()
}
