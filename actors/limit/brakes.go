package limit

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Brakes make those who publish to an endpoint wait while its deliveries cannot keep up,
// so that the publishers wait a little in place of every subscriber for long. The actor
// of the endpoint sets its brake, and lets publishers continue at the pace of its own
// deliveries. The zero value has no brake set, which costs publishers one atomic load.
type Brakes struct {
	set atomic.Int32 // brakes that are set
	mu  sync.Mutex
	by  map[webhook.EndpointNumber]*brake
}

// brake is the brake of one endpoint while it is set.
type brake struct {
	waiting []*braked // in the order in which they came
	credit  int       // how many deliveries more may be published; negative after a batch
}

// braked is a publisher that waits.
type braked struct {
	deliveries int
	released   chan struct{} // closed when it may continue
}

// Set makes publishers to an endpoint wait from now on, until Ease lets them continue.
func (b *Brakes) Set(n webhook.EndpointNumber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil {
		b.by = make(map[webhook.EndpointNumber]*brake)
	}
	if b.by[n] == nil {
		b.by[n] = new(brake)
		b.set.Add(1)
	}
}

// Ease lets the first publishers to an endpoint continue, as many as published so many
// deliveries. What nobody waits for is not saved up.
func (b *Brakes) Ease(n webhook.EndpointNumber, deliveries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	on := b.by[n]
	if on == nil {
		return
	}
	on.credit += deliveries
	for len(on.waiting) > 0 && on.credit > 0 {
		first := on.waiting[0]
		on.waiting[0] = nil
		on.waiting = on.waiting[1:]
		on.credit -= first.deliveries
		close(first.released)
	}
	if len(on.waiting) == 0 {
		on.credit = min(on.credit, 0)
	}
}

// Release ends the brake of an endpoint, and lets all its publishers continue.
func (b *Brakes) Release(n webhook.EndpointNumber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	on := b.by[n]
	if on == nil {
		return
	}
	delete(b.by, n)
	b.set.Add(-1)
	for _, w := range on.waiting {
		close(w.released)
	}
}

// MaxWait is how long a publisher waits at most: Each for a delivery to the endpoint, so
// that a batch does not pass a hundred times as fast as single events, and Total in all.
type MaxWait struct{ Each, Total time.Duration }

// Wait returns when a publisher of events may continue: at once if no endpoint of theirs
// has its brake set, after that time at the latest, or when stop is closed.
// Of several such endpoints the first one counts.
func (b *Brakes) Wait(events []webhook.Event, most MaxWait, stop <-chan struct{}) {
	if b.set.Load() == 0 {
		return
	}
	n, w := b.join(events)
	if w == nil {
		return
	}
	timer := time.NewTimer(min(most.Each*time.Duration(w.deliveries), most.Total))
	defer timer.Stop()
	select {
	case <-w.released:
		return
	case <-timer.C:
	case <-stop:
	}
	b.leave(n, w)
}

// join queues a publisher behind the others of an endpoint; nil if it need not wait.
func (b *Brakes) join(events []webhook.Event) (at webhook.EndpointNumber, w *braked) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range events {
		for _, n := range events[i].Endpoints {
			switch {
			case w == nil && b.by[n] != nil:
				at, w = n, &braked{deliveries: 1, released: make(chan struct{})}
			case w != nil && n == at:
				w.deliveries++
			}
		}
	}
	if w != nil {
		b.by[at].waiting = append(b.by[at].waiting, w)
	}
	return at, w
}

// leave removes a publisher that waits no longer.
func (b *Brakes) leave(n webhook.EndpointNumber, w *braked) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if on := b.by[n]; on != nil {
		if i := slices.Index(on.waiting, w); i >= 0 {
			on.waiting = slices.Delete(on.waiting, i, i+1)
		}
	}
}
