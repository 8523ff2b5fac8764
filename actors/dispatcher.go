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
	"github.com/corpastro/astrohook/webhook"
)

// Dispatcher runs the actors: it takes events, has them stored, and delivers them.
type Dispatcher struct {
	shared     *shared
	system     *actor.ActorSystem
	router     *actor.PID
	supervisor *actor.PID

	diskReserve atomic.Bool
	stopOnce    sync.Once
	stopErr     error
	waker       sync.WaitGroup
	wakerStop   context.CancelFunc
	failOnce    sync.Once
	failed      chan struct{}
	failure     error
	stopped     chan struct{} // closed when nothing answers any more
}

// New prepares a Dispatcher; Start makes it work.
func New(o Options) (*Dispatcher, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	log := o.Log.With("component", "actors")
	d := &Dispatcher{failed: make(chan struct{}), stopped: make(chan struct{})}
	d.system = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(slog.DiscardHandler) // it would log whole messages
		}),
		// For each dead letter a goroutine waits that long.
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
		mailboxes:  mailboxes{limit.NewWorkers(maxRunning)},
		changed:    d.EndpointChanged,
	}
	d.shared.defaults.Store(&o.Defaults)
	d.shared.maxPending.Store(o.MaxPending)
	d.shared.ceilings.Store(&o.Ceilings)
	d.shared.metrics = newMetrics(o.Metrics, d)
	return d, nil
}

// Start reads the endpoints and takes up what was left undelivered.
func (d *Dispatcher) Start() error {
	matches := newIndex()
	err := d.shared.store.EachEndpoint(func(e webhook.Endpoint) error {
		matches.put(&e)
		d.shared.clients.Put(&e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read webhooks: %w", err)
	}
	d.shared.options.Sequence.Resume(d.shared.store.LastSeq())
	d.supervisor = d.spawn(newSupervisor(d.shared))
	d.router = d.spawn(&router{
		shared: d.shared, index: matches, supervisor: d.supervisor, volumes: limit.NewVolumes(webhook.MaxPayload + eventOverhead),
	})
	ctx, stop := context.WithCancel(context.Background())
	d.wakerStop = stop
	d.waker.Go(func() {
		d.wakeAll(ctx)
		d.watch(ctx)
	})
	return nil
}

// spawn starts one of the two actors that all depends on. If it panics the
// dispatcher has failed: what it knew may be wrong, and all is on disk.
func (d *Dispatcher) spawn(a actor.Actor) *actor.PID {
	return d.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return a },
		actor.WithGuardian(failing{d}), actor.WithDispatcher(d.shared.mailboxes)))
}

// failing ends the dispatcher when an actor panics.
type failing struct{ dispatcher *Dispatcher }

// HandleFailure is called when an actor has panicked.
func (f failing) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, _ *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	f.dispatcher.fail(fmt.Errorf("actor panicked: %v", reason))
}

// Failed is closed when the dispatcher cannot go on; Err tells why. The process must end.
func (d *Dispatcher) Failed() <-chan struct{} { return d.failed }

// Err tells why the dispatcher failed; only after Failed is closed.
func (d *Dispatcher) Err() error { return d.failure }

// wakeAll tells the supervisor of all endpoints that have pending deliveries.
func (d *Dispatcher) wakeAll(ctx context.Context) {
	err := d.shared.store.Wakes(0, func(w webhook.Wake) error {
		d.shared.root.Send(d.supervisor, &wakeEndpoint{w})
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		d.fail(fmt.Errorf("read webhooks with pending deliveries: %w", err))
	}
}

// watch runs the watchdog until ctx ends. A read that storage cannot answer is
// logged; the next round tries again.
func (d *Dispatcher) watch(ctx context.Context) {
	dog := watchdog{store: d.shared.store, period: d.shared.options.WatchPeriod, ask: func(w webhook.Wake) { d.shared.root.Send(d.supervisor, &audit{w}) }}
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

// fail ends the dispatcher's life: Failed is closed.
func (d *Dispatcher) fail(err error) {
	d.failOnce.Do(func() {
		d.failure = err
		close(d.failed)
	})
}

// SetDiskReserve tells whether free disk space is below the reserve; then nothing is accepted.
func (d *Dispatcher) SetDiskReserve(reached bool) { d.diskReserve.Store(reached) }

// SetDefaults changes the settings of endpoints that set none, and the ceilings that
// bound all settings. Endpoints at work take them over at once, the others when they
// have work again.
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

// Stop lets the attempts in flight end and be recorded, until ctx ends; then it
// cuts them off through Options.Abort, and what they were making stays pending.
// Calling it again gives the same answer.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() { d.stopErr = d.stop(ctx) })
	return d.stopErr
}

func (d *Dispatcher) stop(ctx context.Context) error {
	if d.router == nil { // never started
		return nil
	}
	d.wakerStop()
	d.waker.Wait()
	root := d.shared.root
	root.Send(d.router, &closeRouter{})
	done := make(chan struct{})
	root.Send(d.supervisor, &drain{done})
	err := d.awaitDrain(ctx, done)
	d.shared.attempts.Close()
	d.shared.reads.Close()
	// Children first: the supervisor stops them, and ends after the last.
	err = errors.Join(err, root.StopFuture(d.supervisor).Wait(), root.StopFuture(d.router).Wait())
	d.system.Shutdown()
	d.shared.mailboxes.Close()
	close(d.stopped)
	return err
}

// errCutOff is what Stop returns when it ran out of time.
var errCutOff = errors.New("attempts in flight were cut off; their deliveries stay pending")

// abortGrace is how long attempts that were cut off may take to end.
const abortGrace = 5 * time.Second

func (d *Dispatcher) awaitDrain(ctx context.Context, done chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-d.failed:
	case <-ctx.Done():
	}
	d.shared.aborted.Store(true)
	d.shared.options.Abort()
	select {
	case <-done:
	case <-time.After(abortGrace):
	}
	return errors.Join(errCutOff, ctx.Err())
}
