package actors

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/webhook"
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
	if o.ClientLimits == nil {
		o.ClientLimits = func(string) webhook.ClientLimits { return webhook.ClientLimits{} }
	}
	o.WatchPeriod = cmp.Or(max(o.WatchPeriod, 0), watchPeriod)
	o.IdleTimeout = cmp.Or(max(o.IdleTimeout, 0), 30*time.Second)
	return o, nil
}
