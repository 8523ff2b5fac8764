package pgstore

import (
	"fmt"
	"sync"

	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one call to Accept, as of every backend.
const (
	maxAcceptRows  = 40_000
	maxAcceptBytes = 3 << 20
)

const (
	nameVersion = "accept.version"
	nameKeys    = "accept.keys"
	nameEvents  = "accept.events"
	nameQueued  = "accept.queued"
	nameDone    = "accept.withheld"
)

// Statements that check something divide by zero if it is not so, and with that undo the
// whole group: the store finds out why, leaves out what it must, and sends the rest again.
var (
	_ = tables.Writing(nameVersion, `SELECT 1 / count(*) FROM registry WHERE version <= $1::int8`)
	// All keys are new, or have expired.
	_ = tables.Writing(nameKeys, `WITH kept AS (
			INSERT INTO idem (key, expires, record) SELECT * FROM unnest($1::bytea[], $2::int8[], $3::bytea[])
			ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, record = excluded.record
			WHERE idem.expires <= $4::int8 RETURNING key
		) SELECT 1 / (CASE WHEN count(*) = $5::int8 THEN 1 ELSE 0 END) FROM kept`)
	_ = tables.Writing(nameEvents, `INSERT INTO event (seq, nonce, head, data)
		SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::bytea[])`)
	_ = tables.Writing(nameQueued, `INSERT INTO queued (part, endpoint, seq, nonce)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[])`)
	_ = tables.Writing(nameDone, `INSERT INTO done (part, endpoint, seq, nonce, status, finished, record)
		SELECT * FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[], $6::int8[], $7::bytea[])`)
)

// acceptance is one call to Accept on its way into a group. Later parts of wide events go
// into groups of their own.
type acceptance struct {
	events   []webhook.Event
	matched  uint64
	receipts []webhook.Receipt
	answer   func([]webhook.Receipt, error)
	// heads are the records of the events, keyed those of their idempotency keys: both made
	// in the caller's goroutine, rather than in the committer, where all others wait.
	heads [][]byte
	keyed []keyedEvent
	// rows and bytes are bounds of what the call adds to a group.
	rows, bytes int
}

// keyedEvent is an event with an idempotency key.
type keyedEvent struct {
	used bool // the event has a key
	hash [16]byte
	now  record.KeyedEvent
	// first is what the database has under the key, once somebody has looked.
	first *record.KeyedEvent
}

// Accept stores events with a delivery for each of their recipients. The events of one
// call together may take 40,000 rows (one per event, delivery and idempotency key) and
// 3 MiB; events beyond that are refused with ErrFanOut. Of an event with more than
// webhook.MaxFanOut recipients only the first ones count: the deliveries of the others
// follow in later groups, before done.
func (s *Store) Accept(events []webhook.Event, matched uint64, done func([]webhook.Receipt, error)) {
	a := &acceptance{events: events, matched: matched, receipts: make([]webhook.Receipt, len(events))}
	a.encode()
	// With several jobs an early failure and the last commit may both want to answer.
	var once sync.Once
	a.answer = func(receipts []webhook.Receipt, err error) { once.Do(func() { done(receipts, err) }) }
	finish := func(err error) {
		if err != nil {
			a.answer(nil, fmt.Errorf("accept events: %w", err))
			return
		}
		a.answer(a.receipts, nil)
	}
	first := &job{accept: a, Ticket: groupcommit.Ticket{Urgency: groupcommit.Publishes, Done: finish}}
	if later := a.later(); len(later) > 0 {
		s.committer.Submit(inTurn(first, later, finish)...)
		return
	}
	s.committer.Submit(first)
}

// encode makes the records of the events, and bounds the size of the call.
func (a *acceptance) encode() {
	a.heads = make([][]byte, len(a.events))
	for i := range a.events {
		e := &a.events[i]
		head := *e
		head.Data = nil
		a.heads[i] = record.EncodeEvent(&head, e.Recipients())
		if e.IdempotencyKey != "" {
			if a.keyed == nil {
				a.keyed = make([]keyedEvent, len(a.events))
			}
			a.keyed[i] = keyedEvent{used: true, hash: record.KeyHash(e), now: record.KeyedEventOf(e)}
		}
		a.rows += rowsOf(e)
		a.bytes += a.bytesOf(i)
	}
	a.rows, a.bytes = min(a.rows, maxAcceptRows), min(a.bytes, maxAcceptBytes)
}

// rowsOf returns a bound on the rows that an event takes in its first transaction.
func rowsOf(e *webhook.Event) int { return 3 + min(width(e), webhook.MaxFanOut) }

// width returns how many deliveries an event has.
func width(e *webhook.Event) int { return len(e.Endpoints) + len(e.Disabled) + len(e.Limited) }

// bytesOf returns a bound on the bytes that an event takes in its first transaction.
func (a *acceptance) bytesOf(i int) int {
	const perDelivery, perWithheld = 40, 64
	e := &a.events[i]
	first := min(width(e), webhook.MaxFanOut)
	size := 256 + len(e.Data) + len(a.heads[i]) + first*perDelivery + min(first, len(e.Disabled)+len(e.Limited))*perWithheld
	if width(e) > webhook.MaxFanOut {
		size += len(a.heads[i]) + 5*(len(e.Disabled)+len(e.Limited))
	}
	return size
}

// accept adds the events of a call, and makes their receipts. It runs again for each
// attempt at the group.
func (g *group) accept(a *acceptance) {
	if a.matched > 0 && (g.matched == 0 || a.matched < g.matched) {
		g.matched = a.matched
	}
	rows, bytes := 0, 0
	for i := range a.events {
		e := &a.events[i]
		if receipt, repeated := g.repeated(a, i); repeated {
			a.receipts[i] = receipt
			continue
		}
		if rows+rowsOf(e) > maxAcceptRows || bytes+a.bytesOf(i) > maxAcceptBytes {
			a.receipts[i] = webhook.Receipt{EventID: e.ID, Err: webhook.ErrFanOut}
			continue
		}
		rows, bytes = rows+rowsOf(e), bytes+a.bytesOf(i)
		g.addEvent(a, i)
		a.receipts[i] = e.Receipt()
	}
}

// repeated returns the receipt of an event whose idempotency key is taken, in the database
// or by an earlier event of the group. Otherwise it adds the key, if there is one.
func (g *group) repeated(a *acceptance, i int) (webhook.Receipt, bool) {
	if a.keyed == nil || !a.keyed[i].used {
		return webhook.Receipt{}, false
	}
	k, e := &a.keyed[i], &a.events[i]
	if first, taken := g.first[k.hash]; taken {
		return first.Repeated(e, &k.now), true
	}
	if k.first != nil {
		return k.first.Repeated(e, &k.now), true
	}
	return webhook.Receipt{}, false
}

// addEvent adds an event with its key and the deliveries of its first part.
func (g *group) addEvent(a *acceptance, i int) {
	e := &a.events[i]
	if a.keyed != nil && a.keyed[i].used {
		k := &a.keyed[i]
		if g.first == nil {
			g.first = map[[16]byte]record.KeyedEvent{}
		}
		g.first[k.hash] = k.now
	}
	g.events.Add(e, a.heads[i])
	g.lastSeq = max(g.lastSeq, e.ID.Seq)
	to := e.Recipients()
	if len(to) > webhook.MaxFanOut {
		g.unfinished.Add(e.ID, webhook.MaxFanOut, encodeWide(e, to))
		to = to[:webhook.MaxFanOut]
	}
	g.owe(e, to)
}

// owe adds an event's deliveries for some recipients. A withheld one is stored as failed
// at the time of the event.
func (g *group) owe(e *webhook.Event, to []webhook.EndpointNumber) {
	// The usual event has no withheld deliveries, and need not look each up.
	withheld := len(e.Disabled)+len(e.Limited) > 0
	for _, n := range to {
		id := e.ID.For(n)
		if withheld {
			if reason := e.Withheld(n); reason != webhook.ReasonNone {
				d := webhook.Delivery{ID: id}.Fail(reason, e.ID.Time())
				g.withheld.Add(&d, record.EncodeDelivery(&d))
				continue
			}
		}
		g.queued.Add(id)
		g.move(tables.Move{ID: id, Queued: +1})
	}
}
