package jobs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

const (
	// pendingStep bounds the deliveries of a step that the actor changes one by one. A
	// crash repeats such a step, which finds fewer of them to change.
	pendingStep = 100
	// atOnce is how many of these are asked for at the same time, so that storage can
	// write them in groups.
	atOnce = 16
	// stepsPerSecond is into how many steps a job with a rate divides a second.
	stepsPerSecond = 4
)

// choice is a step with the pending deliveries that the actor has to change before it.
type choice struct {
	bulk.Step
	pending []webhook.ID
}

// step takes the job's next step, and returns how long to wait before the one after it.
func (t *task) step(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	j, e, err := t.read(ctx)
	if err != nil {
		return 0, err
	}
	c, err := t.choose(ctx, &j, &e)
	if err != nil {
		return 0, err
	}
	if c.Changed, err = t.changePending(ctx, j.Action, c.pending); err != nil {
		return 0, err
	}
	c.From, c.Now = j.Position, time.Now()
	after, err := t.options.Dispatcher.AdvanceJob(ctx, j.ID, c.Step)
	if err != nil {
		return 0, err
	}
	t.noted = ""
	if after.Status.Finished() {
		return 0, errOver
	}
	if j.Rate == 0 {
		return 0, nil
	}
	due := time.Duration(after.Changed-j.Changed) * time.Second / time.Duration(j.Rate)
	return max(0, due-time.Since(began)), nil
}

// read returns the job and its endpoint, or errOver if there is nothing to do here.
func (t *task) read(ctx context.Context) (j bulk.Job, e webhook.Endpoint, err error) {
	j, err = t.options.Store.Job(ctx, t.id)
	if errors.Is(err, webhook.ErrNotFound) || err == nil && (j.Status != bulk.Running || !t.options.Dispatcher.Delivers(t.id.Endpoint)) {
		return j, e, errOver
	}
	if err != nil {
		return j, e, err
	}
	e, err = t.options.Store.Endpoint(ctx, t.id.Endpoint)
	switch {
	case errors.Is(err, webhook.ErrNotFound) || err == nil && e.Deleted():
		err = t.finish(ctx, bulk.Cancelled, "the webhook was deleted")
	case err == nil && e.Status == webhook.EndpointDisabled && j.Action.Sends():
		err = t.finish(ctx, bulk.Failed, "the webhook was disabled: resume it, then create the job again")
	}
	return j, e, err
}

// size returns how many deliveries a step may change: most, or fewer at a rate.
func size(j *bulk.Job, most int) int {
	if j.Rate == 0 {
		return most
	}
	return min(most, max(1, j.Rate/stepsPerSecond))
}

// choose selects the job's next step.
func (t *task) choose(ctx context.Context, j *bulk.Job, e *webhook.Endpoint) (choice, error) {
	if j.Action == bulk.Backfill {
		return t.chooseMissing(ctx, j, e)
	}
	lists := j.Filter.Queries(t.id.Endpoint)
	if j.Query >= len(lists) {
		return choice{Step: bulk.Step{To: j.Position, Last: true}}, nil
	}
	q, most := lists[j.Query], bulk.MaxStep
	if !q.Status.Finished() {
		most = pendingStep
	}
	q.Before, q.Limit = j.Before, size(j, most)
	page, err := t.options.Store.ListDeliveries(ctx, q)
	if err != nil {
		return choice{}, err
	}
	var c choice
	c.Looked, c.To = int64(len(page.Deliveries)), bulk.Position{Query: j.Query, Before: page.Next}
	if page.Next == (webhook.ID{}) {
		c.To.Query++
		c.Last = c.To.Query >= len(lists)
	}
	for i := range page.Deliveries {
		switch d := &page.Deliveries[i]; {
		case triedSince(d, j.CreatedAt()):
		case d.Status.Finished():
			c.Requeue = append(c.Requeue, d.ID)
		default:
			c.pending = append(c.pending, d.ID)
		}
	}
	return c, nil
}

// triedSince reports whether a delivery was attempted after the job was created: then the
// job has sent it again already, or somebody else has. Of several lists the later ones
// find deliveries that the first have moved.
func triedSince(d *webhook.Delivery, created time.Time) bool {
	last := d.LastAttempt()
	return last != nil && last.At.After(created)
}

// chooseMissing selects events that the endpoint was never sent.
func (t *task) chooseMissing(ctx context.Context, j *bulk.Job, e *webhook.Endpoint) (choice, error) {
	q := bulk.MissingOf(j, e)
	q.Before, q.Limit = j.Before, size(j, bulk.MaxStep)
	page, err := t.options.Store.MissingEvents(ctx, q)
	if err != nil {
		return choice{}, err
	}
	var c choice
	c.Looked, c.To.Before = page.Looked, page.Next
	c.Last = page.Next == (webhook.ID{})
	bytes := int64(0)
	for i := range page.Events {
		one := &page.Events[i]
		if bytes += one.Record; bytes > bulk.MaxStepBytes && i > 0 {
			c.To.Before, c.Last = page.Events[i-1].ID, false
			break
		}
		c.Step.Missing = append(c.Step.Missing, one.ID)
	}
	return c, nil
}

// changePending has the actor retry or cancel pending deliveries, some at the same time,
// and returns how many it changed. What has finished meanwhile, or is in flight, stays.
func (t *task) changePending(ctx context.Context, a bulk.Action, ids []webhook.ID) (int64, error) {
	change := t.options.Dispatcher.Retry
	if a == bulk.Cancel {
		change = t.options.Dispatcher.Cancel
	}
	var changed, next atomic.Int64
	var failure atomic.Pointer[error]
	var workers sync.WaitGroup
	for range min(atOnce, len(ids)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ids)) && failure.Load() == nil; i = next.Add(1) - 1 {
				_, err := change(ctx, ids[i])
				switch {
				case err == nil:
					changed.Add(1)
				case !errors.Is(err, webhook.ErrConflict) && !errors.Is(err, webhook.ErrNotFound):
					failure.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if err := failure.Load(); err != nil {
		return 0, *err
	}
	return changed.Load(), nil
}
