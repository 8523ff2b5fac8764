// Package feed passes on what happens to whoever watches: attempts, deliveries, breakers,
// changes of webhooks. It keeps the latest items, so that a reader whose connection broke
// continues, and never waits for a reader: a slow one loses its oldest items and learns
// how many.
//
// While nobody watches it keeps nothing, and costs whoever would publish the read of one
// flag. What an item says belongs to webhook/live; who may read it, to the API.
package feed

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook/live"
)

const (
	// Kept is how many items are kept for readers that come back.
	Kept = 1000
	// Waiting bounds the items that wait for one reader. All that is kept fits.
	Waiting = 1024
	// Lingers is how long items are kept after the last reader has left: a reader that
	// comes back within that time misses nothing.
	Lingers = time.Minute
)

// Feed is the feed of one server. Its methods are safe for concurrent use. The zero value
// cannot be used; New makes one.
type Feed struct {
	run       string
	recording atomic.Bool

	mu   sync.Mutex
	last uint64 // number of the latest item
	// kept holds the latest items; that with the number n stands at n modulo Kept.
	kept [Kept]*live.Item
	// whole is the number from which on no item is missing in kept, apart from those that
	// newer ones have replaced.
	whole     uint64
	readers   map[*Reader]struct{}
	listeners int           // readers that are not other nodes
	heard     chan struct{} // closed while there are listeners
	rest      *time.Timer   // ends the recording; nil while there are readers
}

// New returns a Feed that nobody reads. Its run has a name that no other has.
func New() *Feed {
	return &Feed{run: rand.Text()[:10], readers: map[*Reader]struct{}{}, heard: make(chan struct{})}
}

// Active reports whether items are wanted. It is asked on hot paths before an item is made.
func (f *Feed) Active() bool { return f.recording.Load() }

// Publish passes an item of this server on. It never waits for a reader.
func (f *Feed) Publish(i live.Item) {
	if f.Active() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.addLocked(&i)
	}
}

// Import passes on what another node has published, and how many items of it were lost.
func (f *Feed) Import(items []live.Item, lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if lost > 0 {
		for r := range f.readers {
			if !r.query.Local {
				r.loseLocked(lost, false)
			}
		}
	}
	for i := range items {
		item := items[i]
		item.Remote = true
		f.addLocked(&item)
	}
}

// addLocked numbers an item, keeps it, and hands it to the readers that want it.
func (f *Feed) addLocked(i *live.Item) {
	f.last++
	i.Number = f.last
	f.kept[i.Number%Kept] = i
	for r := range f.readers {
		if r.query.Selects(i) {
			r.addLocked(i)
		}
	}
}

// Listening reports whether somebody watches on this node.
func (f *Feed) Listening() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listeners > 0
}

// Await returns when somebody watches on this node, or with the error of ctx.
func (f *Feed) Await(ctx context.Context) error {
	f.mu.Lock()
	heard := f.heard
	f.mu.Unlock()
	select {
	case <-heard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Subscribe returns a reader of what q selects, which must be closed. Where q.After is a
// place whose next items are not kept any more, the first batch says that some are lost.
func (f *Feed) Subscribe(q live.Query) *Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakeLocked()
	r := &Reader{feed: f, query: q, ready: make(chan struct{}, 1), exact: true, at: f.last}
	f.readers[r] = struct{}{}
	if !q.Local {
		if f.listeners++; f.listeners == 1 {
			close(f.heard)
		}
	}
	if q.After != (live.Place{}) {
		r.catchUpLocked(q.After)
	}
	return r
}

// wakeLocked begins to record. What happened while nobody watched has no numbers: one is
// left out for all of it, so that a reader from before notices.
func (f *Feed) wakeLocked() {
	if f.rest != nil {
		f.rest.Stop()
		f.rest = nil
	}
	if !f.recording.Swap(true) {
		f.last++
		f.whole = f.last + 1
	}
}

// leaveLocked forgets a reader. The recording ends a while after the last one has left.
func (f *Feed) leaveLocked(r *Reader) {
	if _, reads := f.readers[r]; !reads {
		return
	}
	delete(f.readers, r)
	if !r.query.Local {
		if f.listeners--; f.listeners == 0 {
			f.heard = make(chan struct{})
		}
	}
	if len(f.readers) == 0 {
		f.rest = time.AfterFunc(Lingers, f.sleep)
	}
}

// sleep ends the recording, unless somebody reads again.
func (f *Feed) sleep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.readers) == 0 {
		f.recording.Store(false)
		clear(f.kept[:])
		f.rest = nil
	}
}
