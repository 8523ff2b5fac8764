package actors

import (
	"context"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Store is what the actors need of storage: one interface for each of their tasks.
// storage.Store says what each method promises; every backend passes the same
// conformance suite. Methods without a context return quickly or call back.
type Store interface {
	Journal
	Backlog
	Deliveries
	Endpoints
	Gates
}

// Journal stores events and recorded outcomes. Its callbacks run after the sync, in
// the order of the calls, on storage's goroutine: they must not block.
type Journal interface {
	// Accept stores events that are matched and numbered, with their deliveries.
	Accept(events []webhook.Event, done func([]webhook.Receipt, error))
	// Settle stores an attempt's outcome and the delivery's next state.
	Settle(s webhook.Settlement, done func(error))
	// LastSeq returns the largest sequence number that any stored ID has.
	LastSeq() uint64
	// Pending counts the pending deliveries of all endpoints.
	Pending() int64
	// PendingOf counts those of some endpoints.
	PendingOf(endpoints []webhook.EndpointNumber) int64
}

// Backlog reads an endpoint's pending deliveries in the order in which they are sent.
type Backlog interface {
	Queued(n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error)
	Scheduled(n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int) ([]webhook.Due, webhook.DueTime, error)
	// CancelPending cancels up to limit of them, for an endpoint that was deleted.
	CancelPending(ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int) (int, error)
	Backlog(n webhook.EndpointNumber) (webhook.Backlog, error)
}

// Deliveries reads and changes single deliveries, as clients request.
type Deliveries interface {
	Delivery(id webhook.ID) (webhook.Delivery, error)
	Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error)
	Cancel(ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time) (webhook.Delivery, error)
	Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error)
}

// Endpoints reads endpoints, and disables one whose receiver wants no more.
type Endpoints interface {
	Endpoint(n webhook.EndpointNumber) (webhook.Endpoint, error)
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	EachEndpoint(visit func(webhook.Endpoint) error) error
}

// Gates keeps the breakers' states, and finds the endpoints that have work.
type Gates interface {
	Gate(n webhook.EndpointNumber) (webhook.GateState, error)
	SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error))
	Wakes
}

// Wakes visits the endpoints that have pending deliveries, from a number on, with the
// first of their queue and of their retry schedule.
type Wakes interface {
	Wakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error
}

// Target makes the attempts for one endpoint. Its methods are safe for concurrent use.
type Target interface {
	// Send makes the delivery's next attempt and waits for its end, no longer than
	// the endpoint's timeout.
	Send(due webhook.Due) webhook.Attempt
	// Close closes idle connections; attempts in flight end undisturbed.
	Close()
}
