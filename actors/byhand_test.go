package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// shut returns an endpoint whose deliveries wait for a long time: its breaker is open,
// or a Retry-After holds it. One delivery has failed, others are queued. Then the
// receiver works again.
func (r *rig) shut(a webhook.Attempt, s webhook.Settings) (n webhook.EndpointNumber, tried webhook.ID, queued []webhook.ID) {
	r.t.Helper()
	s.Breaker = webhook.BreakerPolicy{Failures: 1, Open: 10 * time.Minute, MaxOpen: 10 * time.Minute}
	n = r.register(s)
	r.receiver.does(n, func(call) webhook.Attempt { return a })
	tried = r.publishOne(n)
	synctest.Wait()
	r.receiver.does(n, answers(200, time.Millisecond))
	for range 3 {
		queued = append(queued, r.publishOne(n))
	}
	synctest.Wait()
	for _, id := range queued {
		r.wantStatus(id, webhook.Queued, "", 0)
	}
	return n, tried, queued
}

func (r *rig) progress(n webhook.EndpointNumber) webhook.Progress {
	r.t.Helper()
	p, err := r.d.Progress(context.Background(), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) wantDelivered(ids ...webhook.ID) {
	r.t.Helper()
	synctest.Wait()
	for _, id := range ids {
		if d := r.delivery(id); d.Status != webhook.Delivered {
			r.t.Errorf("a delivery is %s (%q)", d.Status, d.Reason)
		}
	}
}

var (
	fault = webhook.Attempt{StatusCode: 500}
	held  = webhook.Attempt{StatusCode: 503, RetryAfter: 5 * time.Minute}
)

// TestByHandIsTheProbe: a retry, a test, a replay and a resume each go through an
// open breaker and a hold at once, and what waited follows.
func TestByHandIsTheProbe(t *testing.T) {
	test := func(r *rig, n webhook.EndpointNumber, _ webhook.ID) {
		e, err := r.store.Endpoint(r.t.Context(), n)
		if err != nil {
			r.t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		d, err := r.d.Test(ctx, e, webhook.Event{Type: "webhook.test", Data: []byte("1")}, true)
		if err != nil || d.Status != webhook.Delivered {
			r.t.Errorf("%+v %v", d, err)
		}
	}
	for name, ask := range map[string]func(r *rig, n webhook.EndpointNumber, tried webhook.ID){
		"retry": func(r *rig, _ webhook.EndpointNumber, tried webhook.ID) { r.retry(tried, nil) },
		"test":  test,
		"replay": func(r *rig, n webhook.EndpointNumber, _ webhook.ID) {
			if count, _, err := r.d.Replay(context.Background(), webhook.DeliveryQuery{Endpoint: n, Status: webhook.Failed, Limit: 9}); err != nil || count != 1 {
				r.t.Error(count, err)
			}
		},
		"resume": func(r *rig, n webhook.EndpointNumber, _ webhook.ID) { r.change(n, (*webhook.Endpoint).Resume) },
	} {
		for state, a := range map[string]webhook.Attempt{"breaker": fault, "hold": held} {
			for _, rested := range []bool{false, true} {
				t.Run(name+" "+state, func(t *testing.T) {
					inRig(t, nil, func(r *rig) {
						n, tried, queued := r.shut(a, regular(time.Hour, 1))
						if rested {
							time.Sleep(time.Minute)
						}
						ask(r, n, tried)
						time.Sleep(time.Second)
						r.wantDelivered(queued...)
						if h := r.health(n); h.Breaker != webhook.BreakerClosed || !h.HoldUntil.IsZero() || h.Waiting != (webhook.Waiting{}) {
							t.Errorf("%+v", h)
						}
					})
				})
			}
		}
	}
}

// TestByHandOneAtATime: however many retries people ask for, a receiver that is still
// down gets one at a time, and the breaker is half-open no later than without them.
func TestByHandOneAtATime(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n, tried, queued := r.shut(fault, regular(time.Hour, 9))
		until := r.health(n).OpenUntil
		var flying, most atomic.Int32
		r.receiver.does(n, func(call) webhook.Attempt {
			most.Store(max(most.Load(), flying.Add(1)))
			defer flying.Add(-1)
			time.Sleep(time.Second)
			return webhook.Attempt{Failure: webhook.ReasonTimeout}
		})
		for _, id := range append(queued, tried) {
			r.retry(id, nil)
		}
		synctest.Wait()
		p := r.progress(n)
		if len(p.Started) != 1 || len(p.ByHand) != 3 || p.Waiting.For != webhook.WaitBreaker {
			t.Errorf("%+v", p)
		}
		time.Sleep(10 * time.Second)
		if most.Load() != 1 || len(r.receiver.sent(n)) != 1+4 {
			t.Error(most.Load(), "at a time,", len(r.receiver.sent(n)), "attempts")
		}
		if h := r.health(n); !h.OpenUntil.Equal(until) {
			t.Error("open until", h.OpenUntil, "and before until", until)
		}
	})
}

// TestManyByHand: requests beyond the number kept in memory become ordinary retries, and
// none is lost.
func TestManyByHand(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n, tried, queued := r.shut(fault, regular(time.Hour, 9))
		for range 2 * lane.MaxByHand {
			queued = append(queued, r.publishOne(n))
		}
		release := make(chan struct{})
		r.receiver.does(n, hangs(release))
		for _, id := range append(queued, tried) {
			r.retry(id, nil)
		}
		synctest.Wait()
		if p := r.progress(n); len(p.Started) != 1 || len(p.ByHand) != lane.MaxByHand {
			t.Errorf("%d in flight, %d wait by hand", len(p.Started), len(p.ByHand))
		}
		close(release)
		time.Sleep(time.Second)
		r.wantDelivered(append(queued, tried)...)
	})
}

// TestByHandBorrowsFromTheRate: a retry does not wait for the rate limit, and what
// comes after it waits for longer.
func TestByHandBorrowsFromTheRate(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(time.Hour, 2)
		s.Rate = 1.0 / 60
		n := r.register(s)
		start := time.Now()
		ids := []webhook.ID{r.publishOne(n), r.publishOne(n)}
		synctest.Wait()
		if p := r.progress(n); p.Waiting.For != webhook.WaitRate || p.Waiting.Until.Sub(start).Round(time.Second) != time.Minute {
			t.Errorf("%+v", p)
		}
		time.Sleep(10 * time.Second)
		r.retry(ids[0], nil)
		time.Sleep(5 * time.Minute)
		r.wantTimes(n, start, 0, 10*time.Second, 2*time.Minute)
		r.wantDelivered(ids...)
	})
}

// TestTestDuringPause: a test is sent through a pause, with an actor and without. A
// retry waits for the end of the pause, as all others do.
func TestTestDuringPause(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		tried := r.publishOne(n)
		synctest.Wait()
		e := r.change(n, func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused })
		waits := r.publishOne(n)
		for _, rested := range []bool{false, true} {
			if rested {
				time.Sleep(time.Minute)
			}
			d, err := r.d.Test(context.Background(), e, webhook.Event{Type: "webhook.test", Data: []byte("1")}, true)
			if err != nil || d.Status != webhook.Delivered {
				t.Errorf("%+v %v", d, err)
			}
		}
		r.retry(tried, nil)
		r.wantStatus(tried, webhook.Queued, "", 1)
		r.wantStatus(waits, webhook.Queued, "", 0)
		if p := r.progress(n); p.Waiting.For != webhook.WaitPause {
			t.Errorf("%+v", p)
		}
		time.Sleep(time.Minute)
		r.change(n, (*webhook.Endpoint).Resume)
		r.wantDelivered(tried, waits)
	})
}

// TestWhatIsWaitedFor: each cause of waiting is named, with its end, where no actor runs
// and after a restart, too. The question starts no actor.
func TestWhatIsWaitedFor(t *testing.T) {
	inRig(t, func(o *Options) { o.MaxInFlight = 4 }, func(r *rig) {
		want := func(n webhook.EndpointNumber, cause webhook.Wait, in time.Duration) {
			t.Helper()
			synctest.Wait()
			got := r.progress(n).Waiting
			if got.For != cause || in > 0 && time.Until(got.Until).Round(time.Second) != in || in == 0 && !got.Until.IsZero() {
				t.Errorf("got %+v, want %s in %v", got, cause, in)
			}
		}
		n, _, _ := r.shut(fault, regular(time.Hour, 9))
		want(n, webhook.WaitBreaker, 10*time.Minute)
		time.Sleep(time.Minute)
		if r.actorsRunning() != 0 {
			t.Fatal("the idle actor does not stop")
		}
		want(n, webhook.WaitBreaker, 9*time.Minute)
		r.stop()
		r.start()
		want(n, webhook.WaitBreaker, 9*time.Minute)
		if r.actorsRunning() != 0 {
			t.Error("to ask started an actor")
		}
		r.setStatus(n, webhook.EndpointPaused)

		n, _, _ = r.shut(held, regular(time.Hour, 9))
		want(n, webhook.WaitBreaker, 10*time.Minute) // it ends later than the hold
		r.setStatus(n, webhook.EndpointPaused)
		want(n, webhook.WaitPause, 0)
		time.Sleep(time.Minute)
		want(n, webhook.WaitPause, 0)

		s := webhook.Settings{Concurrency: 1, Timeout: time.Hour}
		release := make(chan struct{})
		var first webhook.EndpointNumber
		for range 4 {
			n = r.register(s)
			if first == 0 {
				first = n
			}
			r.receiver.does(n, hangs(release))
			r.publish(1, 2)
			synctest.Wait()
		}
		last := r.register(s)
		r.publish(1, 2)
		want(last, webhook.WaitSlot, 0)
		want(first, webhook.WaitNone, 0) // for their turn
		close(release)
		time.Sleep(time.Hour)
	})
}
