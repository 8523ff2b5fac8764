package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
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

// publisher names who holds the memory that a publication takes.
func (p *publication) publisher() string {
	if len(p.events) == 0 {
		return ""
	}
	return p.events[0].Publisher
}

// Footprint returns what a client has registered, as far as EndpointChanged was told.
func (d *Dispatcher) Footprint(ctx context.Context, client string) (webhook.Footprint, error) {
	reply := make(chan webhook.Footprint, 1)
	return await(ctx, d, d.router, &footprintQuery{client, reply}, reply)
}

// room returns the error with which an event to an endpoint's client would be refused.
func (d *Dispatcher) room(ctx context.Context, n webhook.EndpointNumber) error {
	if pending := d.shared.store.Pending(); pending >= d.shared.options.MaxPending {
		return tooManyPending(pending)
	}
	reply := make(chan error, 1)
	refused, err := await(ctx, d, d.router, &roomQuery{n, reply}, reply)
	if err != nil {
		return err
	}
	return refused
}

// EndpointChanged makes a stored change of an endpoint effective: a Publish that
// is called later sees it.
func (d *Dispatcher) EndpointChanged(e webhook.Endpoint) {
	d.shared.root.Send(d.router, &endpointChanged{e})
}

// Test publishes an event to one endpoint, whatever it subscribed to. It is sent at
// once, whatever others wait for, and through a pause. With wait it returns after the
// first attempt, or when ctx ends.
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
		case <-settled:
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

// Progress returns what is known of an endpoint's pending deliveries beside
// storage: which are being attempted, and what the others wait for.
func (d *Dispatcher) Progress(ctx context.Context, n webhook.EndpointNumber) (webhook.Progress, error) {
	reply := make(chan webhook.Progress, 1)
	return ask(ctx, d, n, &progressQuery{reply}, reply)
}

// Retry sends a delivery again at once, whatever its status and whatever others of
// its endpoint wait for, if the endpoint is active. One that is in flight stays as it is.
func (d *Dispatcher) Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return d.change(ctx, lane.Retry, id)
}

// Cancel gives a pending delivery up; ErrConflict if it is in flight or finished.
func (d *Dispatcher) Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return d.change(ctx, lane.Cancel, id)
}

func (d *Dispatcher) change(ctx context.Context, kind lane.ChangeKind, id webhook.ID) (webhook.Delivery, error) {
	reply := make(chan lane.Answer, 1)
	answer, err := ask(ctx, d, id.Endpoint, &lane.Change{Kind: kind, ID: id, Reply: reply}, reply)
	if err == nil {
		err = answer.Err
	}
	return answer.Due.Delivery, err
}

// Replay requeues finished deliveries of the endpoint q.Endpoint, up to q.Limit
// of them, and returns how many and where to go on (zero at the end). Where an open
// breaker or a hold keeps deliveries back, one is sent at once, and decides. It
// refuses to, as publishing does, while the endpoint's client has too much pending.
func (d *Dispatcher) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	if err := d.room(ctx, q.Endpoint); err != nil {
		return 0, webhook.ID{}, err
	}
	n, next, err := d.shared.store.Replay(ctx, q)
	if n > 0 {
		d.shared.root.Send(d.supervisor, &forEndpoint{q.Endpoint, &missed{byHand: true}})
	}
	return n, next, err
}

// askTimeout bounds how long an actor may take to answer.
const askTimeout = 10 * time.Second

// ask sends a question to an endpoint's actor and waits for its answer.
func ask[T any](ctx context.Context, d *Dispatcher, n webhook.EndpointNumber, question any, reply <-chan T) (T, error) {
	return await(ctx, d, d.supervisor, &forEndpoint{n, question}, reply)
}

// await sends a question to an actor and waits for its answer.
func await[T any](ctx context.Context, d *Dispatcher, whom *actor.PID, question any, reply <-chan T) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d.shared.root.Send(whom, question)
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
