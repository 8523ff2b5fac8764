package actors

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestGateProbeAfterRestart: a breaker whose time was up before a restart lets
// one attempt through, which decides, whatever the breaker's own clock says. In
// real time, since in virtual time that clock stands still.
func TestGateProbeAfterRestart(t *testing.T) {
	failed := webhook.Attempt{Failure: webhook.ReasonConnect}
	delivered := webhook.Attempt{StatusCode: 200}
	for name, attempt := range map[string]webhook.Attempt{"failed": failed, "delivered": delivered} {
		now := time.Now()
		g := newGate(webhook.DefaultSettings(), webhook.GateState{OpenUntil: now.Add(-time.Minute), Openings: 2}, new(pace), now)
		var probe ticket
		for ok := false; !ok; { // the breaker opens for a nanosecond
			if ok, _ = g.ask(time.Now()); ok {
				probe, ok = g.enter(time.Now())
			}
		}
		if ok, at := g.ask(time.Now()); ok || !at.IsZero() {
			t.Fatal(name, "a second attempt was let through, or asked to come back at", at)
		}
		g.leave(time.Now(), probe, attempt.Outcome(), 0)
		state, dirty := g.takeDirty()
		switch {
		case !dirty || g.probe:
			t.Fatal(name, "the probe decided nothing")
		case name == "failed" && (state.Openings != 3 || state.OpenUntil.Before(now.Add(time.Minute))):
			t.Fatal(name, state)
		case name == "delivered" && state != webhook.GateState{}:
			t.Fatal(name, state)
		}
	}
}
