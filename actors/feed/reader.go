package feed

import (
	"context"
	"time"

	"github.com/corpastro/astrohook/webhook/live"
)

// Reader is one reader of a Feed. One goroutine at a time uses it.
type Reader struct {
	feed  *Feed
	query live.Query
	ready chan struct{} // holds a token while something waits

	// The rest is guarded by feed.mu.
	waiting []*live.Item
	lost    int
	exact   bool
	at      uint64 // number of the last item that was returned
}

// Next returns what waits for the reader. If there is nothing it waits for that long, or
// until ctx ends, and then returns a batch without items, whose place is the present one.
func (r *Reader) Next(ctx context.Context, wait time.Duration) live.Batch {
	select {
	case <-r.ready: // also where wait is 0
		return r.take()
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.ready:
	case <-timer.C:
	case <-ctx.Done():
	}
	return r.take()
}

// Close ends the reader. It can be called again.
func (r *Reader) Close() {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	r.feed.leaveLocked(r)
	r.waiting = nil
}

// take returns what waits, and leaves nothing.
func (r *Reader) take() live.Batch {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	b := live.Batch{Items: r.waiting, Lost: r.lost, Exact: r.exact}
	r.waiting, r.lost, r.exact, r.at = nil, 0, true, f.last
	b.At = live.Place{Run: f.run, Number: r.at}
	return b
}

// addLocked lets an item wait for the reader. Where too many wait, the older half is lost:
// all of them at once, so that a reader that has stopped costs the publisher nothing more.
func (r *Reader) addLocked(i *live.Item) {
	if len(r.waiting) == Waiting {
		r.lost += Waiting / 2
		n := copy(r.waiting, r.waiting[Waiting/2:])
		clear(r.waiting[n:])
		r.waiting = r.waiting[:n]
	}
	r.waiting = append(r.waiting, i)
	r.wakeLocked()
}

// loseLocked notes that items are lost.
func (r *Reader) loseLocked(n int, exact bool) {
	r.lost, r.exact = r.lost+n, r.exact && exact
	r.wakeLocked()
}

// wakeLocked lets Next return.
func (r *Reader) wakeLocked() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// catchUpLocked lets those items wait that came after a place. How many of the lost ones
// the reader would have wanted is not known.
func (r *Reader) catchUpLocked(after live.Place) {
	f := r.feed
	next := after.Number + 1
	oldest := f.whole
	if f.last >= Kept {
		oldest = max(oldest, f.last-Kept+1)
	}
	switch {
	case after.Run != f.run || after.Number > f.last:
		r.loseLocked(1, false)
		return
	case next < oldest:
		r.loseLocked(int(oldest-next), false)
		next = oldest
	}
	for ; next <= f.last; next++ {
		if i := f.kept[next%Kept]; i != nil && i.Number == next && r.query.Selects(i) {
			r.waiting = append(r.waiting, i)
			r.wakeLocked()
		}
	}
}
