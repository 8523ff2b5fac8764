package httpapi

import (
	"context"

	"github.com/corpastro/astrohook/webhook"
)

// Dispatcher is what the API asks of the actors.
type Dispatcher interface {
	// Publish matches and stores events, and returns when they are durable. The
	// events arrive without ID and Endpoints; the receipts stand in their order. An error
	// means that none was accepted: ErrTooManyPending, ErrDiskReserve,
	// ErrShareUsed, ErrAllUsed, ErrShuttingDown (as RetryAfterError), ErrBroken. The dispatcher keeps the
	// events: no byte of them may belong to a request buffer.
	Publish(ctx context.Context, events []webhook.Event) ([]webhook.Receipt, error)
	// Test publishes an event to this one endpoint, whatever its event types. It is
	// sent at once, whatever others wait for, and through a pause. With wait the call
	// returns after the delivery's first attempt, or when ctx ends, and says what
	// the delivery is then.
	Test(ctx context.Context, e webhook.Endpoint, event webhook.Event, wait bool) (webhook.Delivery, error)
	// EndpointChanged makes a stored change of an endpoint effective: a later
	// Publish of the same caller sees it.
	EndpointChanged(e webhook.Endpoint)
	// Footprint returns what a client has registered, as far as EndpointChanged was told.
	Footprint(ctx context.Context, client string) (webhook.Footprint, error)
	// Health tells how an endpoint is doing.
	Health(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error)
	// Progress returns which deliveries of an endpoint are being attempted, and what
	// the others wait for.
	Progress(ctx context.Context, n webhook.EndpointNumber) (webhook.Progress, error)
	// Retry sends a delivery of an active endpoint again at once, whatever its status
	// and whatever others wait for; one that is in flight stays as it is.
	Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// Cancel gives a pending delivery up; ErrConflict if it is in flight or finished.
	Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// Replay requeues finished deliveries of the endpoint q.Endpoint, up to q.Limit
	// of them, and returns how many and where to go on (zero at the end). One of them is
	// sent at once, whatever others wait for.
	Replay(ctx context.Context, q webhook.DeliveryQuery) (requeued int, next webhook.ID, err error)
}
