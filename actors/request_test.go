package actors

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

func (r *rig) retry(id webhook.ID, want error) webhook.Delivery {
	r.t.Helper()
	d, err := r.d.Retry(context.Background(), id)
	wantError(r.t, err, want)
	return d
}

func (r *rig) cancel(id webhook.ID, want error) webhook.Delivery {
	r.t.Helper()
	d, err := r.d.Cancel(context.Background(), id)
	wantError(r.t, err, want)
	return d
}

// TestRetry: a delivery in any state is sent again now, except one that is being sent.
func TestRetry(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(time.Hour, 2)
		s.Concurrency = 1
		n := r.register(s)
		r.receiver.does(n, answers(500, time.Second))
		start := time.Now()
		id := r.publishOne(n)
		waiting := r.publishOne(n)
		synctest.Wait()
		r.retry(id, nil)      // in flight
		r.retry(waiting, nil) // in the window
		time.Sleep(3 * time.Second)
		r.wantTimes(n, start, 0, time.Second)
		r.wantStatus(id, webhook.Retrying, webhook.ReasonHTTP5xx, 1)

		if d := r.retry(id, nil); d.Status != webhook.Queued { // before it is due
			t.Errorf("%+v", d)
		}
		time.Sleep(2 * time.Second)
		r.wantTimes(n, start, 0, time.Second, 3*time.Second)
		r.wantStatus(id, webhook.Failed, webhook.ReasonHTTP5xx, 2)

		r.receiver.does(n, answers(200, 0))
		r.retry(id, nil) // after it failed
		r.wantStatus(id, webhook.Delivered, "", 3)
		r.retry(id, nil) // after it was delivered
		r.wantStatus(id, webhook.Delivered, "", 4)
		r.retry(webhook.ID{Seq: 1, Endpoint: n}, webhook.ErrNotFound)
		time.Sleep(2 * time.Hour)
		r.wantStatus(waiting, webhook.Delivered, "", 2)
		r.retry(id, nil) // its actor had stopped
		r.wantStatus(id, webhook.Delivered, "", 5)
	})
}

// TestRetryOfMany: many retries by hand keep to the bounds of memory.
func TestRetryOfMany(t *testing.T) {
	const limit, size = 1 << 20, 64 << 10
	inRig(t, func(o *Options) { o.MaxPayloadMemory = limit }, func(r *rig) {
		n := r.register(webhook.Settings{Timeout: time.Hour})
		ids := r.publish(60, size)
		time.Sleep(time.Second)
		r.wantOnce(n, ids)
		release := make(chan struct{})
		r.receiver.does(n, hangs(release))
		for _, id := range ids {
			r.retry(id.For(n), nil)
		}
		synctest.Wait()
		if used := r.d.shared.budget.InUse(); used > limit+size {
			t.Error(used, "bytes are held, of", limit)
		}
		close(release)
		time.Sleep(time.Second)
		for _, id := range ids {
			r.wantStatus(id.For(n), webhook.Delivered, "", 2)
		}
	})
}

func TestCancel(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(time.Hour, 3)
		s.Concurrency = 1
		n := r.register(s)
		r.receiver.does(n, answers(500, time.Second))
		flying, waiting := r.publishOne(n), r.publishOne(n)
		synctest.Wait()
		r.cancel(flying, webhook.ErrConflict)
		if d := r.cancel(waiting, nil); d.Status != webhook.Cancelled || d.Reason != webhook.ReasonCancelled {
			t.Errorf("%+v", d)
		}
		r.cancel(waiting, webhook.ErrConflict)
		time.Sleep(2 * time.Second)
		r.wantStatus(flying, webhook.Retrying, webhook.ReasonHTTP5xx, 1)
		r.cancel(flying, nil) // while it waits for its next attempt
		r.cancel(webhook.ID{Seq: 1, Endpoint: n}, webhook.ErrNotFound)
		time.Sleep(3 * time.Hour)
		if calls := r.receiver.sent(n); len(calls) != 1 {
			t.Error(len(calls), "were sent")
		}
		r.wantStatus(flying, webhook.Cancelled, webhook.ReasonCancelled, 1)
	})
}

// TestRequestsWhileItIsRecorded: requests about a delivery wait until its outcome is stored.
func TestRequestsWhileItIsRecorded(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(regular(time.Hour, 3))
		r.receiver.does(n, answers(500, time.Second))
		first, second := r.publishOne(n), r.publishOne(n)
		synctest.Wait()
		r.store.Hold()
		time.Sleep(2 * time.Second)
		done := make(chan error, 2)
		go func() {
			_, err := r.d.Cancel(context.Background(), first)
			done <- err
		}()
		go func() {
			_, err := r.d.Retry(context.Background(), second)
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatal("answered before it was stored:", err)
		default:
		}
		r.store.Release()
		for range 2 {
			wantError(t, <-done, nil)
		}
		time.Sleep(2 * time.Second)
		r.wantStatus(first, webhook.Cancelled, webhook.ReasonCancelled, 1)
		r.wantStatus(second, webhook.Retrying, webhook.ReasonHTTP5xx, 2)
	})
}

// TestFailedRequest: storage fails to cancel a delivery; the delivery is sent in its turn.
func TestFailedRequest(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 1})
		r.receiver.does(n, answers(200, time.Second))
		ids := r.publish(3, 2)
		synctest.Wait()
		busy := errors.New("disk does not answer")
		r.store.FailNext(1, busy)
		r.cancel(ids[2].For(n), busy)
		time.Sleep(time.Minute)
		r.wantOnce(n, ids)
	})
}

// TestRequestStorm: changes by request race with attempts, pauses and panics, and in the end nothing is pending.
func TestRequestStorm(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(2*time.Second, 3)
		s.Concurrency, s.Breaker.Failures = 4, 1000
		n := r.register(s)
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Duration(c.id.Seq%7) * time.Millisecond)
			if c.attempt%3 == 1 {
				return webhook.Attempt{StatusCode: 500}
			}
			return webhook.Attempt{StatusCode: 200}
		})
		ids := r.publish(300, 2)
		done := make(chan struct{})
		for worker := range 4 {
			go func() {
				defer func() { done <- struct{}{} }()
				for i := worker; i < len(ids)*2; i += 4 {
					id := ids[i*7%len(ids)].For(n)
					var err error
					switch i % 3 {
					case 0:
						_, err = r.d.Cancel(context.Background(), id)
					case 1:
						_, err = r.d.Retry(context.Background(), id)
					default:
						_, _, err = r.d.Replay(context.Background(), webhook.DeliveryQuery{Endpoint: n, Limit: 3})
					}
					if err != nil && !errors.Is(err, webhook.ErrConflict) {
						t.Error(err)
					}
					time.Sleep(time.Millisecond)
				}
			}()
		}
		for range 4 {
			<-done
		}
		time.Sleep(time.Minute)
		if pending := r.store.Pending(); pending != 0 {
			t.Error(pending, "deliveries are forgotten")
		}
	})
}

func TestReplay(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(regular(time.Second, 1))
		r.receiver.does(n, answers(500, 0))
		ids := r.publish(5, 2)
		time.Sleep(time.Hour)
		r.receiver.does(n, answers(200, 0))
		q := webhook.DeliveryQuery{Endpoint: n, Status: webhook.Failed, Limit: 3}
		requeued, next, err := r.d.Replay(context.Background(), q)
		if err != nil || requeued != 3 || next == (webhook.ID{}) {
			t.Fatal(requeued, next, err)
		}
		q.Before = next
		if requeued, _, err = r.d.Replay(context.Background(), q); err != nil || requeued != 2 {
			t.Fatal(requeued, err)
		}
		for _, id := range ids {
			r.wantStatus(id.For(n), webhook.Delivered, "", 2)
		}
	})
}

// TestTest: a test goes to one endpoint, whatever it subscribed to.
func TestTest(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n, other := r.register(regular(time.Second, 1)), r.register(webhook.Settings{})
		e := r.change(n, func(e *webhook.Endpoint) { e.EventTypes = []string{"report.generated"} })
		event := webhook.Event{Type: "user.created", Data: []byte("1")}
		r.receiver.does(n, answers(500, time.Second))
		d, err := r.d.Test(context.Background(), e, event, true)
		if err != nil || d.Status != webhook.Failed || d.Attempts != 1 {
			t.Errorf("%+v %v", d, err)
		}
		if d, err = r.d.Test(context.Background(), e, event, false); err != nil || d.Status != webhook.Queued {
			t.Errorf("%+v %v", d, err)
		}
		soon, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if d, err = r.d.Test(soon, e, event, true); err != nil || d.Status != webhook.Queued {
			t.Errorf("%+v %v", d, err)
		}
		r.receiver.does(n, answers(200, 0))
		if d, err = r.d.Test(context.Background(), e, event, true); err != nil || d.Status != webhook.Delivered {
			t.Errorf("%+v %v", d, err)
		}
		event.Publisher, event.IdempotencyKey = "p", "k"
		if _, err = r.d.Test(context.Background(), e, event, false); err != nil {
			t.Error(err)
		}
		event.Data = []byte("2")
		_, err = r.d.Test(context.Background(), e, event, true)
		wantError(t, err, webhook.ErrKeyReused)
		synctest.Wait()
		r.store.FailNext(1, webhook.ErrBroken)
		_, err = r.d.Test(context.Background(), e, webhook.Event{Type: "user.created"}, true)
		wantError(t, err, webhook.ErrBroken)
		time.Sleep(time.Minute)
		if calls := r.receiver.sent(other); len(calls) > 0 {
			t.Error("another endpoint got", len(calls))
		}
	})
}

func TestInFlight(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		flying := func() map[webhook.ID]time.Time {
			m, err := r.d.Progress(context.Background(), n)
			if err != nil {
				t.Fatal(err)
			}
			return m.Started
		}
		if got := flying(); len(got) > 0 || r.actorsRunning() > 0 {
			t.Error("a question about an idle endpoint started its actor:", got)
		}
		r.receiver.does(n, answers(200, time.Second))
		start := time.Now()
		id := r.publishOne(n)
		synctest.Wait()
		if got := flying(); len(got) != 1 || !got[id].Equal(start) {
			t.Error(got)
		}
		if h := r.health(n); h.InFlight != 1 || h.Backlog.Queued != 1 {
			t.Errorf("%+v", h)
		}
		time.Sleep(2 * time.Second)
		if got := flying(); len(got) > 0 {
			t.Error(got)
		}
	})
}

// TestAskTimeout: a question that no actor answers ends with an error.
func TestAskTimeout(t *testing.T) {
	release := make(chan struct{})
	inRig(t, func(o *Options) {
		open := o.Open
		release = make(chan struct{})
		o.Open = func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			<-release
			return open(e, s)
		}
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		unknown := webhook.ID{Seq: 1, Endpoint: n}
		r.cancel(unknown, context.DeadlineExceeded)
		close(release)
		r.cancel(unknown, webhook.ErrNotFound)
	})
}

// TestUnknownEndpoint: an actor for an endpoint that storage does not have stops.
func TestUnknownEndpoint(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		r.cancel(webhook.ID{Seq: 1, Endpoint: 77}, webhook.ErrNotFound)
		time.Sleep(time.Minute)
		synctest.Wait()
		if running := r.actorsRunning(); running != 0 {
			t.Error("the idle actor does not stop")
		}
	})
}

// TestBadTarget: an endpoint for which no target can be made keeps its deliveries.
func TestBadTarget(t *testing.T) {
	bad := true
	inRig(t, func(o *Options) {
		open := o.Open
		o.Open = func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			if bad {
				return nil, errors.New("no such scheme")
			}
			return open(e, s)
		}
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		id := r.publishOne(n)
		time.Sleep(time.Minute)
		r.wantStatus(id, webhook.Queued, "", 0)
		bad = false
		r.change(n, func(e *webhook.Endpoint) { e.Description = "mended" })
		r.wantStatus(id, webhook.Delivered, "", 1)
	})
}

// TestFootprint: what a client has registered, as far as changes were announced.
func TestFootprint(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		footprint := func(client string) webhook.Footprint {
			t.Helper()
			f, err := r.d.Footprint(context.Background(), client)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		first := r.registerFor("acme", webhook.EndpointActive, "user.*", "report.*")
		r.registerFor("acme", webhook.EndpointDisabled, "*")
		r.registerFor("other", webhook.EndpointActive, "*")
		if got := footprint("acme"); got != (webhook.Footprint{All: 3, Webhooks: 2, Patterns: 3}) {
			t.Errorf("%+v", got)
		}
		if got := footprint("nobody"); got != (webhook.Footprint{All: 3}) {
			t.Errorf("of a client without webhooks: %+v", got)
		}
		r.change(first, func(e *webhook.Endpoint) { e.DeletedAt = time.Now() })
		if got := footprint("acme"); got != (webhook.Footprint{All: 2, Webhooks: 1, Patterns: 1}) {
			t.Errorf("after one was deleted: %+v", got)
		}
		r.stop()
		_, err := r.d.Footprint(context.Background(), "acme")
		wantError(t, err, webhook.ErrShuttingDown)
	})
}

// TestDisableFails: storage cannot record that the receiver wants no more. The endpoint
// keeps its status, sends nothing while its actor runs, and the log says why.
func TestDisableFails(t *testing.T) {
	h := &hook{update: func() error { return errUnready }}
	log := &logLines{}
	inRig(t, func(o *Options) {
		h.Store, o.Store = o.Store.(storage.Store), h
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	}, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 1})
		r.receiver.does(n, answers(410, time.Second))
		r.publish(3, 2)
		time.Sleep(10 * time.Second)
		e := r.endpoint(n)
		if calls := r.receiver.sent(n); len(calls) != 1 || e.Status != webhook.EndpointActive {
			t.Errorf("%d were sent to an endpoint that is %s", len(calls), e.Status)
		}
		if text := log.all(); strings.Count(text, "webhook could not be disabled") != 1 {
			t.Error(text)
		}
	})
}

// TestOutcomeIsNotRecorded: storage fails to record one outcome. The delivery stays as it
// was and is not sent again by this process; the next one sends it.
func TestOutcomeIsNotRecorded(t *testing.T) {
	log := &logLines{}
	inRig(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(log, nil)) }, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(200, time.Second))
		id := r.publishOne(n)
		synctest.Wait()
		r.store.FailNext(1, errUnready)
		time.Sleep(time.Hour)
		r.wantStatus(id, webhook.Queued, "", 0)
		if calls := r.receiver.sent(n); len(calls) != 1 {
			t.Error("sent", len(calls), "times")
		}
		if text := log.all(); strings.Count(text, "settle delivery") != 1 || !strings.Contains(text, webhook.DeliveryID.Format(id)) {
			t.Error(text)
		}
		r.wantStatus(r.publishOne(n), webhook.Queued, "", 0) // in flight: the endpoint works on
		time.Sleep(2 * time.Second)
		r.stop()
		r.start()
		time.Sleep(2 * time.Second)
		r.wantStatus(id, webhook.Delivered, "", 1)
	})
}
