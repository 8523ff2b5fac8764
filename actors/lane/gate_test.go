package lane

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Outcomes as the gate sees them.
var (
	answered = webhook.Attempt{StatusCode: 200}
	down     = webhook.Attempt{StatusCode: 500}
	refused  = webhook.Attempt{StatusCode: 422}
	limited  = webhook.Attempt{StatusCode: 429}
)

// testGate drives a gate with the breaker policy of the tests: it opens after three failures
// in a row, for ten seconds, then for twice as long up to a minute.
type testGate struct {
	*gate
	t *testing.T
}

func gateSettings() webhook.Settings {
	s := webhook.DefaultSettings()
	s.Breaker = webhook.BreakerPolicy{Failures: 3, Open: 10 * time.Second, MaxOpen: time.Minute}
	return s
}

// inGate runs a test with a new gate, in a bubble whose clock is the breaker library's, too.
func inGate(t *testing.T, s webhook.Settings, test func(g testGate)) {
	synctest.Test(t, func(t *testing.T) {
		test(testGate{newGate(&webhook.Endpoint{}, s, webhook.GateState{}, new(pace), time.Now()), t})
	})
}

// attempt makes one attempt, which ask must allow.
func (g testGate) attempt(a webhook.Attempt) {
	g.t.Helper()
	if ok, at := g.ask(time.Now()); !ok {
		g.t.Fatal("no attempt may start before", at)
	}
	g.leave(time.Now(), g.enter(time.Now(), false), a.Outcome(), a.RetryAfter)
}

// wantOpen checks for how long the gate is closed from now on; 0 if it is not.
func (g testGate) wantOpen(want time.Duration, reason string) {
	g.t.Helper()
	until, got := g.closedUntil(time.Now()), time.Duration(0)
	if !until.IsZero() {
		got = time.Until(until) - time.Millisecond // see closedUntil
	}
	if got != want {
		g.t.Errorf("%s: closed for %v, want %v", reason, got, want)
	}
}

// TestGateProbeAfterRestart: a breaker whose time was over before a restart lets one attempt
// through, which decides.
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
		state, changed := g.takeChanged()
		switch {
		case !changed || g.probe:
			t.Fatal(name, "the probe decided nothing")
		case !c.closes && (state.Openings != 3 || state.OpenUntil.Before(now.Add(time.Minute))):
			t.Fatal(name, state)
		case c.closes && state != webhook.GateState{}:
			t.Fatal(name, state)
		}
	}
}

// TestBreakerOpens: after so many attempts in a row for which the receiver was down, and not
// if it answers in between, whatever the answer is.
func TestBreakerOpens(t *testing.T) {
	for _, c := range []struct {
		reason   string
		attempts []webhook.Attempt
		open     time.Duration
	}{
		{"two failures", []webhook.Attempt{down, down}, 0},
		{"three", []webhook.Attempt{down, down, down}, 10 * time.Second},
		{"a success between", []webhook.Attempt{down, down, answered, down}, 0},
		{"a message that is refused between", []webhook.Attempt{down, down, refused, down}, 0},
		{"an overload counts as down", []webhook.Attempt{down, limited, down}, 10 * time.Second},
		{"failures without an answer", []webhook.Attempt{{Failure: webhook.ReasonConnect}, {Failure: webhook.ReasonTLS}, {Failure: webhook.ReasonTimeout}}, 10 * time.Second},
	} {
		inGate(t, gateSettings(), func(g testGate) {
			for _, a := range c.attempts {
				g.attempt(a)
			}
			g.wantOpen(c.open, c.reason)
		})
	}
}

// TestOpeningsDouble: each opening without an answer in between lasts twice as long as the
// one before, up to the policy's bound; an answer begins again from the first.
func TestOpeningsDouble(t *testing.T) {
	inGate(t, gateSettings(), func(g testGate) {
		for range 3 {
			g.attempt(down)
		}
		for _, want := range []time.Duration{10, 20, 40, 60, 60} {
			g.wantOpen(want*time.Second, "each opening twice as long")
			time.Sleep(want*time.Second + 2*time.Millisecond)
			if !g.halfOpen(time.Now()) {
				t.Fatal("the breaker is not half-open after its time")
			}
			g.attempt(down)
		}
		time.Sleep(time.Minute + 2*time.Millisecond)
		g.attempt(refused)
		g.wantOpen(0, "an answer, though not a success, closes it")
		for range 3 {
			g.attempt(down)
		}
		g.wantOpen(10*time.Second, "then it opens as if for the first time")
	})
}

// TestHold: a Retry-After of a receiver that asks for less holds the whole endpoint, for a
// bounded time; one of another answer is the delivery's own matter.
func TestHold(t *testing.T) {
	for _, c := range []struct {
		reason string
		a      webhook.Attempt
		want   time.Duration
	}{
		{"429", webhook.Attempt{StatusCode: 429, RetryAfter: time.Minute}, time.Minute},
		{"503", webhook.Attempt{StatusCode: 503, RetryAfter: time.Minute}, time.Minute},
		{"a day is too long", webhook.Attempt{StatusCode: 503, RetryAfter: 24 * time.Hour}, maxHold},
		{"without a time", webhook.Attempt{StatusCode: 429}, 0},
		{"500", webhook.Attempt{StatusCode: 500, RetryAfter: time.Minute}, 0},
	} {
		inGate(t, gateSettings(), func(g testGate) {
			g.attempt(c.a)
			g.wantOpen(c.want, c.reason)
			if waits := g.waits(time.Now()); (waits.For == webhook.WaitHold) != (c.want > 0) {
				t.Errorf("%s: deliveries wait for %+v", c.reason, waits)
			}
		})
	}
}

// TestShorterHoldChangesNothing: attempts that were in flight answer with shorter times.
func TestShorterHoldChangesNothing(t *testing.T) {
	inGate(t, gateSettings(), func(g testGate) {
		now := time.Now()
		first, second := g.enter(now, false), g.enter(now, false)
		g.leave(now, first, limited.Outcome(), time.Minute)
		g.leave(now, second, limited.Outcome(), time.Second)
		g.wantOpen(time.Minute, "the longer one")
	})
}

// TestPassing: what a person asks for passes a closed gate, one attempt at a time. An answer
// closes the breaker, and a success ends a hold; a failure changes neither.
func TestPassing(t *testing.T) {
	for _, c := range []struct {
		reason        string
		outcome       webhook.Attempt
		breaker, hold time.Duration // afterwards
	}{
		{"the receiver is down still", down, 10 * time.Second, 5 * time.Second},
		{"it refuses the message", refused, 0, 5 * time.Second},
		{"it takes the message", answered, 0, 0},
	} {
		inGate(t, gateSettings(), func(g testGate) {
			start := time.Now()
			for range 3 {
				g.attempt(down)
			}
			g.hold = start.Add(5 * time.Second)
			pass := g.enter(start, true)
			if !g.passing || !pass.passes || !g.deciding() {
				t.Fatal("the attempt does not count as one that passes")
			}
			g.leave(start, pass, c.outcome.Outcome(), 0)
			if g.passing {
				t.Error(c.reason, "and the attempt has not ended for the gate")
			}
			if got := max(0, g.state.OpenUntil.Sub(start)); got != c.breaker {
				t.Errorf("%s: the breaker is open for %v, want %v", c.reason, got, c.breaker)
			}
			if got := max(0, g.hold.Sub(start)); got != c.hold {
				t.Errorf("%s: the hold is %v, want %v", c.reason, got, c.hold)
			}
		})
	}
}

// TestLateOutcomes: what began before the breaker's last transition, or under another gate,
// does not change it.
func TestLateOutcomes(t *testing.T) {
	inGate(t, gateSettings(), func(g testGate) {
		early := []ticket{g.enter(time.Now(), false), g.enter(time.Now(), false)}
		for range 3 {
			g.attempt(down)
		}
		g.leave(time.Now(), early[0], answered.Outcome(), 0)
		g.wantOpen(10*time.Second, "an answer from before the opening")
		time.Sleep(11 * time.Second)
		g.leave(time.Now(), early[1], down.Outcome(), 0)
		g.wantOpen(0, "a failure from before the opening")
		if g.state.Openings != 1 {
			t.Errorf("%d openings", g.state.Openings)
		}
		other := newGate(&webhook.Endpoint{}, gateSettings(), webhook.GateState{}, new(pace), time.Now())
		g.leave(time.Now(), other.enter(time.Now(), false), limited.Outcome(), time.Minute)
		g.wantOpen(0, "an attempt of another gate")
	})
}

// TestAbandonedProbe: an attempt that says nothing about the receiver does not decide; the
// next one may start at once.
func TestAbandonedProbe(t *testing.T) {
	inGate(t, gateSettings(), func(g testGate) {
		for range 3 {
			g.attempt(down)
		}
		time.Sleep(11 * time.Second)
		probe := g.enter(time.Now(), false)
		g.abandon(probe)
		time.Sleep(2 * time.Millisecond)
		g.attempt(answered)
		g.wantOpen(0, "the next attempt decides")
		pass := g.enter(time.Now(), true)
		if g.abandon(pass); g.passing {
			t.Error("an abandoned attempt by hand is passing still")
		}
	})
}

// TestSavedState: what a gate makes of a state that storage kept.
func TestSavedState(t *testing.T) {
	now := time.Now()
	policy := gateSettings().Breaker
	open := webhook.GateState{OpenUntil: now.Add(30 * time.Second), Openings: 2, Since: 4}
	for _, c := range []struct {
		reason  string
		saved   webhook.GateState
		since   uint64 // the endpoint's
		want    webhook.GateState
		changed bool
	}{
		{"none", webhook.GateState{}, 4, webhook.GateState{}, false},
		{"open", open, 4, open, false},
		{"of an earlier receiver", open, 5, webhook.GateState{}, true},
		{
			"of a clock that was ahead",
			webhook.GateState{OpenUntil: now.Add(time.Hour), Openings: 2, Since: 4},
			4,
			webhook.GateState{OpenUntil: now.Add(policy.MaxOpen), Openings: 2, Since: 4},
			true,
		},
	} {
		g := newGate(&webhook.Endpoint{GateSince: c.since}, gateSettings(), c.saved, new(pace), now)
		state, changed := g.takeChanged()
		if state != c.want || changed != c.changed {
			t.Errorf("%s: %+v, changed %v; want %+v, %v", c.reason, state, changed, c.want, c.changed)
		}
		if _, again := g.takeChanged(); again {
			t.Errorf("%s: it is saved twice", c.reason)
		}
	}
}

// TestBreakerStateForPeople: what the API shows.
func TestBreakerStateForPeople(t *testing.T) {
	inGate(t, gateSettings(), func(g testGate) {
		want := func(state webhook.BreakerState) {
			t.Helper()
			if got := g.breakerState(time.Now()); got != state {
				t.Errorf("%s, want %s", got, state)
			}
		}
		want(webhook.BreakerClosed)
		for range 3 {
			g.attempt(down)
		}
		want(webhook.BreakerOpen)
		time.Sleep(11 * time.Second)
		want(webhook.BreakerHalfOpen)
		g.attempt(answered)
		want(webhook.BreakerClosed)
	})
}

// TestRateLimit: attempts come at the rate after the burst, one by hand is borrowed, and
// settings that stay the same keep what was used.
func TestRateLimit(t *testing.T) {
	s := gateSettings()
	s.Rate, s.Burst = 2, 3
	inGate(t, s, func(g testGate) {
		for range 3 {
			g.attempt(answered)
		}
		wait := func(want time.Duration, reason string) {
			t.Helper()
			if got := time.Until(g.tokenAt(time.Now())).Round(time.Millisecond); got != want {
				t.Errorf("%s: the next attempt in %v, want %v", reason, got, want)
			}
		}
		wait(500*time.Millisecond, "the burst is used up")
		if w := g.waits(time.Now()); w.For != webhook.WaitRate {
			t.Errorf("deliveries wait for %+v", w)
		}
		g.configure(s)
		wait(500*time.Millisecond, "the same settings")
		g.leave(time.Now(), g.enter(time.Now(), true), answered.Outcome(), 0)
		wait(time.Second, "one by hand is borrowed")
		time.Sleep(time.Second + time.Millisecond)
		g.attempt(answered)
		s.Rate = 4
		g.configure(s)
		wait(0, "another rate begins with its burst")
		s.Rate = 0
		g.configure(s)
		for range 1000 {
			g.attempt(answered)
		}
	})
}

// TestPaceOutlivesTheGate: the next gate of the same receiver sends no faster; one of another
// receiver begins again, and a resume ends a hold only.
func TestPaceOutlivesTheGate(t *testing.T) {
	s := gateSettings()
	s.Rate = 1
	now := time.Now()
	for _, c := range []struct {
		reason     string
		next       webhook.Endpoint
		rate, hold bool // they still apply
	}{
		{"the same endpoint", webhook.Endpoint{}, true, true},
		{"resumed", webhook.Endpoint{GateSince: 3}, true, false},
		{"another receiver", webhook.Endpoint{ReceiverSince: 3, GateSince: 3}, false, false},
	} {
		p := new(pace)
		g := newGate(&webhook.Endpoint{}, s, webhook.GateState{}, p, now)
		g.leave(now, g.enter(now, false), limited.Outcome(), time.Minute)
		next := newGate(&c.next, s, webhook.GateState{}, p, now)
		if got := next.tokenAt(now).After(now); got != c.rate {
			t.Errorf("%s: the rate limit applies %v, want %v", c.reason, got, c.rate)
		}
		if got := !next.closedUntil(now).IsZero(); got != c.hold {
			t.Errorf("%s: the hold applies %v, want %v", c.reason, got, c.hold)
		}
	}
}

// TestPolicyChanges: a closed breaker counts from the beginning under another policy, an
// open one stays open.
func TestPolicyChanges(t *testing.T) {
	s := gateSettings()
	inGate(t, s, func(g testGate) {
		g.attempt(down)
		g.attempt(down)
		s.Breaker.Failures = 2
		g.configure(s)
		g.attempt(down)
		g.wantOpen(0, "one failure of two")
		g.attempt(down)
		g.wantOpen(10*time.Second, "two")
		s.Breaker.Failures = 50
		g.configure(s)
		g.wantOpen(10*time.Second, "a changed policy")
	})
}
