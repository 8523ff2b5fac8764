package lane

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestGateProbeAfterRestart: a breaker whose time was up before a restart lets
// one attempt through, which decides.
func TestGateProbeAfterRestart(t *testing.T) {
	for name, c := range map[string]struct {
		attempt webhook.Attempt
		closes  bool
	}{
		"no connection":       {webhook.Attempt{Failure: webhook.ReasonConnect}, false},
		"fault":               {webhook.Attempt{StatusCode: 500}, false},
		"limited":             {webhook.Attempt{StatusCode: 429}, false},
		"request timeout":     {webhook.Attempt{StatusCode: 408}, false},
		"delivered":           {webhook.Attempt{StatusCode: 200}, true},
		"refused the message": {webhook.Attempt{StatusCode: 422}, true},
		"redirect":            {webhook.Attempt{StatusCode: 302}, true},
	} {
		now := time.Now()
		saved := webhook.GateState{OpenUntil: now.Add(-time.Minute), Openings: 2}
		g := newGate(&webhook.Endpoint{}, webhook.DefaultSettings(), saved, new(pace), now)
		if ok, _ := g.ask(now); !ok {
			t.Fatal(name, "no attempt is let through")
		}
		probe := g.enter(now, false)
		if ok, at := g.ask(now); ok || !at.IsZero() {
			t.Fatal(name, "a second attempt was let through, or asked to come back at", at)
		}
		g.leave(now, probe, c.attempt.Outcome(), 0)
		state, dirty := g.takeChanged()
		switch {
		case !dirty || g.probe:
			t.Fatal(name, "the probe decided nothing")
		case !c.closes && (state.Openings != 3 || state.OpenUntil.Before(now.Add(time.Minute))):
			t.Fatal(name, state)
		case c.closes && state != webhook.GateState{}:
			t.Fatal(name, state)
		}
	}
}
