// Package jobs carries out the changes of many deliveries that somebody asked for (package
// webhook/bulk): it finds the jobs that have not finished, and takes their steps one after
// the other, at the pace that each asks for. What a job has done is in storage with every
// step, so that a job continues where it was after a restart, or on another node.
//
// What a step changes, and how it is stored, belongs to storage. What is pending goes
// through the dispatcher, since only the actor of an endpoint may change that. Who may ask
// for a job belongs to httpapi/jobs.
package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// Store is what a Runner reads and writes without the dispatcher. The methods are those
// of storage.Store.
type Store interface {
	Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
	ListDeliveries(ctx context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error)
	MissingEvents(ctx context.Context, q bulk.MissingQuery) (bulk.MissingPage, error)
	Job(ctx context.Context, id webhook.ID) (bulk.Job, error)
	UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (bulk.Job, error)
	UnfinishedJobs(ctx context.Context) ([]bulk.Job, error)
}

// Dispatcher changes deliveries.
type Dispatcher interface {
	// AdvanceJob makes a step. Besides the errors of storage it has those with which an
	// event would be refused: ErrTooManyPending, ErrClientLimit, ErrDiskReserve.
	AdvanceJob(ctx context.Context, id webhook.ID, s bulk.Step) (bulk.Job, error)
	// Retry sends a pending delivery again at once.
	Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// Cancel ends a pending delivery; ErrConflict if an attempt is in flight.
	Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error)
	// Delivers reports whether this node delivers to an endpoint.
	Delivers(n webhook.EndpointNumber) bool
}

// Options are the parts of a Runner.
type Options struct {
	Store      Store
	Dispatcher Dispatcher
	Log        *slog.Logger
	// Look is how often a Runner looks for jobs that other nodes were asked for, or have
	// left behind; 0 for never.
	Look time.Duration
}

// maxRunning bounds the jobs that run at the same time. The others wait for their turn.
const maxRunning = 32

// readPause is the wait after a failure to read which jobs there are.
const readPause = time.Second

// Runner runs the jobs of the endpoints that this node delivers to.
type Runner struct {
	options Options
	woken   chan struct{}

	mu     sync.Mutex
	active map[webhook.ID]struct{}
	// waiting says that some jobs found no place among the active ones.
	waiting bool
	running sync.WaitGroup
}

// New returns a Runner that does nothing before Run.
func New(o Options) *Runner {
	return &Runner{options: o, woken: make(chan struct{}, 1), active: map[webhook.ID]struct{}{}}
}

// Wake has the Runner look for jobs: one was created or resumed. It does not block.
func (r *Runner) Wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Run runs jobs until ctx ends, and returns when none of them runs any more. It is called
// once.
func (r *Runner) Run(ctx context.Context) {
	defer r.running.Wait()
	for {
		pause := r.options.Look
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.options.Log.Warn("the unfinished jobs cannot be read", slog.Any("error", err))
			pause = readPause
		}
		if !r.wait(ctx, pause) {
			return
		}
	}
}

// wait waits for Wake, or for a time unless it is 0. It reports false when ctx has ended.
func (r *Runner) wait(ctx context.Context, pause time.Duration) bool {
	var later <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		later = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-r.woken:
	case <-later:
	}
	return true
}

// look starts the jobs that are to run here and do not yet.
func (r *Runner) look(ctx context.Context) error {
	list, err := r.options.Store.UnfinishedJobs(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = false
	for i := range list {
		id := list[i].ID
		if _, active := r.active[id]; active || list[i].Status != bulk.Running || !r.options.Dispatcher.Delivers(id.Endpoint) {
			continue
		}
		if len(r.active) >= maxRunning {
			r.waiting = true
			return nil
		}
		r.active[id] = struct{}{}
		r.running.Go(func() {
			defer r.ended(id)
			t := task{Runner: r, id: id}
			t.run(ctx)
		})
	}
	return nil
}

// ended takes a job out of the active ones, and lets another one in.
func (r *Runner) ended(id webhook.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, id)
	if r.waiting {
		r.Wake()
	}
}
