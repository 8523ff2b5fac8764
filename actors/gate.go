package actors

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/corpastro/astrohook/webhook"
)

// maxHold bounds how long a receiver's Retry-After can hold its whole endpoint.
const maxHold = 15 * time.Minute

// errAttempt is what the breaker is told of a failed attempt.
var errAttempt = errors.New("attempt failed")

// gate is the rate limiter and the circuit breaker of one endpoint as one
// question: may I send, and if not, when?
//
// The breaker library opens for a fixed time. To double it from one opening to
// the next, the gate makes a new breaker at each transition, and counts.
type gate struct {
	policy  webhook.BreakerPolicy
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	*pace
	state webhook.GateState
	probe bool // half-open, and the one attempt that decides is in flight
	dirty bool // state changed since it was last taken for saving
}

// pace is what a gate knows beside its breaker. It outlives the gate, so that an
// actor that rested in between sends no faster.
type pace struct {
	limiter *rate.Limiter // nil: no limit
	// hold is until when the receiver asked not to be sent anything.
	hold time.Time
}

// newGate makes a gate that goes on from a saved state. The breaker reads the
// clock itself, which must agree with now.
func newGate(s webhook.Settings, saved webhook.GateState, p *pace, now time.Time) *gate {
	g := &gate{policy: s.Breaker, state: saved, pace: p}
	g.limit(s)
	// It can seem to be open for longer only if the clock has gone back since.
	if latest := now.Add(g.policy.MaxOpen); saved.OpenUntil.After(latest) {
		saved.OpenUntil = latest
		g.state, g.dirty = saved, true
	}
	if saved.OpenUntil.IsZero() {
		g.breaker = closedBreaker(g.policy.Failures)
	} else {
		g.breaker = openBreaker(saved.OpenUntil.Sub(now))
	}
	return g
}

// configure applies changed settings; what the gate has learned stays.
func (g *gate) configure(s webhook.Settings) {
	if g.policy != s.Breaker {
		g.policy = s.Breaker
		if g.state.OpenUntil.IsZero() {
			g.breaker = closedBreaker(g.policy.Failures)
		}
	}
	g.limit(s)
}

func (g *gate) limit(s webhook.Settings) {
	switch {
	case s.Rate <= 0:
		g.limiter = nil
	case g.limiter == nil || g.limiter.Limit() != rate.Limit(s.Rate) || g.limiter.Burst() != max(s.Burst, 1):
		g.limiter = rate.NewLimiter(rate.Limit(s.Rate), max(s.Burst, 1))
	}
}

func closedBreaker(failures int) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= failures },
	})
}

// openBreaker makes a breaker that is open for a time, then half-open.
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

// ask tells whether an attempt may start at now, and otherwise when to ask again;
// zero if only the end of an attempt in flight can change the answer.
func (g *gate) ask(now time.Time) (ok bool, at time.Time) {
	if until := g.closedUntil(now); !until.IsZero() {
		return false, until
	}
	if g.probe {
		return false, time.Time{}
	}
	// By its own clock the breaker can be open for an instant longer.
	if g.state.Openings > 0 && g.breaker.State() == gobreaker.StateOpen {
		return false, now.Add(time.Millisecond)
	}
	if g.limiter != nil {
		if missing := 1 - g.limiter.TokensAt(now); missing > 0 {
			return false, now.Add(time.Duration(missing/float64(g.limiter.Limit())*float64(time.Second)) + time.Microsecond)
		}
	}
	return true, time.Time{}
}

// closedUntil tells until when breaker or receiver forbid any attempt; zero if they do not.
func (g *gate) closedUntil(now time.Time) time.Time {
	until := g.hold
	if g.state.OpenUntil.After(until) {
		until = g.state.OpenUntil
	}
	// The breaker is half-open only after its time, not at it.
	if until = until.Add(time.Millisecond); until.After(now) && !g.probe {
		return until
	}
	return time.Time{}
}

// ticket is what an attempt got when it entered, to hand back when it leaves.
type ticket struct {
	done    func(error)
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	probe   bool // it decides whether a half-open breaker closes
}

// enter starts an attempt that ask allowed.
func (g *gate) enter(now time.Time) (t ticket, ok bool) {
	done, err := g.breaker.Allow()
	if err != nil {
		return ticket{}, false
	}
	if g.limiter != nil {
		g.limiter.AllowN(now, 1)
	}
	g.probe = g.state.Openings > 0
	return ticket{done, g.breaker, g.probe}, true
}

// leave ends an attempt. retryAfter is what the receiver asked for. What began
// under an earlier breaker changes nothing of this one.
func (g *gate) leave(now time.Time, t ticket, o webhook.Outcome, retryAfter time.Duration) {
	if o.SlowDown && retryAfter > 0 {
		if until := now.Add(min(retryAfter, maxHold)); until.After(g.hold) {
			g.hold = until
		}
	}
	success := o.Verdict == webhook.Success
	if success {
		t.done(nil)
	} else {
		t.done(errAttempt)
	}
	switch {
	case t.breaker != g.breaker, success && !t.probe:
	case success:
		g.close()
	case t.probe, g.breaker.State() == gobreaker.StateOpen:
		g.open(now)
	}
}

func (g *gate) open(now time.Time) {
	wait := g.policy.Open
	for range min(g.state.Openings, 32) {
		wait = min(2*wait, g.policy.MaxOpen)
	}
	g.state = webhook.GateState{OpenUntil: now.Add(wait), Openings: g.state.Openings + 1}
	g.breaker, g.probe, g.dirty = openBreaker(wait), false, true
}

func (g *gate) close() {
	g.state, g.probe, g.dirty = webhook.GateState{}, false, true
	g.breaker = closedBreaker(g.policy.Failures)
}

// takeDirty gives the state to save, if it changed since the last call.
func (g *gate) takeDirty() (webhook.GateState, bool) {
	changed := g.dirty
	g.dirty = false
	return g.state, changed
}

// breakerState names the breaker's state for people.
func (g *gate) breakerState(now time.Time) webhook.BreakerState {
	switch {
	case g.state.OpenUntil.IsZero():
		return webhook.BreakerClosed
	case now.After(g.state.OpenUntil):
		return webhook.BreakerHalfOpen
	}
	return webhook.BreakerOpen
}
