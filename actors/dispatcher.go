package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// Dispatcher runs the actors: it accepts events, has them stored, and delivers them. Its
// methods are safe for concurrent use, Start excepted; after Stop they return
// webhook.ErrShuttingDown.
type Dispatcher struct {
	shared     *shared
	system     *actor.ActorSystem
	router     *actor.PID // nil before Start
	supervisor *actor.PID // nil before Start

	diskReserve atomic.Bool
	stopOnce    sync.Once
	stopErr     error
	// waker is the goroutine that finds pending work in storage; wakerStop ends it.
	waker     sync.WaitGroup
	wakerStop context.CancelFunc
	failOnce  sync.Once
	failed    chan struct{}
	failure   error         // set before failed is closed
	stopped   chan struct{} // closed when no actor answers any more
}

// New makes a Dispatcher and starts nothing; Start does. Its errors name the option
// that is missing.
func New(o Options) (*Dispatcher, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	log := o.Log.With("component", "actors")
	d := &Dispatcher{failed: make(chan struct{}), stopped: make(chan struct{})}
	d.system = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(slog.DiscardHandler) // protoactor logs whole messages, payloads included
		}),
		// The throttle of dead letters' log keeps a goroutine for this long.
		actor.WithDeadLetterThrottleInterval(10*time.Millisecond),
	)
	root := d.system.Root
	d.shared = &shared{
		options: o, store: o.Store, log: log, root: root,
		permits:    limit.NewPermits(o.MaxInFlight, time.Now()),
		clients:    limit.NewClients(),
		budget:     limit.NewBudget(o.MaxPayloadMemory),
		publishing: webhook.NewShares(o.MaxPublishing),
		attempts:   limit.NewWorkers(o.MaxInFlight),
		reads:      limit.NewReaders(),
		survey:     survey.New(o.MetricsWebhooks, time.Now()),
		mailboxes:  mailboxes{limit.NewWorkers(maxRunning)},
		announce:   d.EndpointChanged,
	}
	d.shared.running, d.shared.end = context.WithCancel(context.Background())
	d.shared.defaults.Store(&o.Defaults)
	d.shared.maxPending.Store(o.MaxPending)
	d.shared.ceilings.Store(&o.Ceilings)
	d.shared.metrics = newMetrics(o.Metrics, d.shared)
	return d, nil
}

// Start reads all endpoints, and continues with the deliveries that an earlier process
// left pending. It returns once events are accepted; pending work is found in the
// background. After an error nothing runs.
func (d *Dispatcher) Start() error {
	matches := newIndex()
	matches.registered = d.shared.survey.Registered
	err := d.shared.store.EachEndpoint(d.shared.running, func(e webhook.Endpoint) error {
		matches.put(&e)
		d.shared.clients.Put(&e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read webhooks: %w", err)
	}
	d.shared.options.Sequence.Resume(d.shared.store.LastSeq())
	d.shared.metrics.recovered.Add(float64(d.shared.store.Pending()))
	d.supervisor = d.spawn(newSupervisor(d.shared))
	d.router = d.spawn(&router{
		shared: d.shared, index: matches, supervisor: d.supervisor, volumes: limit.NewVolumes(webhook.MaxPayload + eventOverhead),
	})
	ctx, stop := context.WithCancel(d.shared.running)
	d.wakerStop = stop
	d.waker.Go(func() {
		d.wakeAll(ctx)
		d.watch(ctx)
	})
	return nil
}

// spawn starts the router or the supervisor. If it panics the dispatcher has failed:
// what the actor knew may be wrong, and everything owed is in storage.
func (d *Dispatcher) spawn(a actor.Actor) *actor.PID {
	return d.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return a },
		actor.WithGuardian(failing{d}), actor.WithDispatcher(d.shared.mailboxes)))
}

// failing is the supervision of those two actors: a panic ends the dispatcher.
type failing struct{ dispatcher *Dispatcher }

// HandleFailure is called by protoactor when the actor has panicked.
func (f failing) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, _ *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	f.dispatcher.fail(fmt.Errorf("actor panicked: %v", reason))
}

// Failed returns a channel that is closed when the dispatcher cannot continue; Err
// returns the cause. Then the process must end: a new one reads from storage what is owed.
func (d *Dispatcher) Failed() <-chan struct{} { return d.failed }

// Err returns why the dispatcher failed. Call it only after Failed is closed.
func (d *Dispatcher) Err() error { return d.failure }

// wakeAll sends the supervisor all endpoints that have pending deliveries. Storage
// skips from endpoint to endpoint, so that ten million deliveries cost no more than one.
func (d *Dispatcher) wakeAll(ctx context.Context) {
	err := d.shared.store.Wakes(ctx, webhook.AllParts(), 0, func(w webhook.Wake) error {
		d.shared.root.Send(d.supervisor, &wakeEndpoint{w})
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		d.fail(fmt.Errorf("read webhooks with pending deliveries: %w", err))
	}
}

// watch runs the watchdog until ctx ends. A failed read is logged, and a minute later
// the watchdog starts again.
func (d *Dispatcher) watch(ctx context.Context) {
	dog := watchdog{store: d.shared.store, survey: d.shared.survey, period: d.shared.options.WatchPeriod, ask: func(w webhook.Wake) { d.shared.root.Send(d.supervisor, &audit{w}) }}
	for ctx.Err() == nil {
		if err := dog.run(ctx); err != nil {
			d.shared.log.Error("storage failed", "action", "read webhooks with pending deliveries", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
		}
	}
}

// fail closes Failed. Only the first cause counts.
func (d *Dispatcher) fail(err error) {
	d.failOnce.Do(func() {
		d.failure = err
		close(d.failed)
	})
}

// SetDiskReserve says whether free disk space is below the reserve. While it is, Publish
// refuses everything, with ErrDiskReserve.
func (d *Dispatcher) SetDiskReserve(reached bool) { d.diskReserve.Store(reached) }

// SetDefaults replaces Options.Defaults and Options.Ceilings. Endpoints with an actor
// follow at once, the others when they have work again.
func (d *Dispatcher) SetDefaults(s webhook.Settings, most webhook.Ceilings) {
	s = s.Or(webhook.DefaultSettings())
	d.shared.defaults.Store(&s)
	d.shared.ceilings.Store(&most)
	if d.supervisor != nil {
		d.shared.root.Send(d.supervisor, &defaultsChanged{})
	}
}

// SetMaxPending changes Options.MaxPending.
func (d *Dispatcher) SetMaxPending(n int64) { d.shared.maxPending.Store(n) }
