package httpapi

import (
	"context"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/eventtypes"
	"github.com/corpastro/astrohook/httpapi/jobs"
	"github.com/corpastro/astrohook/webhook"
)

// Dispatcher is what the API asks of the actors.
type Dispatcher interface {
	EventPublisher
	Registrar
	EndpointObserver
	DeliveryController
}

// EventPublisher takes events over.
type EventPublisher interface {
	// Publish matches and stores events, and returns when they are durable. The events
	// arrive without ID and Endpoints; the receipts are in the order of the events. An
	// error means that none was accepted: ErrTooManyPending, ErrDiskReserve,
	// ErrShareUsed, ErrAllUsed, ErrShuttingDown (in a RetryAfterError), ErrBroken. The
	// dispatcher keeps the events, so no byte of them may belong to a request buffer.
	Publish(ctx context.Context, events []webhook.Event) ([]webhook.Receipt, error)
	// Test publishes an event to this one endpoint, whatever its event types. The event
	// overtakes everything that waits, and is sent through a pause. With wait the call
	// returns after the delivery's first attempt or when ctx ends, with the delivery as
	// it is then.
	Test(ctx context.Context, e webhook.Endpoint, event webhook.Event, wait bool) (webhook.Delivery, error)
}

// Registrar knows the registered endpoints.
type Registrar interface {
	// EndpointChanged puts a stored change of an endpoint into force: a later Publish
	// of the same caller sees it.
	EndpointChanged(e webhook.Endpoint)
	// Footprint returns what a client has registered, as far as EndpointChanged was told.
	Footprint(ctx context.Context, client string) (webhook.Footprint, error)
	// List returns endpoints by what is registered, as far as EndpointChanged was called.
	List(ctx context.Context, q webhook.EndpointQuery) (webhook.EndpointNumbers, error)
}

// EndpointObserver reports what the server knows and storage does not.
type EndpointObserver interface {
	// Health returns the state of an endpoint's breaker, pace and backlog.
	Health(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error)
	// Progress returns which deliveries of an endpoint are being attempted, and what
	// the others wait for.
	Progress(ctx context.Context, n webhook.EndpointNumber) (webhook.Progress, error)
	// Ranked returns endpoints in an order, the first ones up to a number: those with pending
	// deliveries, or with failed attempts in the last hour. Of each node's there are some
	// thousand at the most.
	Ranked(ctx context.Context, by webhook.Order, most int) (webhook.Ranking, error)
	// Overview returns how all endpoints are doing, with the worst ones in an order.
	Overview(ctx context.Context, q webhook.OverviewQuery) (webhook.Overview, error)
}

// DeliveryController changes deliveries by hand.
type DeliveryController interface {
	// Retry sends a delivery of an active endpoint again, ahead of everything that
	// waits and whatever its status. A delivery in flight stays as it is.
	Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// Cancel gives up a pending delivery. It returns ErrConflict if the delivery is in
	// flight or finished.
	Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// Replay requeues finished deliveries of the endpoint q.Endpoint, at most q.Limit.
	// It returns how many, and where to continue; next is zero at the end. A single
	// delivery overtakes everything that waits.
	Replay(ctx context.Context, q webhook.DeliveryQuery) (requeued int, next webhook.ID, err error)
}

// Peers are the other nodes of a cluster, which change the registrations in the same store.
type Peers interface {
	// CatchUp returns when every registration that was stored before the call is in force
	// on this node: EndpointChanged and Server.Refresh were called for what others did.
	CatchUp(ctx context.Context) error
	// AwaitApplied returns when every registration that was stored before the call is in
	// force on all nodes whose lease holds. The others answer no requests. It returns an
	// error if ctx ends before, or if nobody knows which nodes there are.
	AwaitApplied(ctx context.Context) error
}

// Store is what the API reads and writes without the dispatcher. The methods are
// those of storage.Store, and keep its promises.
type Store interface {
	EndpointStore
	eventtypes.Store
	AccessStore
	HistoryStore
	SecretKeyStore
	audit.Store
	jobs.Store
}

// EndpointStore keeps the registrations.
type EndpointStore interface {
	CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
	ListEndpoints(ctx context.Context, clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error)
}

// AccessStore keeps API keys, sessions and links, and the key that authenticates cursors.
type AccessStore interface {
	auth.Store
}

// HistoryStore reads what was published, and what became of it.
type HistoryStore interface {
	Event(ctx context.Context, id webhook.ID) (webhook.Event, error)
	ListEvents(ctx context.Context, q webhook.EventQuery) (webhook.EventPage, error)
	Delivery(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	ListDeliveries(ctx context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error)
}

// SecretKeyStore knows the keys that encrypt the endpoints' secrets on disk.
type SecretKeyStore interface {
	SecretKeys(ctx context.Context) ([]webhook.SecretKey, error)
	Reencrypt(ctx context.Context, limit int) (int, error)
}
