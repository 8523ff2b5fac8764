package actors

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestOutcomesOutliveAPanic: a delivery stops the actor while others' attempts have
// just ended, are in flight, or are being recorded. Each of those is sent once, and
// its outcome is recorded; none waits for long.
func TestOutcomesOutliveAPanic(t *testing.T) {
	for name, slow := range map[string]time.Duration{"ended": time.Second, "in flight": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				n := r.register(webhook.Settings{})
				var bad atomic.Value // of webhook.ID
				r.receiver.does(n, func(c call) webhook.Attempt {
					time.Sleep(time.Second)
					if c.id == bad.Load() {
						return webhook.Attempt{Failure: unknown}
					}
					time.Sleep(slow - time.Second)
					return webhook.Attempt{StatusCode: 200}
				})
				ids := r.publish(8, 2)
				bad.Store(ids[3].For(n))
				time.Sleep(slow + 2*time.Second)
				for i, id := range ids {
					if i != 3 {
						r.wantStatus(id.For(n), webhook.Delivered, "", 1)
					}
				}
				time.Sleep(time.Minute)
				r.wantStatus(ids[3].For(n), webhook.Failed, webhook.ReasonPanic, 0)
				if calls := r.receiver.sent(n); len(calls) != 7+lane.MaxPanics {
					t.Error(len(calls), "attempts")
				}
			})
		})
	}
}

// TestOutcomesOutliveAPanicOfStorage: storage panics over one outcome while it is
// handed over with others, some of which it has already.
func TestOutcomesOutliveAPanicOfStorage(t *testing.T) {
	var bad atomic.Value // of webhook.ID
	h := &hook{settle: func(s webhook.Settlement) {
		if s.Now.ID == bad.Load() && s.Now.Status == webhook.Delivered {
			panic("bad record")
		}
	}}
	inRig(t, func(o *Options) {
		h.Store = &late{o.Store.(storage.Store), time.Second}
		o.Store = h
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, answers(200, time.Second))
		ids := r.publish(8, 2)
		bad.Store(ids[3].For(n))
		time.Sleep(time.Minute)
		for i, id := range ids {
			if i != 3 {
				r.wantStatus(id.For(n), webhook.Delivered, "", 1)
			}
		}
		r.wantStatus(ids[3].For(n), webhook.Failed, webhook.ReasonPanic, 0)
		if calls := r.receiver.sent(n); len(calls) != 7+lane.MaxPanics {
			t.Error(len(calls), "attempts")
		}
	})
}

// TestManyBadDeliveries: dozens of deliveries that each stop the actor three times
// delay the others only for a moment each.
func TestManyBadDeliveries(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		var last atomic.Uint64
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Millisecond)
			if c.id.Seq <= last.Load() {
				return webhook.Attempt{Failure: unknown}
			}
			return webhook.Attempt{StatusCode: 200}
		})
		bad := r.publish(30, 2)
		last.Store(bad[29].Seq)
		good := r.publishOne(n)
		time.Sleep(time.Minute)
		r.wantStatus(good, webhook.Delivered, "", 1)
		for _, id := range bad {
			r.wantStatus(id.For(n), webhook.Failed, webhook.ReasonPanic, 0)
		}
	})
}

// TestStopAfterAPanic: a panic while the dispatcher stops loses no outcome of others.
func TestStopAfterAPanic(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		var bad atomic.Value // of webhook.ID
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Second)
			if c.id == bad.Load() {
				return webhook.Attempt{Failure: unknown}
			}
			time.Sleep(time.Second)
			return webhook.Attempt{StatusCode: 200}
		})
		ids := r.publish(8, 2)
		bad.Store(ids[3].For(n))
		time.Sleep(500 * time.Millisecond)
		r.stop()
		for i, id := range ids {
			if i != 3 {
				r.wantStatus(id.For(n), webhook.Delivered, "", 1)
			}
		}
		r.wantStatus(ids[3].For(n), webhook.Queued, "", 0)
	})
}

// TestUnexplainedCrashes: if no delivery is blamed, the next actor waits longer each
// time; after a quiet time it waits as little as the first one.
func TestUnexplainedCrashes(t *testing.T) {
	s, now := newChild(1, new(limit.Client)), time.Now()
	if first, second := s.crashed(now), s.crashed(now); first != 100*time.Millisecond || second != 200*time.Millisecond {
		t.Error(first, second)
	}
	for range 20 {
		s.crashed(now)
	}
	if long := s.crashed(now.Add(time.Minute)); long != 30*time.Second {
		t.Error(long)
	}
	if again := s.crashed(now.Add(time.Hour)); again != 100*time.Millisecond {
		t.Error(again)
	}
	if s.restarts != 24 {
		t.Error(s.restarts)
	}
}
