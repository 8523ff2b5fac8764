package badgerstore

import (
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one call to Accept: what surely fits into a transaction of its own.
const (
	maxAcceptOps   = 40_000
	maxAcceptBytes = 3 << 20
)

// acceptance is one call to Accept on its way into a transaction.
type acceptance struct {
	events   []webhook.Event
	receipts []webhook.Receipt
	change   change
}

// Accept stores events and one queued delivery for each of their endpoints. Events
// that one transaction cannot hold beside those before them are refused with
// ErrFanOut: together at most 40,000 keys (one per event, delivery and
// idempotency key) and 3 MiB.
func (s *Store) Accept(events []webhook.Event, done func([]webhook.Receipt, error)) {
	a := &acceptance{events: events, receipts: make([]webhook.Receipt, len(events))}
	j := &job{done: func(err error) {
		if err != nil {
			done(nil, fmt.Errorf("accept events: %w", err))
			return
		}
		done(a.receipts, nil)
	}}
	if a.keyed() {
		j.plan = a.plan
	} else {
		a.storeAll()
		j.change = &a.change
	}
	j.urgency = publishes
	s.committer.submit(j)
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
		ops += 1 + len(a.events[i].Endpoints)
	}
	a.change.ops = make([]op, 0, min(ops, maxAcceptOps))
	a.change.moves = make([]move, 0, min(ops, maxAcceptOps))
	for i := range a.events {
		a.store(i)
	}
}

// store adds an event and its deliveries; it tells whether they fit.
func (a *acceptance) store(i int) bool {
	e := &a.events[i]
	if len(e.Endpoints) > webhook.MaxFanOut || !a.fits(e) {
		a.receipts[i] = webhook.Receipt{EventID: e.ID, Err: webhook.ErrFanOut}
		return false
	}
	keys := make([]byte, 0, eventKeySize+len(e.Endpoints)*deliveryKeySize)
	keys = appendEventKey(keys, e.ID)
	c := &a.change
	c.put(keys[:eventKeySize:eventKeySize], encodeEvent(e))
	for _, n := range e.Endpoints {
		id, start := e.ID.For(n), len(keys)
		keys = appendDeliveryKey(keys, spaceQueued, id)
		c.put(keys[start:len(keys):len(keys)], freshRecord)
		c.moves = append(c.moves, move{id: id, queued: +1})
	}
	c.lastSeq = max(c.lastSeq, e.ID.Seq)
	a.receipts[i] = webhook.Receipt{EventID: e.ID, Deliveries: len(e.Endpoints)}
	return true
}

func (a *acceptance) fits(e *webhook.Event) bool {
	const perDelivery = deliveryKeySize + opOverhead + 8 // a few bytes in the event's record
	size := len(e.Data) + 1024 + len(e.Endpoints)*perDelivery
	return len(a.change.ops)+len(e.Endpoints)+2 <= maxAcceptOps && a.change.bytes+size <= maxAcceptBytes
}

// plan stores the events whose idempotency keys are new.
func (a *acceptance) plan(tx *badger.Txn) (*change, error) {
	seen := map[string]publication{}
	for i := range a.events {
		e := &a.events[i]
		if e.IdempotencyKey == "" {
			a.store(i)
			continue
		}
		key, now := idempotencyKey(e), publicationOf(e)
		first, known := seen[string(key)]
		if !known {
			var err error
			if first, known, err = readPublication(tx, key); err != nil {
				return nil, err
			}
		}
		switch {
		case known:
			a.receipts[i] = first.repeated(&now)
		case a.store(i):
			seen[string(key)] = now
			a.change.putUntil(key, now.encode(), now.until())
		}
	}
	return &a.change, nil
}

// Event reads an event with its data.
func (s *Store) Event(id webhook.ID) (e webhook.Event, err error) {
	err = s.view("read event", func(tx *badger.Txn) error {
		return get(tx, eventKey(id), func(record []byte) error {
			e, err = decodeEvent(id, record)
			return err
		})
	})
	return e, err
}

// readPayload reads what an attempt needs of a delivery's event; ErrNotFound.
func readPayload(tx *badger.Txn, id webhook.ID) (p payload, err error) {
	err = get(tx, eventKey(id), func(record []byte) error {
		p, err = decodePayload(record)
		return err
	})
	return p, err
}

// readEventType reads the type of a delivery's event, "" if the event is missing.
func readEventType(tx *badger.Txn, id webhook.ID) (name string, err error) {
	err = get(tx, eventKey(id), func(record []byte) error {
		name, err = decodeEventType(record)
		return err
	})
	if errors.Is(err, webhook.ErrNotFound) {
		return "", nil
	}
	return name, err
}
