package lane

import (
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/corpastro/astrohook/webhook"
)

// gate is one question to an endpoint's rate limiter, its circuit breaker and its
// receiver's Retry-After: may an attempt start, and if not, when?
//
// The breaker judges the receiver, not its messages. It opens after a number of attempts
// in a row for which the receiver was down, and any other answer closes it. While it is
// half-open, one attempt at a time decides. Each opening without an answer in between
// lasts twice as long as the one before.
//
// What a person asks for by hand may pass a closed gate, one attempt at a time. If the
// receiver answers, that attempt closes the breaker like the one that decides while it is
// half-open. If not, the breaker stays as it was, so that asking again and again does not
// prolong an opening.
type gate struct {
	policy  webhook.BreakerPolicy
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	*pace
	state   webhook.GateState
	probe   bool // half-open, and the one attempt that decides is in flight
	passing bool // an attempt by hand that passed the gate is in flight
	changed bool // state changed since it was last taken for saving
}

// newGate returns a gate in a saved state, unless a change of receiver or a resume has made
// that void. The breaker library reads the clock itself, which must agree with now.
func newGate(e *webhook.Endpoint, s webhook.Settings, saved webhook.GateState, p *pace, now time.Time) *gate {
	p.forgetVoid(e)
	g := &gate{policy: s.Breaker, state: saved, pace: p}
	g.limit(s)
	switch latest := now.Add(g.policy.MaxOpen); {
	case saved.Since < e.GateSince:
		g.state, g.changed = webhook.GateState{}, saved != webhook.GateState{}
	case saved.OpenUntil.After(latest): // the clock was set back since then
		g.state.OpenUntil, g.changed = latest, true
	}
	g.breaker = breakerOf(g.state, g.policy, now)
	return g
}

// configure applies changed settings. What the gate has learned stays, except the failures
// that a closed breaker has counted under another policy.
func (g *gate) configure(s webhook.Settings) {
	if g.policy != s.Breaker {
		g.policy = s.Breaker
		if g.state.OpenUntil.IsZero() {
			g.breaker = closedBreaker(g.policy.Failures)
		}
	}
	g.limit(s)
}

// ask reports whether an attempt may start at now. If not, at is when to ask again; zero if
// only the end of an attempt in flight can change the answer.
func (g *gate) ask(now time.Time) (ok bool, at time.Time) {
	if until := g.closedUntil(now); !until.IsZero() {
		return false, until
	}
	if g.deciding() {
		return false, time.Time{}
	}
	// The library's own clock can be a little behind now.
	if g.state.Openings > 0 && g.breaker.State() == gobreaker.StateOpen {
		return false, now.Add(time.Millisecond)
	}
	if at := g.tokenAt(now); at.After(now) {
		return false, at
	}
	return true, time.Time{}
}

// deciding reports whether an attempt in flight decides on the breaker. No other may start
// until it has ended.
func (g *gate) deciding() bool { return g.probe || g.passing && g.state.Openings > 0 }

// halfOpen reports whether the next attempt decides on the breaker.
func (g *gate) halfOpen(now time.Time) bool {
	return g.state.Openings > 0 && g.closedUntil(now).IsZero()
}

// closedUntil returns until when breaker or receiver forbid any attempt; zero if neither
// does.
func (g *gate) closedUntil(now time.Time) time.Time {
	until := g.hold
	if g.state.OpenUntil.After(until) {
		until = g.state.OpenUntil
	}
	// The library's breaker is half-open only after its time has ended, not in that instant.
	if until = until.Add(time.Millisecond); until.After(now) && !g.probe {
		return until
	}
	return time.Time{}
}

// waits returns what the gate makes attempts wait for; WaitNone if they may start.
func (g *gate) waits(now time.Time) webhook.Waiting {
	switch closed := !g.closedUntil(now).IsZero(); {
	case closed && g.hold.After(g.state.OpenUntil):
		return webhook.Waiting{For: webhook.WaitHold, Until: g.hold}
	case closed:
		return webhook.Waiting{For: webhook.WaitBreaker, Until: g.state.OpenUntil}
	case g.deciding():
		return webhook.Waiting{For: webhook.WaitBreaker}
	}
	if at := g.tokenAt(now); at.After(now) {
		return webhook.Waiting{For: webhook.WaitRate, Until: at}
	}
	return webhook.Waiting{}
}

// takeChanged returns the breaker's state, and reports whether it changed since the last
// call.
func (g *gate) takeChanged() (webhook.GateState, bool) {
	changed := g.changed
	g.changed = false
	return g.state, changed
}

// breakerState returns the breaker's state as people see it.
func (g *gate) breakerState(now time.Time) webhook.BreakerState {
	switch {
	case g.state.OpenUntil.IsZero():
		return webhook.BreakerClosed
	case now.After(g.state.OpenUntil):
		return webhook.BreakerHalfOpen
	}
	return webhook.BreakerOpen
}
