package badgerstore

import (
	"context"
	"slices"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// countChunk is how many keys are counted at a time. Open counts one chunk itself, so
// that small directories have exact counts from the start.
const countChunk = 4096

// pendingCount counts, once after Open and in the background, what each endpoint had
// pending when the store was opened. That also shows whether the stored total is right.
// After each chunk it pauses for as long as the chunk took, so that it never takes more
// than half a core from the deliveries.
type pendingCount struct {
	store  *Store
	tx     *badger.Txn // the snapshot
	it     *badger.Iterator
	spaces []layout.Space // still to be counted, the current one first
	// found is how many were counted, stored the total of the last commit.
	found, stored int64
}

// startPendingCount takes the snapshot and counts the first chunk. A goroutine counts
// the rest, if any, until ctx ends; Close waits for it.
func (s *Store) startPendingCount(ctx context.Context) {
	c := &pendingCount{
		store: s, tx: s.db.NewTransaction(false), spaces: []layout.Space{layout.SpaceQueued, layout.SpaceRetrying},
		stored: s.tally.Pending,
	}
	c.open()
	// Small directories are counted before anybody asks.
	if !c.chunk() {
		c.close()
		c.correct()
		close(s.counted)
		return
	}
	_ = s.enter() // cannot fail: the store is open. Close waits for leave
	go func() {
		defer s.leave()
		defer close(s.counted)
		defer c.close()
		if c.run(ctx) {
			c.correct()
		}
	}()
}

// correct corrects the stored total if it differs from what was found. A Settle with a
// wrong Was makes it drift.
func (c *pendingCount) correct() {
	drift := c.found - c.stored
	if drift == 0 {
		return
	}
	c.store.log.Warn("the stored count of pending deliveries was wrong and is corrected", "stored", c.stored, "counted", c.found)
	// As a commit like any other, so that it is added to what was committed since.
	c.store.submit(&job{change: &change{drift: drift}, Ticket: groupcommit.Ticket{Done: func(error) {}}})
}

// open begins with the current space.
func (c *pendingCount) open() {
	c.it = forward(c.tx, []byte{byte(c.spaces[0])})
	c.it.Rewind()
}

// close ends the snapshot, which keeps removed keys on disk.
func (c *pendingCount) close() {
	c.it.Close()
	c.tx.Discard()
}

// run counts to the end, and reports whether it came there before ctx ended.
func (c *pendingCount) run(ctx context.Context) bool {
	for {
		began := time.Now()
		if !c.chunk() {
			return true
		}
		// As long as the chunk took: at most half a core.
		rest := time.NewTimer(time.Since(began))
		select {
		case <-ctx.Done():
			rest.Stop()
			return false
		case <-rest.C:
		}
	}
}

// chunk counts up to countChunk keys and reports whether there are more.
func (c *pendingCount) chunk() bool {
	for counted := 0; counted < countChunk; {
		if !c.it.Valid() {
			// The last space is at its end.
			if len(c.spaces) == 1 {
				return false
			}
			c.it.Close()
			c.spaces = c.spaces[1:]
			c.open()
			continue
		}
		counted += c.count(countChunk - counted)
	}
	return true
}

// count counts up to limit keys of the endpoint at hand.
func (c *pendingCount) count(limit int) int {
	n := layout.ParseDeliveryKey(c.it.Item().Key()).Endpoint
	// One endpoint at a time, so that the backlog's lock is taken once for it.
	prefix := layout.EndpointKey(c.spaces[0], n)
	counted := 0
	for ; counted < limit && c.it.ValidForPrefix(prefix); c.it.Next() {
		counted++
	}
	c.store.backlog.add(n, c.pending(counted))
	c.found += int64(counted)
	return counted
}

// pending returns a number of deliveries as what they are in the current space.
func (c *pendingCount) pending(counted int) pending {
	if c.spaces[0] == layout.SpaceRetrying {
		return pending{retrying: int64(counted)}
	}
	return pending{queued: int64(counted)}
}

// Pending returns how many deliveries of all endpoints are queued or retrying.
func (s *Store) Pending() int64 { return s.backlog.sum() }

// PendingOf returns the same for some endpoints. After Open it rises to the true figure
// while the pendingCount runs.
func (s *Store) PendingOf(endpoints []webhook.EndpointNumber) int64 {
	return s.backlog.sumOf(endpoints)
}

// Backlog returns what an endpoint has still to deliver.
func (s *Store) Backlog(_ context.Context, n webhook.EndpointNumber) (webhook.Backlog, error) {
	counts := s.backlog.of(n)
	out := webhook.Backlog{Queued: counts.queued, Retrying: counts.retrying}
	seen := s.scanStarts.begin(n)
	err := s.view("read backlog", func(tx *badger.Txn) error {
		if first, ok := firstQueued(tx, n, &seen); ok {
			out.OldestAt = first.Time()
		}
		if first, ok := firstSlot(tx, n, &seen); ok {
			out.NextRetryAt = first.At.Time()
		}
		if first, ok := firstRetrying(tx, n); ok && (out.OldestAt.IsZero() || first.Time().Before(out.OldestAt)) {
			out.OldestAt = first.Time()
		}
		return nil
	})
	return out, err
}

// firstQueued returns the head of an endpoint's queue; false if it is empty.
func firstQueued(tx *badger.Txn, n webhook.EndpointNumber, seen *scanMark) (webhook.ID, bool) {
	it := forward(tx, layout.EndpointKey(layout.SpaceQueued, n))
	defer it.Close()
	it.Seek(layout.DeliveryKey(layout.SpaceQueued, seen.began.queue.For(n)))
	if !it.Valid() {
		seen.queueEmpty()
		return webhook.ID{}, false
	}
	first := layout.ParseDeliveryKey(it.Item().Key())
	seen.queue(first)
	return first, true
}

// firstSlot returns the head of an endpoint's retry schedule; false if it is empty.
func firstSlot(tx *badger.Txn, n webhook.EndpointNumber, seen *scanMark) (webhook.Slot, bool) {
	it := forward(tx, layout.EndpointKey(layout.SpaceSchedule, n))
	defer it.Close()
	it.Seek(layout.ScheduleKey(slotFor(seen.began.schedule, n)))
	if !it.Valid() {
		seen.scheduleEmpty()
		return webhook.Slot{}, false
	}
	first := layout.ParseScheduleKey(it.Item().Key())
	seen.schedule(first)
	return first, true
}

// firstRetrying returns the oldest retrying delivery, which need not be due first.
func firstRetrying(tx *badger.Txn, n webhook.EndpointNumber) (webhook.ID, bool) {
	it := forward(tx, layout.EndpointKey(layout.SpaceRetrying, n))
	defer it.Close()
	if it.Rewind(); !it.Valid() {
		return webhook.ID{}, false
	}
	return layout.ParseDeliveryKey(it.Item().Key()), true
}

// backlog counts pending deliveries, in total and per endpoint. The total is exact from
// Open on, because each commit stores it. The counts per endpoint are the sum of what
// the pendingCount finds after Open and of what each committed change adds and removes;
// the two may arrive in any order.
type backlog struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]pending
	total      int64
}

// pending counts deliveries of an endpoint. While the pendingCount runs, a count can be
// below zero: a delivery may leave before it was counted.
type pending struct{ queued, retrying int64 }

// newBacklog returns a backlog in which nothing is pending.
func newBacklog() *backlog {
	return &backlog{byEndpoint: map[webhook.EndpointNumber]pending{}}
}

// apply counts what committed changes did.
func (b *backlog) apply(changes []*change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range changes {
		b.total += c.pending()
		for i := range c.moves {
			m := &c.moves[i]
			b.addLocked(m.id.Endpoint, pending{int64(m.queued), int64(m.retrying)})
		}
	}
}

// add counts deliveries that were found.
func (b *backlog) add(n webhook.EndpointNumber, p pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addLocked(n, p)
}

// addLocked keeps no zeros: the map is as large as the number of busy endpoints.
func (b *backlog) addLocked(n webhook.EndpointNumber, p pending) {
	sum := b.byEndpoint[n]
	sum.queued += p.queued
	sum.retrying += p.retrying
	if sum == (pending{}) {
		delete(b.byEndpoint, n)
		return
	}
	b.byEndpoint[n] = sum
}

// of returns an endpoint's counts.
func (b *backlog) of(n webhook.EndpointNumber) pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byEndpoint[n]
	return pending{max(p.queued, 0), max(p.retrying, 0)}
}

// sumOf returns the sum of some endpoints' counts.
func (b *backlog) sumOf(endpoints []webhook.EndpointNumber) (sum int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range endpoints {
		p := b.byEndpoint[n]
		sum += max(p.queued, 0) + max(p.retrying, 0)
	}
	return sum
}

// from returns the endpoints with pending deliveries from a number on, ascending.
func (b *backlog) from(first webhook.EndpointNumber) (found []webhook.EndpointNumber) {
	b.mu.Lock()
	for n := range b.byEndpoint {
		if n >= first {
			found = append(found, n)
		}
	}
	b.mu.Unlock()
	slices.Sort(found)
	return found
}

// start sets the total that the last commit stored, before anything is committed.
func (b *backlog) start(total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total = total
}

// sum returns the total.
func (b *backlog) sum() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.total, 0)
}
