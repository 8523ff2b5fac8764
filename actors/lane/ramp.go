package lane

import "github.com/corpastro/astrohook/webhook"

// initialAllowed is how many attempts an endpoint may have in flight before it has shown that it answers.
const initialAllowed = 8

// ramp bounds the attempts in flight of one endpoint by what its receiver has
// shown to bear: one more for each success, half for each overload or failed
// connection. A dead endpoint thus holds next to nothing, and a backlog drains
// at a growing pace after its receiver comes back.
type ramp struct {
	ceiling int
	allowed int
	proven  bool // the receiver has answered since it last failed
}

func newRamp(ceiling int) ramp {
	return ramp{ceiling: ceiling, allowed: min(initialAllowed, ceiling)}
}

func (r *ramp) configure(ceiling int) {
	r.ceiling = ceiling
	r.allowed = max(1, min(r.allowed, ceiling))
}

// learn takes the outcome of an attempt. A receiver that answers, if only with an error of its own, is no slower for it.
func (r *ramp) learn(a *webhook.Attempt, o webhook.Outcome) {
	switch {
	case o.Verdict == webhook.Success:
		r.allowed, r.proven = min(r.allowed+1, r.ceiling), true
	case o.SlowDown, a.Failure != webhook.ReasonNone:
		r.allowed = max(r.allowed/2, 1)
		r.proven = r.proven && r.allowed > 1
	}
}

// collapse starts anew after the breaker opened.
func (r *ramp) collapse() { r.allowed, r.proven = 1, false }
