package pgstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// metaRestoring is in the table meta from the first to the last row of a restore. Open
// refuses the database meanwhile, and after a restore that was cut off.
const metaRestoring = "restoring"

// Errors of a restore into a database.
var (
	errUnfinished = errors.New("a restore into this database has not finished: unless one is running, drop the database, make an empty one, and restore again")
	errNotEmpty   = errors.New("the database is not empty: a restore needs one that no server has used")
)

// Loader fills an empty database with what another backend held. Its methods take one
// thing each, in the order in which package badgerstore/export hands them out. Nothing can
// be used before Finish has returned nil.
type Loader struct {
	ctx     context.Context // of the whole restore: the methods are a callback's
	conn    *pgx.Conn
	tables  map[string]*loading
	days    map[int64]bool // that have tables, by their first millisecond
	last    webhook.EndpointNumber
	lastSeq uint64
	pending int64
	cursor  string
}

// loading is what one table gets next, and how many rows it has got.
type loading struct {
	columns []string
	rows    [][]any
	bytes   int
	done    int64
}

// Rows are sent when one of these is reached.
const (
	loadRows  = 10_000
	loadBytes = 8 << 20
)

// loaded are the tables that a Loader fills, with their columns.
var loaded = map[string][]string{
	"endpoint":   {"number", "client", "changed", "deleted_at", "key_id", "record"},
	"event_type": {"name", "record"},
	"api_key":    {"id", "record"},
	"audit":      {"seq", "nonce", "record"},
	"secret_key": {"id", "endpoints", "check_value"},
	"gate":       {"part", "endpoint", "record"},
	"idem":       {"key", "expires", "record"},
	"event":      {"seq", "nonce", "head", "data"},
	"queued":     {"part", "endpoint", "seq", "nonce", "record"},
	"retrying":   {"part", "endpoint", "seq", "nonce", "due", "record"},
	"done":       {"part", "endpoint", "seq", "nonce", "status", "finished", "record"},
	"attempt":    {"part", "endpoint", "seq", "nonce", "slot", "record"},
	"job":        {"endpoint", "seq", "nonce", "finished", "record"},
}

// NewLoader begins a restore: it makes the tables, unless astrohook migrate has made them,
// and marks the database as one that no server may use. The caller closes the Loader.
func NewLoader(ctx context.Context, o Options) (*Loader, error) {
	config, err := session.Parse(o.URL, newIncarnation())
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, session.Translate(ctx, err)
	}
	l := &Loader{ctx: ctx, conn: conn, tables: map[string]*loading{}, days: map[int64]bool{}}
	for name, columns := range loaded {
		l.tables[name] = &loading{columns: columns}
	}
	if err := l.begin(); err != nil {
		return nil, errors.Join(session.Translate(ctx, err), conn.Close(ctx))
	}
	return l, nil
}

// begin looks whether the database is empty, and marks it.
func (l *Loader) begin() error {
	if _, err := schema.Migrate(l.ctx, l.conn, time.Now()); err != nil {
		return err
	}
	if err := refuseUnfinished(l.ctx, l.conn); err != nil {
		return err
	}
	for _, name := range append(slices.Sorted(maps.Keys(loaded)), "node") {
		var some int64
		if err := l.conn.QueryRow(l.ctx, "SELECT count(*) FROM (SELECT 1 FROM "+name+" LIMIT 1) AS few").Scan(&some); err != nil {
			return err
		}
		if some > 0 {
			return errNotEmpty
		}
	}
	_, err := l.conn.Exec(l.ctx, keepMeta, metaRestoring, "true")
	return err
}

// refuseUnfinished returns errUnfinished for a database that a restore has not finished.
func refuseUnfinished(ctx context.Context, q querier) error {
	var mark string
	err := q.QueryRow(ctx, readMeta, metaRestoring).Scan(&mark)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return errUnfinished
}

// add adds a row of a table; bytes is about how many it has.
func (l *Loader) add(table string, bytes int, row ...any) error {
	t := l.tables[table]
	t.rows, t.bytes = append(t.rows, row), t.bytes+bytes
	if len(t.rows) < loadRows && t.bytes < loadBytes {
		return nil
	}
	return l.send(table)
}

// send sends the rows of a table that have gathered.
func (l *Loader) send(table string) error {
	t := l.tables[table]
	n, err := l.conn.CopyFrom(l.ctx, pgx.Identifier{table}, t.columns, pgx.CopyFromRows(t.rows))
	if err != nil {
		return fmt.Errorf("load %s: %w", table, session.Translate(l.ctx, err))
	}
	t.rows, t.bytes, t.done = t.rows[:0], 0, t.done+n
	return nil
}

// Numbers takes the newest endpoint's number and the largest Seq that must not be used again.
func (l *Loader) Numbers(last webhook.EndpointNumber, seq uint64) error {
	l.last, l.lastSeq = max(l.last, last), max(l.lastSeq, seq)
	return nil
}

// CursorKey takes the key that authenticates cursors.
func (l *Loader) CursorKey(key [32]byte) error {
	l.cursor = hex.EncodeToString(key[:])
	return nil
}

// KeyUse takes a key that encrypts endpoints.
func (l *Loader) KeyUse(use storage.KeyUse) error {
	return l.add("secret_key", len(use.Check), tables.NameOf(use.KeyID), use.Endpoints, use.Check)
}

// Endpoint takes an endpoint, deleted or not.
func (l *Loader) Endpoint(e webhook.Endpoint) error {
	row := endpointRow(&e, 1)
	return l.add("endpoint", 1000, row...)
}

// EventType takes an event type.
func (l *Loader) EventType(t webhook.EventType) error {
	return l.add("event_type", len(t.Description), tables.NameOf(t.Name), record.EncodeEventType(t))
}

// APIKey takes an API key.
func (l *Loader) APIKey(k webhook.APIKey) error {
	return l.add("api_key", 0, tables.NameOf(k.ID), record.EncodeAPIKey(&k))
}

// Audit takes an entry of the audit.
func (l *Loader) Audit(e audit.Entry) error {
	k, raw := tables.KeyOf(e.ID), record.EncodeAudit(&e)
	return l.add("audit", len(raw), k.Seq, k.Nonce, raw)
}

// Gate takes a breaker's state.
func (l *Loader) Gate(n webhook.EndpointNumber, g webhook.GateState) error {
	return l.add("gate", 0, int16(n.Part()), int32(n), record.EncodeGate(g))
}

// IdempotencyKey takes the event that came first under an idempotency key.
func (l *Loader) IdempotencyKey(hash [16]byte, first record.KeyedEvent) error {
	return l.add("idem", 100, hash[:], first.Until().UnixMilli(), first.Encode())
}

// Event takes an event with its data, and makes the table of its day.
func (l *Loader) Event(e webhook.Event) error {
	if from, _ := schema.Day(e.ID.Time()); !l.days[int64(from)] {
		l.days[int64(from)] = true
		if err := schema.MakeDays(l.ctx, l.conn, e.ID.Time(), e.ID.Time()); err != nil {
			return session.Translate(l.ctx, err)
		}
	}
	l.lastSeq = max(l.lastSeq, e.ID.Seq)
	k, data := tables.KeyOf(e.ID), e.Data
	if data == nil {
		data = []byte{}
	}
	e.Data = nil
	head := record.EncodeEvent(&e, e.Endpoints)
	return l.add("event", len(head)+len(data), k.Seq, k.Nonce, head, data)
}

// Delivery takes a delivery, as its record has it.
func (l *Loader) Delivery(d webhook.Delivery) error {
	k, raw := tables.KeyOf(d.ID), record.EncodeDelivery(&d)
	switch d.Status {
	case webhook.Retrying:
		l.pending++
		return l.add("retrying", len(raw), k.Part, k.Endpoint, k.Seq, k.Nonce, int64(d.NextAttemptAt), raw)
	case webhook.Queued:
		l.pending++
		if d.Attempts == 0 && d.EventType == "" { // never attempted
			raw = nil
		}
		return l.add("queued", len(raw), k.Part, k.Endpoint, k.Seq, k.Nonce, raw)
	}
	return l.add("done", len(raw), k.Part, k.Endpoint, k.Seq, k.Nonce, tables.StatusCode(d.Status), d.FinishedAt.UnixMilli(), raw)
}

// Attempt takes an attempt of a delivery, shortened.
func (l *Loader) Attempt(of webhook.ID, a webhook.Attempt) error {
	return l.logged(of, tables.SlotOf(a.Number), record.EncodeAttempt(&a))
}

// Body takes the whole body of an attempt's response.
func (l *Loader) Body(of webhook.ID, b record.Body) error {
	return l.logged(of, tables.BodySlotOf(b.Number), b.Encode())
}

// Job takes a job.
func (l *Loader) Job(j bulk.Job) error {
	return l.add("job", 200, tables.JobRow(&j)...)
}

func (l *Loader) logged(of webhook.ID, slot int16, raw []byte) error {
	k := tables.KeyOf(of)
	return l.add("attempt", len(raw), k.Part, k.Endpoint, k.Seq, k.Nonce, slot, raw)
}

// Finish stores what is left, compares how many rows each table has with how many were
// handed over, and lets servers use the database.
func (l *Loader) Finish() error {
	for _, name := range slices.Sorted(maps.Keys(loaded)) {
		if err := l.send(name); err != nil {
			return err
		}
		var found int64
		if err := l.conn.QueryRow(l.ctx, "SELECT count(*) FROM "+name).Scan(&found); err != nil {
			return session.Translate(l.ctx, err)
		}
		if want := l.tables[name].done; found != want {
			return fmt.Errorf("the table %s has %d rows, and %d were restored: is somebody else using the database?", name, found, want)
		}
	}
	// Plans do not depend on it, but people look at sizes and counts.
	if _, err := l.conn.Exec(l.ctx, "ANALYZE"); err != nil {
		return session.Translate(l.ctx, err)
	}
	return session.Translate(l.ctx, pgx.BeginFunc(l.ctx, l.conn, l.finish))
}

// finish stores what belongs to the database as a whole, and removes the mark.
func (l *Loader) finish(tx pgx.Tx) error {
	batch := &pgx.Batch{}
	batch.Queue("UPDATE registry SET version = version + 1, event_types = version + 1, api_keys = version + 1, next_endpoint = $1, last_seq = $2",
		int64(l.last)+1, int64(l.lastSeq))
	batch.Queue("UPDATE fence SET pending = $1 WHERE incarnation = 0", l.pending)
	if l.cursor != "" {
		batch.Queue(keepMeta, metaCursorKey, l.cursor)
	}
	batch.Queue("DELETE FROM meta WHERE name = $1", metaRestoring)
	return tx.SendBatch(l.ctx, batch).Close()
}

// Close ends the restore. Without Finish before it, the database stays unusable.
func (l *Loader) Close() error { return l.conn.Close(context.WithoutCancel(l.ctx)) }
