package actors

import (
	"sync"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// watchers wakes callers that wait for the outcome of a delivery's next attempt, as a
// test of an endpoint does. Storage's goroutine calls notify for every outcome.
type watchers struct {
	count atomic.Int32 // of by; spares notify the lock while nobody waits
	mu    sync.Mutex
	by    map[webhook.ID]chan webhook.Delivery
}

// watch returns a channel that receives the delivery when its next outcome is
// recorded, and a function that ends the watch. A later watch of the same delivery
// takes the place of an earlier one.
func (w *watchers) watch(id webhook.ID) (<-chan webhook.Delivery, func()) {
	settled := make(chan webhook.Delivery, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = make(map[webhook.ID]chan webhook.Delivery)
	}
	w.by[id] = settled
	w.count.Add(1)
	return settled, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.by[id] == settled {
			delete(w.by, id)
			w.count.Add(-1)
		}
	}
}

// notify wakes the caller that waits for the delivery, if there is one. It never
// blocks: the channel has room for the one delivery that it is sent.
func (w *watchers) notify(d *webhook.Delivery) {
	if w.count.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if waiting := w.by[d.ID]; waiting != nil {
		delete(w.by, d.ID)
		w.count.Add(-1)
		waiting <- *d
	}
}
