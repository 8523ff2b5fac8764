package actors

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// The clock of a bubble cannot be stepped. But a clock that ran fast leaves times in
// storage that are far in the future once it is right again, and those can be made.

// TestClockWasAhead: a retry and a breaker whose times are years away are handled within
// maxIdle, by a running dispatcher and by one that starts. A retry as late as its
// policy allows keeps its time.
func TestClockWasAhead(t *testing.T) {
	breaker := webhook.BreakerPolicy{Failures: 1000, Open: time.Minute, MaxOpen: time.Minute}
	policy := webhook.RetryPolicy{MaxAttempts: 5, Initial: 40 * time.Hour, Multiplier: 1, MaxDelay: 40 * time.Hour}
	for name, restart := range map[string]bool{"running": false, "started": true} {
		t.Run(name, func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				n := r.register(webhook.Settings{Retry: policy, Breaker: breaker, Concurrency: 1})
				r.receiver.does(n, func(call) webhook.Attempt { return webhook.Attempt{StatusCode: 500} })
				var ids []webhook.ID
				for range 100 { // more than the window holds
					ids = append(ids, r.publishOne(n))
				}
				last := r.publishOne(n)
				time.Sleep(time.Second)
				for _, id := range ids {
					r.wantStatus(id, webhook.Retrying, webhook.ReasonHTTP5xx, 1)
					r.leaveAhead(id)
				}
				r.store.SaveGate(n, webhook.GateState{OpenUntil: time.Now().Add(3 * 365 * 24 * time.Hour), Openings: 1}, func(error) {})
				if restart {
					r.stop()
					r.start()
				}
				r.receiver.does(n, func(call) webhook.Attempt { return webhook.Attempt{StatusCode: 200} })
				time.Sleep(maxIdle + time.Hour)
				for _, id := range ids {
					r.wantStatus(id, webhook.Delivered, webhook.ReasonNone, 2)
				}
				r.wantStatus(last, webhook.Retrying, webhook.ReasonHTTP5xx, 1)
				time.Sleep(44 * time.Hour) // with jitter
				r.wantStatus(last, webhook.Delivered, webhook.ReasonNone, 2)
			})
		})
	}
}

// leaveAhead moves the next attempt of a delivery years away.
func (r *rig) leaveAhead(id webhook.ID) {
	r.t.Helper()
	was := r.delivery(id)
	now := was
	now.NextAttemptAt = webhook.DueAt(was.NextAttemptAt.Time().Add(3 * 365 * 24 * time.Hour))
	r.store.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) {
		if err != nil {
			r.t.Error(err)
		}
	})
}
