package lane

import "github.com/corpastro/astrohook/webhook"

// initialAllowed is how many attempts an endpoint may have in flight before it has shown
// that it answers.
const initialAllowed = 8

// ramp bounds an endpoint's attempts in flight by what its receiver has shown to bear: one
// more after each success, half as many after each overload or failed connection. So a
// dead receiver holds next to nothing of what all share, and when one comes back its
// backlog drains at a growing pace.
type ramp struct {
	ceiling int  // the endpoint's concurrency
	allowed int  // attempts that may be in flight now; 1 at least, ceiling at most
	proven  bool // the receiver has answered since it last failed
}

func newRamp(ceiling int) ramp {
	return ramp{ceiling: ceiling, allowed: min(initialAllowed, ceiling)}
}

// configure applies another ceiling, and keeps what the receiver has shown.
func (r *ramp) configure(ceiling int) {
	r.ceiling = ceiling
	r.allowed = max(1, min(r.allowed, ceiling))
}

// learn takes the outcome of an attempt. An answer that is an error, but not one of
// overload, changes nothing: the receiver is as quick as before.
func (r *ramp) learn(a *webhook.Attempt, o webhook.Outcome) {
	switch {
	case o.Verdict == webhook.Success:
		r.allowed, r.proven = min(r.allowed+1, r.ceiling), true
	case o.SlowDown, a.Failure != webhook.ReasonNone:
		r.allowed = max(r.allowed/2, 1)
		r.proven = r.proven && r.allowed > 1
	}
}

// collapse starts again with one attempt at a time, after the breaker opened.
func (r *ramp) collapse() { r.allowed, r.proven = 1, false }
