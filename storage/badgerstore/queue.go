package badgerstore

import (
	"bytes"
	"errors"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// slotFor returns the same place for an endpoint; the zero slot becomes its first.
func slotFor(s webhook.Slot, n webhook.EndpointNumber) webhook.Slot {
	return layout.SlotOf(s.At, s.ID.For(n))
}

// batch gathers due deliveries up to the bounds of one read.
type batch struct {
	payload         func(webhook.ID) (layout.Payload, error)
	limit, maxBytes int
	out             []webhook.Due
	bytes           int
}

func (b *batch) full() bool { return len(b.out) >= b.limit }

// add reads a delivery's payload and takes it in; false if it is too much.
func (b *batch) add(d webhook.Delivery) (bool, error) {
	p, err := b.payload(d.ID)
	due, err := withPayload(d, p, err)
	if err != nil {
		return false, err
	}
	if len(b.out) > 0 && b.bytes+len(due.Data) > b.maxBytes {
		return false, nil
	}
	b.bytes += len(due.Data)
	b.out = append(b.out, due)
	return true, nil
}

// dueOf adds the payload.
func dueOf(tx *badger.Txn, d webhook.Delivery) (webhook.Due, error) {
	p, err := readPayload(tx, d.ID)
	return withPayload(d, p, err)
}

// withPayload adds a payload, and how it was found. If the event is missing, which
// cannot happen to a pending delivery unless data was lost, Data is nil.
func withPayload(d webhook.Delivery, p layout.Payload, err error) (webhook.Due, error) {
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return webhook.Due{}, err
	}
	if d.EventType == "" {
		d.EventType = p.EventType
	}
	return webhook.Due{Delivery: d, Data: p.Data}, nil
}

// Queued reads an endpoint's queue in order of acceptance, from the ID from on.
func (s *Store) Queued(n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	seen := s.scanStarts.begin(n)
	b := batch{limit: limit, maxBytes: maxBytes}
	err := s.view("read queue", func(tx *badger.Txn) error {
		events := payloads{tx: tx}
		defer events.close()
		b.payload = events.read
		it := forward(tx, layout.EndpointKey(layout.SpaceQueued, n))
		defer it.Close()
		fromHead := !olderThan(seen.began.queue, from)
		if fromHead {
			from = seen.began.queue
		}
		it.Seek(layout.DeliveryKey(layout.SpaceQueued, from.For(n)))
		if fromHead {
			noteQueue(it, &seen)
		}
		return readQueue(it, &b)
	})
	return b.out, err
}

// noteQueue remembers where a scan of the whole queue found its head.
func noteQueue(it *badger.Iterator, seen *scanMark) {
	if it.Valid() {
		seen.queue(layout.ParseDeliveryKey(it.Item().Key()))
		return
	}
	seen.queueEmpty()
}

func readQueue(it *badger.Iterator, b *batch) error {
	for ; it.Valid() && !b.full(); it.Next() {
		d, err := dueAt(it.Item())
		if err != nil {
			return err
		}
		if more, err := b.add(d); err != nil || !more {
			return err
		}
	}
	return nil
}

// dueAt decodes the delivery that an iterator stands on, without its log.
func dueAt(item *badger.Item) (d webhook.Delivery, err error) {
	err = item.Value(func(record []byte) error {
		d, err = layout.DecodeDue(layout.ParseDeliveryKey(item.Key()), record)
		return err
	})
	return d, err
}

// Scheduled reads an endpoint's retry schedule in order of due time, from the slot
// from on, as far as it is due.
func (s *Store) Scheduled(
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) (due []webhook.Due, next webhook.DueTime, err error) {
	seen := s.scanStarts.begin(n)
	b := batch{limit: limit, maxBytes: maxBytes}
	err = s.view("read retry schedule", func(tx *badger.Txn) error {
		b.payload = func(id webhook.ID) (layout.Payload, error) { return readPayload(tx, id) }
		it := forward(tx, layout.EndpointKey(layout.SpaceSchedule, n))
		defer it.Close()
		start := slotFor(from, n)
		fromHead := !slotFor(seen.began.schedule, n).Before(start)
		if fromHead {
			start = seen.began.schedule
		}
		it.Seek(layout.ScheduleKey(slotFor(start, n)))
		if fromHead {
			noteSchedule(it, &seen)
		}
		next, err = readSchedule(tx, it, &b, now)
		return err
	})
	return b.out, next, err
}

func noteSchedule(it *badger.Iterator, seen *scanMark) {
	if it.Valid() {
		seen.schedule(layout.ParseScheduleKey(it.Item().Key()))
		return
	}
	seen.scheduleEmpty()
}

// readSchedule gives the due time of the first slot that it does not take.
func readSchedule(tx *badger.Txn, it *badger.Iterator, b *batch, now time.Time) (webhook.DueTime, error) {
	for ; it.Valid(); it.Next() {
		at := layout.ParseScheduleKey(it.Item().Key())
		if at.At.After(now) || b.full() {
			return at.At, nil
		}
		d, err := scheduled(tx, at)
		if err != nil {
			return 0, err
		}
		more, err := b.add(d)
		if err != nil {
			return 0, err
		}
		if !more {
			return at.At, nil
		}
	}
	return 0, nil
}

// scheduled reads the delivery of a slot, without its log. If data was lost, it has
// no history.
func scheduled(tx *badger.Txn, at webhook.Slot) (d webhook.Delivery, err error) {
	d, err = readRecord(tx, layout.DeliveryKey(layout.SpaceRetrying, at.ID), func(record []byte) (webhook.Delivery, error) {
		return layout.DecodeDue(at.ID, record)
	})
	if errors.Is(err, webhook.ErrNotFound) {
		d, err = webhook.Delivery{ID: at.ID, Status: webhook.Retrying}, nil
	}
	d.NextAttemptAt = at.At
	return d, err
}

// nearby is how many events on the way to the next one are read over at less
// cost than looking it up.
const nearby = 8

// payloads reads the payloads of ascending events. As long as each is near the
// one before, as in the queue of an endpoint that gets most of them, it goes
// from event to event; else it looks each of them up.
type payloads struct {
	tx     *badger.Txn
	it     *badger.Iterator // stands on the event after the last one; nil before the second
	begun  bool
	sparse bool
}

func (p *payloads) close() {
	if p.it != nil {
		p.it.Close()
	}
}

// read gives an event's payload; ErrNotFound. Its ID is larger than the one before.
func (p *payloads) read(id webhook.ID) (layout.Payload, error) {
	key := layout.EventKey(id)
	if !p.goTo(key) {
		return readPayload(p.tx, id)
	}
	out, err := decoded(p.it, layout.DecodePayload)
	p.it.Next()
	return out, err
}

// goTo tells whether the iterator stands on the key, and gives up if it is too far away.
func (p *payloads) goTo(key []byte) bool {
	switch {
	case p.sparse:
		return false
	case !p.begun: // there may be no second
		p.begun = true
		return false
	case p.it == nil:
		p.it = forward(p.tx, layout.SpaceEvent.Prefix())
		p.it.Seek(key)
	}
	for range nearby {
		if !p.it.Valid() {
			break
		}
		switch bytes.Compare(p.it.Item().Key(), key) {
		case 0:
			return true
		case +1:
			p.sparse = true
			return false
		}
		p.it.Next()
	}
	p.sparse = true
	return false
}
