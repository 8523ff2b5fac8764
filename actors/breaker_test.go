package actors

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// byID returns a behaviour: some deliveries get a status, all others 200.
func byID(bad func(webhook.ID) bool, status int) func(call) webhook.Attempt {
	return func(c call) webhook.Attempt {
		time.Sleep(time.Millisecond)
		if bad(c.id) {
			return webhook.Attempt{StatusCode: status}
		}
		return webhook.Attempt{StatusCode: 200}
	}
}

// TestRefusedMessagesBlockNoOthers: a dozen messages of a kind that the receiver
// refuses neither open the breaker nor keep it open; only they themselves wait.
func TestRefusedMessagesBlockNoOthers(t *testing.T) {
	for _, status := range []int{400, 404, 422, 302} {
		inRig(t, nil, func(r *rig) {
			s := regular(time.Minute, 9)
			s.Concurrency = 1
			n := r.register(s)
			r.receiver.does(n, answers(status, time.Millisecond))
			bad := r.publish(12, 2)
			last := bad[11]
			r.receiver.does(n, byID(func(id webhook.ID) bool { return id.Seq <= last.Seq }, status))
			good := r.publishOne(n)
			time.Sleep(time.Second)
			r.wantStatus(good, webhook.Delivered, "", 1)
			if h := r.health(n); h.Breaker != webhook.BreakerClosed {
				t.Errorf("%d: %+v", status, h)
			}
			r.wantStatus(last.For(n), webhook.Retrying, (&webhook.Attempt{StatusCode: status}).Outcome().Reason, 1)
		})
	}
}

// TestProbeIsAnotherDelivery: a dozen messages at which the receiver fails open the
// breaker, and some of them are queued before a good one. The good one is tried first
// when the breaker is half-open, and closes it.
func TestProbeIsAnotherDelivery(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		s := regular(10*time.Second, 99)
		s.Breaker = webhook.BreakerPolicy{Failures: 5, Open: time.Minute, MaxOpen: time.Hour}
		s.Concurrency = 1
		n := r.register(s)
		r.receiver.does(n, answers(500, time.Millisecond))
		bad := r.publish(12, 2)
		last := bad[11]
		time.Sleep(time.Second)
		if h := r.health(n); h.Breaker != webhook.BreakerOpen || h.Backlog.Queued != 7 {
			t.Fatalf("%+v", h)
		}
		r.receiver.does(n, byID(func(id webhook.ID) bool { return id.Seq <= last.Seq }, 500))
		good := r.publishOne(n)
		time.Sleep(time.Minute)
		r.wantStatus(good, webhook.Delivered, "", 1)
	})
}
