package jobs

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// rig is a runner in a bubble of virtual time, on storage in memory.
type rig struct {
	*testing.T
	store    *memstore.Store
	fake     *dispatcher
	runner   *Runner
	stop     func()
	sequence webhook.Sequence
	webhook  webhook.Endpoint
}

// dispatcher changes deliveries in storage, and keeps account.
type dispatcher struct {
	*memstore.Store
	mu       sync.Mutex
	refuses  error // of AdvanceJob
	fails    error // of Retry and Cancel
	away     bool  // the node delivers to nobody
	steps    []int // sizes
	at       []time.Time
	retried  map[webhook.ID]int
	inFlight map[webhook.ID]bool
}

func (d *dispatcher) Delivers(webhook.EndpointNumber) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.away
}

func (d *dispatcher) AdvanceJob(ctx context.Context, id webhook.ID, s bulk.Step) (bulk.Job, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuses != nil && len(s.Requeue)+len(s.Missing) > 0 {
		return bulk.Job{}, d.refuses
	}
	j, made, err := d.Store.AdvanceJob(ctx, id, s)
	if err == nil {
		d.steps, d.at = append(d.steps, made+int(s.Changed)), append(d.at, time.Now())
	}
	return j, err
}

func (d *dispatcher) Retry(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return webhook.Delivery{}, d.fails
	}
	d.retried[id]++
	due, err := d.Requeue(ctx, id)
	return due.Delivery, err
}

func (d *dispatcher) Cancel(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fails != nil:
		return webhook.Delivery{}, d.fails
	case d.inFlight[id]:
		return webhook.Delivery{}, webhook.ErrConflict
	}
	return d.Store.Cancel(ctx, id, webhook.ReasonCancelled, time.Now())
}

// set changes the dispatcher.
func (d *dispatcher) set(change func(d *dispatcher)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// inRig runs a test with one webhook and a runner that runs.
func inRig(t *testing.T, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.Open(memstore.Options{})
		r := &rig{T: t, store: store, fake: &dispatcher{Store: store, retried: map[webhook.ID]int{}, inFlight: map[webhook.ID]bool{}}}
		e, err := store.CreateEndpoint(t.Context(), webhook.Endpoint{
			ID: r.id(), ClientID: "acme", Status: webhook.EndpointActive, EventTypes: []string{"user.*"},
		})
		r.must(err)
		r.webhook = e
		r.start()
		test(r)
		r.stop()
		r.must(store.Close())
	})
}

// start starts a runner, as a process that starts does.
func (r *rig) start() {
	r.runner = New(Options{Store: r.store, Dispatcher: r.fake, Log: slog.New(slog.DiscardHandler), Look: 3 * time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.runner.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-ended
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) id() webhook.ID { return webhook.ID{Seq: r.sequence.Next(time.Now()), Nonce: 7} }

// publish accepts events for some endpoints, and returns their IDs, oldest first.
func (r *rig) publish(count int, to ...webhook.EndpointNumber) (ids []webhook.ID) {
	r.Helper()
	events := make([]webhook.Event, count)
	for i := range events {
		events[i] = webhook.Event{ID: r.id(), Type: "user.created", Data: []byte(`{}`), Endpoints: to}
		ids = append(ids, events[i].ID)
	}
	done := make(chan error, 1)
	r.store.Accept(events, 0, func(_ []webhook.Receipt, err error) { done <- err })
	r.must(<-done)
	time.Sleep(time.Millisecond) // what follows is accepted later
	return ids
}

// attempted accepts events for the webhook and makes one attempt for each.
func (r *rig) attempted(count, code int) (ids []webhook.ID) {
	r.Helper()
	for _, event := range r.publish(count, r.webhook.Number()) {
		ids = append(ids, event.For(r.webhook.Number()))
		r.attempt(ids[len(ids)-1], code)
	}
	time.Sleep(time.Second)
	return ids
}

// attempt settles an attempt that was answered with a code.
func (r *rig) attempt(id webhook.ID, code int) {
	r.Helper()
	was, err := r.store.Delivery(r.Context(), id)
	r.must(err)
	now := was.Attempted(webhook.Attempt{At: time.Now(), StatusCode: code}, webhook.DefaultSettings().Retry, 0)
	done := make(chan error, 1)
	r.store.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
	r.must(<-done)
}

// job creates a job of the webhook.
func (r *rig) job(a bulk.Action, change func(*bulk.Job)) webhook.ID {
	r.Helper()
	j := bulk.Job{ID: r.id().For(r.webhook.Number()), ClientID: "acme", Action: a, Status: bulk.Running, Total: -1}
	all, usual := a.Statuses()
	j.Filter.Statuses = all[:usual]
	if change != nil {
		change(&j)
	}
	_, err := r.store.CreateJob(r.Context(), j)
	r.must(err)
	r.runner.Wake()
	return j.ID
}

// read reads a job.
func (r *rig) read(id webhook.ID) bulk.Job {
	r.Helper()
	j, err := r.store.Job(r.Context(), id)
	r.must(err)
	return j
}

// update changes a job as a caller of the API does.
func (r *rig) update(id webhook.ID, s bulk.Status) {
	r.Helper()
	_, err := r.store.UpdateJob(r.Context(), id, func(j *bulk.Job) error {
		if j.Status = s; s.Finished() {
			j.Finish(s, "", time.Now())
		}
		return nil
	})
	r.must(err)
	r.runner.Wake()
}

// statuses counts deliveries by status.
func (r *rig) statuses(ids []webhook.ID) map[webhook.Status]int {
	r.Helper()
	out := map[webhook.Status]int{}
	for _, id := range ids {
		d, err := r.store.Delivery(r.Context(), id)
		r.must(err)
		out[d.Status]++
	}
	return out
}

// want checks a job once the runner has nothing to do at present.
func (r *rig) want(id webhook.ID, s bulk.Status, changed int64) bulk.Job {
	r.Helper()
	synctest.Wait()
	j := r.read(id)
	if j.Status != s || j.Changed != changed {
		r.Errorf("the job is %s, %d changed, %q; want %s, %d", j.Status, j.Changed, j.Error, s, changed)
	}
	return j
}
