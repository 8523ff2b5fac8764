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
	"errors"
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

// errOver ends a task: the job has finished, was paused, or belongs to another node.
var errOver = errors.New("the job does not run here any more")

// task is one job as it runs.
type task struct {
	*Runner
	id    webhook.ID
	noted string // the cause that the job shows of its last failure
}

// Pauses after failures, each twice the one before.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

// run takes steps until the job is over.
func (t *task) run(ctx context.Context) {
	failures := time.Duration(0)
	for {
		pause, err := t.step(ctx)
		switch {
		case err == nil:
			failures = 0
		case errors.Is(err, errOver) || lasting(err) || ctx.Err() != nil:
			return
		case errors.Is(err, webhook.ErrConflict): // paused, or changed by somebody else: look again
			pause = 0
		default:
			failures = min(max(2*failures, firstPause), lastPause)
			pause = failures
			t.note(ctx, err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// lasting reports whether an error ends all work of this process.
func lasting(err error) bool {
	return errors.Is(err, webhook.ErrBroken) || errors.Is(err, webhook.ErrFenced) || errors.Is(err, webhook.ErrShuttingDown)
}

// sleep waits, and reports whether ctx has not ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	if pause == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// note shows in the job what it waits for. The next step removes it.
func (t *task) note(ctx context.Context, cause error) {
	text := cause.Error()
	if t.noted == text {
		return
	}
	t.options.Log.Warn("a job waits", slog.String("job", bulk.IDKind.Format(t.id)), slog.Any("error", cause))
	_, err := t.options.Store.UpdateJob(ctx, t.id, func(j *bulk.Job) error {
		j.Error = passing(cause)
		return nil
	})
	if err == nil {
		t.noted = text
	}
}

// passing says in words for a webhook's owner what a job waits for.
func passing(cause error) string {
	for _, c := range []struct {
		err  error
		text string
	}{
		{webhook.ErrTooManyPending, "waits: too many deliveries are pending"},
		{webhook.ErrClientLimit, "waits: the client has as many deliveries pending as it may have"},
		{webhook.ErrDiskReserve, "waits for free disk space"},
		{webhook.ErrUnavailable, "waits for storage"},
	} {
		if errors.Is(cause, c.err) {
			return c.text
		}
	}
	return "waits after an error inside the server, and tries again"
}

// finish ends the job, and the task with errOver.
func (t *task) finish(ctx context.Context, s bulk.Status, why string) error {
	_, err := t.options.Store.UpdateJob(ctx, t.id, func(j *bulk.Job) error {
		j.Finish(s, why, time.Now())
		return nil
	})
	if err != nil && !errors.Is(err, webhook.ErrConflict) {
		return err
	}
	t.options.Log.Info("a job has ended", slog.String("job", bulk.IDKind.Format(t.id)), slog.String("status", string(s)), slog.String("reason", why))
	return errOver
}
