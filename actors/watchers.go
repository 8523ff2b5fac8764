package actors

import (
	"sync"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// watchers tells those who wait for it what became of a delivery's attempt.
type watchers struct {
	count atomic.Int32 // so that nobody waiting costs nothing
	mu    sync.Mutex
	by    map[webhook.ID]chan webhook.Delivery
}

// watch returns a channel that gets the delivery when its next attempt is
// recorded, and a function that ends the watch.
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

// settled tells who waits for the delivery.
func (w *watchers) settled(d *webhook.Delivery) {
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
