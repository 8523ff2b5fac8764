package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// move changes an endpoint's target, as the API does.
func (r *rig) move(n webhook.EndpointNumber) webhook.Endpoint {
	r.t.Helper()
	return r.change(n, func(e *webhook.Endpoint) {
		was := *e
		e.TargetURL += "/next"
		e.ChangedFrom(&was)
	})
}

// TestAnotherReceiver: an open breaker or a hold of the old receiver keeps no deliveries
// from the new one, whether an actor runs, has stopped, or never ran in this process;
// and nothing of it is left in storage.
func TestAnotherReceiver(t *testing.T) {
	for state, a := range map[string]webhook.Attempt{"breaker": fault, "hold": held} {
		for _, actor := range []string{"runs", "stopped", "restarted"} {
			t.Run(state+" "+actor, func(t *testing.T) {
				inRig(t, nil, func(r *rig) {
					n, _, queued := r.shut(a, regular(time.Hour, 9))
					switch actor {
					case "stopped":
						time.Sleep(time.Minute)
					case "restarted":
						r.stop()
						r.start()
					}
					r.move(n)
					time.Sleep(time.Second)
					r.wantDelivered(queued...)
					if g, err := r.store.Gate(r.t.Context(), n); err != nil || g != (webhook.GateState{}) {
						t.Errorf("saved: %+v %v", g, err)
					}
					h := r.health(n)
					if h.Breaker != webhook.BreakerClosed || !h.HoldUntil.IsZero() || h.Failures != 0 || h.LastReason != webhook.ReasonNone {
						t.Errorf("%+v", h)
					}
				})
			})
		}
	}
}

// TestSavedGateOfAnotherReceiver: the receiver changes while the endpoint has no actor.
// A breaker saved for the old receiver holds nothing back, even if the process ended
// before it was removed from storage.
func TestSavedGateOfAnotherReceiver(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		old := webhook.GateState{OpenUntil: time.Now().Add(10 * time.Minute), Openings: 4}
		n := r.register(webhook.Settings{})
		r.store.SaveGate(n, old, func(error) {})
		r.move(n)
		synctest.Wait()
		if g, err := r.store.Gate(r.t.Context(), n); err != nil || g != (webhook.GateState{}) {
			t.Errorf("saved: %+v %v", g, err)
		}
		r.store.SaveGate(n, old, func(error) {}) // as if the process had ended in between
		id := r.publishOne(n)
		r.wantStatus(id, webhook.Delivered, "", 1)
		if h := r.health(n); h.Allowed <= 1 {
			t.Errorf("%+v", h)
		}
	})
}

// TestLateAnswerOfTheOldReceiver: an attempt that was in flight when the target
// changed counts for its delivery only.
func TestLateAnswerOfTheOldReceiver(t *testing.T) {
	for name, a := range map[string]webhook.Attempt{
		"held": held, "down": fault, "gone": {StatusCode: 410},
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				s := regular(time.Minute, 9)
				s.Breaker.Failures = 1
				n := r.register(s)
				r.receiver.does(n, func(call) webhook.Attempt {
					time.Sleep(time.Second)
					return a
				})
				r.publishOne(n)
				synctest.Wait()
				r.receiver.does(n, answers(200, 0))
				r.move(n)
				time.Sleep(2 * time.Second)
				r.wantDelivered(r.publishOne(n))
				e, err := r.store.Endpoint(r.t.Context(), n)
				if err != nil || e.Status != webhook.EndpointActive {
					t.Errorf("%+v %v", e, err)
				}
				if h := r.health(n); h.Failures != 0 || h.Successes != 1 || h.Breaker != webhook.BreakerClosed {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

// TestPaceOfAnotherReceiver: the rate limit, the attempts in flight and the tier among
// the server's permits start from the beginning; a change of other settings keeps them.
func TestPaceOfAnotherReceiver(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{Rate: 1.0 / 600, Burst: 2})
		first := r.publish(2, 2)
		third := r.publishOne(n)
		r.wantDelivered(first[0].For(n), first[1].For(n))
		r.change(n, func(e *webhook.Endpoint) { e.Description = "same receiver" })
		r.wantStatus(third, webhook.Queued, "", 0)
		if h := r.health(n); h.Allowed != 10 {
			t.Errorf("%+v", h)
		}
		r.move(n)
		r.wantStatus(third, webhook.Delivered, "", 1)
		if h := r.health(n); h.Allowed != 9 {
			t.Errorf("%+v", h)
		}
	})
}

// TestResumeKeepsWhatItMay: a resume of a webhook that works keeps its pace and the
// figures of the last hour.
func TestResumeKeepsWhatItMay(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(webhook.Settings{})
		r.publish(20, 2)
		synctest.Wait()
		r.change(n, (*webhook.Endpoint).Resume)
		if h := r.health(n); h.Allowed != 28 || h.Successes != 20 {
			t.Errorf("%+v", h)
		}
	})
}
