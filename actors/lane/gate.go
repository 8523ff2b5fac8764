package lane

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/corpastro/astrohook/webhook"
)

// maxHold bounds how long a receiver's Retry-After can hold its whole endpoint.
const maxHold = 15 * time.Minute

// errAttempt is what the breaker is told of an attempt for which the receiver was down.
var errAttempt = errors.New("attempt failed")

// gate is the rate limiter and the circuit breaker of one endpoint as one
// question: may I send, and if not, when?
//
// The breaker judges the receiver, not its messages: it opens after a number of
// attempts in a row for which the receiver was down, and any other answer closes
// it. While it is half-open, one attempt at a time decides. Each time it opens
// without an answer in between, it stays open for twice as long.
//
// What a person asks for by hand may pass a closed gate, one attempt at a time. It
// decides like the attempt of a half-open breaker if the receiver answers; if not,
// the breaker stays as it was.
//
// The breaker library opens for a fixed time. To double it from one opening to
// the next, the gate makes a new breaker at each transition, and counts.
type gate struct {
	policy  webhook.BreakerPolicy
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	*pace
	state   webhook.GateState
	probe   bool // half-open, and the one attempt that decides is in flight
	passing bool // an attempt by hand that passed the gate is in flight
	changed bool // state changed since it was last taken for saving
}

// pace is what a gate knows beside its breaker. It outlives the gate, so that an
// actor that rested in between sends no faster.
type pace struct {
	limiter *rate.Limiter // nil: no limit
	// hold is until when the receiver asked not to be sent anything.
	hold time.Time
	// receiverSince and gateSince are those of the endpoint that this belongs to.
	receiverSince, gateSince uint64
}

// forgetVoid forgets what belongs to an earlier receiver, or was ended by a resume.
func (p *pace) forgetVoid(e *webhook.Endpoint) {
	if p.receiverSince != e.ReceiverSince {
		p.limiter = nil
	}
	if p.gateSince != e.GateSince {
		p.hold = time.Time{}
	}
	p.receiverSince, p.gateSince = e.ReceiverSince, e.GateSince
}

// newGate makes a gate that goes on from a saved state, unless that is void. The
// breaker reads the clock itself, which must agree with now.
func newGate(e *webhook.Endpoint, s webhook.Settings, saved webhook.GateState, p *pace, now time.Time) *gate {
	p.forgetVoid(e)
	g := &gate{policy: s.Breaker, state: saved, pace: p}
	g.limit(s)
	switch latest := now.Add(g.policy.MaxOpen); {
	case saved.Since < e.GateSince:
		g.state, g.changed = webhook.GateState{}, saved != webhook.GateState{}
	case saved.OpenUntil.After(latest): // only if the clock has gone back since
		g.state.OpenUntil, g.changed = latest, true
	}
	g.breaker = breakerOf(g.state, g.policy, now)
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

// breakerOf makes the breaker that goes with a state.
func breakerOf(s webhook.GateState, p webhook.BreakerPolicy, now time.Time) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	if s.OpenUntil.IsZero() {
		return closedBreaker(p.Failures)
	}
	return openBreaker(s.OpenUntil.Sub(now))
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

func (g *gate) limit(s webhook.Settings) {
	switch {
	case s.Rate <= 0:
		g.limiter = nil
	case g.limiter == nil || g.limiter.Limit() != rate.Limit(s.Rate) || g.limiter.Burst() != max(s.Burst, 1):
		g.limiter = rate.NewLimiter(rate.Limit(s.Rate), max(s.Burst, 1))
	}
}

// ask reports whether an attempt may start at now, and otherwise when to ask again;
// zero if only the end of an attempt in flight can change the answer.
func (g *gate) ask(now time.Time) (ok bool, at time.Time) {
	if until := g.closedUntil(now); !until.IsZero() {
		return false, until
	}
	if g.deciding() {
		return false, time.Time{}
	}
	// By its own clock the breaker can be open for an instant longer.
	if g.state.Openings > 0 && g.breaker.State() == gobreaker.StateOpen {
		return false, now.Add(time.Millisecond)
	}
	if at := g.tokenAt(now); at.After(now) {
		return false, at
	}
	return true, time.Time{}
}

// tokenAt returns when the rate limit allows the next attempt.
func (g *gate) tokenAt(now time.Time) time.Time {
	if g.limiter == nil {
		return now
	}
	missing := 1 - g.limiter.TokensAt(now)
	if missing <= 0 {
		return now
	}
	return now.Add(time.Duration(missing/float64(g.limiter.Limit())*float64(time.Second)) + time.Microsecond)
}

// deciding reports whether an attempt in flight decides on the breaker.
func (g *gate) deciding() bool { return g.probe || g.passing && g.state.Openings > 0 }

// halfOpen reports whether the next attempt decides on the breaker.
func (g *gate) halfOpen(now time.Time) bool {
	return g.state.Openings > 0 && g.closedUntil(now).IsZero()
}

// closedUntil returns until when breaker or receiver forbid any attempt; zero if they do not.
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

// waits returns what the gate has attempts wait for; WaitNone if they may start.
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

// ticket is what an attempt got when it entered, to hand back when it leaves.
type ticket struct {
	gate    *gate
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	done    func(error) // nil if the breaker hears nothing of the attempt
	probe   bool        // it decides whether a half-open breaker closes
	passes  bool        // it was asked for by hand, and passed the gate
}

// enter starts an attempt that ask allowed, or one that passes the gate. That one
// borrows from the rate limit what the next ones then wait for.
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

// leave ends an attempt. retryAfter is what the receiver asked for. What began
// before the breaker last changed changes nothing of it.
func (g *gate) leave(now time.Time, t ticket, o webhook.Outcome, retryAfter time.Duration) {
	if t.gate != g { // sent to an earlier receiver, or before a resume
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

// count has the breaker count the attempt.
func (t ticket) count(down bool) {
	switch {
	case t.done == nil:
	case down:
		t.done(errAttempt)
	default:
		t.done(nil)
	}
}

// abandon ends an attempt that says nothing of the receiver.
func (g *gate) abandon(t ticket) {
	if t.gate == g {
		g.passing = g.passing && !t.passes
		if t.probe && t.breaker == g.breaker { // another one decides
			g.probe, g.breaker = false, openBreaker(0)
		}
	}
}

func (g *gate) open(now time.Time) {
	wait := g.policy.Open
	for range min(g.state.Openings, 32) {
		wait = min(2*wait, g.policy.MaxOpen)
	}
	g.become(webhook.GateState{OpenUntil: now.Add(wait), Openings: g.state.Openings + 1, Since: g.gateSince}, now)
}

func (g *gate) become(s webhook.GateState, now time.Time) {
	g.state, g.probe, g.changed = s, false, true
	g.breaker = breakerOf(s, g.policy, now)
}

// takeChanged returns the state to save, if it changed since the last call.
func (g *gate) takeChanged() (webhook.GateState, bool) {
	changed := g.changed
	g.changed = false
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
