package actors

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/figures"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// Options are the parts and the limits of a Dispatcher. Limits of zero or less mean
// the default.
type Options struct {
	// Store holds all that is owed. Required.
	Store Store
	// Open makes the target of an endpoint, once for each change of it. Required.
	Open func(e webhook.Endpoint, s webhook.Settings) (Target, error)
	// Abort cuts off all attempts in flight, when a shutdown runs out of time. Required.
	Abort func()
	// Sequence numbers events; shared with all others that issue IDs. Required.
	Sequence *webhook.Sequence
	// Defaults complete the settings of each endpoint.
	Defaults webhook.Settings
	// Ceilings bound the settings of each endpoint.
	Ceilings webhook.Ceilings
	// Log and Metrics receive what operators read. Required.
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// MetricsWebhooks is how many endpoints have metrics of their own at most: those that
	// stand out. None by default.
	MetricsWebhooks int

	// MaxInFlight bounds the attempts in flight of all endpoints; 4,096 by default.
	MaxInFlight int
	// MaxPending bounds the deliveries that wait in storage; at the bound Publish
	// accepts nothing. 50,000,000 by default.
	MaxPending int64
	// ClientLimits returns the limits of one client; nil means none. The router
	// calls it every second at most, for each client that gets something.
	ClientLimits func(client string) webhook.ClientLimits
	// MaxPayloadMemory bounds the bytes of payload kept in memory for sending; 64 MiB by default.
	MaxPayloadMemory int64
	// MaxPublishing bounds the bytes of events that are being accepted; 64 MiB by default.
	MaxPublishing int64
	// WatchPeriod is the shortest time between two looks of the watchdog at an
	// endpoint; 5 s by default.
	WatchPeriod time.Duration
	// IdleTimeout is how long an endpoint's actor stays after its last work; 30 s by
	// default. Longer costs memory, shorter costs a read of storage for each start.
	IdleTimeout time.Duration
	// Feed passes on what happens to whoever watches; one that nobody reads by default.
	Feed *feed.Feed
	// Node names this server among others of its cluster: what it has counted is stored
	// under that name, and found after a restart.
	Node string
	// Cluster is what connects this node with others that write to the same store; nil
	// if there are none. With it the dispatcher has no part at first: see GainParts.
	Cluster Cluster
}

// Cluster is what the dispatcher asks of the other nodes. All methods are safe for
// concurrent use. Except for Changes they return at once.
type Cluster interface {
	// MaySend reports whether an attempt may begin now, because this node's lease holds for
	// long enough. It is asked before each attempt, so it takes no lock.
	MaySend() bool
	// MayPublish returns the error with which events are refused at present, such as
	// webhook.ErrUnavailable while the lease does not hold; nil if they are accepted.
	MayPublish() error
	// Version returns a version of the registrations that the store has had for certain:
	// what is read from now on contains everything up to it.
	Version() uint64
	// Changes calls visit for each endpoint that was changed after version since, deleted
	// ones included, without the values of secrets and headers. It returns the version up
	// to which that is complete.
	Changes(ctx context.Context, since uint64, visit func(webhook.Endpoint) error) (uint64, error)
	// HoldRegistrations keeps all nodes from changing registrations until release is called,
	// for a few seconds at most: events that are matched with what Changes returns meanwhile
	// are not stale.
	HoldRegistrations(ctx context.Context) (release func(), err error)
	// Offer takes a hint for the owners of its endpoints. The data of the event stays as it
	// is for good; the list of endpoints is the caller's again after the call.
	Offer(h Hint)
}

// Hint says that an event has deliveries in the queues of some endpoints. Hints that are
// lost, doubled or late do no harm: Dispatcher.Audit finds what they were about.
type Hint struct {
	// Event is the event's ID. If it is zero, the endpoints' queues are to be read from
	// their beginning, because old deliveries were queued again.
	Event webhook.ID
	Type  string
	// Data is the event's; nil if the owner is to read it from the store.
	Data []byte
	// Endpoints are of parts that the receiver of the hint owns, as far as its sender knows.
	Endpoints []webhook.EndpointNumber
	// ByHand: one of the deliveries to each endpoint goes before all others.
	ByHand bool
	// Forwarded: the node that got it first did not own the endpoints any more. It is not
	// forwarded once more.
	Forwarded bool
}

func (o Options) withDefaults() (Options, error) {
	if o.Store == nil || o.Open == nil || o.Abort == nil || o.Sequence == nil || o.Log == nil || o.Metrics == nil {
		return o, errors.New("actors: Store, Open, Abort, Sequence, Log and Metrics are needed")
	}
	o.Defaults = o.Defaults.Or(webhook.DefaultSettings())
	o.MaxInFlight = cmp.Or(max(o.MaxInFlight, 0), 4096)
	o.MaxPending = cmp.Or(max(o.MaxPending, 0), 50_000_000)
	o.MaxPayloadMemory = cmp.Or(max(o.MaxPayloadMemory, 0), 64<<20)
	o.MaxPublishing = cmp.Or(max(o.MaxPublishing, 0), 64<<20)
	if o.Feed == nil {
		o.Feed = feed.New()
	}
	if o.ClientLimits == nil {
		o.ClientLimits = func(string) webhook.ClientLimits { return webhook.ClientLimits{} }
	}
	o.WatchPeriod = cmp.Or(max(o.WatchPeriod, 0), watchPeriod)
	o.IdleTimeout = cmp.Or(max(o.IdleTimeout, 0), 30*time.Second)
	return o, nil
}

// Store is what the actors need of storage: one interface for each of their tasks.
// storage.Store says what each method promises; every backend passes the same
// conformance suite. Methods without a context return quickly or call back.
type Store interface {
	Journal
	Backlog
	Deliveries
	Endpoints
	Gates
	figures.Store
}

// Journal stores events and recorded outcomes. Its callbacks run after the sync, in
// the order of the calls, on storage's goroutine: they must not block.
type Journal interface {
	// Accept stores events that are matched and numbered, with their deliveries.
	Accept(events []webhook.Event, matched uint64, done func([]webhook.Receipt, error))
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
	Queued(ctx context.Context, n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error)
	Scheduled(ctx context.Context, n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int) ([]webhook.Due, webhook.DueTime, error)
	// CancelPending cancels up to limit of them, for an endpoint that was deleted.
	CancelPending(ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int) (int, error)
	Backlog(ctx context.Context, n webhook.EndpointNumber) (webhook.Backlog, error)
}

// Deliveries reads and changes single deliveries, as clients request.
type Deliveries interface {
	Delivery(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error)
	Cancel(ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time) (webhook.Delivery, error)
	Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error)
	AdvanceJob(ctx context.Context, id webhook.ID, s bulk.Step) (after bulk.Job, made int, err error)
}

// Endpoints reads endpoints, and disables one whose receiver wants no more.
type Endpoints interface {
	Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	EachEndpoint(ctx context.Context, visit func(webhook.Endpoint) error) error
}

// Gates keeps the breakers' states, and finds the endpoints that have work.
type Gates interface {
	Gate(ctx context.Context, n webhook.EndpointNumber) (webhook.GateState, error)
	SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error))
	Wakes
}

// Wakes visits the endpoints that have pending deliveries, from a number on, with the
// first of their queue and of their retry schedule.
type Wakes interface {
	Wakes(ctx context.Context, parts webhook.Parts, from webhook.EndpointNumber, visit func(webhook.Wake) error) error
}

// Target makes the attempts for one endpoint. Its methods are safe for concurrent use.
type Target interface {
	// Send makes the delivery's next attempt and waits for its end, no longer than
	// the endpoint's timeout. The attempt's At must be set.
	Send(due webhook.Due) webhook.Attempt
	// Close closes idle connections; attempts in flight end undisturbed.
	Close()
}
