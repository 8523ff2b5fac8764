package actors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// eventOverhead is what an event weighs in memory beside its data, in bytes.
const eventOverhead = 512

// Publish matches and stores events, and returns when they are durable. The receipts
// stand in the order of the events. If ctx ends before the router begins with the
// events, none is stored and Publish returns ctx's error. Once the router has begun,
// Publish waits for storage's answer whatever becomes of ctx: an error would say
// nothing about what is stored.
func (d *Dispatcher) Publish(ctx context.Context, events []webhook.Event) ([]webhook.Receipt, error) {
	return d.publish(ctx, &publication{events: events})
}

// publish reserves memory, sends a publication to the router, and waits for the answer.
// The router or the supervisor returns the memory, in every case: only they know when
// the events are no longer in use.
func (d *Dispatcher) publish(ctx context.Context, p *publication) ([]webhook.Receipt, error) {
	if err := d.admit(p); err != nil {
		return nil, err
	}
	p.done = make(chan published, 1)
	d.shared.root.Send(d.router, p)
	answer, err := d.awaitAnswer(ctx, p)
	if err != nil {
		return nil, err
	}
	d.shared.metrics.accepted(answer.receipts)
	if p.only == 0 && answer.err == nil {
		// The events are stored and on their way: what waits is this publisher's next request.
		d.shared.brakes.Wait(p.events, maxBrake, d.stopped)
	}
	return answer.receipts, answer.err
}

// awaitAnswer waits until a publication is answered, or certainly never will be.
func (d *Dispatcher) awaitAnswer(ctx context.Context, p *publication) (published, error) {
	select {
	case answer := <-p.done:
		return answer, nil
	case <-ctx.Done():
		if p.withdraw() {
			return published{}, fmt.Errorf("publish: %w", ctx.Err())
		}
	case <-d.stopped:
		if p.withdraw() {
			return published{}, errStopping
		}
	case <-d.failed:
	}
	return d.awaitStored(p)
}

// awaitStored waits for the answer to a publication that the router has begun. After
// a failure of the dispatcher the answer may never come.
func (d *Dispatcher) awaitStored(p *publication) (published, error) {
	select {
	case answer := <-p.done:
		return answer, nil
	case <-d.failed:
	}
	select {
	case answer := <-p.done: // it was there when the dispatcher failed
		return answer, nil
	default:
		return published{}, errStopping
	}
}

// errStopping is the answer to a publisher while the server stops.
var errStopping = &webhook.RetryAfterError{Err: webhook.ErrShuttingDown, After: 5 * time.Second}

// admit reserves memory for a publication, unless a limit is reached.
func (d *Dispatcher) admit(p *publication) error {
	for i := range p.events {
		p.bytes += int64(len(p.events[i].Data)) + eventOverhead
	}
	if d.shared.options.Cluster != nil {
		if err := d.shared.options.Cluster.MayPublish(); err != nil {
			return err
		}
	}
	switch pending := d.shared.store.Pending(); {
	case d.diskReserve.Load():
		return &webhook.RetryAfterError{Err: webhook.ErrDiskReserve, After: time.Minute}
	case pending >= d.shared.maxPending.Load():
		return tooManyPending(pending)
	}
	if err := d.shared.publishing.Take(p.publisher(), p.bytes); err != nil {
		return &webhook.RetryAfterError{
			Err:   fmt.Errorf("more events arrive than can be stored: %w", err),
			After: time.Second,
		}
	}
	return nil
}

// Test publishes an event to one endpoint, whatever it subscribed to. It is sent at
// once, whatever others wait for, and through a pause. With wait it returns after the
// first attempt, or when ctx ends, and returns the delivery as it is then.
func (d *Dispatcher) Test(ctx context.Context, e webhook.Endpoint, event webhook.Event, wait bool) (webhook.Delivery, error) {
	event.ClientID = e.ClientID
	receipts, err := d.publish(ctx, &publication{events: []webhook.Event{event}, only: e.Number()})
	if err == nil {
		err = receipts[0].Err
	}
	if err != nil {
		return webhook.Delivery{}, err
	}
	id := receipts[0].EventID.For(e.Number())
	if wait {
		attempted, end := d.shared.watchers.watch(id)
		defer end()
		// The outcome may have been recorded before the watch began.
		if now, err := d.shared.store.Delivery(ctx, id); err == nil && now.Attempts > 0 {
			return now, nil
		}
		select {
		case <-attempted:
		case <-ctx.Done():
		}
	}
	return d.shared.store.Delivery(d.shared.running, id) // ctx may have ended
}

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
