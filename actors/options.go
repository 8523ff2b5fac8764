package actors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/webhook"
)

// Store is what the actors ask of storage; see storage.Store for what each method promises.
type Store interface {
	Accept(events []webhook.Event, done func([]webhook.Receipt, error))
	Settle(s webhook.Settlement, done func(error))
	Queued(n webhook.EndpointNumber, from webhook.ID, limit, maxBytes int) ([]webhook.Due, error)
	Scheduled(n webhook.EndpointNumber, from webhook.Slot, now time.Time, limit, maxBytes int) ([]webhook.Due, webhook.DueTime, error)
	Requeue(ctx context.Context, id webhook.ID) (webhook.Due, error)
	Cancel(ctx context.Context, id webhook.ID, reason webhook.Reason, now time.Time) (webhook.Delivery, error)
	CancelPending(ctx context.Context, n webhook.EndpointNumber, reason webhook.Reason, now time.Time, limit int) (int, error)
	Replay(ctx context.Context, q webhook.DeliveryQuery) (int, webhook.ID, error)
	Delivery(id webhook.ID) (webhook.Delivery, error)
	Backlog(n webhook.EndpointNumber) (webhook.Backlog, error)
	Pending() int64
	PendingOf(endpoints []webhook.EndpointNumber) int64

	Endpoint(n webhook.EndpointNumber) (webhook.Endpoint, error)
	UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	EachEndpoint(visit func(webhook.Endpoint) error) error
	SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error))
	Gate(n webhook.EndpointNumber) (webhook.GateState, error)
	Wakes(from webhook.EndpointNumber, visit func(webhook.Wake) error) error
	LastSeq() uint64
}

// Target makes the attempts for one endpoint. Its methods are safe for concurrent use.
type Target interface {
	// Send makes the delivery's next attempt and waits for its end, no longer than
	// the endpoint's timeout.
	Send(due webhook.Due) webhook.Attempt
	// Close lets go of idle connections; attempts in flight end undisturbed.
	Close()
}

// Options are the parts and the limits of a Dispatcher. Limits that are zero get the default.
type Options struct {
	Store Store
	// Open makes the target of an endpoint, once for each change of it.
	Open func(e webhook.Endpoint, s webhook.Settings) (Target, error)
	// Abort cuts off all attempts in flight, when a shutdown runs out of time.
	Abort func()
	// Sequence numbers events; shared with whoever else issues IDs.
	Sequence *webhook.Sequence
	// Defaults complete the settings of each endpoint.
	Defaults webhook.Settings
	// Ceilings bound them.
	Ceilings webhook.Ceilings
	Log      *slog.Logger
	Metrics  prometheus.Registerer

	// MaxInFlight bounds the attempts in flight of all endpoints; 4,096 by default.
	MaxInFlight int
	// MaxPending bounds the deliveries that wait in storage; beyond it nothing is accepted. 50,000,000 by default.
	MaxPending int64
	// ClientLimits returns what one client may have; without it there are no such
	// limits. The router asks for it again every second at most, for each client
	// that gets something.
	ClientLimits func(client string) webhook.ClientLimits
	// MaxPayloadMemory bounds the bytes of payload kept in memory for sending; 64 MiB by default.
	MaxPayloadMemory int64
	// MaxPublishing bounds the bytes of events that are being accepted; 64 MiB by default.
	MaxPublishing int64
	// WatchPeriod is the shortest time between two looks of the watchdog at an
	// endpoint; 5 s by default.
	WatchPeriod time.Duration
	// Linger is how long an endpoint's actor stays after its last work; 30 s by default.
	Linger time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Store == nil || o.Open == nil || o.Abort == nil || o.Sequence == nil || o.Log == nil || o.Metrics == nil {
		return o, errors.New("actors: Store, Open, Abort, Sequence, Log and Metrics are needed")
	}
	o.Defaults = o.Defaults.Or(webhook.DefaultSettings())
	o.MaxInFlight = orDefault(o.MaxInFlight, 4096)
	o.MaxPending = orDefault(o.MaxPending, 50_000_000)
	o.MaxPayloadMemory = orDefault(o.MaxPayloadMemory, 64<<20)
	o.MaxPublishing = orDefault(o.MaxPublishing, 64<<20)
	if o.ClientLimits == nil {
		o.ClientLimits = func(string) webhook.ClientLimits { return webhook.ClientLimits{} }
	}
	o.WatchPeriod = orDefault(o.WatchPeriod, watchPeriod)
	o.Linger = orDefault(o.Linger, 30*time.Second)
	return o, nil
}

func orDefault[T int | int64 | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}
