package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// slotFor returns a slot with the endpoint's number; the zero slot becomes the
// endpoint's first.
func slotFor(s webhook.Slot, n webhook.EndpointNumber) webhook.Slot {
	return layout.SlotOf(s.At, s.ID.For(n))
}

// batch gathers deliveries up to the bounds of one read.
type batch struct {
	payload         func(webhook.ID) (record.Payload, error)
	limit, maxBytes int
	out             []webhook.Due
	bytes           int
}

// full reports whether the batch has as many deliveries as were asked for.
func (b *batch) full() bool { return len(b.out) >= b.limit }

// add adds a delivery with its payload, and reports whether it fitted.
func (b *batch) add(d webhook.Delivery) (bool, error) {
	p, err := b.payload(d.ID)
	due, err := withPayload(d, p, err)
	if err != nil {
		return false, err
	}
	// The first one is taken whatever its size, or an endpoint could get stuck.
	if len(b.out) > 0 && b.bytes+len(due.Data) > b.maxBytes {
		return false, nil
	}
	b.bytes += len(due.Data)
	b.out = append(b.out, due)
	return true, nil
}

// dueOf returns a delivery with its payload.
func dueOf(tx *badger.Txn, d webhook.Delivery) (webhook.Due, error) {
	p, err := readPayload(tx, d.ID)
	return withPayload(d, p, err)
}

// withPayload adds the result of a look-up to a delivery. If the event is missing, Data
// is nil: a pending delivery has its event unless data was lost.
func withPayload(d webhook.Delivery, p record.Payload, err error) (webhook.Due, error) {
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return webhook.Due{}, err
	}
	// Of a delivery that was never attempted, the event has the type.
	if d.EventType == "" {
		d.EventType = p.EventType
	}
	return webhook.Due{Delivery: d, Data: p.Data}, nil
}

// Queued returns deliveries of an endpoint's queue in order of acceptance, starting with
// the ID from.
func (s *Store) Queued(_ context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	// Marked before the snapshot: see scanStarts.begin.
	seen := s.scanStarts.begin(n)
	b := batch{limit: limit, maxBytes: maxBytes}
	err := s.view("read queue", func(tx *badger.Txn) error {
		// The queue is in the order of its events, so that their payloads can be walked.
		events := payloads{tx: tx}
		defer events.close()
		b.payload = events.read
		it := forward(tx, layout.EndpointKey(layout.SpaceQueued, n))
		defer it.Close()
		// A read from the middle says nothing about the head.
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

// noteQueue notes where a scan from the start found the head of the queue.
func noteQueue(it *badger.Iterator, seen *scanMark) {
	if it.Valid() {
		seen.queue(layout.ParseDeliveryKey(it.Item().Key()))
		return
	}
	seen.queueEmpty()
}

// readQueue fills the batch from an iterator.
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

// dueAt returns the delivery at an iterator's position, without attempts.
func dueAt(item *badger.Item) (d webhook.Delivery, err error) {
	err = item.Value(func(value []byte) error {
		d, err = record.DecodeDue(layout.ParseDeliveryKey(item.Key()), value)
		return err
	})
	return d, err
}

// Scheduled returns deliveries of an endpoint's retry schedule that are due, in order of
// due time, starting with the slot from.
func (s *Store) Scheduled(_ context.Context,
	n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int,
) (due []webhook.Due, next webhook.DueTime, err error) {
	seen := s.scanStarts.begin(n)
	b := batch{limit: limit, maxBytes: maxBytes}
	err = s.view("read retry schedule", func(tx *badger.Txn) error {
		// Due times are in no order of events: each is looked up.
		b.payload = func(id webhook.ID) (record.Payload, error) { return readPayload(tx, id) }
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

// noteSchedule notes where a scan from the start found the head of the schedule.
func noteSchedule(it *badger.Iterator, seen *scanMark) {
	if it.Valid() {
		seen.schedule(layout.ParseScheduleKey(it.Item().Key()))
		return
	}
	seen.scheduleEmpty()
}

// readSchedule fills the batch, and returns the due time of the first slot that it did
// not take; 0 at the end.
func readSchedule(tx *badger.Txn, it *badger.Iterator, b *batch, now time.Time) (webhook.DueTime, error) {
	for ; it.Valid(); it.Next() {
		at := layout.ParseScheduleKey(it.Item().Key())
		// Slots are in order of due time: the first that is not due ends the read.
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

// scheduled returns the delivery of a slot, without attempts. If its record was lost it
// is retried all the same, without history.
func scheduled(tx *badger.Txn, at webhook.Slot) (d webhook.Delivery, err error) {
	d, err = readRecord(tx, layout.DeliveryKey(layout.SpaceRetrying, at.ID), func(value []byte) (webhook.Delivery, error) {
		return record.DecodeDue(at.ID, value)
	})
	if errors.Is(err, webhook.ErrNotFound) {
		d, err = webhook.Delivery{ID: at.ID, Status: webhook.Retrying}, nil
	}
	// The slot decides: it is what the delivery is found and removed by.
	d.NextAttemptAt = at.At
	return d, err
}

// nearby is how many events an iterator can skip in the time of one look-up.
const nearby = 8

// payloads reads the payloads of ascending events. While each is near the one before,
// as for an endpoint that gets most events, it walks from event to event; otherwise it
// looks each of them up.
type payloads struct {
	tx     *badger.Txn
	it     *badger.Iterator // at the event after the last one; nil before the second
	begun  bool
	sparse bool
}

// close closes the iterator, if one was opened.
func (p *payloads) close() {
	if p.it != nil {
		p.it.Close()
	}
}

// read returns an event's payload; ErrNotFound. IDs must ascend from call to call.
func (p *payloads) read(id webhook.ID) (record.Payload, error) {
	key := layout.EventKey(id)
	if !p.goTo(key) {
		return readPayload(p.tx, id)
	}
	out, err := decoded(p.it, record.DecodePayload)
	p.it.Next()
	return out, err
}

// goTo moves the iterator to the key if that is near, and reports whether it is there.
// Once a key was too far away, all later ones are looked up.
func (p *payloads) goTo(key []byte) bool {
	switch {
	case p.sparse:
		return false
	case !p.begun: // an iterator pays from the second event on
		p.begun = true
		return false
	case p.it == nil:
		// Opened once, and kept for the whole batch.
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
