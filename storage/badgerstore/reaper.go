package badgerstore

import (
	"context"
	"errors"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// reaper removes what no delivery needs any more. A round goes through the events in
// order of time, and then through the deleted endpoints. The position is in memory only:
// a restart begins a new round.
type reaper struct {
	mu sync.Mutex // one call at a time
	// event is where the next call continues; oldest is the first event that stayed in
	// this round, from which the next round starts.
	event, oldest webhook.ID
	// unneeded is an event without deliveries whose attempts are removed in part;
	// recipients is how many it had.
	unneeded   webhook.ID
	recipients int
	// endpoints says that the round has finished the events; deleted is where it
	// continues among the deleted endpoints.
	endpoints bool
	deleted   []byte
}

// reaping is one call to Reap.
type reaping struct {
	*reaper
	tx      *badger.Txn
	horizon time.Time // what is younger stays
	left    int       // keys that this call may still look at
	logs    []*logScan
	change  change
	gone    []webhook.EndpointNumber // endpoints that the change removes
}

// Reap removes events whose deliveries have all expired, and endpoints that were deleted
// before the retention. It looks at up to limit keys, and finishes the event that it has
// begun. It selects on a snapshot; nothing that it selects can become needed again.
func (s *Store) Reap(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	s.reaper.mu.Lock()
	defer s.reaper.mu.Unlock()
	r := reaping{reaper: &s.reaper, horizon: now.Add(-s.retention), left: max(limit, 1)}
	err = s.view("reap", func(tx *badger.Txn) error {
		r.tx = tx
		if !r.endpoints {
			if err := r.reapEvents(); err != nil {
				return err
			}
		}
		if r.endpoints {
			return r.reapEndpoints()
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	more = r.endpoints || r.event != (webhook.ID{})
	// After a round there may be much to drop from disk.
	if !more {
		defer func() { err = errors.Join(err, s.squeeze(ctx)) }()
	}
	if len(r.change.ops) == 0 {
		return more, nil
	}
	return more, s.updateUrgently(ctx, frees, "reap", func(tx *badger.Txn) (*change, error) { return r.plan(tx) })
}

// plan stores the largest Seq of the removed events, because IDs must not be issued
// twice. It reads the endpoints again: their encryption keys may have changed since the
// snapshot.
func (r *reaping) plan(tx *badger.Txn) (*change, error) {
	var tally storage.KeyTally
	for _, n := range r.gone {
		e, err := readEndpoint(tx, n)
		if err != nil {
			return nil, err
		}
		tally.Move(e.Sealed, webhook.SealedValues{})
	}
	if err := writeKeyUses(tx, &r.change, &tally); err != nil {
		return nil, err
	}
	last, err := metaNumber(tx, layout.MetaLastSeq)
	if err != nil {
		return nil, err
	}
	if r.change.lastSeq > last {
		r.change.put(layout.MetaLastSeq, layout.EncodeNumber(r.change.lastSeq))
	}
	return &r.change, nil
}

// reapEvents continues through the events, and ends that part of the round at the first
// one that is younger than the horizon.
func (r *reaping) reapEvents() error {
	it := forward(r.tx, layout.SpaceEvent.Prefix())
	defer it.Close()
	defer r.closeLogs()
	// A new round: the events before the oldest that stayed are gone.
	if r.event == (webhook.ID{}) {
		r.event, r.oldest = r.oldest, webhook.ID{}
	}
	for it.Seek(layout.EventKey(r.event)); it.Valid(); it.Next() {
		r.event = layout.ParseEventKey(it.Item().Key())
		// Events are in order of time: all later ones are younger, too.
		if !r.event.Time().Before(r.horizon) {
			break
		}
		if r.left <= 0 {
			return nil
		}
		if done, err := r.reapEvent(it.Item()); err != nil || !done {
			return err
		}
	}
	r.endpoints, r.event = true, webhook.ID{}
	return nil
}

// reapEvent removes r.event with its attempts if no delivery needs it; otherwise, the
// attempts of its expired deliveries. It reports false where the call may look at no
// more keys, and the next one has to continue with the same event.
func (r *reaping) reapEvent(item *badger.Item) (done bool, err error) {
	// An event whose attempts were removed in part is known to be unneeded.
	needed, recipients := false, r.recipients
	if r.event != r.unneeded {
		if needed, recipients, err = r.needed(item); err != nil {
			return false, err
		}
	}
	if needed {
		if r.oldest == (webhook.ID{}) {
			r.oldest = r.event
		}
		return true, r.reapExpiredLogs(r.event)
	}
	// Too many attempts for one call. The event goes last, so that the next call finds
	// them again.
	if !r.reapLogs(r.event) {
		r.unneeded, r.recipients = r.event, recipients
		return false, nil
	}
	r.change.remove(item.KeyCopy(nil))
	r.change.removeParts(r.event, recipients)
	// Stored by plan: IDs must not be issued twice.
	r.change.lastSeq = max(r.change.lastSeq, r.event.Seq)
	return true, nil
}

// needed reports whether any delivery of an event is still stored, and returns how many
// recipients the event has.
func (r *reaping) needed(item *badger.Item) (needed bool, recipients int, err error) {
	// Looking at an event, or at a delivery, is what a call is bounded by.
	r.left--
	id := layout.ParseEventKey(item.Key())
	var endpoints []webhook.EndpointNumber
	err = item.Value(func(value []byte) error {
		endpoints, err = record.DecodeRecipients(value)
		return err
	})
	if err == nil {
		endpoints, err = withParts(r.tx, id, endpoints)
	}
	for _, n := range endpoints {
		// Expired keys do not exist for has: Badger hides them.
		for _, s := range layout.DeliverySpaces {
			if needed, err = has(r.tx, layout.DeliveryKey(s, id.For(n))); needed || err != nil {
				return needed, len(endpoints), err
			}
			r.left--
		}
	}
	return false, len(endpoints), err
}

// reapEndpoints continues through the deleted endpoints, and ends the round at the first
// one that was deleted after the horizon.
func (r *reaping) reapEndpoints() error {
	it := forward(r.tx, layout.SpaceDeleted.Prefix())
	defer it.Close()
	for it.Seek(r.deleted); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		if !layout.DeletedAt(key).Before(r.horizon) {
			break
		}
		if r.left <= 0 {
			r.deleted = key
			return nil
		}
		if err := r.reapEndpoint(layout.LastNumber(key)); err != nil {
			return err
		}
	}
	r.endpoints, r.deleted = false, nil
	return nil
}

// reapEndpoint removes an endpoint that has no deliveries left.
func (r *reaping) reapEndpoint(n webhook.EndpointNumber) error {
	for _, s := range layout.DeliverySpaces {
		r.left--
		if r.hasAny(layout.EndpointKey(s, n)) {
			return nil
		}
	}
	e, err := readEndpoint(r.tx, n)
	if err != nil {
		return err
	}
	// plan counts its encryption key when the endpoint really goes.
	r.gone = append(r.gone, n)
	r.change.removeEndpoint(&e)
	r.change.remove(layout.EndpointKey(layout.SpaceGate, n))
	return nil
}

// hasAny reports whether any key has a prefix.
func (r *reaping) hasAny(prefix []byte) bool {
	it := forward(r.tx, prefix)
	defer it.Close()
	it.Rewind()
	return it.Valid()
}
