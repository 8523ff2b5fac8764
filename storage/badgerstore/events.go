package badgerstore

import (
	"context"
	"fmt"
	"math"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one call to Accept. They are below those of a transaction, so that a job of
// this size always fits into one of its own.
const (
	maxAcceptOps   = 40_000
	maxAcceptBytes = 3 << 20
)

// acceptance is one call to Accept on its way into a transaction. Later parts of wide
// events go into transactions of their own.
type acceptance struct {
	events    []webhook.Event
	receipts  []webhook.Receipt
	change    change
	retention time.Duration
	// wide has the recipients of the events that are stored in parts, by index.
	wide map[int][]webhook.EndpointNumber
	err  error
}

// Accept stores events with a delivery for each of their recipients. The events of one
// call together may take 40,000 keys (one per event, delivery and idempotency key) and
// 3 MiB; events beyond that are refused with ErrFanOut. Of an event with more than
// webhook.MaxFanOut recipients only the first ones count: the deliveries of the others
// follow in later transactions, before done.
func (s *Store) Accept(events []webhook.Event, _ uint64, done func([]webhook.Receipt, error)) {
	a := &acceptance{events: events, receipts: make([]webhook.Receipt, len(events)), retention: s.retention}
	j := &job{Ticket: groupcommit.Ticket{Urgency: publishes, Done: func(err error) {
		if a.err != nil {
			err = a.err
		}
		if err != nil {
			done(nil, fmt.Errorf("accept events: %w", err))
			return
		}
		done(a.receipts, nil)
	}}}
	// Without idempotency keys the change needs no reading, and is made in the caller's
	// goroutine rather than in the committer, where all others wait.
	if a.keyed() {
		j.plan = a.plan
	} else {
		a.storeAll()
		j.change = &a.change
	}
	// All jobs of the call in one submit: nothing must come between an event's parts.
	if later := a.later(); len(later) > 0 {
		s.submit(a.inTurn(append([]*job{j}, later...))...)
		return
	}
	s.submit(j)
}

// keyed reports whether any event has an idempotency key. Only then does Accept read.
func (a *acceptance) keyed() bool {
	for i := range a.events {
		if a.events[i].IdempotencyKey != "" {
			return true
		}
	}
	return false
}

// storeAll stores all events, in memory that is allocated at once.
func (a *acceptance) storeAll() {
	ops := 0
	for i := range a.events {
		ops += 1 + width(&a.events[i])
	}
	// Grown at once: a batch has thousands.
	a.change.ops = make([]op, 0, min(ops, maxAcceptOps))
	a.change.moves = make([]move, 0, min(ops, maxAcceptOps))
	for i := range a.events {
		a.store(i)
	}
}

// width returns how many deliveries an event has.
func width(e *webhook.Event) int { return len(e.Endpoints) + len(e.Disabled) + len(e.Limited) }

// store adds an event and its deliveries to the change, only those of the first part if
// the event is wide. It reports whether they fit.
func (a *acceptance) store(i int) bool {
	e := &a.events[i]
	if !a.fits(e) {
		a.receipts[i] = webhook.Receipt{EventID: e.ID, Err: webhook.ErrFanOut}
		return false
	}
	to := e.Recipients()
	c, first := &a.change, to[:min(len(to), webhook.MaxFanOut)]
	keys := layout.AppendEventKey(make([]byte, 0, layout.EventKeySize+len(first)*layout.DeliveryKeySize), e.ID)
	c.put(keys[:layout.EventKeySize:layout.EventKeySize], record.EncodeEvent(e, first))
	if len(first) < len(to) {
		c.announceParts(e, to)
		// Rare: most calls have no wide event, and no map.
		if a.wide == nil {
			a.wide = map[int][]webhook.EndpointNumber{}
		}
		a.wide[i] = to
	}
	c.owe(keys[layout.EventKeySize:], e, first, a.retention)
	c.lastSeq = max(c.lastSeq, e.ID.Seq)
	a.receipts[i] = e.Receipt()
	return true
}

// owe writes an event's deliveries for some recipients. A withheld one is written as
// failed at the time of the event. keys is an empty slice with room for all their keys:
// one allocation instead of one per delivery. The deliveries must not have been queued
// before: IDs of events are unique, and a part of a wide event is written once, in the
// transaction that moves the note on.
func (c *change) owe(keys []byte, e *webhook.Event, to []webhook.EndpointNumber, retention time.Duration) {
	// The usual event has no withheld deliveries, and need not look each up.
	withheld := len(e.Disabled)+len(e.Limited) > 0
	for _, n := range to {
		id, start := e.ID.For(n), len(keys)
		if withheld {
			if reason := e.Withheld(n); reason != webhook.ReasonNone {
				d := webhook.Delivery{ID: id}.Fail(reason, e.ID.Time())
				c.place(&d, record.EncodeDelivery(&d), retention)
				continue
			}
		}
		keys = layout.AppendDeliveryKey(keys, layout.SpaceQueued, id)
		c.putNew(keys[start:len(keys):len(keys)], record.Fresh)
		c.moves = append(c.moves, move{id: id, queued: +1})
	}
}

// fits reports whether an event fits beside those before it. It estimates, and never
// too low.
func (a *acceptance) fits(e *webhook.Event) bool {
	const perDelivery, perWithheld = layout.DeliveryKeySize + opOverhead + 8, 24 // 8: in the event's record
	first := min(width(e), webhook.MaxFanOut)
	size := len(e.Data) + 1024 + first*perDelivery + min(first, len(e.Disabled)+len(e.Limited))*perWithheld + partBytes(e)
	return len(a.change.ops)+first+3+width(e)/webhook.MaxFanOut <= maxAcceptOps && a.change.bytes+size <= maxAcceptBytes
}

// plan stores the events whose idempotency keys are new, to the database and within the
// call, and makes receipts for the others.
func (a *acceptance) plan(tx *badger.Txn) (*change, error) {
	// Keys that this call has stored: its own transaction does not show them yet.
	seen := map[string]record.KeyedEvent{}
	for i := range a.events {
		e := &a.events[i]
		if e.IdempotencyKey == "" {
			a.store(i)
			continue
		}
		key, now := layout.IdempotencyKey(e), record.KeyedEventOf(e)
		first, known := seen[string(key)]
		if !known {
			var err error
			if first, known, err = readIfStored(tx, key, record.DecodeKeyedEvent); err != nil {
				return nil, err
			}
		}
		switch {
		// The first event under the key may be of this very call.
		case known:
			a.receipts[i] = first.Repeated(e, &now)
		case a.store(i):
			seen[string(key)] = now
			a.change.putUntil(key, now.Encode(), now.Until())
		}
	}
	return &a.change, nil
}

// Event returns an event with its data. Its Endpoints are all its recipients.
func (s *Store) Event(_ context.Context, id webhook.ID) (webhook.Event, error) {
	return view(s, "read event", func(tx *badger.Txn) (webhook.Event, error) {
		e, err := readRecord(tx, layout.EventKey(id), func(value []byte) (webhook.Event, error) {
			return record.DecodeEvent(id, value)
		})
		if err == nil {
			e.Endpoints, err = withParts(tx, id, e.Endpoints)
		}
		return e, err
	})
}

// readPayload returns what an attempt needs of a delivery's event; ErrNotFound.
func readPayload(tx *badger.Txn, id webhook.ID) (record.Payload, error) {
	return readRecord(tx, layout.EventKey(id), record.DecodePayload)
}

// readEventType returns the type of a delivery's event, "" if the event is missing.
func readEventType(tx *badger.Txn, id webhook.ID) (string, error) {
	name, _, err := readIfStored(tx, layout.EventKey(id), record.DecodeTypeOfEvent)
	return name, err
}

// ListEvents returns events newest first. A page looks at no more than 10 × limit + 1,000
// events, of which one counts as several if its record is large.
func (s *Store) ListEvents(_ context.Context, q webhook.EventQuery) (webhook.EventPage, error) {
	return view(s, "list events", func(tx *badger.Txn) (webhook.EventPage, error) {
		since, until := storage.SeqsOf(q.Since, q.Until)
		first, ok := storage.ListStart(0, until, q.Before)
		if !ok || since >= until {
			return webhook.EventPage{}, nil
		}
		l := &eventLister{tx: tx, q: q}
		if q.ClientID != "" {
			l.theirs = endpointsOf(tx, q.ClientID)
		}
		var err error
		l.page.Next, err = eventsDown(tx, first, since, q.Limit, l.take)
		return l.page, err
	})
}

// eventLister makes one page of a list of events.
type eventLister struct {
	tx     *badger.Txn
	q      webhook.EventQuery
	theirs []webhook.EndpointNumber // the endpoints of the query's client
	page   webhook.EventPage
}

// bytesPerLook is how large a record may be for each look at an event that it counts as:
// a scan copies the data, although the list does not show it.
const bytesPerLook = 16 << 10

// eventsDown calls visit for the records of events from an ID down to a Seq, newest first,
// as backwards does. It returns the ID behind which the next page continues; zero at the end.
func eventsDown(tx *badger.Txn, first webhook.ID, since uint64, limit int, visit func(id webhook.ID, value []byte) (int, error)) (next webhook.ID, err error) {
	err = backwards(tx, layout.SpaceEvent, layout.EventKey(first), webhook.MaxLooks(limit), func(key, value []byte) (int, error) {
		id := layout.ParseEventKey(key)
		if id.Seq < since {
			return math.MaxInt, nil // the end: events are in order of time
		}
		return visit(id, value)
	}, func(key []byte) {
		if id := layout.ParseEventKey(key); id.Seq >= since {
			next = id
		}
	})
	return next, err
}

// take adds an event to the page if it matches, and returns how many looks it counts as.
func (l *eventLister) take(id webhook.ID, value []byte) (looks int, err error) {
	e, size, err := record.DecodeEventHead(id, value)
	if err != nil {
		return 0, err
	}
	looks = 1 + len(value)/bytesPerLook
	// Those of other types need no look at their further recipients.
	if l.q.EventType != "" && l.q.EventType != e.Type {
		return looks, nil
	}
	first := len(e.Endpoints)
	if e.Endpoints, err = withParts(l.tx, id, e.Endpoints); err != nil {
		return 0, err
	}
	looks += (len(e.Endpoints) - first) / (bytesPerLook / 2)
	if shown, selected := l.q.Selects(&e, size, l.theirs); selected {
		l.page.Events = append(l.page.Events, shown)
	}
	return looks, full(len(l.page.Events), l.q.Limit)
}
