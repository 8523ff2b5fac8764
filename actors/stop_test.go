package actors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestStopDrains: attempts in flight end and are recorded, and nothing else starts. After
// a restart the rest is delivered.
func TestStopDrains(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 5})
		r.receiver.does(n, answers(200, 10*time.Second))
		ids := r.publish(20, 2)
		synctest.Wait()
		start := time.Now()
		r.stop()
		if took := time.Since(start); took != 10*time.Second {
			t.Error("stop took", took)
		}
		r.stop() // again
		if calls := r.receiver.sent(n); len(calls) != 5 || r.store.Pending() != 15 {
			t.Error(len(calls), "were sent,", r.store.Pending(), "are pending")
		}
		r.start()
		time.Sleep(time.Minute)
		r.wantOnce(n, ids)
	})
}

// TestStopCutsOff: when the time of a stop is over, attempts are cut off. Their deliveries
// stay pending, and count as not attempted.
func TestStopCutsOff(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Timeout: time.Hour})
		release := make(chan struct{})
		r.receiver.does(n, hangs(release))
		ids := r.publish(20, 2)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		start := time.Now()
		first := r.d.Stop(ctx)
		wantError(t, first, errCutOff)
		wantError(t, first, context.DeadlineExceeded)
		if took := time.Since(start); took != 3*time.Second {
			t.Error("stop took", took)
		}
		if again := r.d.Stop(context.Background()); !errors.Is(again, errCutOff) {
			t.Error("the second call says", again)
		}
		r.wantIdle()
		for _, id := range ids {
			r.wantStatus(id.For(n), webhook.Queued, "", 0)
		}
		r.options.Abort, r.receiver.abort = func() {}, make(chan struct{})
		close(release)
		r.start()
		time.Sleep(time.Minute)
		for _, id := range ids {
			r.wantStatus(id.For(n), webhook.Delivered, "", 1)
		}
	})
}

func TestStopWithoutStart(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		r.stop()
		d, err := New(r.freshOptions())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestPublishWhileStopping: each event is either acknowledged and stored, or refused with
// the advice to come again. Nobody waits for ever.
func TestPublishWhileStopping(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(200, time.Millisecond))
		var mu sync.Mutex
		var acknowledged []webhook.ID
		var refused atomic.Int32
		var publishers sync.WaitGroup
		for range 50 {
			publishers.Go(func() {
				for range 20 {
					receipts, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
					var later *webhook.RetryAfterError
					switch {
					case err == nil:
						mu.Lock()
						acknowledged = append(acknowledged, receipts[0].EventID)
						mu.Unlock()
					case errors.Is(err, webhook.ErrShuttingDown) && errors.As(err, &later) && later.After > 0:
						refused.Add(1)
					default:
						t.Error(err)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(5 * time.Millisecond)
		r.stop()
		publishers.Wait()
		if len(acknowledged) == 0 || refused.Load() == 0 {
			t.Error(len(acknowledged), "acknowledged,", refused.Load(), "refused: there was no race")
		}
		r.start()
		time.Sleep(time.Minute)
		r.wantOnce(n, acknowledged)
	})
}

// TestStopWhileStoring: an event that is being stored when the dispatcher stops is acknowledged all the same.
func TestStopWhileStoring(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		r.register(webhook.Settings{})
		r.store.Hold()
		done := make(chan error, 1)
		go func() {
			_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
			done <- err
		}()
		synctest.Wait()
		if err := r.d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		select {
		case err := <-done:
			t.Error("answered before it was stored:", err)
		default:
		}
		r.store.Release()
		wantError(t, <-done, nil)
	})
}

// TestAskAfterStop: every question is answered with an error, at once.
func TestAskAfterStop(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		id := r.publishOne(n)
		synctest.Wait()
		r.stop()
		start := time.Now()
		_, err := r.d.Health(context.Background(), n)
		wantError(t, err, webhook.ErrShuttingDown)
		_, err = r.d.Progress(context.Background(), n)
		wantError(t, err, webhook.ErrShuttingDown)
		r.cancel(id, webhook.ErrShuttingDown)
		_, err = r.d.Test(context.Background(), webhook.Endpoint{}, webhook.Event{}, true)
		wantError(t, err, webhook.ErrShuttingDown)
		if time.Since(start) > 0 {
			t.Error("the questions took", time.Since(start))
		}
	})
}

// TestQuestionsWhileDraining: an actor that a question starts during the stop sends nothing.
func TestQuestionsWhileDraining(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		slow, paused := r.register(webhook.Settings{}), r.register(webhook.Settings{})
		r.receiver.does(slow, answers(200, 10*time.Second))
		r.setStatus(paused, webhook.EndpointPaused)
		ids := r.publish(1, 2)
		time.Sleep(time.Second)
		go func() {
			time.Sleep(time.Second)
			r.setStatus(paused, webhook.EndpointActive)
			r.startActor(paused)
		}()
		r.stop()
		r.wantOnce(slow, ids)
		if calls := r.receiver.sent(paused); len(calls) > 0 {
			t.Error("sent while stopping:", calls)
		}
	})
}

// TestCrashWhileDraining: an actor that panics does not delay the stop.
func TestCrashWhileDraining(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, func(call) webhook.Attempt {
			time.Sleep(time.Second)
			return webhook.Attempt{Failure: unknown}
		})
		r.publish(3, 2)
		synctest.Wait()
		start := time.Now()
		if r.stop(); time.Since(start) > 2*time.Second {
			t.Error("stop took", time.Since(start))
		}
	})
}

// TestRestart: after a restart everything pending continues as it was.
func TestRestart(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		plain := r.register(webhook.Settings{})
		retried := r.register(regular(time.Hour, 3))
		broken := r.register(webhook.Settings{
			Concurrency: 1, Retry: webhook.RetryPolicy{Initial: time.Second, Multiplier: 1},
			Breaker: webhook.BreakerPolicy{Failures: 1, Open: time.Hour, MaxOpen: 4 * time.Hour},
		})
		paused := r.register(webhook.Settings{})
		r.setStatus(paused, webhook.EndpointPaused)
		r.receiver.does(retried, answers(500, 0))
		r.receiver.does(broken, answers(500, 0))
		start := time.Now()
		first := r.publish(1, 2)[0]
		time.Sleep(10 * time.Minute)
		r.stop()
		time.Sleep(10 * time.Minute)
		r.start()
		r.wantStatus(first.For(retried), webhook.Retrying, webhook.ReasonHTTP5xx, 1)
		if h := r.health(broken); h.Breaker != webhook.BreakerOpen || h.OpenUntil.Sub(start) != time.Hour {
			t.Errorf("%+v", h)
		}
		second := r.publish(1, 2)[0]
		if second.Compare(first) <= 0 {
			t.Error("the numbering began again")
		}
		time.Sleep(30 * time.Minute)
		r.stop()
		r.start()
		time.Sleep(91 * time.Minute)
		r.wantTimes(retried, start, 0, 20*time.Minute, time.Hour, time.Hour+20*time.Minute, 2*time.Hour, 2*time.Hour+20*time.Minute)
		r.wantStatus(first.For(retried), webhook.Failed, webhook.ReasonHTTP5xx, 3)
		r.wantTimes(broken, start, 0, time.Hour) // and then open for two hours
		if h := r.health(broken); h.OpenUntil.Sub(start).Round(time.Second) != 3*time.Hour {
			t.Errorf("%+v", h)
		}
		r.wantOnce(plain, []webhook.ID{first, second})
		r.setStatus(paused, webhook.EndpointActive)
		r.wantOnce(paused, []webhook.ID{first, second})
	})
}

// TestRestartOfMany: only endpoints with something to do get an actor.
func TestRestartOfMany(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		var busy []webhook.EndpointNumber
		for i := range 50 {
			n := r.register(regular(time.Hour, 3))
			if i%10 == 0 {
				busy = append(busy, n)
				r.receiver.does(n, answers(500, 0))
			}
		}
		start := time.Now()
		r.publish(1, 2)
		synctest.Wait()
		r.stop()
		r.start()
		if running := r.actorsRunning(); running != 0 {
			t.Error(running, "actors run, though nothing is due")
		}
		time.Sleep(90 * time.Minute)
		for _, n := range busy {
			r.wantTimes(n, start, 0, time.Hour)
		}
	})
}

// TestStartFails: storage that cannot be read is an error of Start, or soon after of the
// dispatcher.
func TestStartFails(t *testing.T) {
	unreadable := errors.New("unreadable")
	h := &hook{}
	inRig(t, func(o *Options) { h.Store, o.Store = o.Store.(storage.Store), h }, func(r *rig) {
		r.stop()
		h.each = func(func(webhook.Endpoint) error) error { return unreadable }
		d, err := New(r.freshOptions())
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, d.Start(), unreadable)
		h.each, h.wakes = nil, func(func(webhook.Wake) error) error { return unreadable }
		r.start()
		select {
		case <-r.d.Failed():
			wantError(t, r.d.Err(), unreadable)
		default:
			t.Error("Failed is not closed")
		}
	})
}

// TestReadsFail: storage that does not answer for a while is asked again.
func TestReadsFail(t *testing.T) {
	h := &unready{}
	inRig(t, func(o *Options) { h.Store, o.Store = o.Store.(storage.Store), h }, func(r *rig) {
		n := r.register(regular(time.Minute, 3))
		r.setStatus(n, webhook.EndpointPaused)
		ids := r.publish(5, 2)
		synctest.Wait()
		for i := range h.failures {
			h.failures[i].Store(2)
		}
		r.receiver.does(n, func(c call) webhook.Attempt {
			return webhook.Attempt{StatusCode: map[bool]int{true: 500, false: 200}[c.attempt == 1]}
		})
		time.Sleep(time.Minute)
		r.setStatus(n, webhook.EndpointActive)
		time.Sleep(5 * time.Minute)
		for _, id := range ids {
			r.wantStatus(id.For(n), webhook.Delivered, "", 2)
		}
		r.setStatus(n, webhook.EndpointPaused)
		ids = r.publish(5, 2)
		h.failures[3].Store(2)
		r.change(n, func(e *webhook.Endpoint) { e.DeletedAt = time.Now() })
		time.Sleep(time.Minute)
		for _, id := range ids {
			r.wantStatus(id.For(n), webhook.Cancelled, webhook.ReasonEndpointDeleted, 0)
		}
		if !slices.Equal(h.left(), []int32{0, 0, 0, 0}) {
			t.Error("not all reads failed:", h.left())
		}
	})
}
