package badgerstore

import (
	"context"
	"errors"
	"slices"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Settle moves a delivery from where it was to where it is now.
//
// Usually it writes without reading, and trusts st.Was: that saves a look-up per
// attempt. Once Requeue, Cancel, Replay or CancelPending has changed deliveries of the
// endpoint, an attempt may have been in flight meanwhile; from then until the next Open,
// Settle looks where each of its deliveries really is. A delivery that was ended
// meanwhile stays ended, unless the attempt delivered it.
func (s *Store) Settle(st webhook.Settlement, done func(error)) {
	o := s.outcomeOf(&st)
	plan := func(tx *badger.Txn) (*change, error) {
		// This runs inside the committer, after the change that was made from outside.
		if _, yes := s.changedOutsideActor[o.now.ID.Endpoint]; yes || !o.Complete(&o.now) {
			return s.settleFound(tx, o)
		}
		// A move takes at most four keys: the common settlement allocates once.
		c := &change{ops: make([]op, 0, 4), moves: make([]move, 0, 2)}
		s.move(c, o.was, &o.now, o.Delivery)
		c.logged(o.now.ID, o.Logged)
		return c, nil
	}
	settled := wrapped("settle delivery", done)
	// The common outcome has no long body: it saves a closure that only returns memory.
	if o.claimed == 0 {
		s.submit(&job{plan: plan, Ticket: groupcommit.Ticket{Urgency: settles, Done: settled}})
		return
	}
	s.submit(&job{plan: plan, Ticket: groupcommit.Ticket{Urgency: settles, Done: func(err error) {
		// On disk or failed, the body is not in memory any more.
		s.bodies.Committed(o.claimed)
		settled(err)
	}}})
}

// move removes a delivery from where it was and writes it where it is now.
func (s *Store) move(c *change, was webhook.Place, now *webhook.Delivery, value []byte) {
	c.leave(now.ID, was, layout.SpaceOf(was.Status) == layout.SpaceOf(now.Status))
	c.place(now, value, s.retention)
}

// settleFound plans a settlement from where the delivery is stored, not from st.Was.
func (s *Store) settleFound(tx *badger.Txn, o *outcome) (*change, error) {
	c, id := &change{}, o.now.ID
	stored, err := findDelivery(tx, id, layout.DeliverySpaces)
	if errors.Is(err, webhook.ErrNotFound) { // it was ended, and has expired, during the attempt
		if o.now.Status.Finished() { // its event may be gone, and nobody would remove a log without event
			c.place(&o.now, o.Delivery, s.retention)
		}
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := o.Over(&stored)
	if err == nil {
		err = readLatest(tx, &now)
	}
	if err != nil {
		return nil, err
	}
	s.move(c, stored.Place(), &now, record.EncodeDelivery(&now))
	c.logged(id, o.Logged)
	return c, nil
}

// changeOutsideActor notes that a delivery was changed outside its endpoint's actor.
func (s *Store) changeOutsideActor(n webhook.EndpointNumber) { s.changedOutsideActor[n] = struct{}{} }

// readDelivery returns a delivery if it is in a space; ErrNotFound.
func readDelivery(tx *badger.Txn, from layout.Space, id webhook.ID) (webhook.Delivery, error) {
	return readRecord(tx, layout.DeliveryKey(from, id), func(value []byte) (webhook.Delivery, error) {
		return record.DecodeDelivery(id, value)
	})
}

// findDelivery returns a delivery from whichever of the spaces has it; ErrNotFound. It
// looks the event type up if the record is fresh.
func findDelivery(tx *badger.Txn, id webhook.ID, spaces []layout.Space) (webhook.Delivery, error) {
	// A delivery is in one space only, and no index says in which.
	for _, from := range spaces {
		d, err := readDelivery(tx, from, id)
		if errors.Is(err, webhook.ErrNotFound) {
			continue
		}
		if err == nil && d.EventType == "" {
			// A fresh record has no type: it is the event's.
			d.EventType, err = readEventType(tx, id)
		}
		return d, err
	}
	return webhook.Delivery{}, webhook.ErrNotFound
}

// Delivery returns a delivery with all its attempts; ErrNotFound.
func (s *Store) Delivery(_ context.Context, id webhook.ID) (webhook.Delivery, error) {
	return view(s, "read delivery", func(tx *badger.Txn) (webhook.Delivery, error) {
		d, err := findDelivery(tx, id, layout.DeliverySpaces)
		if err == nil {
			err = readLog(tx, &d)
		}
		return d, err
	})
}

// EventDeliveries returns an event's deliveries in order of endpoint.
func (s *Store) EventDeliveries(_ context.Context, id webhook.ID, from webhook.EndpointNumber, limit int) ([]webhook.Delivery, error) {
	return view(s, "read deliveries of event", func(tx *badger.Txn) (out []webhook.Delivery, err error) {
		endpoints, err := readEndpointsOf(tx, id)
		if err != nil {
			return nil, err
		}
		// Recipients ascend, so that a page starts without reading those before it.
		start, _ := slices.BinarySearch(endpoints, from)
		for _, n := range endpoints[start:] {
			if len(out) >= limit {
				break
			}
			d, err := findDelivery(tx, id.For(n), layout.DeliverySpaces)
			if errors.Is(err, webhook.ErrNotFound) { // expired
				continue
			}
			if err == nil {
				err = readListed(tx, &d)
			}
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
		return out, nil
	})
}

// readEndpointsOf returns all recipients of an event, ascending; ErrNotFound.
func readEndpointsOf(tx *badger.Txn, id webhook.ID) ([]webhook.EndpointNumber, error) {
	first, err := readRecord(tx, layout.EventKey(id), record.DecodeRecipients)
	if err != nil {
		return nil, err
	}
	return withParts(tx, id, first)
}

// Requeue puts a delivery back into the queue, at its place in order of acceptance.
// A finished one whose event is gone is not found.
func (s *Store) Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error) {
	var due webhook.Due
	err := s.update(ctx, "requeue delivery", func(tx *badger.Txn) (*change, error) {
		was, err := findDelivery(tx, id, layout.DeliverySpaces)
		if err != nil {
			return nil, err
		}
		if due, err = dueOf(tx, was); err != nil {
			return nil, err
		}
		// Asked for twice, or never attempted: the caller gets it as it is.
		if was.Status == webhook.Queued {
			due.Delivery.AttemptLog = nil
			return nil, nil
		}
		// Without its event there is nothing to send. A pending one is attempted all the
		// same, and fails with a reason that says so.
		if was.Status.Finished() && due.Data == nil {
			return nil, webhook.ErrNotFound
		}
		due.Delivery = was.Requeue()
		c := &change{}
		// A finished delivery has its last attempt in its record, which is replaced now.
		c.keepLog(&was)
		s.move(c, was.Place(), &due.Delivery, record.EncodeDelivery(&due.Delivery))
		due.Delivery.AttemptLog = nil
		s.changeOutsideActor(id.Endpoint)
		return c, nil
	})
	if err != nil {
		return webhook.Due{}, err
	}
	return due, nil
}

// Cancel ends a queued or retrying delivery; ErrConflict if it had finished.
func (s *Store) Cancel(
	ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time,
) (webhook.Delivery, error) {
	var d webhook.Delivery
	err := s.update(ctx, "cancel delivery", func(tx *badger.Txn) (*change, error) {
		was, err := findDelivery(tx, id, layout.DeliverySpaces)
		if err != nil {
			return nil, err
		}
		if was.Status.Finished() {
			return nil, webhook.ErrConflict
		}
		if err := readLatest(tx, &was); err != nil {
			return nil, err
		}
		// The record is written with the latest attempt; the caller gets all of them.
		d = was.Cancel(reason, now)
		c := &change{}
		s.move(c, was.Place(), &d, record.EncodeDelivery(&d))
		s.changeOutsideActor(id.Endpoint)
		// The caller is shown the whole delivery, as it is before this commit.
		return c, readLog(tx, &d)
	})
	if err != nil {
		return webhook.Delivery{}, err
	}
	return d, nil
}
