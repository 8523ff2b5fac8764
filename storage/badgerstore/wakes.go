package badgerstore

import (
	"context"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// skipper walks from endpoint to endpoint through a space, with one seek each.
type skipper struct {
	it    *badger.Iterator
	space layout.Space
	n     webhook.EndpointNumber // the endpoint that was found; 0 at the end
}

// newSkipper returns a skipper at the first endpoint from the number from.
func newSkipper(tx *badger.Txn, s layout.Space, from webhook.EndpointNumber) *skipper {
	k := &skipper{it: forward(tx, s.Prefix()), space: s}
	k.seek(max(from, 1))
	return k
}

// skip moves to the first key of the next endpoint.
func (k *skipper) skip() {
	if k.n++; k.n != 0 { // 0: the number has wrapped round, and there is no larger one
		// One seek for each endpoint, however many deliveries it has.
		k.seek(k.n)
	}
}

// seek moves to the first key of the endpoint n, or of a later one.
func (k *skipper) seek(n webhook.EndpointNumber) {
	k.it.Seek(layout.EndpointKey(k.space, n))
	if k.n = 0; k.it.Valid() {
		k.n = layout.ParseDeliveryKey(k.it.Item().Key()).Endpoint
	}
}

// Wakes calls visit for each endpoint of some parts with pending deliveries, ascending.
func (s *Store) Wakes(_ context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	select {
	// The counts name every endpoint with pending deliveries.
	case <-s.counted:
		return s.countedWakes(parts, from, visit)
	default:
		return s.scannedWakes(parts, from, visit)
	}
}

// countedWakes visits the endpoints whose counts are above zero. It begins at their scan
// starts, because a scan from the first key would pass everything that was removed.
func (s *Store) countedWakes(parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	// With nobody to wake there is no other read that a closed or broken store refuses.
	if err := s.view("read wakes", func(*badger.Txn) error { return nil }); err != nil {
		return err
	}
	// One snapshot per endpoint: visit may take long, and an old snapshot would keep
	// removed keys on disk.
	for _, n := range s.backlog.from(from) {
		if !parts.Has(n.Part()) {
			continue
		}
		// Marked before its snapshot, as every scan.
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

// scannedWakes skips from endpoint to endpoint on disk, as long as not all is counted.
func (s *Store) scannedWakes(parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error {
	return s.view("read wakes", func(tx *badger.Txn) error {
		queue, schedule := newSkipper(tx, layout.SpaceQueued, from), newSkipper(tx, layout.SpaceSchedule, from)
		defer queue.it.Close()
		defer schedule.it.Close()
		for queue.n != 0 || schedule.n != 0 {
			wake, err := nextWake(tx, queue, schedule)
			if err != nil {
				return err
			}
			if !parts.Has(wake.Endpoint.Part()) {
				continue
			}
			if err := visit(wake); err != nil {
				return err
			}
		}
		return nil
	})
}

// nextWake returns the wake of the smaller of two endpoints, and moves past it.
func nextWake(tx *badger.Txn, queue, schedule *skipper) (webhook.Wake, error) {
	n := queue.n
	// 0 stands for the end of a space, and would be the smallest number.
	if n == 0 || schedule.n != 0 && schedule.n < n {
		n = schedule.n
	}
	gate, err := readGate(tx, n)
	wake := webhook.Wake{Endpoint: n, Gate: gate}
	if schedule.n == n {
		wake.Scheduled = layout.ParseScheduleKey(schedule.it.Item().Key())
		schedule.skip()
	}
	if queue.n == n {
		wake.Queued = layout.ParseDeliveryKey(queue.it.Item().Key())
		queue.skip()
	}
	return wake, err
}
