package badgerstore

import (
	"errors"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// slotFor returns the same place for an endpoint; the zero slot becomes its first.
func slotFor(s webhook.Slot, n webhook.EndpointNumber) webhook.Slot { return slotOf(s.At, s.ID.For(n)) }

// batch gathers due deliveries up to the bounds of one read.
type batch struct {
	payload         func(webhook.ID) (payload, error)
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
func withPayload(d webhook.Delivery, p payload, err error) (webhook.Due, error) {
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return webhook.Due{}, err
	}
	if d.EventType == "" {
		d.EventType = p.eventType
	}
	return webhook.Due{Delivery: d, Data: p.data}, nil
}

// Queued reads an endpoint's queue in order of acceptance, from the ID from on.
func (s *Store) Queued(n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error) {
	seen := s.scanStarts.begin(n)
	b := batch{limit: limit, maxBytes: maxBytes}
	err := s.view("read queue", func(tx *badger.Txn) error {
		events := payloads{tx: tx}
		defer events.close()
		b.payload = events.read
		it := forward(tx, endpointKey(spaceQueued, n))
		defer it.Close()
		fromHead := !olderThan(seen.began.queue, from)
		if fromHead {
			from = seen.began.queue
		}
		it.Seek(deliveryKey(spaceQueued, from.For(n)))
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
		seen.queue(parseDeliveryKey(it.Item().Key()))
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
		d, err = decodeDue(parseDeliveryKey(item.Key()), record)
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
		b.payload = func(id webhook.ID) (payload, error) { return readPayload(tx, id) }
		it := forward(tx, endpointKey(spaceSchedule, n))
		defer it.Close()
		start := slotFor(from, n)
		fromHead := !slotFor(seen.began.schedule, n).Before(start)
		if fromHead {
			start = seen.began.schedule
		}
		it.Seek(scheduleKey(slotFor(start, n)))
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
		seen.schedule(parseScheduleKey(it.Item().Key()))
		return
	}
	seen.scheduleEmpty()
}

// readSchedule gives the due time of the first slot that it does not take.
func readSchedule(tx *badger.Txn, it *badger.Iterator, b *batch, now time.Time) (webhook.DueTime, error) {
	for ; it.Valid(); it.Next() {
		at := parseScheduleKey(it.Item().Key())
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
	err = get(tx, deliveryKey(spaceRetrying, at.ID), func(record []byte) error {
		d, err = decodeDue(at.ID, record)
		return err
	})
	if errors.Is(err, webhook.ErrNotFound) {
		d, err = webhook.Delivery{ID: at.ID, Status: webhook.Retrying}, nil
	}
	d.NextAttemptAt = at.At
	return d, err
}

// skipper goes from endpoint to endpoint through a space.
type skipper struct {
	it    *badger.Iterator
	space space
	n     webhook.EndpointNumber // the endpoint at hand, 0 at the end
}

// newSkipper stands on the first endpoint from the number from on.
func newSkipper(tx *badger.Txn, s space, from webhook.EndpointNumber) *skipper {
	k := &skipper{it: forward(tx, []byte{byte(s)}), space: s}
	k.seek(max(from, 1))
	return k
}

// skip goes to the first key of the next endpoint.
func (k *skipper) skip() {
	if k.n++; k.n != 0 { // else there is no next number
		k.seek(k.n)
	}
}

func (k *skipper) seek(n webhook.EndpointNumber) {
	k.it.Seek(endpointKey(k.space, n))
	if k.n = 0; k.it.Valid() {
		k.n = parseDeliveryKey(k.it.Item().Key()).Endpoint
	}
}

// Wakes calls visit for each endpoint that has pending deliveries, ascending.
func (s *Store) Wakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	select {
	case <-s.counted:
		return s.countedWakes(from, visit)
	default:
		return s.scannedWakes(from, visit)
	}
}

// countedWakes goes through the endpoints for which something is counted as
// pending, and begins at the heads that are remembered: a scan from the start of a
// queue goes over all that was removed from it.
func (s *Store) countedWakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	for _, n := range s.backlog.from(from) {
		wake, seen := webhook.Wake{Endpoint: n}, s.scanStarts.begin(n)
		err := s.view("read wakes", func(tx *badger.Txn) (err error) {
			wake.Queued, _ = firstQueued(tx, n, &seen)
			wake.Scheduled, _ = firstSlot(tx, n, &seen)
			wake.Gate, err = readGate(tx, n)
			return err
		})
		if err == nil && (wake.Queued != webhook.ID{} || wake.Scheduled != webhook.Slot{}) {
			err = visit(wake)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scannedWakes skips from endpoint to endpoint, before all is counted.
func (s *Store) scannedWakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	return s.view("read wakes", func(tx *badger.Txn) error {
		queue, schedule := newSkipper(tx, spaceQueued, from), newSkipper(tx, spaceSchedule, from)
		defer queue.it.Close()
		defer schedule.it.Close()
		for queue.n != 0 || schedule.n != 0 {
			wake, err := nextWake(tx, queue, schedule)
			if err != nil {
				return err
			}
			if err := visit(wake); err != nil {
				return err
			}
		}
		return nil
	})
}

func nextWake(tx *badger.Txn, queue, schedule *skipper) (webhook.Wake, error) {
	n := queue.n
	if n == 0 || schedule.n != 0 && schedule.n < n {
		n = schedule.n
	}
	gate, err := readGate(tx, n)
	wake := webhook.Wake{Endpoint: n, Gate: gate}
	if schedule.n == n {
		wake.Scheduled = parseScheduleKey(schedule.it.Item().Key())
		schedule.skip()
	}
	if queue.n == n {
		wake.Queued = parseDeliveryKey(queue.it.Item().Key())
		queue.skip()
	}
	return wake, err
}
