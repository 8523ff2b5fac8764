package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// gaps returns the times between the attempts for one delivery.
func (r *rig) gaps(id webhook.ID) (between []time.Duration) {
	var last time.Time
	for _, c := range r.receiver.sent(id.Endpoint) {
		if c.id != id {
			continue
		}
		if !last.IsZero() {
			between = append(between, c.at.Sub(last))
		}
		last = c.at
	}
	return between
}

// TestAttemptPanics: the delivery fails after three times, its neighbours arrive.
func TestAttemptPanics(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		var bad atomic.Value // of webhook.ID
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Millisecond)
			if c.id == bad.Load() {
				panic("bad delivery")
			}
			return webhook.Attempt{StatusCode: 200}
		})
		ids := r.publish(9, 2)
		bad.Store(ids[4].For(n))
		time.Sleep(time.Minute)
		r.wantStatus(ids[4].For(n), webhook.Failed, webhook.ReasonPanic, 0)
		for i, id := range ids {
			if i != 4 {
				r.wantStatus(id.For(n), webhook.Delivered, "", 1)
			}
		}
		if gaps := r.gaps(ids[4].For(n)); len(gaps) != 2 {
			t.Error("sent", len(gaps)+1, "times")
		}
		if h := r.health(n); h.Restarts != 0 {
			t.Error("the actor was restarted")
		}
	})
}

// TestPanicsAreCountedAcrossHolds: a panic before the breaker opened is counted
// after it; and a panic says nothing of the receiver, so that it opens no breaker.
func TestPanicsAreCountedAcrossHolds(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(time.Hour, 2)
		s.Breaker = webhook.BreakerPolicy{Failures: 1, Open: time.Minute}
		n := r.register(s)
		var bad atomic.Value // of webhook.ID
		bad.Store(webhook.ID{})
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Millisecond)
			if c.id == bad.Load() {
				time.Sleep(time.Second)
				panic("bad delivery")
			}
			return webhook.Attempt{StatusCode: 500}
		})
		ids := r.publish(2, 2)
		bad.Store(ids[0].For(n))
		time.Sleep(time.Hour - time.Second)
		r.wantStatus(ids[0].For(n), webhook.Failed, webhook.ReasonPanic, 0)
		if gaps := r.gaps(ids[0].For(n)); len(gaps) != 2 || gaps[0] < time.Minute || gaps[1] > 2*time.Second {
			t.Error("sent again after", gaps)
		}
		r.wantStatus(ids[1].For(n), webhook.Retrying, webhook.ReasonHTTP5xx, 1)
	})
}

// TestPanicAfterRecord: a panic over something else is not blamed on the delivery whose
// outcome the actor has handled before.
func TestPanicAfterRecord(t *testing.T) {
	var log bytes.Buffer
	var once sync.Once
	inRig(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		open := o.Open
		o.Open = func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			if e.Description == "bad" {
				once.Do(func() { panic("bad endpoint") })
			}
			return open(e, s)
		}
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		id := r.publishOne(n)
		r.wantStatus(id, webhook.Delivered, "", 1)
		r.change(n, func(e *webhook.Endpoint) { e.Description = "bad" })
		synctest.Wait()
		if text := log.String(); !strings.Contains(text, "bad endpoint") || strings.Contains(text, webhook.DeliveryID.Format(id)) {
			t.Error(text)
		}
	})
}

// unknown is a reason outside of the closed set: counting it panics in the actor.
const unknown = webhook.Reason("unknown")

// TestActorPanics: the actor comes back after a growing delay; the delivery that
// stopped it three times fails, and its neighbours arrive.
func TestActorPanics(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n, other := r.register(webhook.Settings{}), r.register(webhook.Settings{})
		var bad atomic.Value // of webhook.ID
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Millisecond)
			if c.id == bad.Load() {
				return webhook.Attempt{Failure: unknown}
			}
			return webhook.Attempt{StatusCode: 200}
		})
		ids := r.publish(50, 2)
		bad.Store(ids[20].For(n))
		r.wantOnce(other, ids)
		time.Sleep(time.Minute)
		r.wantStatus(ids[20].For(n), webhook.Failed, webhook.ReasonPanic, 0)
		for i, id := range ids {
			if i != 20 && r.delivery(id.For(n)).Status != webhook.Delivered {
				t.Error("a neighbour did not arrive")
			}
		}
		gaps := r.gaps(ids[20].For(n))
		if len(gaps) != 2 || gaps[0] < 100*time.Millisecond || gaps[1] < 200*time.Millisecond || gaps[1] > time.Second {
			t.Error("sent again after", gaps)
		}
		if h := r.health(n); h.Restarts != 3 {
			t.Errorf("%+v", h)
		}
		r.wantIdle()

		// By hand it gets new chances.
		r.receiver.does(n, answers(200, 0))
		if _, err := r.d.Retry(context.Background(), ids[20].For(n)); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(ids[20].For(n), webhook.Delivered, "", 1)
	})
}

// TestActorPanicsWhileItRecords: storage panics over one delivery while the actor handles
// a message about something else. The delivery is blamed all the same.
func TestActorPanicsWhileItRecords(t *testing.T) {
	var bad atomic.Value // of webhook.ID
	h := &hook{settle: func(s webhook.Settlement) {
		if s.Now.ID == bad.Load() && s.Now.Status == webhook.Delivered {
			panic("bad record")
		}
	}}
	inRig(t, func(o *Options) { h.Store, o.Store = o.Store.(storage.Store), h }, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(200, time.Second))
		ids := r.publish(5, 2)
		bad.Store(ids[1].For(n))
		time.Sleep(time.Minute)
		r.wantStatus(ids[1].For(n), webhook.Failed, webhook.ReasonPanic, 0)
		for i, id := range ids {
			if i != 1 {
				r.wantStatus(id.For(n), webhook.Delivered, "", 1)
			}
		}
	})
}

// TestPanicWhileWaitingForPermit: an actor that panics while it waits for a permit gets
// none any more. Others would wait for that one for ever.
func TestPanicWhileWaitingForPermit(t *testing.T) {
	var once sync.Once
	inRig(t, func(o *Options) {
		open := o.Open
		o.MaxInFlight = 2
		o.Open = func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			if e.Description == "bad" {
				once.Do(func() { panic("bad endpoint") })
			}
			return open(e, s)
		}
	}, func(r *rig) {
		var all []webhook.EndpointNumber
		var ids []webhook.ID
		for _, client := range []string{"holds the permit", "panics", "waits"} {
			n := r.register(webhook.Settings{})
			r.receiver.does(n, answers(200, time.Second))
			r.change(n, func(e *webhook.Endpoint) { e.ClientID = client })
			ids = append(ids, r.publishTo(client, 1)...)
			synctest.Wait()
			all = append(all, n)
		}
		r.change(all[1], func(e *webhook.Endpoint) { e.Description = "bad" })
		time.Sleep(time.Minute)
		for i, n := range all {
			r.wantOnce(n, ids[i:i+1])
		}
	})
}

// TestKeptPermitIsPassedOn: an actor that has nothing to send any more leaves a permit
// that is kept for it to the next one, which would wait for ever otherwise.
func TestKeptPermitIsPassedOn(t *testing.T) {
	var notified []string
	now := time.Now()
	s := limit.NewPermits(1, now)
	join := func(name string) *limit.Holder { return s.Join(name, func() { notified = append(notified, name) }) }
	held, _ := s.Acquire(join("holder"), limit.TierProven, now)
	a := &endpointActor{shared: &shared{permits: s}, child: newChild(1, new(limit.Client)), self: actor.NewPID("", "idle"), lane: lane.New(&lane.Memory{})}
	a.permits = join("idle")
	a.lane.Configure(&webhook.Endpoint{}, webhook.Settings{Concurrency: 1}, webhook.GateState{}, now)
	for _, h := range []*limit.Holder{a.permits, join("next")} {
		_, _ = s.Acquire(h, limit.TierProven, now)
	}
	s.Release(held, now)
	a.permitKept = true
	a.sendAll(now)
	if fmt.Sprint(notified) != "[idle next]" {
		t.Error("notified are", notified)
	}
}

// TestStoppedActorHoldsNoPermit: a permit that no attempt took before the panic is free.
func TestStoppedActorHoldsNoPermit(t *testing.T) {
	s := limit.NewPermits(4, time.Now())
	owner := newChild(1, new(limit.Client))
	a := &endpointActor{shared: &shared{permits: s}, self: actor.NewPID("nonhost", "a"), child: owner, lane: lane.New(&owner.memory)}
	now := time.Now()
	a.joinPermits("acme", 0, now)
	taken, _ := s.Acquire(a.permits, limit.TierFirst, now)
	a.unused = heldPermit{held: true, permit: taken}
	if a.stop(now); s.InUse() != 0 || a.permits != nil {
		t.Error("the stopped actor holds a permit")
	}
}

// TestRouterPanics and TestSupervisorPanics: a panic of either ends the dispatcher, and
// Failed and Err say so.
func TestRouterPanics(t *testing.T) {
	h := &hook{accept: func([]webhook.Event, func([]webhook.Receipt, error)) { panic("no") }}
	testFailure(t, h, webhook.ErrShuttingDown)
}

func TestSupervisorPanics(t *testing.T) {
	h := &hook{accept: func(_ []webhook.Event, done func([]webhook.Receipt, error)) { done(nil, nil) }}
	testFailure(t, h, nil)
}

func testFailure(t *testing.T, h *hook, want error) {
	inRig(t, func(o *Options) { h.Store, o.Store = o.Store.(storage.Store), h }, func(r *rig) {
		r.register(webhook.Settings{})
		_, err := r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
		// Where the event was stored before the panic, the answer may come too late.
		if !errors.Is(err, webhook.ErrShuttingDown) {
			wantError(t, err, want)
		}
		synctest.Wait()
		select {
		case <-r.d.Failed():
		default:
			t.Fatal("Failed is not closed")
		}
		if r.d.Err() == nil {
			t.Error("Err returns nothing")
		}
		_, err = r.d.Publish(context.Background(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
		if want != nil {
			wantError(t, err, webhook.ErrShuttingDown)
		}
		synctest.Wait()
		h.accept = nil
	})
}
