package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
	"github.com/corpastro/astrohook/webhook/live"
)

// Requests about one client, endpoint or delivery. Each is a question to the actor
// that knows or that alone may change what is asked about; the caller waits.

// EndpointChanged makes a stored change of an endpoint effective: a Publish that
// is called later sees it.
func (d *Dispatcher) EndpointChanged(e webhook.Endpoint) {
	d.shared.root.Send(d.router, &endpointChanged{endpoint: e})
}

// Footprint returns what a client has registered, as far as EndpointChanged was called.
func (d *Dispatcher) Footprint(ctx context.Context, client string) (webhook.Footprint, error) {
	reply := make(chan webhook.Footprint, 1)
	return await(ctx, d, d.router, &footprintQuery{client, reply}, reply)
}

// List returns endpoints of all nodes by what is registered, as far as EndpointChanged was
// called.
func (d *Dispatcher) List(ctx context.Context, q webhook.EndpointQuery) (webhook.EndpointNumbers, error) {
	reply := make(chan webhook.EndpointNumbers, 1)
	return await(ctx, d, d.router, &listQuery{q, reply}, reply)
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

// Cancel ends a pending delivery; ErrConflict if it is in flight or finished.
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

// Replay requeues finished deliveries of the endpoint q.Endpoint, up to q.Limit of
// them. It returns how many, and where the next call continues (zero at the end).
// Where an open breaker or a hold keeps deliveries back, one is sent at once, and its
// outcome decides. Replay refuses, as publishing does, while the endpoint's client has
// too much pending.
func (d *Dispatcher) Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error) {
	if err := d.checkPending(ctx, q.Endpoint); err != nil {
		return 0, webhook.ID{}, err
	}
	n, next, err := d.shared.store.Replay(ctx, q)
	if n > 0 {
		d.shared.root.Send(d.supervisor, &forEndpoint{q.Endpoint, &notOffered{byHand: true}})
	}
	return n, next, err
}

// AdvanceJob makes a step of a job. Steps that put deliveries into the queue are refused
// as publishing is: while the disk is full, or the endpoint's client has too much pending.
// Where an open breaker or a hold keeps deliveries back, the first step has one sent at
// once, and its outcome decides.
func (d *Dispatcher) AdvanceJob(ctx context.Context, id webhook.ID, s bulk.Step) (bulk.Job, error) {
	if len(s.Requeue)+len(s.Missing) > 0 {
		if d.diskReserve.Load() {
			return bulk.Job{}, webhook.ErrDiskReserve
		}
		if err := d.checkPending(ctx, id.Endpoint); err != nil {
			return bulk.Job{}, err
		}
	}
	watched := d.shared.watched(ctx, s.Requeue)
	after, made, err := d.shared.store.AdvanceJob(ctx, id, s)
	if made > 0 {
		watched()
		first := s.From == (bulk.Position{})
		d.shared.root.Send(d.supervisor, &forEndpoint{id.Endpoint, &notOffered{byHand: first}})
	}
	return after, err
}

// watched returns a function that passes deliveries on to the feed as queued again. They are
// read now, and only while somebody watches. What cannot be read is left out: the feed
// promises nothing about what could not be stored either.
func (s *shared) watched(ctx context.Context, requeued []webhook.ID) func() {
	if len(requeued) == 0 || !s.feed.Active() {
		return func() {}
	}
	e, err := s.store.Endpoint(ctx, requeued[0].Endpoint)
	if err != nil {
		return func() {}
	}
	about, now := feed.Endpoint{ID: e.ID, ClientID: e.ClientID}, time.Now()
	var items []live.Item
	for _, id := range requeued {
		if d, err := s.store.Delivery(ctx, id); err == nil {
			d.Status, d.Reason = webhook.Queued, webhook.ReasonNone
			items = append(items, about.Settled(&d, now))
		}
	}
	return func() {
		for _, i := range items {
			s.feed.Publish(i)
		}
	}
}

// Delivers reports whether this node delivers to an endpoint.
func (d *Dispatcher) Delivers(n webhook.EndpointNumber) bool {
	return d.shared.owned.Load().Has(n.Part())
}

// checkPending returns the error with which an event to an endpoint's client would be
// refused now.
func (d *Dispatcher) checkPending(ctx context.Context, n webhook.EndpointNumber) error {
	if pending := d.shared.store.Pending(); pending >= d.shared.maxPending.Load() {
		return tooManyPending(pending)
	}
	reply := make(chan error, 1)
	refused, err := await(ctx, d, d.router, &pendingQuery{n, reply}, reply)
	if err != nil {
		return err
	}
	return refused
}

// askTimeout bounds how long an actor may take to answer.
const askTimeout = 10 * time.Second

// ask sends a question to an endpoint's actor and waits for its answer.
func ask[T any](ctx context.Context, d *Dispatcher, n webhook.EndpointNumber, question any, reply <-chan T) (T, error) {
	return await(ctx, d, d.supervisor, &forEndpoint{n, question}, reply)
}

// await sends a question to an actor and waits for its answer, for askTimeout at most.
// A question that reaches an actor after the stop is never answered; d.stopped ends
// that wait.
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
