package jobs

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// TestActions: each action changes what its filter selects, and nothing else.
func TestActions(t *testing.T) {
	for _, c := range []struct {
		action  bulk.Action
		changed int64
		after   map[webhook.Status]int
	}{
		{bulk.Replay, 600, map[webhook.Status]int{webhook.Queued: 730, webhook.Retrying: 120, webhook.Delivered: 10}},
		{bulk.Retry, 720, map[webhook.Status]int{webhook.Queued: 850, webhook.Delivered: 10}},
		{bulk.Cancel, 250, map[webhook.Status]int{webhook.Cancelled: 250, webhook.Failed: 600, webhook.Delivered: 10}},
	} {
		t.Run(string(c.action), func(t *testing.T) {
			inRig(t, func(r *rig) {
				ids := slices.Concat(r.attempted(600, 410), r.attempted(120, 500), r.attempted(10, 200))
				for _, event := range r.publish(130, r.webhook.Number()) {
					ids = append(ids, event.For(r.webhook.Number()))
				}
				id := r.job(c.action, nil)
				j := r.want(id, bulk.Done, c.changed)
				if j.Looked < c.changed || j.FinishedAt.IsZero() {
					r.Errorf("%+v", j)
				}
				if got := r.statuses(ids); len(got) != len(c.after) || !mapsEqual(got, c.after) {
					r.Errorf("%v, want %v", got, c.after)
				}
				for _, n := range r.fake.steps {
					if n > bulk.MaxStep {
						r.Errorf("a step changes %d", n)
					}
				}
			})
		})
	}
}

func mapsEqual(a, b map[webhook.Status]int) bool {
	for s, n := range a {
		if b[s] != n {
			return false
		}
	}
	return true
}

// TestBackfill sends what the webhook was never sent, within the filter.
func TestBackfill(t *testing.T) {
	inRig(t, func(r *rig) {
		events := r.publish(700)
		n := r.webhook.Number()
		r.attempted(5, 200)
		r.want(r.job(bulk.Backfill, func(j *bulk.Job) { j.Filter.EventTypes = []string{"order.*"} }), bulk.Done, 0)
		r.want(r.job(bulk.Backfill, nil), bulk.Done, 700)
		for _, id := range events {
			if d, err := r.store.Delivery(r.Context(), id.For(n)); err != nil || d.Status != webhook.Queued {
				r.Fatalf("%+v, %v", d, err)
			}
		}
		r.want(r.job(bulk.Backfill, nil), bulk.Done, 0)
	})
}

// TestRate: a job with a rate changes no more than that in a second, from its begin on.
func TestRate(t *testing.T) {
	inRig(t, func(r *rig) {
		r.attempted(100, 410)
		began := time.Now()
		id := r.job(bulk.Replay, func(j *bulk.Job) { j.Rate = 10 })
		time.Sleep(4900 * time.Millisecond)
		synctest.Wait()
		if j := r.read(id); j.Status != bulk.Running || j.Changed < 40 || j.Changed > 52 {
			r.Errorf("after 5 s: %s, %d changed", j.Status, j.Changed)
		}
		time.Sleep(6 * time.Second)
		r.want(id, bulk.Done, 100)
		for i, at := range r.fake.at {
			sum := 0
			for k, other := range r.fake.at[:i+1] {
				if at.Sub(other) < time.Second {
					sum += r.fake.steps[k]
				}
			}
			if sum > 12 {
				r.Errorf("%d within a second, %s after the begin", sum, at.Sub(began))
			}
		}
	})
}

// TestPauseAndRestart: a paused job stands still, also over a restart; a running one
// continues where it was, and sends nothing a second time.
func TestPauseAndRestart(t *testing.T) {
	inRig(t, func(r *rig) {
		ids := r.attempted(200, 410)
		id := r.job(bulk.Replay, func(j *bulk.Job) { j.Rate = 20 })
		time.Sleep(3 * time.Second)
		r.update(id, bulk.Paused)
		synctest.Wait()
		paused := r.read(id).Changed
		if paused == 0 || paused == 200 {
			t.Fatalf("%d were changed before the pause", paused)
		}
		// Whatever was sent again is delivered meanwhile.
		for _, one := range ids {
			if d, err := r.store.Delivery(r.Context(), one); err != nil {
				t.Fatal(err)
			} else if d.Status == webhook.Queued {
				r.attempt(one, 200)
			}
		}
		time.Sleep(time.Minute)
		r.stop()
		r.start()
		time.Sleep(time.Minute)
		r.want(id, bulk.Paused, paused)
		r.update(id, bulk.Running)
		time.Sleep(2 * time.Second)
		r.stop() // in the middle
		middle := r.read(id)
		if middle.Status != bulk.Running || middle.Changed <= paused || middle.Changed == 200 {
			t.Fatalf("%s, %d changed", middle.Status, middle.Changed)
		}
		time.Sleep(time.Minute)
		r.start()
		time.Sleep(time.Minute)
		r.want(id, bulk.Done, 200)
		if got := r.statuses(ids); got[webhook.Delivered] != int(paused) || got[webhook.Queued] != 200-int(paused) {
			t.Errorf("%v, %d were delivered during the pause", got, paused)
		}
	})
}

// TestTriedAgain: a delivery that the job has sent again, and that has failed again, is
// not sent a third time by a later list of the same job.
func TestTriedAgain(t *testing.T) {
	inRig(t, func(r *rig) {
		failed := r.attempted(10, 410)
		id := r.job(bulk.Retry, func(j *bulk.Job) { j.Rate = 4; j.Filter.Statuses = []webhook.Status{webhook.Failed, webhook.Retrying} })
		for r.read(id).Status == bulk.Running {
			time.Sleep(100 * time.Millisecond)
			for _, one := range failed {
				if d, err := r.store.Delivery(r.Context(), one); err == nil && d.Status == webhook.Queued {
					r.attempt(one, 500)
				}
			}
		}
		r.want(id, bulk.Done, 10)
		if len(r.fake.retried) != 0 {
			t.Errorf("%d were retried", len(r.fake.retried))
		}
	})
}

// TestWaits: what refuses publishing keeps a job waiting, which says so, and continues when
// that is over.
func TestWaits(t *testing.T) {
	inRig(t, func(r *rig) {
		r.attempted(5, 410)
		for err, want := range map[error]string{
			webhook.ErrTooManyPending:          "waits: too many deliveries are pending",
			webhook.ErrDiskReserve:             "waits for free disk space",
			errors.New("secret of the server"): "waits after an error inside the server, and tries again",
		} {
			r.fake.set(func(d *dispatcher) { d.refuses = err })
			id := r.job(bulk.Replay, nil)
			time.Sleep(time.Minute)
			if j := r.want(id, bulk.Running, 0); j.Error != want {
				t.Errorf("%v: %q", err, j.Error)
			}
			r.update(id, bulk.Cancelled)
			r.fake.set(func(d *dispatcher) { d.refuses = nil })
			time.Sleep(time.Minute)
		}
		id := r.job(bulk.Replay, nil)
		if j := r.want(id, bulk.Done, 5); j.Error != "" {
			t.Errorf("%q", j.Error)
		}
	})
}

// TestPendingFails: a step whose deliveries could not all be changed is repeated, and one
// in flight is passed over.
func TestPendingFails(t *testing.T) {
	inRig(t, func(r *rig) {
		ids := r.attempted(50, 500)
		r.fake.set(func(d *dispatcher) { d.fails = context.DeadlineExceeded; d.inFlight[ids[3]] = true })
		id := r.job(bulk.Cancel, nil)
		time.Sleep(time.Minute)
		r.want(id, bulk.Running, 0)
		r.fake.set(func(d *dispatcher) { d.fails = nil })
		time.Sleep(time.Minute)
		r.want(id, bulk.Done, 49)
		if got := r.statuses(ids); got[webhook.Cancelled] != 49 || got[webhook.Retrying] != 1 {
			t.Errorf("%v", got)
		}
	})
}

// TestEndOfWebhook: a job ends with its webhook, and one that sends with a disabled one.
func TestEndOfWebhook(t *testing.T) {
	for _, c := range []struct {
		name   string
		action bulk.Action
		change func(e *webhook.Endpoint)
		want   bulk.Status
	}{
		{"deleted", bulk.Cancel, func(e *webhook.Endpoint) { e.Delete(time.Now()) }, bulk.Cancelled},
		{"disabled", bulk.Replay, func(e *webhook.Endpoint) { e.Disable("gone", time.Now()) }, bulk.Failed},
		{"disabled, and nothing is sent", bulk.Cancel, func(e *webhook.Endpoint) { e.Disable("gone", time.Now()) }, bulk.Done},
		{"paused", bulk.Replay, func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused }, bulk.Done},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRig(t, func(r *rig) {
				_, err := r.store.UpdateEndpoint(r.Context(), r.webhook.Number(), func(e *webhook.Endpoint) error { c.change(e); return nil })
				r.must(err)
				if j := r.want(r.job(c.action, nil), c.want, 0); (j.Error != "") != (c.want != bulk.Done) {
					t.Errorf("%q", j.Error)
				}
			})
		})
	}
}

// TestNode: a job runs on the node that delivers to its webhook, wherever it was asked for.
func TestNode(t *testing.T) {
	inRig(t, func(r *rig) {
		r.attempted(100, 410)
		r.fake.set(func(d *dispatcher) { d.away = true })
		id := r.job(bulk.Replay, func(j *bulk.Job) { j.Rate = 20 })
		time.Sleep(time.Minute)
		r.want(id, bulk.Running, 0)
		r.fake.set(func(d *dispatcher) { d.away = false })
		time.Sleep(5 * time.Second)
		r.fake.set(func(d *dispatcher) { d.away = true })
		synctest.Wait()
		time.Sleep(time.Second)
		middle := r.read(id).Changed
		if middle == 0 || middle == 100 {
			t.Fatalf("%d changed", middle)
		}
		time.Sleep(time.Minute)
		r.want(id, bulk.Running, middle)
		r.fake.set(func(d *dispatcher) { d.away = false })
		time.Sleep(time.Minute)
		r.want(id, bulk.Done, 100)
	})
}

// TestManyJobs: no more than a bound run at a time, and all get their turn.
func TestManyJobs(t *testing.T) {
	inRig(t, func(r *rig) {
		var ids []webhook.ID
		for range maxRunning + 20 {
			e, err := r.store.CreateEndpoint(r.Context(), webhook.Endpoint{ID: r.id(), ClientID: "acme", Status: webhook.EndpointActive})
			r.must(err)
			r.webhook = e
			r.attempted(4, 410)
			ids = append(ids, r.job(bulk.Replay, func(j *bulk.Job) { j.Rate = 1; j.Status = bulk.Paused }))
		}
		for _, id := range ids {
			r.update(id, bulk.Running)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		running := 0
		for _, id := range ids {
			if r.read(id).Changed > 0 {
				running++
			}
		}
		if running != maxRunning {
			t.Errorf("%d jobs run", running)
		}
		time.Sleep(time.Minute)
		for _, id := range ids {
			r.want(id, bulk.Done, 4)
		}
	})
}
