// Package storage is the seam between the dispatcher and its disk: an interface
// in which each writing method is one state transition in one transaction.
// DESIGN.md beside this file tells keys, encodings and how the schema is upgraded;
// storagetest holds the conformance suite that every backend passes.
package storage

import (
	"context"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Store keeps everything that survives a restart. All methods are safe for
// concurrent use.
//
// A method that takes done returns at once, in bounded time and without I/O; the
// write joins the next group commit. done is called exactly once, from the
// store's own goroutine: after the commit is synced to disk, or with the error
// that kept it from being so; it must not block. Writes are committed in the
// order in which they were handed over, and their dones called in that order.
//
// After any failed commit the store is broken: every later write fails with
// webhook.ErrBroken, and Broken's channel is closed.
type Store interface {
	Endpoints
	EventTypes
	Access
	Events
	Deliveries
	SecretKeys
	Upkeep
}

// Endpoints keeps the registrations.
type Endpoints interface {
	// CreateEndpoint stores a new endpoint. Its ID arrives with Seq and Nonce set;
	// the store fills in the number and Revision 1, and returns the result.
	CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	// UpdateEndpoint applies change to the stored endpoint and stores the result
	// with the next Revision, in one step. An error from change is returned and
	// nothing is stored. ErrNotFound if there is no such endpoint, deleted or not.
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	// Endpoint reads one, deleted or not. ErrNotFound.
	Endpoint(n webhook.EndpointNumber) (webhook.Endpoint, error)
	// ListEndpoints lists endpoints that are not deleted, newest first: a client's,
	// or with "" every client's; only those older than before, unless it is 0.
	ListEndpoints(clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error)
	// EachEndpoint calls visit for every endpoint, deleted or not, in ascending
	// order, without the values of secrets and headers: they are many.
	EachEndpoint(visit func(webhook.Endpoint) error) error
}

// EventTypes keeps the registry.
type EventTypes interface {
	EventTypes() ([]webhook.EventType, error) // by name
	// CreateEventType: ErrExists if the name is taken.
	CreateEventType(ctx context.Context, t webhook.EventType) error
	// UpdateEventType, DeleteEventType: ErrNotFound.
	UpdateEventType(ctx context.Context, t webhook.EventType) error
	DeleteEventType(ctx context.Context, name string) error
}

// Access keeps what callers are told apart by.
type Access interface {
	APIKeys() ([]webhook.APIKey, error) // by ID
	// CreateAPIKey: ErrExists if the ID is taken.
	CreateAPIKey(ctx context.Context, k webhook.APIKey) error
	// DeleteAPIKey: ErrNotFound.
	DeleteAPIKey(ctx context.Context, id string) error
	// CursorKey gives the key that cursors are authenticated with: the one that is
	// kept, or the one offered, which is kept from then on.
	CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error)
}

// Events keeps what was published.
type Events interface {
	// Accept stores events: one queued delivery for each of their Endpoints, and for
	// each Disabled and Limited endpoint one that has failed with its reason. All is
	// stored in one transaction, except events with more than webhook.MaxFanOut
	// deliveries: those follow in parts, all before done. After a crash in between
	// the store makes them when it is opened. The receipts stand in the order of the events; those of
	// repeated idempotency keys say so and store nothing. The caller must not
	// change the events afterwards.
	//
	// A key is remembered for 24 hours per publisher; it stands for the event's
	// Identity: type, client and data, compared as JSON.
	Accept(events []webhook.Event, done func([]webhook.Receipt, error))
	// Event reads an event with its data; its Endpoints are all that it has a
	// delivery for. ErrNotFound.
	Event(id webhook.ID) (webhook.Event, error)
	// LastSeq is the largest Seq of any ID stored.
	LastSeq() uint64
}

// Deliveries keeps what is owed, and what became of it.
type Deliveries interface {
	// Settle moves a delivery from where it was to where it is now. The last entry of
	// its AttemptLog is appended to the attempts that are stored, unless it is one of
	// them. Of a delivery's attempts the latest webhook.MaxAttemptLog stay, and of
	// the latest webhook.MaxLongResponses the whole response body as well, as far as
	// BodyBudget has room; any other body is cut to webhook.MaxShortResponse bytes,
	// and ResponseTruncated says so. Without room a long Location is cut, too. While the delivery is pending nothing of that
	// expires. Nothing of the settlement stays in memory beyond the commit.
	Settle(s webhook.Settlement, done func(error))
	// Queued reads an endpoint's queue in order of acceptance, without attempts: up to
	// limit deliveries, from the ID from on (included; the zero ID for the queue's head).
	// maxBytes bounds the sum of their data, but for the first.
	Queued(n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error)
	// Scheduled reads an endpoint's retry schedule in order of due time, without
	// attempts: up to limit deliveries from the slot from on (included) that are due at now or
	// before. next is the due time of the first one it did not return, 0 at the end.
	Scheduled(n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int) (due []webhook.Due, next webhook.DueTime, err error)
	// Delivery reads a delivery with all the attempts that are kept. ErrNotFound.
	Delivery(id webhook.ID) (webhook.Delivery, error)
	// EventDeliveries reads an event's deliveries, in order of endpoint, from the
	// number from on (included), up to limit; each with its latest attempt, shortened.
	EventDeliveries(id webhook.ID, from webhook.EndpointNumber, limit int) ([]webhook.Delivery, error)
	// ListDeliveries lists deliveries newest first, each with its latest attempt,
	// shortened. Its cost depends on the length of the page, not on what is stored.
	ListDeliveries(q webhook.DeliveryQuery) (webhook.DeliveryPage, error)
	// Requeue puts a delivery back into the queue, wherever it stood. Of one that
	// is in the queue already nothing changes. What it returns has no attempts.
	// ErrNotFound.
	Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error)
	// Cancel gives a queued or retrying delivery up, and returns it as Delivery does.
	// ErrConflict if it had finished; ErrNotFound.
	Cancel(ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time) (webhook.Delivery, error)
	// Replay requeues the finished deliveries of one endpoint that q selects, all
	// but those whose event is gone, up to q.Limit of them in one transaction. It
	// returns how many, and where to go on (zero at the end).
	Replay(ctx context.Context, q webhook.DeliveryQuery) (requeued int, next webhook.ID, err error)
	// CancelPending cancels up to limit pending deliveries of an endpoint in one
	// transaction, and returns how many.
	CancelPending(ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int) (int, error)
	// Backlog tells what an endpoint has still to deliver.
	Backlog(n webhook.EndpointNumber) (webhook.Backlog, error)
	// Pending counts the deliveries of all endpoints that are queued or retrying,
	// from the start on.
	Pending() int64
	// PendingOf counts those of some endpoints. After a start it rises to the true
	// figure while the store counts.
	PendingOf(endpoints []webhook.EndpointNumber) int64
}

// SecretKeys are the keys under which a store seals the values of endpoints'
// secrets and headers. One that keeps nothing on disk has none.
type SecretKeys interface {
	// SecretKeys tells of all keys, the one that writes first, and how many
	// endpoints each of them seals.
	SecretKeys() ([]webhook.SecretKey, error)
	// Reencrypt seals endpoints anew that another key seals than the one that
	// writes, up to limit of them in one transaction, going on after those of the
	// last call. It returns how many. SecretKeys tells what is left; 0 does not mean
	// that nothing is. Nothing else about the endpoints changes.
	Reencrypt(ctx context.Context, limit int) (int, error)
}

// Upkeep is what the dispatcher needs to start, to go on and to stop.
type Upkeep interface {
	// SaveGate keeps an endpoint's breaker state; the zero state forgets it.
	SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error))
	// Gate reads it; zero if there is none.
	Gate(n webhook.EndpointNumber) (webhook.GateState, error)
	// Wakes calls visit for each endpoint that has pending deliveries, ascending,
	// from the number from on (included). It returns visit's error, which ends it.
	// Its cost depends on the number of these endpoints, not on that of their deliveries.
	Wakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error
	// Reap removes events whose deliveries have all expired, and endpoints whose
	// deletion lies back as long: up to limit keys from where the last call
	// stopped. more is false when it reached the events that are younger than the
	// retention before now; the next call then begins anew. What is pending, and
	// what it needs, is never removed.
	Reap(ctx context.Context, now time.Time, limit int) (more bool, err error)
	// Broken is closed when the store cannot commit any more; Err tells why.
	Broken() <-chan struct{}
	Err() error
	// Close commits what was handed over, and closes the files. Writes that come
	// later fail.
	Close() error
}
