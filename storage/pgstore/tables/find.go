package tables

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Table is one of the three that hold deliveries. A delivery is in one of them.
type Table string

// The tables.
const (
	QueuedTable   Table = "queued"
	RetryingTable Table = "retrying"
	DoneTable     Table = "done"
)

// DeliveryTables are all of them.
var DeliveryTables = []Table{QueuedTable, RetryingTable, DoneTable}

// TableOf returns the table that holds deliveries of a status.
func TableOf(s webhook.Status) Table {
	switch {
	case s == webhook.Retrying:
		return RetryingTable
	case s.Finished():
		return DoneTable
	}
	return QueuedTable
}

// tablesFor returns the tables that hold deliveries of a status, "" for any. Processing
// is never stored.
func tablesFor(s webhook.Status) []Table {
	switch s {
	case "":
		return DeliveryTables
	case webhook.Processing:
		return nil
	}
	return []Table{TableOf(s)}
}

// ForTables registers one statement for each of some tables; TABLE stands for its name.
func ForTables[T ~string](name, sql string, tables ...T) map[T]string {
	texts := map[T]string{}
	for _, t := range tables {
		texts[t] = Statement(name+"."+string(t), strings.ReplaceAll(sql, "TABLE", string(t)))
	}
	return texts
}

// lookup says whether a search keeps what it finds from being changed by others until
// the end of the transaction.
type lookup bool

// The ways to look.
const (
	Reading  lookup = false
	Changing lookup = true
)

const (
	findSQL    = `SELECT record FROM TABLE WHERE part = $1 AND endpoint = $2 AND seq = $3 AND nonce = $4`
	findAllSQL = `SELECT d.endpoint, d.seq, d.nonce, d.record
		FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[]) AS k(part, endpoint, seq, nonce)
		JOIN TABLE d ON d.part = k.part AND d.endpoint = k.endpoint AND d.seq = k.seq AND d.nonce = k.nonce`
	// Of one endpoint, because a distributed database locks rows of one server only.
	lockAllSQL = `SELECT d.endpoint, d.seq, d.nonce, d.record FROM unnest($3::int8[], $4::int8[]) AS k(seq, nonce)
		JOIN TABLE d ON d.seq = k.seq AND d.nonce = k.nonce WHERE d.part = $1 AND d.endpoint = $2 FOR UPDATE OF d`
)

var (
	findOne = map[lookup]map[Table]string{
		Reading:  ForTables("find", findSQL, DeliveryTables...),
		Changing: ForTables("lock", findSQL+" FOR UPDATE", DeliveryTables...),
	}
	findMany = ForTables("findAll", findAllSQL, DeliveryTables...)
	lockMany = ForTables("lockAll", lockAllSQL, DeliveryTables...)
	headOf   = ForTables("head", `SELECT head FROM TABLE WHERE seq = $1 AND nonce = $2`, EventTables...)
	headsOf  = ForTables("heads", `SELECT e.seq, e.nonce, e.head FROM unnest($1::int8[], $2::int8[]) AS k(seq, nonce)
		JOIN TABLE e ON e.seq = k.seq AND e.nonce = k.nonce`, EventTables...)
)

// Finder finds deliveries. Those that finished before the retention are not found: they
// stay in their table until their day is dropped.
type Finder struct {
	now       func() time.Time
	retention time.Duration
}

// NewFinder returns a finder by a clock.
func NewFinder(now func() time.Time, retention time.Duration) Finder { return Finder{now, retention} }

// looks bounds how often Find looks for what a change is about.
const looks = 4

// Find returns a delivery from whichever table has it, as its record says: with the
// latest attempt if it has finished. ErrNotFound, also once it has expired.
//
// For a change each table is read as it is at that moment, so a delivery that another
// transaction moves meanwhile can be missed in both places. Find looks again then: a
// delivery does not move so often as to be missed each time. One statement for all tables
// would miss it too: it waits for the move that has locked the row, finds it gone, and does
// not see the new one, which is younger than the statement.
func (f Finder) Find(ctx context.Context, tx pgx.Tx, id webhook.ID, how lookup) (d webhook.Delivery, err error) {
	for range looks {
		d, err = f.look(ctx, tx, id, how)
		if how == Reading || !errors.Is(err, webhook.ErrNotFound) {
			break
		}
	}
	return d, err
}

// look reads each table once.
func (f Finder) look(ctx context.Context, tx pgx.Tx, id webhook.ID, how lookup) (webhook.Delivery, error) {
	var d webhook.Delivery
	found, eventType := false, ""
	batch, k := &pgx.Batch{}, KeyOf(id)
	for _, t := range DeliveryTables {
		batch.Queue(findOne[how][t], k.Part, k.Endpoint, k.Seq, k.Nonce).QueryRow(func(row pgx.Row) error {
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
	for _, t := range EventTables {
		batch.Queue(headOf[t], k.Seq, k.Nonce).QueryRow(func(row pgx.Row) error {
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
func (f Finder) expired(d *webhook.Delivery) bool {
	return d.Status.Finished() && !f.now().Before(d.FinishedAt.Add(f.retention))
}

// FindAll returns those of some deliveries that are in one of the tables, by ID.
func (f Finder) FindAll(ctx context.Context, tx pgx.Tx, tables []Table, ids []webhook.ID) (map[webhook.ID]webhook.Delivery, error) {
	keys := KeysOf(ids)
	return f.collect(ctx, tx, tables, findMany, keys.Parts, keys.Endpoints, keys.Seqs, keys.Nonces)
}

// LockAll is FindAll for one delivery or more of one endpoint, which nobody else changes
// until the end of the transaction.
func (f Finder) LockAll(ctx context.Context, tx pgx.Tx, tables []Table, ids []webhook.ID) (map[webhook.ID]webhook.Delivery, error) {
	keys, first := KeysOf(ids), KeyOf(ids[0])
	return f.collect(ctx, tx, tables, lockMany, first.Part, first.Endpoint, keys.Seqs, keys.Nonces)
}

// collect runs the statement of each table, and returns the deliveries that it finds, by ID.
func (f Finder) collect(ctx context.Context, tx pgx.Tx, tables []Table, sql map[Table]string, args ...any) (map[webhook.ID]webhook.Delivery, error) {
	found := map[webhook.ID]webhook.Delivery{}
	batch := &pgx.Batch{}
	for _, t := range tables {
		batch.Queue(sql[t], args...).Query(func(rows pgx.Rows) error {
			return eachDelivery(rows, func(d webhook.Delivery) {
				if !f.expired(&d) {
					found[d.ID] = d
				}
			})
		})
	}
	return found, tx.SendBatch(ctx, batch).Close()
}

// eachDelivery is eachRecord for deliveries.
func eachDelivery(rows pgx.Rows, visit func(webhook.Delivery)) error {
	return eachRecord(rows, decodeDelivery, visit)
}

// eachRecord calls visit for what is decoded of each row of endpoint, seq, nonce and record.
func eachRecord[T any](rows pgx.Rows, decode func(webhook.ID, []byte) (T, error), visit func(T)) error {
	defer rows.Close()
	var k Key
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&k.Endpoint, &k.Seq, &k.Nonce, &raw); err != nil {
			return err
		}
		v, err := decode(k.ID(), raw)
		if err != nil {
			return err
		}
		visit(v)
	}
	return rows.Err()
}
