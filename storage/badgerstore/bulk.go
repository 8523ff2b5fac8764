package badgerstore

import (
	"context"
	"errors"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of one call that changes many deliveries, so that it delays the commits of
// others by milliseconds. A call that reaches the bound in bytes does less than it was
// asked for.
const (
	maxBulk      = 10_000
	maxBulkBytes = 1 << 20
)

// pendingSpaces hold the deliveries that are still owed.
var pendingSpaces = []layout.Space{layout.SpaceQueued, layout.SpaceRetrying}

// Replay requeues finished deliveries of the endpoint q.Endpoint, at most 10,000 in one
// call. It selects them like ListDeliveries, on a snapshot, and looks at each again
// inside the committer, which must not wait for a scan.
func (s *Store) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	// The caller asks again for the rest.
	q.Limit = min(q.Limit, maxBulk)
	page, err := view(s, "select deliveries to replay", func(tx *badger.Txn) (webhook.DeliveryPage, error) {
		return listPage(tx, q, finishedSpaces(q.Status))
	})
	if err != nil || len(page.Deliveries) == 0 {
		return 0, page.Next, err
	}
	requeued, next := 0, page.Next
	err = s.update(ctx, "replay deliveries", func(tx *badger.Txn) (*change, error) {
		c := &change{}
		for i := range page.Deliveries {
			// The next call continues after the last delivery that was looked at.
			if c.bytes > maxBulkBytes {
				next = page.Deliveries[i-1].ID
				break
			}
			done, err := s.replay(tx, c, page.Deliveries[i].ID)
			if err != nil {
				return nil, err
			}
			if done {
				requeued++
			}
		}
		// An attempt of one of them may be in flight, and must not settle it blindly.
		s.changeOutsideActor(q.Endpoint)
		return c, nil
	})
	if err != nil {
		return 0, webhook.ID{}, err
	}
	return requeued, next, nil
}

// replay requeues one delivery if it is still finished and its event still exists, and
// reports whether it did.
func (s *Store) replay(tx *badger.Txn, c *change, id webhook.ID) (bool, error) {
	// It may have been requeued, or have expired, since the snapshot.
	was, err := findDelivery(tx, id, finishedSpaces(""))
	if errors.Is(err, webhook.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Without its event nothing could be sent.
	there, err := has(tx, layout.EventKey(id))
	if err != nil || !there {
		return false, err
	}
	// With its history: the attempts count, and stay listed.
	now := was.Requeue()
	c.keepLog(&was)
	s.move(c, was.Place(), &now, record.EncodeDelivery(&now))
	return true, nil
}

// finishedSpaces returns the spaces that hold finished deliveries of a status, "" for
// any; none for a status that is not final.
func finishedSpaces(status webhook.Status) []layout.Space {
	switch status {
	case "":
		return []layout.Space{layout.SpaceDelivered, layout.SpaceFailed}
	case webhook.Delivered, webhook.Failed, webhook.Cancelled:
		return []layout.Space{layout.SpaceOf(status)}
	}
	return nil
}

// CancelPending cancels up to limit pending deliveries of an endpoint, at most
// 10,000 in one call. Less than limit does not mean that none is left; 0 does.
func (s *Store) CancelPending(
	ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int,
) (int, error) {
	// Selected outside the committer; each is looked at again inside.
	ids, err := s.pendingIDs(n, min(limit, maxBulk))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	cancelled := 0
	err = s.update(ctx, "cancel deliveries", func(tx *badger.Txn) (*change, error) {
		c := &change{}
		for _, id := range ids {
			if c.bytes > maxBulkBytes {
				break
			}
			was, err := findDelivery(tx, id, pendingSpaces)
			if errors.Is(err, webhook.ErrNotFound) {
				continue
			}
			if err == nil {
				// Its record shows the latest attempt from now on, as that of anything finished.
				err = readLatest(tx, &was)
			}
			if err != nil {
				return nil, err
			}
			d := was.Cancel(reason, now)
			s.move(c, was.Place(), &d, record.EncodeDelivery(&d))
			cancelled++
		}
		s.changeOutsideActor(n)
		return c, nil
	})
	if err != nil {
		return 0, err
	}
	return cancelled, nil
}

// pendingIDs returns the first pending deliveries of an endpoint: those of its queue,
// then those of its retry schedule.
func (s *Store) pendingIDs(n webhook.EndpointNumber, limit int) ([]webhook.ID, error) {
	seen := s.scanStarts.begin(n)
	return view(s, "select deliveries to cancel", func(tx *badger.Txn) (out []webhook.ID, err error) {
		// The scan starts are used and noted, as by any scan of a queue: an endpoint with
		// millions of cancelled deliveries would make each call slower than the last.
		queue := forward(tx, layout.EndpointKey(layout.SpaceQueued, n))
		defer queue.Close()
		queue.Seek(layout.DeliveryKey(layout.SpaceQueued, seen.began.queue.For(n)))
		for noteQueue(queue, &seen); queue.Valid() && len(out) < limit; queue.Next() {
			out = append(out, layout.ParseDeliveryKey(queue.Item().Key()))
		}
		schedule := forward(tx, layout.EndpointKey(layout.SpaceSchedule, n))
		defer schedule.Close()
		schedule.Seek(layout.ScheduleKey(slotFor(seen.began.schedule, n)))
		for noteSchedule(schedule, &seen); schedule.Valid() && len(out) < limit; schedule.Next() {
			out = append(out, layout.ParseScheduleKey(schedule.Item().Key()).ID)
		}
		return out, nil
	})
}
