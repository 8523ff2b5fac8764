// Package storage is the seam between the dispatcher and its disk: interfaces of
// webhook types, one per kind of consumer, in which each writing method is one state
// transition in one transaction. What a method means stands here; storagetest holds
// the conformance suite that checks it on every backend. DESIGN.md describes keys,
// encodings and schema upgrades of the backend on disk.
//
// Rules that all backends share (which response bodies are kept) belong here too.
// How a backend keeps its records does not.
package storage

import (
	"context"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// Store keeps everything that survives a restart. All methods are safe for
// concurrent use.
//
// A method that takes done returns at once, in bounded time and without I/O; the
// write joins the next group commit. The store calls done exactly once, from its own
// goroutine: after the commit is synced to disk, or with the error that prevented
// it. done must not block. Writes are committed in the order in which they were
// handed over, and their dones are called in that order; a shared store keeps that
// order for the settlements of one endpoint, and for those of Accept only in so far as
// a done comes after its own commit.
//
// A method with a context returns its error soon after the context has ended. A store
// on the machine's own disk may finish the call instead, if that takes no longer.
//
// Errors: after webhook.ErrBroken, which closes Broken's channel, every later write
// fails with it; only a new process can use the store. badgerstore is broken after any
// failed commit, because it would serve what is not on disk. A shared store, which
// other nodes write to as well (see Shared), has three more:
//   - webhook.ErrUnavailable: the database cannot be reached at present, or takes no
//     writes. The store is not broken, and later calls may succeed. Nobody knows
//     whether the write was stored.
//   - webhook.ErrStale: see Accept.
//   - webhook.ErrFenced: the cluster has given this node's work to others. Every later
//     write fails with it, and Fenced's channel is closed.
//
// A shared store repeats settlements and SaveGate by itself until they are stored or
// the node is fenced, so their dones get no ErrUnavailable. It repeats Accept for five
// seconds, then calls done with ErrUnavailable. After a commit of unknown outcome it
// repeats the same rows, and storing them twice changes nothing.
type Store interface {
	records
	SecretKeys
}

// Backend is a Store without encryption of its own, as package sealed wraps it.
type Backend interface {
	records
	Sealing
}

// records is what Store and Backend share.
type records interface {
	Endpoints
	EventTypes
	Access
	Grants
	Audit
	Figures
	Events
	Queues
	Gates
	Counts
	History
	Corrections
	Jobs
	Retention
	Lifecycle
}

// Endpoints keeps the registrations.
type Endpoints interface {
	// CreateEndpoint stores a new endpoint. Its ID arrives with Seq and Nonce set;
	// the store fills in the number and Revision 1, and returns the result.
	CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	// UpdateEndpoint applies change to the stored endpoint and stores the result
	// with the next Revision, in one step. If change returns an error, UpdateEndpoint
	// returns it and stores nothing. change may be called more than once.
	// ErrNotFound if there is no such endpoint, deleted or not.
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	// Endpoint returns one endpoint, deleted or not. ErrNotFound.
	Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
	// ListEndpoints returns endpoints that are not deleted, newest first: those of a
	// client, or of every client if clientID is ""; only those older than before,
	// unless before is 0.
	ListEndpoints(ctx context.Context, clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error)
	// EachEndpoint calls visit for every endpoint, deleted or not, in ascending
	// order. It leaves out the values of secrets and headers, because a start reads
	// all endpoints and needs none of them.
	EachEndpoint(ctx context.Context, visit func(webhook.Endpoint) error) error
}

// EventTypes keeps the registry of event types.
type EventTypes interface {
	// EventTypes returns all, in order of their names.
	EventTypes(ctx context.Context) ([]webhook.EventType, error)
	// CreateEventType adds one. ErrExists if the name is taken.
	CreateEventType(ctx context.Context, t webhook.EventType) error
	// UpdateEventType changes one. ErrNotFound.
	UpdateEventType(ctx context.Context, t webhook.EventType) error
	// DeleteEventType removes one. ErrNotFound.
	DeleteEventType(ctx context.Context, name string) error
}

// Access keeps what the API recognises its callers, and their cursors, by.
type Access interface {
	// APIKeys returns all, in order of their IDs.
	APIKeys(ctx context.Context) ([]webhook.APIKey, error)
	// CreateAPIKey adds one. ErrExists if the ID is taken.
	CreateAPIKey(ctx context.Context, k webhook.APIKey) error
	// DeleteAPIKey removes one. ErrNotFound.
	DeleteAPIKey(ctx context.Context, id string) error
	// CursorKey returns the key that authenticates cursors. The first call stores
	// the key offered; all later calls return that one.
	CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error)
}

// Grants keeps the sessions of browsers, and the links that become sessions. A grant is
// removed some time after its end (webhook.Grant.Ends), and may be returned until then.
type Grants interface {
	// Grants returns all, in order of their IDs, without their logos.
	Grants(ctx context.Context) ([]webhook.Grant, error)
	// Grant returns one. What the latest write of any node made of it shows at once.
	// ErrNotFound.
	Grant(ctx context.Context, id string) (webhook.Grant, error)
	// CreateGrant adds one. ErrExists if the ID is taken.
	CreateGrant(ctx context.Context, g webhook.Grant) error
	// RedeemGrant marks a link as exchanged for a session (webhook.Grant.Redeem), and adds
	// the session, in one transaction: of several calls, on any nodes, one succeeds, and
	// the others get ErrConflict. ErrNotFound.
	RedeemGrant(ctx context.Context, link string, session webhook.Grant) error
	// DeleteGrant removes one, and with a link the session that it was exchanged for, in
	// one transaction. ErrNotFound.
	DeleteGrant(ctx context.Context, id string) error
}

// MaxFigures bounds one value of Figures, in bytes.
const MaxFigures = 256 << 10

// Figures keeps what servers have counted, so that it survives a restart. To a store each
// is a name and bytes.
type Figures interface {
	// SaveFigures stores a value under a name of at most 128 bytes, in place of the one
	// before; an empty one removes it.
	SaveFigures(ctx context.Context, name string, value []byte) error
	// Figures returns all values whose names have a prefix, by name.
	Figures(ctx context.Context, prefix string) (map[string][]byte, error)
}

// Audit keeps who changed what through the API.
type Audit interface {
	// AppendAudit stores an entry, which stays for the retention after its At.
	AppendAudit(ctx context.Context, e audit.Entry) error
	// ListAudit returns the entries that q selects, newest first. It looks at no more
	// than q.Looks entries.
	ListAudit(ctx context.Context, q audit.Query) (audit.Page, error)
}

// Events keeps what was published.
type Events interface {
	// Accept stores events: one queued delivery for each of their Endpoints, and for
	// each Disabled and Limited endpoint one that has failed with its reason. All is
	// stored in one transaction, except events with more than webhook.MaxFanOut
	// deliveries: the rest of these follows in parts, all before done. After a crash
	// in between, the store makes the missing parts when it is opened.
	//
	// The receipts stand in the order of the events. Those of repeated idempotency
	// keys say so, and nothing is stored for them. A key is remembered for 24 hours
	// per publisher; it stands for the event's Identity: type, client and data,
	// compared as JSON. The caller must not change the events afterwards.
	//
	// matched is the version of the registrations (Changes.Version) with which the events
	// were matched. If a shared store has a later one, it stores nothing and done gets
	// webhook.ErrStale: a webhook that the caller did not know of may be due to receive
	// the events. Other stores ignore matched, and with 0 every store does. If another
	// node has stored an event with the ID of one of these, a shared store stores nothing
	// and done gets webhook.ErrExists: the caller numbers the events again.
	Accept(events []webhook.Event, matched uint64, done func([]webhook.Receipt, error))
	// Event returns an event with its data; its Endpoints are all that it has a
	// delivery for. ErrNotFound.
	Event(ctx context.Context, id webhook.ID) (webhook.Event, error)
	// ListEvents returns events newest first. Its cost depends on the length of the page,
	// not on what is stored.
	ListEvents(ctx context.Context, q webhook.EventQuery) (webhook.EventPage, error)
	// LastSeq returns the largest Seq of any ID stored.
	LastSeq() uint64
}

// Queues keeps what is owed to each endpoint: its queue and its retry schedule.
// Endpoint actors read them, and record what became of each attempt.
type Queues interface {
	// Settle moves a delivery from where it was to where it is now. It appends the
	// last entry of the AttemptLog to the stored attempts, unless that one is stored
	// already. Of a delivery's attempts the latest webhook.MaxAttemptLog stay. The
	// latest webhook.MaxLongResponses of these keep the whole response body if
	// BodyBudget has room; every other body is cut to webhook.MaxShortResponse bytes,
	// which ResponseTruncated reports. Without room a long Location is cut as well.
	// While the delivery is pending nothing of that expires. Nothing of the
	// settlement stays in memory after the commit.
	Settle(s webhook.Settlement, done func(error))
	// Queued returns up to limit deliveries of an endpoint's queue in order of
	// acceptance, without attempts, starting with the ID from (the zero ID for the
	// head). Their data together has at most maxBytes, except that the first one is
	// returned whatever its size.
	Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error)
	// Scheduled returns up to limit deliveries of an endpoint's retry schedule that
	// are due at now, in order of due time, without attempts, starting with the slot
	// from. maxBytes is as for Queued. next is the due time of the first delivery
	// that it did not return; 0 at the end.
	Scheduled(ctx context.Context, n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int) (due []webhook.Due, next webhook.DueTime, err error)
	// Wakes calls visit for each endpoint of some parts with pending deliveries,
	// ascending from the number from, and stops with visit's error. Its cost depends on
	// the number of endpoints that have any, not on how many deliveries they have.
	Wakes(ctx context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error
}

// Gates keeps the state of circuit breakers, so that a restart does not close them.
type Gates interface {
	// SaveGate stores an endpoint's breaker state; the zero state removes it.
	SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error))
	// Gate returns an endpoint's breaker state; zero if none is stored.
	Gate(ctx context.Context, n webhook.EndpointNumber) (webhook.GateState, error)
}

// Counts reports how much is pending, for limits and for people.
type Counts interface {
	// Backlog returns what an endpoint has still to deliver.
	Backlog(ctx context.Context, n webhook.EndpointNumber) (webhook.Backlog, error)
	// Pending returns how many deliveries of all endpoints are queued or retrying.
	// It is exact from the start on.
	Pending() int64
	// PendingOf returns the same for some endpoints. After a start it rises to the
	// true figure while the store counts.
	PendingOf(endpoints []webhook.EndpointNumber) int64
}

// Lifecycle reports a failure of the store, and ends it.
type Lifecycle interface {
	// Broken returns a channel that is closed when the store cannot commit any more.
	Broken() <-chan struct{}
	// Fenced returns a channel that is closed when the cluster has taken this node for
	// dead: nothing that it writes is stored any more. A store that one process has for
	// itself returns nil.
	Fenced() <-chan struct{}
	// Err returns why nothing is committed any more, whether broken or fenced; nil while
	// it is.
	Err() error
	// Close commits what was handed over, and closes the files. Later writes fail.
	Close() error
}
