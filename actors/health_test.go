package actors

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// TestHealthStartsNoActor: an endpoint without an actor shows the very figures that
// an actor started for the question would show, and stays without one.
func TestHealthStartsNoActor(t *testing.T) {
	breaks := regular(time.Hour, 9)
	breaks.Breaker = webhook.BreakerPolicy{Failures: 2, Open: 10 * time.Minute, MaxOpen: time.Hour}
	for name, c := range map[string]struct {
		settings webhook.Settings
		prepare  func(r *rig, n webhook.EndpointNumber)
		shows    func(h *webhook.Health) bool // what the case is about is there to be seen
	}{
		"never had work": {
			prepare: func(*rig, webhook.EndpointNumber) {},
			shows:   func(h *webhook.Health) bool { return h.Allowed == 8 && h.Breaker == webhook.BreakerClosed },
		},
		"worked": {
			prepare: func(r *rig, _ webhook.EndpointNumber) { r.publish(20, 2) },
			shows:   func(h *webhook.Health) bool { return h.Successes == 20 && h.Allowed == 8 && h.P99 > 0 },
		},
		"few at a time": {
			settings: webhook.Settings{Concurrency: 3},
			prepare:  func(r *rig, _ webhook.EndpointNumber) { r.publish(20, 2) },
			shows:    func(h *webhook.Health) bool { return h.Allowed == 3 },
		},
		"breaker open": {
			settings: breaks, prepare: failing500,
			shows: func(h *webhook.Health) bool { return h.Breaker == webhook.BreakerOpen && h.Backlog.Retrying == 2 },
		},
		"breaker half-open after a restart": {
			settings: breaks,
			prepare: func(r *rig, n webhook.EndpointNumber) {
				failing500(r, n)
				r.setStatus(n, webhook.EndpointPaused) // so that no attempt decides
				time.Sleep(20 * time.Minute)
				r.stop()
				r.start()
			},
			shows: func(h *webhook.Health) bool { return h.Breaker == webhook.BreakerHalfOpen && h.Allowed == 1 },
		},
		"breaker of an earlier receiver": {
			settings: breaks,
			prepare: func(r *rig, n webhook.EndpointNumber) {
				failing500(r, n)
				r.receiver.does(n, answers(200, 0))
				r.move(n)
			},
			shows: func(h *webhook.Health) bool { return h.Breaker == webhook.BreakerClosed && h.Failures == 0 },
		},
		"figures of an earlier receiver": {
			settings: regular(time.Hour, 1),
			prepare: func(r *rig, n webhook.EndpointNumber) {
				r.receiver.does(n, answers(422, 0))
				r.publish(5, 2)
				time.Sleep(2 * time.Minute)
				r.move(n) // no work waits for the change, so no actor learns of it
			},
			shows: func(h *webhook.Health) bool { return h.Failures == 0 && h.LastAttemptAt.IsZero() },
		},
		"held by Retry-After": {
			settings: regular(time.Hour, 9),
			prepare: func(r *rig, n webhook.EndpointNumber) {
				r.receiver.does(n, func(call) webhook.Attempt {
					return webhook.Attempt{StatusCode: 503, RetryAfter: 10 * time.Minute}
				})
				r.publish(1, 2)
			},
			shows: func(h *webhook.Health) bool { return h.Waiting.For == webhook.WaitHold && !h.HoldUntil.IsZero() },
		},
		"rate used up": {
			settings: webhook.Settings{Rate: 1.0 / 600, Burst: 1},
			prepare:  func(r *rig, _ webhook.EndpointNumber) { r.publish(1, 2) },
			shows:    func(h *webhook.Health) bool { return h.Waiting.For == webhook.WaitRate },
		},
		"paused": {
			prepare: func(r *rig, n webhook.EndpointNumber) {
				r.setStatus(n, webhook.EndpointPaused)
				r.publish(3, 2)
			},
			shows: func(h *webhook.Health) bool { return h.Waiting.For == webhook.WaitPause && h.Backlog.Queued == 3 },
		},
		"restarted after panics": {
			prepare: func(r *rig, n webhook.EndpointNumber) {
				r.receiver.does(n, func(call) webhook.Attempt { return webhook.Attempt{Failure: unknown} })
				r.publish(1, 2)
			},
			shows: func(h *webhook.Health) bool { return h.Restarts == lane.MaxPanics },
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				n := r.register(c.settings)
				c.prepare(r, n)
				time.Sleep(2 * time.Minute) // the actor stops
				r.wantNoActor()
				opened := r.receiver.opened
				idle := r.health(n)
				if r.wantNoActor(); r.receiver.opened != opened {
					t.Error("the question opened a target")
				}
				if !c.shows(&idle) {
					t.Errorf("the endpoint is not in the state that is tested: %+v", idle)
				}
				r.startActor(n)
				if live := r.health(n); live != idle {
					t.Errorf("without an actor: %+v\nwith one:         %+v", idle, live)
				}
			})
		})
	}
}

// failing500 has a receiver fail until its breaker opens.
func failing500(r *rig, n webhook.EndpointNumber) {
	r.receiver.does(n, answers(500, 0))
	r.publish(2, 2)
	synctest.Wait()
}

// wantNoActor checks that no endpoint has an actor.
func (r *rig) wantNoActor() {
	r.t.Helper()
	synctest.Wait()
	if running := r.actorsRunning(); running != 0 {
		r.t.Error(running, "actors run")
	}
}

// TestHealthBetweenTwoActors: while an endpoint waits for its next actor after a
// panic, the attempts that the first one left in flight are counted.
func TestHealthBetweenTwoActors(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.receiver.does(n, func(c call) webhook.Attempt {
			time.Sleep(time.Duration(c.id.Seq%2) * time.Second)
			return webhook.Attempt{Failure: unknown}
		})
		for range 2 {
			r.publishOne(n)
		}
		synctest.Wait()
		r.wantNoActor()
		if h := r.health(n); h.InFlight != 1 || h.Restarts != 1 {
			t.Errorf("%+v", h)
		}
		r.wantNoActor()
		time.Sleep(time.Minute)
	})
}

// TestHealthWithoutTarget: an endpoint whose target cannot be made shows that it holds
// its deliveries, with an actor and without.
func TestHealthWithoutTarget(t *testing.T) {
	inRig(t, func(o *Options) {
		o.Open = func(webhook.Endpoint, webhook.Settings) (Target, error) { return nil, errors.New("no such scheme") }
	}, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.publishOne(n)
		time.Sleep(time.Minute)
		r.wantNoActor()
		if h := r.health(n); h.Waiting.For != webhook.WaitPause {
			t.Errorf("%+v", h)
		}
	})
}

// TestHealthOfUnreadableEndpoint: storage that does not answer is an error, and an
// endpoint that storage does not have is like a new one.
func TestHealthOfUnreadableEndpoint(t *testing.T) {
	u := &unready{}
	inRig(t, func(o *Options) { u.Store, o.Store = o.Store.(storage.Store), u }, func(r *rig) {
		n := r.register(webhook.Settings{})
		u.failures[0].Store(1)
		_, err := r.d.Health(context.Background(), n)
		wantError(t, err, errUnready)
		if h := r.health(n + 1); h.Breaker != webhook.BreakerClosed || h.Allowed != 8 {
			t.Errorf("%+v", h)
		}
		r.wantNoActor()
	})
}

// TestOverview: counts, rates and the worst endpoints in each order; a deleted one is left out.
func TestOverview(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		settings := regular(time.Hour, 50)
		settings.Breaker = webhook.BreakerPolicy{Failures: 3, Open: time.Hour, MaxOpen: time.Hour}
		dead, late := r.register(settings), r.registerFor("globex", webhook.EndpointPaused, "*")
		r.receiver.does(dead, answers(500, 0))
		r.publish(6, 10)
		time.Sleep(20 * time.Second)
		gone := r.registerFor("initech", webhook.EndpointPaused, "*")
		good := r.register(webhook.Settings{})
		r.receiver.does(good, answers(200, 0))
		r.publish(10, 10)
		time.Sleep(40 * time.Second)
		e := r.change(gone, func(e *webhook.Endpoint) { e.DeletedAt = time.Now() })
		synctest.Wait()
		overview := func(by webhook.Order) webhook.Overview {
			t.Helper()
			o, err := r.d.Overview(t.Context(), webhook.OverviewQuery{By: by, Series: by == webhook.ByAge})
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		o := overview(webhook.ByAge)
		if o.Pending != 32 || o.MaxPending != 50_000_000 || o.BreakersOpen != 1 || o.Endpoints[webhook.EndpointActive] != 2 || o.Endpoints[webhook.EndpointPaused] != 1 {
			t.Errorf("%+v", o)
		}
		if age := time.Since(o.Oldest[webhook.EndpointActive]); age < 59*time.Second || age > 61*time.Second {
			t.Errorf("the oldest is %s old", age)
		}
		if age := time.Since(o.LookedAt); age > 5*time.Second {
			t.Errorf("it is %s old", age)
		}
		if m := o.Rates[0]; m.Known < 55*time.Second || math.Abs(m.Accepted*m.Known.Seconds()-16) > 0.01 || math.Abs(m.Delivered*m.Known.Seconds()-10) > 0.01 {
			t.Errorf("%+v", m)
		}
		for by, want := range map[webhook.Order][]webhook.EndpointNumber{
			webhook.ByAge: {dead, late}, webhook.ByPending: {dead, late}, webhook.ByFailures: {dead},
		} {
			var got []webhook.EndpointNumber
			for _, w := range overview(by).Worst {
				got = append(got, w.Endpoint.Endpoint)
				if known := r.endpoint(w.Endpoint.Endpoint); w.Endpoint != known.ID || w.ClientID != known.ClientID || w.Status != known.Status || w.Endpoint == e.ID {
					t.Errorf("%s: %+v, want %+v", by, w, known)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("by %s: %v, want %v", by, got, want)
			}
		}
		for by, series := range map[webhook.Order]bool{webhook.ByAge: true, webhook.ByPending: false} {
			if minutes := overview(by).Series.Minutes; (len(minutes) > 0) != series {
				t.Errorf("%d minutes, wanted %t", len(minutes), series)
			}
		}
		if w := overview(webhook.ByFailures).Worst[0]; w.Attempts.Failures < 3 || w.Attempts.Successes != 0 || w.Pending != 16 {
			t.Errorf("%+v", w)
		}
	})
}

// TestRankedByState: the lists have the endpoints that failed, answered slowly, or have an open
// breaker, newest first, and no more of them than are wanted.
func TestRankedByState(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		settings := regular(time.Hour, 50)
		settings.Breaker = webhook.BreakerPolicy{Failures: 1, Open: time.Hour, MaxOpen: time.Hour}
		good, slow, dead, later := r.register(settings), r.register(settings), r.register(settings), r.register(settings)
		r.receiver.does(good, answers(200, 100*time.Millisecond))
		r.receiver.does(slow, answers(200, 2*time.Second))
		r.receiver.does(dead, answers(500, 0))
		r.receiver.does(later, answers(503, 0))
		r.publish(2, 10)
		time.Sleep(10 * time.Second)
		for by, want := range map[webhook.Order][]webhook.EndpointNumber{
			webhook.ByOpen: {later, dead}, webhook.ByFailing: {later, dead}, webhook.BySlow: {slow},
		} {
			for most := range 3 {
				list, err := r.d.Ranked(t.Context(), by, most)
				var got []webhook.EndpointNumber
				for i := range list.Endpoints {
					got = append(got, list.Endpoints[i].Endpoint.Endpoint)
				}
				if err != nil || !slices.Equal(got, want[:min(most, len(want))]) || list.Truncated {
					t.Errorf("%s, %d at most: %v, %+v, %v; want %v", by, most, got, list.Coverage, err, want)
				}
			}
		}
	})
}

// TestGlanceAtTooMany: after a start with more endpoints at work than a request may look at,
// an overview is about some of them, and says so, until the watchdog has seen all.
func TestGlanceAtTooMany(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		const endpoints = maxGlance + 10
		for range endpoints {
			r.registerFor("acme", webhook.EndpointPaused, "*")
		}
		r.publish(1, 10)
		synctest.Wait()
		r.stop()
		r.start()
		look := func() webhook.Overview {
			t.Helper()
			o, err := r.d.Overview(t.Context(), webhook.OverviewQuery{By: webhook.ByAge})
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		if o := look(); !o.Truncated || len(o.Worst) != webhook.MaxWorst || o.Oldest[webhook.EndpointPaused].IsZero() {
			t.Errorf("after the start: %+v, %d worst", o.Coverage, len(o.Worst))
		}
		for range 60 {
			if time.Sleep(time.Second); !look().Truncated {
				return
			}
		}
		t.Error("a minute later the watchdog has not seen all")
	})
}
