package lane

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/corpastro/astrohook/webhook"
)

// The breaker library counts failures in a row, and opens for a fixed time. To double the
// time from one opening to the next the gate makes a new breaker at each transition, and
// counts the openings itself.

// errAttempt reports to the library an attempt for which the receiver was down.
var errAttempt = errors.New("attempt failed")

// breakerOf returns the breaker that goes with a state.
func breakerOf(s webhook.GateState, p webhook.BreakerPolicy, now time.Time) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	if s.OpenUntil.IsZero() {
		return closedBreaker(p.Failures)
	}
	return openBreaker(s.OpenUntil.Sub(now))
}

// closedBreaker returns a breaker that opens after a number of failures in a row.
func closedBreaker(failures int) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= failures },
	})
}

// openBreaker returns a breaker that is open for a time, then half-open. The library has
// no such constructor: one failure opens a breaker that opens at the first.
func openBreaker(open time.Duration) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	b := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		Timeout:     max(open, 1),
		ReadyToTrip: func(gobreaker.Counts) bool { return true },
	})
	if done, err := b.Allow(); err == nil {
		done(errAttempt)
	}
	return b
}

// ticket is what an attempt gets when it enters the gate, to hand back when it leaves. An
// attempt can outlast the gate or the breaker that it entered by.
type ticket struct {
	gate    *gate
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	done    func(error) // nil if the breaker does not count the attempt
	probe   bool        // it decides whether a half-open breaker closes
	passes  bool        // it was asked for by hand, and passed a closed gate
}

// enter lets an attempt through that ask allowed, or one that passes the gate. The latter
// borrows from the rate limit, and the next attempts wait longer.
func (g *gate) enter(now time.Time, passes bool) ticket {
	if g.limiter != nil {
		g.limiter.ReserveN(now, 1)
	}
	t := ticket{gate: g, breaker: g.breaker, passes: passes, probe: !passes && g.state.Openings > 0}
	if !passes || g.state.Openings == 0 {
		if done, err := g.breaker.Allow(); err == nil {
			t.done = done
		}
	}
	g.passing, g.probe = g.passing || passes, g.probe || t.probe
	return t
}

// leave ends an attempt with its outcome; retryAfter is what the receiver asked for. An
// attempt to an earlier receiver, or from before a resume, changes nothing here. One from
// before the breaker's last transition does not change the breaker, unless it passed by
// hand and was answered.
func (g *gate) leave(now time.Time, t ticket, o webhook.Outcome, retryAfter time.Duration) {
	if t.gate != g {
		return
	}
	g.passing = g.passing && !t.passes
	if o.SlowDown && retryAfter > 0 {
		if until := now.Add(min(retryAfter, maxHold)); until.After(g.hold) {
			g.hold = until
		}
	}
	if t.passes && o.Verdict == webhook.Success {
		g.hold = time.Time{}
	}
	t.count(o.Down)
	current := t.breaker == g.breaker
	switch {
	case !o.Down && g.state.Openings > 0:
		if t.passes || t.probe && current {
			g.become(webhook.GateState{}, now)
		}
	case !current, !o.Down, t.passes && g.state.Openings > 0:
	case t.probe, g.breaker.State() == gobreaker.StateOpen:
		g.open(now)
	}
}

// count has the library's breaker count the attempt.
func (t ticket) count(down bool) {
	switch {
	case t.done == nil:
	case down:
		t.done(errAttempt)
	default:
		t.done(nil)
	}
}

// abandon ends an attempt that says nothing about the receiver. If it was to decide on a
// half-open breaker, the next one decides instead.
func (g *gate) abandon(t ticket) {
	if t.gate == g {
		g.passing = g.passing && !t.passes
		if t.probe && t.breaker == g.breaker {
			g.probe, g.breaker = false, openBreaker(0)
		}
	}
}

// open opens the breaker, for twice as long as the last time if nothing was answered since.
func (g *gate) open(now time.Time) {
	wait := g.policy.Open
	for range min(g.state.Openings, 32) {
		wait = min(2*wait, g.policy.MaxOpen)
	}
	g.become(webhook.GateState{OpenUntil: now.Add(wait), Openings: g.state.Openings + 1, Since: g.gateSince}, now)
}

// become changes the breaker's state. No attempt in flight decides on the new one.
func (g *gate) become(s webhook.GateState, now time.Time) {
	g.state, g.probe, g.changed = s, false, true
	g.breaker = breakerOf(s, g.policy, now)
}
