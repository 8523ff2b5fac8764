package actors

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// TestIdle: an idle actor stops, and a later event starts another one.
func TestIdle(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		ids := r.publish(3, 2)
		synctest.Wait()
		if running := r.actorsRunning(); running != 1 {
			t.Fatal(running, "actors run")
		}
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if running := r.actorsRunning(); running != 1 {
			t.Error("the actor stopped before its timeout")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if running := r.actorsRunning(); running != 0 {
			t.Error("the idle actor does not stop")
		}
		if r.receiver.closed != r.receiver.opened {
			t.Error(r.receiver.opened, "targets were opened,", r.receiver.closed, "closed")
		}
		r.wantOnce(n, append(ids, r.publish(2, 2)...))
		if h := r.health(n); h.Successes != 5 {
			t.Errorf("what it knew is forgotten: %+v", h)
		}
	})
}

// TestIdleRace publishes around the very instant at which the actor asks to be stopped.
func TestIdleRace(t *testing.T) {
	const timeout = time.Second
	inRig(t, func(o *Options) { o.IdleTimeout = timeout }, func(r *rig) {
		n := r.register(webhook.Settings{})
		random := rand.New(rand.NewPCG(1, 1))
		var ids []webhook.ID
		stopped := 0
		for range 2000 {
			done := make(chan struct{})
			go func() { // beside the actor's timer, which ticks at the same instant
				time.Sleep(timeout + time.Duration(random.IntN(3)-1)*time.Duration(random.IntN(2)))
				ids = append(ids, r.publish(1, 2)...)
				close(done)
			}()
			<-done
			if r.receiver.beganAnActor() {
				stopped++
			}
			if pending := r.store.Pending(); pending > 0 {
				t.Fatal(pending, "deliveries were lost on their way to an actor that was stopped")
			}
		}
		r.wantOnce(n, ids)
		if stopped < 200 || stopped > 1900 {
			t.Error("the actor stopped", stopped, "times in 2000: there was no race")
		}
	})
}

// TestEarlierActorIsIdle: an earlier actor that reports idle does not stop the one that
// runs now.
func TestEarlierActorIsIdle(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.publish(1, 2)
		synctest.Wait()
		r.d.shared.root.Send(r.d.supervisor, &childIdle{number: n, who: actor.NewPID("nonhost", "earlier"), seen: 1})
		synctest.Wait()
		if running := r.actorsRunning(); running != 1 {
			t.Error("the actor that runs was stopped")
		}
	})
}

// beganAnActor reports whether a target was opened since the last call, which each actor
// does first.
func (r *receiver) beganAnActor() bool {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	began := r.opened > r.counted
	r.counted = r.opened
	return began
}

// TestChildrenAreForgotten: an endpoint without work for an hour costs nothing.
func TestChildrenAreForgotten(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.publish(1, 2)
		time.Sleep(3 * time.Hour)
		if h := r.health(n); h.Successes != 0 || !h.LastAttemptAt.IsZero() {
			t.Errorf("%+v", h)
		}
	})
}

// TestPause: during a pause nothing is sent and attempts in flight end; after it
// everything continues.
func TestPause(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Concurrency: 2})
		r.receiver.does(n, answers(200, time.Second))
		ids := r.publish(10, 2)
		synctest.Wait()
		r.setStatus(n, webhook.EndpointPaused)
		ids = append(ids, r.publish(10, 2)...)
		time.Sleep(time.Minute)
		if calls := r.receiver.sent(n); len(calls) != 2 {
			t.Error(len(calls), "were sent")
		}
		r.wantStatus(ids[0].For(n), webhook.Delivered, "", 1)
		if running := r.actorsRunning(); running != 0 {
			t.Error("the actor of a paused endpoint does not stop")
		}
		ids = append(ids, r.publish(1, 2)...)
		synctest.Wait()
		if running := r.actorsRunning(); running != 0 {
			t.Error("a delivery started the actor of a paused endpoint")
		}
		r.setStatus(n, webhook.EndpointActive)
		time.Sleep(time.Minute)
		r.wantOnce(n, ids)
	})
}

// TestChangesOutOfOrder: the larger revision counts, for the router and for the actor.
func TestChangesOutOfOrder(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.wantOnce(n, r.publish(1, 2))
		older := r.change(n, func(e *webhook.Endpoint) { e.Description = "older" })
		r.setStatus(n, webhook.EndpointPaused)
		r.d.EndpointChanged(older)
		id := r.publishOne(n)
		r.wantStatus(id, webhook.Queued, "", 0)
		r.setStatus(n, webhook.EndpointDisabled)
		r.d.EndpointChanged(older)
		r.publish(1, 2)
		if calls := r.receiver.sent(n); len(calls) != 1 {
			t.Error(len(calls), "were sent")
		}
	})
}

// TestDelete: pending deliveries are cancelled, attempts in flight end as usual.
func TestDelete(t *testing.T) {
	for _, state := range []string{"busy", "idle", "paused", "retrying"} {
		t.Run(state, func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				s := regular(time.Hour, 5)
				s.Concurrency = 1
				n := r.register(s)
				r.receiver.does(n, answers(map[bool]int{true: 500, false: 200}[state == "retrying"], time.Second))
				if state == "idle" || state == "paused" {
					r.setStatus(n, webhook.EndpointPaused)
				}
				ids := r.publish(3*cancelChunk, 2)
				if state == "idle" {
					time.Sleep(time.Minute)
				}
				synctest.Wait()
				r.change(n, func(e *webhook.Endpoint) { e.DeletedAt = time.Now() })
				time.Sleep(time.Minute)
				synctest.Wait()
				for i, id := range ids {
					switch {
					case i == 0 && state == "busy":
						r.wantStatus(id.For(n), webhook.Delivered, "", 1)
					case i == 0 && state == "retrying":
						r.wantStatus(id.For(n), webhook.Cancelled, webhook.ReasonEndpointDeleted, 1)
					case r.delivery(id.For(n)).Status != webhook.Cancelled || r.delivery(id.For(n)).Reason != webhook.ReasonEndpointDeleted:
						t.Fatal("not cancelled:", i, r.delivery(id.For(n)))
					}
				}
				if running := r.actorsRunning(); running != 0 {
					t.Error("the actor of a deleted endpoint does not stop")
				}
				if receipts := r.publish(1, 2); len(receipts) != 1 || r.store.Pending() != 0 {
					t.Error("a deleted endpoint gets events")
				}
			})
		})
	}
}

// TestDeletePanicking: an attempt of a deleted endpoint that panics leaves nothing behind.
func TestDeletePanicking(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, func(call) webhook.Attempt {
			time.Sleep(time.Second)
			panic("bad delivery")
		})
		id := r.publishOne(n)
		synctest.Wait()
		r.change(n, func(e *webhook.Endpoint) { e.DeletedAt = time.Now() })
		time.Sleep(time.Minute)
		r.wantStatus(id, webhook.Cancelled, webhook.ReasonEndpointDeleted, 0)
		if running := r.actorsRunning(); running != 0 {
			t.Error("the actor of a deleted endpoint does not stop")
		}
	})
}

// TestGone: 410 fails the delivery and disables the endpoint, once.
func TestGone(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(410, time.Second))
		ids := r.publish(20, 2)
		time.Sleep(time.Minute)
		e, err := r.store.Endpoint(r.t.Context(), n)
		if err != nil || e.Status != webhook.EndpointDisabled || e.DisabledReason == "" || e.Revision != 2 {
			t.Errorf("%+v %v", e, err)
		}
		r.wantStatus(ids[0].For(n), webhook.Failed, webhook.ReasonGone, 1)
		r.wantStatus(ids[19].For(n), webhook.Queued, "", 0)
		r.publish(1, 2)
		if pending := r.store.Pending(); pending != 12 {
			t.Error(pending, "deliveries are pending, of 12 that it held")
		}
		r.receiver.does(n, answers(200, 0))
		r.setStatus(n, webhook.EndpointActive)
		r.wantStatus(ids[19].For(n), webhook.Delivered, "", 1)
	})
}

// TestSteady: a stored time becomes a wait from now on, of an hour at most.
func TestSteady(t *testing.T) {
	now := time.Now()
	wall := func(d time.Duration) time.Time { return now.Add(d).Round(0) } // as storage returns it
	for _, c := range []struct {
		name     string
		at, want time.Time
	}{
		{"no time", time.Time{}, time.Time{}},
		{"never", lane.Never, lane.Never},
		{"soon", wall(time.Minute), now.Add(time.Minute)},
		{"past", wall(-time.Minute), now.Add(-time.Minute)},
		{"the bound", wall(maxIdle), now.Add(maxIdle)},
		{"beyond it, as if the clock had run fast", wall(1000 * time.Hour), now.Add(maxIdle)},
	} {
		if got := steady(c.at, now); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestEarlier: zero means never, on either side.
func TestEarlier(t *testing.T) {
	first, second := time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range []struct{ a, b, want time.Time }{
		{first, second, first},
		{second, first, first},
		{first, first, first},
		{time.Time{}, first, first},
		{first, time.Time{}, first},
		{},
	} {
		if got := earlier(c.a, c.b); !got.Equal(c.want) {
			t.Errorf("of %v and %v: %v", c.a, c.b, got)
		}
	}
}
