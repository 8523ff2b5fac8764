package badgerstore

import (
	"errors"
	"fmt"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one call to Accept: what surely fits into a transaction of its own.
const (
	maxAcceptOps   = 40_000
	maxAcceptBytes = 3 << 20
)

// acceptance is one call to Accept on its way into a transaction; the later parts
// of wide events go into transactions of their own.
type acceptance struct {
	events    []webhook.Event
	receipts  []webhook.Receipt
	change    change
	retention time.Duration
	// wide are the recipients of the events that are stored in parts, by their places.
	wide map[int][]webhook.EndpointNumber
	err  error
}

// Accept stores events with a delivery for each of their recipients. Events that
// one transaction cannot hold beside those before them are refused with ErrFanOut:
// together at most 40,000 keys (one per event, delivery and idempotency key) and
// 3 MiB. Of an event with more than webhook.MaxFanOut recipients only the first
// ones count: the others' deliveries follow in later transactions, before done.
func (s *Store) Accept(events []webhook.Event, done func([]webhook.Receipt, error)) {
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
	if a.keyed() {
		j.plan = a.plan
	} else {
		a.storeAll()
		j.change = &a.change
	}
	if later := a.later(); len(later) > 0 {
		s.submit(a.inTurn(append([]*job{j}, later...))...)
		return
	}
	s.submit(j)
}

// keyed tells whether any event has an idempotency key, for which one must read.
func (a *acceptance) keyed() bool {
	for i := range a.events {
		if a.events[i].IdempotencyKey != "" {
			return true
		}
	}
	return false
}

func (a *acceptance) storeAll() {
	ops := 0
	for i := range a.events {
		ops += 1 + width(&a.events[i])
	}
	a.change.ops = make([]op, 0, min(ops, maxAcceptOps))
	a.change.moves = make([]move, 0, min(ops, maxAcceptOps))
	for i := range a.events {
		a.store(i)
	}
}

// width is how many deliveries an event has.
func width(e *webhook.Event) int { return len(e.Endpoints) + len(e.Disabled) + len(e.Limited) }

// store adds an event and its deliveries, those of the first part if it is a wide
// one; it reports whether they fit.
func (a *acceptance) store(i int) bool {
	e := &a.events[i]
	if !a.fits(e) {
		a.receipts[i] = webhook.Receipt{EventID: e.ID, Err: webhook.ErrFanOut}
		return false
	}
	to := e.Recipients()
	c, first := &a.change, to[:min(len(to), webhook.MaxFanOut)]
	keys := layout.AppendEventKey(make([]byte, 0, layout.EventKeySize+len(first)*layout.DeliveryKeySize), e.ID)
	c.put(keys[:layout.EventKeySize:layout.EventKeySize], layout.EncodeEvent(e, first))
	if len(first) < len(to) {
		c.announceParts(e, to)
		if a.wide == nil {
			a.wide = map[int][]webhook.EndpointNumber{}
		}
		a.wide[i] = to
	}
	c.owe(keys[layout.EventKeySize:], e, first, a.retention)
	c.lastSeq = max(c.lastSeq, e.ID.Seq)
	a.receipts[i] = webhook.Receipt{
		EventID: e.ID, Deliveries: len(e.Endpoints), Disabled: len(e.Disabled), Limited: len(e.Limited),
	}
	return true
}

// owe puts an event's deliveries for some recipients. Those that are withheld have
// finished when the event was accepted. keys is empty, and room for all their keys.
func (c *change) owe(keys []byte, e *webhook.Event, to []webhook.EndpointNumber, retention time.Duration) {
	withheld := len(e.Disabled)+len(e.Limited) > 0
	for _, n := range to {
		id, start := e.ID.For(n), len(keys)
		if withheld {
			if reason := e.Withheld(n); reason != webhook.ReasonNone {
				d := webhook.Delivery{ID: id}.Fail(reason, e.ID.Time())
				c.place(&d, layout.EncodeDelivery(&d), retention)
				continue
			}
		}
		keys = layout.AppendDeliveryKey(keys, layout.SpaceQueued, id)
		c.put(keys[start:len(keys):len(keys)], layout.Fresh)
		c.moves = append(c.moves, move{id: id, queued: +1})
	}
}

func (a *acceptance) fits(e *webhook.Event) bool {
	const perDelivery, perWithheld = layout.DeliveryKeySize + opOverhead + 8, 24 // a few bytes in the event's record
	first := min(width(e), webhook.MaxFanOut)
	size := len(e.Data) + 1024 + first*perDelivery + min(first, len(e.Disabled)+len(e.Limited))*perWithheld + partBytes(e)
	return len(a.change.ops)+first+3+width(e)/webhook.MaxFanOut <= maxAcceptOps && a.change.bytes+size <= maxAcceptBytes
}

// plan stores the events whose idempotency keys are new.
func (a *acceptance) plan(tx *badger.Txn) (*change, error) {
	seen := map[string]layout.KeyedEvent{}
	for i := range a.events {
		e := &a.events[i]
		if e.IdempotencyKey == "" {
			a.store(i)
			continue
		}
		key, now := layout.IdempotencyKey(e), layout.KeyedEventOf(e)
		first, known := seen[string(key)]
		if !known {
			var err error
			if first, known, err = readPublication(tx, key); err != nil {
				return nil, err
			}
		}
		switch {
		case known:
			a.receipts[i] = first.Repeated(e, &now)
		case a.store(i):
			seen[string(key)] = now
			a.change.putUntil(key, now.Encode(), now.Until())
		}
	}
	return &a.change, nil
}

// Event reads an event with its data. Its Endpoints are all its recipients.
func (s *Store) Event(id webhook.ID) (e webhook.Event, err error) {
	err = s.view("read event", func(tx *badger.Txn) error {
		err := get(tx, layout.EventKey(id), func(record []byte) error {
			e, err = layout.DecodeEvent(id, record)
			return err
		})
		if err == nil {
			e.Endpoints, err = withParts(tx, id, e.Endpoints)
		}
		return err
	})
	return e, err
}

// readPayload reads what an attempt needs of a delivery's event; ErrNotFound.
func readPayload(tx *badger.Txn, id webhook.ID) (p layout.Payload, err error) {
	err = get(tx, layout.EventKey(id), func(record []byte) error {
		p, err = layout.DecodePayload(record)
		return err
	})
	return p, err
}

// readEventType reads the type of a delivery's event, "" if the event is missing.
func readEventType(tx *badger.Txn, id webhook.ID) (name string, err error) {
	err = get(tx, layout.EventKey(id), func(record []byte) error {
		name, err = layout.DecodeTypeOfEvent(record)
		return err
	})
	if errors.Is(err, webhook.ErrNotFound) {
		return "", nil
	}
	return name, err
}

// readPublication looks an idempotency key up.
func readPublication(tx *badger.Txn, key []byte) (p layout.KeyedEvent, known bool, err error) {
	err = get(tx, key, func(record []byte) error {
		p, err = layout.DecodeKeyedEvent(record)
		return err
	})
	if errors.Is(err, webhook.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}
