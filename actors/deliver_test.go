package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

func TestDeliver(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n, other := r.register(webhook.Settings{}), r.register(webhook.Settings{})
		ids := r.publish(100, 64)
		r.wantOnce(n, ids)
		r.wantOnce(other, ids)
		h := r.health(n)
		if h.Successes != 100 || h.Failures != 0 || h.InFlight != 0 || h.Breaker != webhook.BreakerClosed || h.Allowed != 64 {
			t.Errorf("%+v", h)
		}
	})
}

// TestAttemptIsLogged: one line says all there is to say of an attempt, without its payload.
func TestAttemptIsLogged(t *testing.T) {
	var log bytes.Buffer
	inRig(t, func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}, func(r *rig) {
		n := r.register(regular(time.Hour, 3))
		e := r.change(n, func(e *webhook.Endpoint) { e.TargetURL = "https://hooks.example:8443/path" })
		r.receiver.does(n, answers(500, time.Second))
		id := r.publish(1, 40)[0].For(n)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err, log.String())
		}
		for key, want := range map[string]any{
			"msg": "attempt", "component": "actors", "webhook_id": webhook.EndpointID.Format(e.ID), "client_id": "acme", "target_host": "hooks.example:8443",
			"delivery_id": webhook.DeliveryID.Format(id),
			"event_type":  "user.created", "attempt": 1.0, "status_code": 500.0, "reason": "http_5xx", "status": "retrying",
		} {
			if line[key] != want {
				t.Errorf("%s: %v, want %v", key, line[key], want)
			}
		}
		if strings.Contains(log.String(), "xxx") {
			t.Error("the payload is in the log")
		}
	})
}

// TestWideInBatch: an event that matches more endpoints than one transaction holds
// is accepted and delivered like the others in its batch.
func TestWideInBatch(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		for i := range webhook.EndpointNumber(webhook.MaxFanOut) {
			r.d.EndpointChanged(endpoint(100+i, "many", "*"))
		}
		good := webhook.Event{Type: "user.created", ClientID: "acme", Data: []byte("1")}
		receipts, err := r.d.Publish(context.Background(), []webhook.Event{good, {Type: "user.created", Data: []byte("2")}, good})
		if err != nil {
			t.Fatal(err)
		}
		var ids []webhook.ID
		for i, want := range []int{1, webhook.MaxFanOut + 1, 1} {
			if receipts[i].Err != nil || receipts[i].Deliveries != want {
				t.Errorf("event %d: %+v, want %d deliveries", i, receipts[i], want)
			}
			ids = append(ids, receipts[i].EventID)
		}
		r.wantOnce(n, ids)
	})
}

func TestDuplicateIsNotSentAgain(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		event := webhook.Event{Type: "user.created", Data: []byte("1"), Publisher: "p", IdempotencyKey: "k"}
		var first webhook.ID
		for i := range 3 {
			receipts, err := r.d.Publish(context.Background(), []webhook.Event{event})
			if err != nil || receipts[0].Duplicate != (i > 0) {
				t.Fatal(receipts, err)
			}
			if i == 0 {
				first = receipts[0].EventID
			}
		}
		r.wantOnce(n, []webhook.ID{first})
	})
}

// TestFailedCommit: an event that is not stored is neither acknowledged nor sent.
func TestFailedCommit(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		full := errors.New("disk is full")
		r.store.FailNext(1, full)
		_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
		wantError(t, err, full)
		synctest.Wait()
		if calls := r.receiver.sent(n); len(calls) > 0 {
			t.Error("sent:", calls)
		}
		r.wantPublished()
		r.wantOnce(n, r.publish(3, 2))
	})
}

// TestBrokenStorage: attempts that end after storage broke do not delay the stop.
func TestBrokenStorage(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(200, time.Second))
		id := r.publishOne(n)
		synctest.Wait()
		r.store.Break(errors.New("device is gone"))
		time.Sleep(2 * time.Second)
		r.wantStatus(id, webhook.Queued, "", 0)
		start := time.Now()
		if r.stop(); time.Since(start) > time.Second {
			t.Error("stop took", time.Since(start))
		}
		if calls := r.receiver.sent(n); len(calls) != 1 {
			t.Error("sent", len(calls), "times")
		}
	})
}

// TestBrokenStorageSendsNoMore: what is sent after storage broke is sent again after a
// restart, so its number is bounded.
func TestBrokenStorageSendsNoMore(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		const concurrency = 4
		n := r.register(webhook.Settings{Concurrency: concurrency})
		r.receiver.does(n, answers(200, time.Second))
		for range 100 {
			r.publishOne(n)
		}
		time.Sleep(1500 * time.Millisecond)
		before := len(r.receiver.sent(n))
		r.store.Break(errors.New("device is gone"))
		time.Sleep(time.Minute)
		if after := len(r.receiver.sent(n)) - before; after > (lane.MaxUnrecorded-1)*concurrency {
			t.Error(after, "more were sent, in flight when it broke:", concurrency)
		}
		r.stop()
	})
}

func TestLimitsOfPublishing(t *testing.T) {
	inRig(t, func(o *Options) { o.MaxPending, o.MaxPublishing = 10, 10_000 }, func(r *rig) {
		n := r.register(webhook.Settings{})
		refused := func(size int, want error) {
			t.Helper()
			_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: make([]byte, size)}})
			wantError(t, err, want)
			var later *webhook.RetryAfterError
			if !errors.As(err, &later) || later.After <= 0 {
				t.Errorf("%v does not say when to come again", err)
			}
		}
		refused(10_000, webhook.ErrAllUsed)
		r.setStatus(n, webhook.EndpointPaused)
		r.publish(10, 2)
		refused(1, webhook.ErrTooManyPending)
		r.d.SetDiskReserve(true)
		refused(1, webhook.ErrDiskReserve)
		r.d.SetDiskReserve(false)
		r.setStatus(n, webhook.EndpointActive)
		r.wantPublished()
		r.publish(1, 2)
	})
}

// TestRetries: each attempt is made when it is due, whether an actor runs meanwhile or not.
func TestRetries(t *testing.T) {
	for _, wait := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 29 * time.Second, time.Minute, 5 * time.Hour} {
		t.Run(wait.String(), func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				n := r.register(regular(wait, 4))
				r.receiver.does(n, answers(500, 0))
				start := time.Now()
				id := r.publishOne(n)
				time.Sleep(5 * wait)
				r.wantTimes(n, start, 0, wait, 2*wait, 3*wait)
				r.wantStatus(id, webhook.Failed, webhook.ReasonHTTP5xx, 4)
				time.Sleep(2 * time.Minute)
				if left := r.actorsRunning(); left > 0 {
					t.Error(left, "actors do not stop")
				}
			})
		})
	}
}

// TestRateOutlivesTheActor: the rate limit holds across actors.
func TestRateOutlivesTheActor(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Rate: 1.0 / 120, Burst: 1})
		start := time.Now()
		r.publish(1, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		if running := r.actorsRunning(); running != 0 {
			t.Fatal("the idle actor does not stop")
		}
		r.publish(1, 2)
		time.Sleep(5 * time.Minute)
		r.wantTimes(n, start, 0, 2*time.Minute)
	})
}

// TestHoldOutlivesTheActor: an actor that starts during a receiver's Retry-After does not end it.
func TestHoldOutlivesTheActor(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(regular(time.Second, 9))
		start := time.Now()
		r.receiver.does(n, func(c call) webhook.Attempt {
			if c.at.Equal(start) {
				return webhook.Attempt{StatusCode: 503, RetryAfter: time.Minute}
			}
			return webhook.Attempt{StatusCode: 200}
		})
		r.publish(1, 2)
		time.Sleep(20 * time.Second)
		if h := r.health(n); h.HoldUntil.Sub(start) != time.Minute {
			t.Errorf("%+v", h)
		}
		r.startActor(n)
		id := r.publishOne(n)
		r.startActor(n)
		time.Sleep(2 * time.Minute)
		r.wantTimes(n, start, 0, time.Minute, time.Minute)
		r.wantStatus(id, webhook.Delivered, "", 1)
	})
}

// TestBreaker: it opens, the actor stops, and another one starts when the deciding attempt may be made.
func TestBreaker(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(time.Hour, 9)
		s.Breaker = webhook.BreakerPolicy{Failures: 3, Open: time.Minute, MaxOpen: 3 * time.Minute}
		s.Concurrency = 1
		n := r.register(s)
		r.receiver.does(n, answers(500, 0))
		start := time.Now()
		ids := r.publish(5, 2)
		time.Sleep(10 * time.Second)
		if running := r.actorsRunning(); running != 0 {
			t.Error("the idle actor does not stop")
		}
		newest := r.publishOne(n) // must not start an actor, and is the first to decide
		synctest.Wait()
		if running := r.actorsRunning(); running != 0 {
			t.Error("a delivery started the actor of an endpoint whose breaker is open")
		}
		if h := r.health(n); h.Breaker != webhook.BreakerOpen || h.OpenUntil.Sub(start).Round(time.Second) != time.Minute {
			t.Errorf("%+v", h)
		}
		time.Sleep(4 * time.Minute) // opens again at 1 and at 3 minutes, now for three
		r.receiver.does(n, answers(200, 0))
		time.Sleep(3 * time.Minute)
		r.wantTimes(n, start, 0, 0, 0, time.Minute, 3*time.Minute, 6*time.Minute)
		r.wantStatus(newest, webhook.Retrying, webhook.ReasonHTTP5xx, 1)
		r.wantStatus(ids[3].For(n), webhook.Delivered, "", 1)
		if h := r.health(n); h.Breaker != webhook.BreakerClosed {
			t.Errorf("%+v", h)
		}
	})
}

// TestNewDeliveryDuringHold: only a retry is left that is due after the breaker closes,
// so no actor is planned before. A delivery that comes meanwhile is sent when the
// breaker closes all the same.
func TestNewDeliveryDuringHold(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(time.Hour, 9)
		s.Breaker = webhook.BreakerPolicy{Failures: 1, Open: time.Minute}
		n := r.register(s)
		r.receiver.does(n, answers(500, 0))
		start := time.Now()
		r.publish(1, 2)
		time.Sleep(30 * time.Second)
		r.receiver.does(n, answers(200, 0))
		r.publish(1, 2)
		time.Sleep(2 * time.Hour)
		r.wantTimes(n, start, 0, time.Minute, time.Hour)
	})
}

// TestLateOffer: deliveries that the actor reads from storage before they are offered
// to it are sent once.
func TestLateOffer(t *testing.T) {
	h := &hook{}
	inRig(t, func(o *Options) { h.Store, o.Store = o.Store.(storage.Store), h }, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.wantOnce(n, r.publish(1, 2))
		h.accept = func(events []webhook.Event, done func([]webhook.Receipt, error)) {
			h.Store.Accept(events, 0, func(receipts []webhook.Receipt, err error) {
				time.AfterFunc(time.Second, func() { done(receipts, err) })
			})
		}
		go func() {
			time.Sleep(500 * time.Millisecond) // stored, and the supervisor does not know it yet
			r.d.shared.root.Send(r.d.supervisor, &forEndpoint{n, &notOffered{}})
		}()
		r.publish(3, 2)
		synctest.Wait()
		if calls := r.receiver.sent(n); len(calls) != 4 {
			t.Error(len(calls), "attempts for 4 deliveries")
		}
	})
}

// TestOlderIsMissed: there is no memory for two deliveries, and their commits become known
// in the other order while the actor is busy. It reads from the older one on.
func TestOlderIsMissed(t *testing.T) {
	h := &hook{}
	var busy chan struct{}
	inRig(t, func(o *Options) {
		h.Store, o.Store = o.Store.(storage.Store), h
		open := o.Open
		o.MaxPayloadMemory, o.Open = 1, func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			if busy != nil {
				<-busy
			}
			return open(e, s)
		}
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.wantOnce(n, r.publish(1, 10))
		busy = make(chan struct{})
		r.change(n, func(e *webhook.Endpoint) { e.TargetURL = "https://example.com/other" })
		var first func()
		h.accept = func(events []webhook.Event, done func([]webhook.Receipt, error)) {
			h.Store.Accept(events, 0, func(receipts []webhook.Receipt, err error) {
				if first == nil {
					first = func() { done(receipts, err) }
					return
				}
				done(receipts, err)
				first()
			})
		}
		go func() {
			_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1234567890")}})
			wantError(t, err, nil)
		}()
		synctest.Wait()
		r.publish(1, 10)
		synctest.Wait()
		close(busy)
		synctest.Wait()
		if calls := r.receiver.sent(n); len(calls) != 3 {
			t.Error(len(calls), "attempts for 3 deliveries")
		}
	})
}
