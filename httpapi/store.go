package httpapi

import (
	"context"

	"github.com/corpastro/astrohook/webhook"
)

// Store is what the API reads and writes without the dispatcher. The methods are
// those of storage.Store, and keep its promises.
type Store interface {
	EndpointStore
	EventTypeStore
	AccessStore
	HistoryStore
	SecretKeyStore
}

// EndpointStore keeps the registrations.
type EndpointStore interface {
	CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	Endpoint(n webhook.EndpointNumber) (webhook.Endpoint, error)
	ListEndpoints(clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error)
}

// EventTypeStore keeps the registry of event types.
type EventTypeStore interface {
	EventTypes() ([]webhook.EventType, error)
	CreateEventType(ctx context.Context, t webhook.EventType) error
	UpdateEventType(ctx context.Context, t webhook.EventType) error
	DeleteEventType(ctx context.Context, name string) error
}

// SecretKeyStore encrypts secrets.
type SecretKeyStore interface {
	SecretKeys() ([]webhook.SecretKey, error)
	Reencrypt(ctx context.Context, limit int) (int, error)
}

// AccessStore keeps what callers are told apart by.
type AccessStore interface {
	APIKeys() ([]webhook.APIKey, error)
	CreateAPIKey(ctx context.Context, k webhook.APIKey) error
	DeleteAPIKey(ctx context.Context, id string) error
	CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error)
}

// HistoryStore reads what was published, and what became of it.
type HistoryStore interface {
	Event(id webhook.ID) (webhook.Event, error)
	Delivery(id webhook.ID) (webhook.Delivery, error)
	ListDeliveries(q webhook.DeliveryQuery) (webhook.DeliveryPage, error)
}
