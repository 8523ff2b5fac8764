package actors

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/figures"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/actors/stats"
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
	glancing    sync.Mutex // one glance at a time
	// glance is what was seen before the watchdog's first round, where that was not all; nil
	// for nothing. It is guarded by glancing.
	glance   *survey.Findings
	figures  *figures.Keeper
	stopOnce sync.Once
	stopErr  error
	// waker is the goroutine that finds pending work in storage; wakerStop ends it.
	waker     sync.WaitGroup
	wakerStop context.CancelFunc
	// unwoken are the parts whose pending work it has still to find; look interrupts its
	// pause, and auditing makes it look at all endpoints then.
	unwoken  partSet
	look     chan struct{}
	auditing atomic.Int32 // how many rounds the watchdog is to make soon

	failOnce sync.Once
	failed   chan struct{}
	failure  error         // set before failed is closed
	stopped  chan struct{} // closed when no actor answers any more
}

// shared is what all actors of one Dispatcher use together. Its fields are set before
// the first actor starts; what they point to is safe for concurrent use.
type shared struct {
	// running ends, by end, when no actor needs storage any more: reads end with it.
	running context.Context
	end     context.CancelFunc

	options    Options
	store      Store
	log        *slog.Logger
	root       *actor.RootContext
	metrics    *metrics
	feed       *feed.Feed
	survey     *survey.Survey
	hours      *stats.Book
	permits    *limit.Permits
	clients    *limit.Clients
	budget     *limit.Budget
	publishing *webhook.Shares // of bytes of events that are being accepted
	attempts   *limit.Workers
	reads      *limit.Readers
	mailboxes  mailboxes
	watchers   watchers
	brakes     limit.Brakes
	// defaults, ceilings and maxPending start as in the options; the Set methods replace them.
	defaults   atomic.Pointer[webhook.Settings]
	ceilings   atomic.Pointer[webhook.Ceilings]
	maxPending atomic.Int64
	// owned are the parts that this node delivers to. The supervisor replaces it.
	owned   atomic.Pointer[webhook.Parts]
	applied atomic.Uint64 // version of the registrations that the router has
	// aborted: the shutdown ran out of time, and cut the attempts off that fail now. They
	// say nothing about their receivers, and are not recorded.
	aborted atomic.Bool
	// announce makes a stored change of an endpoint effective; it is Dispatcher.EndpointChanged.
	announce func(webhook.Endpoint)
}

// New makes a Dispatcher and starts nothing; Start does. Its errors name the option
// that is missing.
func New(o Options) (*Dispatcher, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	log := o.Log.With("component", "actors")
	d := &Dispatcher{failed: make(chan struct{}), stopped: make(chan struct{}), look: make(chan struct{}, 1)}
	d.system = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(slog.DiscardHandler) // protoactor logs whole messages, payloads included
		}),
		// The throttle of dead letters' log keeps a goroutine for this long.
		actor.WithDeadLetterThrottleInterval(10*time.Millisecond),
	)
	root := d.system.Root
	d.shared = &shared{
		options: o, store: o.Store, log: log, root: root, feed: o.Feed,
		permits:    limit.NewPermits(o.MaxInFlight, time.Now()),
		clients:    limit.NewClients(),
		budget:     limit.NewBudget(o.MaxPayloadMemory),
		publishing: webhook.NewShares(o.MaxPublishing),
		attempts:   limit.NewWorkers(o.MaxInFlight),
		reads:      limit.NewReaders(),
		survey:     survey.New(o.MetricsWebhooks, time.Now()),
		hours:      stats.NewBook(),
		mailboxes:  mailboxes{limit.NewWorkers(maxRunning)},
		announce:   d.EndpointChanged,
	}
	d.shared.running, d.shared.end = context.WithCancel(context.Background())
	var owned webhook.Parts
	if o.Cluster == nil {
		owned = webhook.AllParts()
	}
	d.shared.owned.Store(&owned)
	d.shared.defaults.Store(&o.Defaults)
	d.shared.maxPending.Store(o.MaxPending)
	d.shared.ceilings.Store(&o.Ceilings)
	d.figures = &figures.Keeper{Store: o.Store, Node: o.Node, Survey: d.shared.survey, Hours: d.shared.hours, Log: log}
	d.shared.metrics = newMetrics(o.Metrics, d.shared)
	return d, nil
}

// Start reads all endpoints, and continues with the deliveries that an earlier process
// left pending. It returns once events are accepted; pending work is found in the
// background. After an error nothing runs.
func (d *Dispatcher) Start() error {
	var version uint64
	if d.shared.options.Cluster != nil {
		version = d.shared.options.Cluster.Version() // before the read, which shows it or later ones
	}
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
	if d.shared.options.Cluster == nil { // else wake counts those of the node's own parts
		d.shared.metrics.recovered.Add(float64(d.shared.store.Pending()))
	}
	if err := d.restoreFigures(); err != nil {
		return err
	}
	d.shared.applied.Store(version)
	d.supervisor = d.spawn(newSupervisor(d.shared))
	d.router = d.spawn(&router{
		shared: d.shared, index: matches, supervisor: d.supervisor, volumes: limit.NewVolumes(webhook.MaxPayload + eventOverhead), version: version,
	})
	ctx, stop := context.WithCancel(d.shared.running)
	d.wakerStop = stop
	d.unwoken.add(*d.shared.owned.Load())
	d.waker.Go(func() { d.watch(ctx) })
	d.waker.Go(func() { d.figures.Run(ctx) })
	return nil
}

// restoreFigures takes over what an earlier process has counted. The hours of a cluster's
// endpoints follow with their parts.
func (d *Dispatcher) restoreFigures() error {
	err := d.figures.RestoreSeries(d.shared.running)
	if err == nil && d.shared.options.Cluster == nil {
		err = d.figures.RestoreHours(d.shared.running, webhook.AllParts())
	}
	return err
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

const (
	// maxRunning bounds the actors that run at the same time. None of them waits for
	// anything, so more would only take turns.
	maxRunning = 256
	// maxRun is how many messages an actor handles in a row before others get its worker.
	maxRun = 300
)

// mailboxes runs actors on workers, whose stacks have grown already. protoactor's own
// dispatcher starts a goroutine for each message that finds an actor idle, and growing
// its stack costs more than handling the message.
type mailboxes struct{ *limit.Workers }

var _ actor.Dispatcher = mailboxes{}

// Schedule runs an actor until its mailbox is empty, or maxRun messages are handled.
func (m mailboxes) Schedule(run func()) { m.Run(run) }

// Throughput returns how many messages an actor handles in a row.
func (mailboxes) Throughput() int { return maxRun }
