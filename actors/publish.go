package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// eventOverhead is what an event counts for in memory beside its data.
const eventOverhead = 512

// Publish matches and stores events, and returns when they are durable.
func (d *Dispatcher) Publish(_ context.Context, events []webhook.Event) ([]webhook.Receipt, error) {
	return d.publish(&publication{events: events})
}

func (d *Dispatcher) publish(p *publication) ([]webhook.Receipt, error) {
	if err := d.admit(p); err != nil {
		return nil, err
	}
	p.done = make(chan published, 1)
	d.shared.root.Send(d.router, p)
	var answer published
	select {
	case answer = <-p.done:
	case <-d.failed:
		select {
		case answer = <-p.done: // the truth, if it is there
		default:
			return nil, errStopping
		}
	case <-d.stopped:
		if !p.taken {
			return nil, errStopping
		}
		answer = <-p.done
	}
	d.shared.metrics.accepted(answer.receipts)
	return answer.receipts, answer.err
}

// errStopping is what a publisher gets while the server stops.
var errStopping = &webhook.RetryAfterError{Err: webhook.ErrShuttingDown, After: 5 * time.Second}

// admit claims memory for a publication, unless a limit is reached.
func (d *Dispatcher) admit(p *publication) error {
	for i := range p.events {
		p.bytes += int64(len(p.events[i].Data)) + eventOverhead
	}
	switch pending := d.shared.store.Pending(); {
	case d.diskReserve.Load():
		return &webhook.RetryAfterError{Err: webhook.ErrDiskReserve, After: time.Minute}
	case pending >= d.shared.maxPending.Load():
		return &webhook.RetryAfterError{
			Err:   fmt.Errorf("%d deliveries wait: %w", pending, webhook.ErrTooManyPending),
			After: 10 * time.Second,
		}
	case !d.shared.publishing.tryTake(int(p.bytes)):
		return &webhook.RetryAfterError{
			Err:   fmt.Errorf("more events arrive than can be stored: %w", webhook.ErrTooManyPending),
			After: time.Second,
		}
	}
	return nil
}

// EndpointChanged makes a stored change of an endpoint effective: a Publish that
// is called later sees it.
func (d *Dispatcher) EndpointChanged(e webhook.Endpoint) {
	d.shared.root.Send(d.router, &endpointChanged{e})
}

// Test publishes an event to one endpoint, whatever it subscribed to. With wait
// it returns after the first attempt, or when ctx ends.
func (d *Dispatcher) Test(ctx context.Context, e webhook.Endpoint, event webhook.Event, wait bool) (webhook.Delivery, error) {
	event.ClientID = e.ClientID
	receipts, err := d.publish(&publication{events: []webhook.Event{event}, only: e.Number()})
	if err == nil {
		err = receipts[0].Err
	}
	if err != nil {
		return webhook.Delivery{}, err
	}
	id := receipts[0].EventID.For(e.Number())
	if wait {
		settled, end := d.shared.watchers.watch(id)
		defer end()
		// It may have been settled before the watch began.
		if now, err := d.shared.store.Delivery(id); err == nil && now.Attempts > 0 {
			return now, nil
		}
		select {
		case now := <-settled:
			return now, nil
		case <-ctx.Done():
		}
	}
	return d.shared.store.Delivery(id)
}

// Health tells how an endpoint is doing.
func (d *Dispatcher) Health(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error) {
	reply := make(chan webhook.Health, 1)
	health, err := ask(ctx, d, n, &healthQuery{reply}, reply)
	if err != nil {
		return health, fmt.Errorf("ask webhook %d for its health: %w", n, err)
	}
	health.Backlog, err = d.shared.store.Backlog(n)
	return health, err
}

// InFlight tells which deliveries of an endpoint are being attempted, and since when.
func (d *Dispatcher) InFlight(ctx context.Context, n webhook.EndpointNumber) (map[webhook.ID]time.Time, error) {
	reply := make(chan map[webhook.ID]time.Time, 1)
	return ask(ctx, d, n, &inFlightQuery{reply}, reply)
}

// Retry sends a delivery again now, whatever its status; one that waits in the
// queue or is in flight stays as it is.
func (d *Dispatcher) Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return d.change(ctx, changeRetry, id)
}

// Cancel gives a pending delivery up; ErrConflict if it is in flight or finished.
func (d *Dispatcher) Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return d.change(ctx, changeCancel, id)
}

func (d *Dispatcher) change(ctx context.Context, kind changeKind, id webhook.ID) (webhook.Delivery, error) {
	reply := make(chan changed, 1)
	answer, err := ask(ctx, d, id.Endpoint, &change{kind: kind, id: id, reply: reply}, reply)
	if err == nil {
		err = answer.err
	}
	return answer.due.Delivery, err
}

// Replay requeues finished deliveries of the endpoint q.Endpoint, up to q.Limit
// of them, and tells how many and where to go on (zero at the end).
func (d *Dispatcher) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	n, next, err := d.shared.store.Replay(ctx, q)
	if n > 0 {
		d.shared.root.Send(d.supervisor, &forEndpoint{q.Endpoint, &missed{}})
	}
	return n, next, err
}

// askTimeout bounds how long an actor may take to answer.
const askTimeout = 10 * time.Second

// ask sends a question to an endpoint's actor and waits for its answer.
func ask[T any](ctx context.Context, d *Dispatcher, n webhook.EndpointNumber, question any, reply <-chan T) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d.shared.root.Send(d.supervisor, &forEndpoint{n, question})
	var none T
	select {
	case answer := <-reply:
		return answer, nil
	case <-d.stopped:
		return none, errStopping
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
