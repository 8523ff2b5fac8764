package storage

import (
	"context"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// History shows what became of deliveries.
type History interface {
	// Delivery returns a delivery with all the attempts that are kept. ErrNotFound.
	Delivery(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// EventDeliveries returns up to limit deliveries of an event in order of
	// endpoint, starting with the number from; each with its latest attempt,
	// shortened. ErrNotFound if the event is not stored.
	EventDeliveries(ctx context.Context, id webhook.ID, from webhook.EndpointNumber, limit int) ([]webhook.Delivery, error)
	// ListDeliveries returns deliveries newest first, each with its latest attempt,
	// shortened. Its cost depends on the length of the page, not on what is stored.
	ListDeliveries(ctx context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error)
}

// Corrections are changes of deliveries that somebody asks for by hand.
type Corrections interface {
	// Requeue puts a delivery back into the queue, wherever it was. A delivery that
	// is queued already stays as it is. The result has no attempts. ErrNotFound.
	Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error)
	// Cancel ends a queued or retrying delivery, and returns it as Delivery does.
	// ErrConflict if it had finished; ErrNotFound.
	Cancel(ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time) (webhook.Delivery, error)
	// Replay requeues the finished deliveries of one endpoint that q selects, up to
	// q.Limit of them in one transaction, except those whose event is gone. It
	// returns how many, and where the next call continues (zero at the end).
	Replay(ctx context.Context, q webhook.DeliveryQuery) (requeued int, next webhook.ID, err error)
	// CancelPending cancels up to limit pending deliveries of an endpoint in one
	// transaction, and returns how many.
	CancelPending(ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int) (int, error)
}

// Retention removes what is older than it has to be kept.
type Retention interface {
	// Reap removes events whose deliveries have all expired, and endpoints that were
	// deleted before the retention: it looks at up to limit keys from where the last
	// call stopped. more is false when it reached the events that are younger than
	// the retention before now; the next call then starts from the oldest again. What
	// is pending, and what that needs, is never removed.
	Reap(ctx context.Context, now time.Time, limit int) (more bool, err error)
}
