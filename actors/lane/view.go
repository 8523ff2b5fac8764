package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// What the actor asks the lane about itself. None of these changes the lane, except
// TakeGate and NoTarget.

// Configured reports whether the lane knows its endpoint. Until then it sends nothing.
func (l *Lane) Configured() bool { return l.configured }

// Deleted reports whether the endpoint is deleted.
func (l *Lane) Deleted() bool { return l.deleted }

// ReceiverSince returns the revision of the endpoint since which it has its present receiver.
func (l *Lane) ReceiverSince() uint64 { return l.receiverSince }

// NoTarget notes that no target could be made for the endpoint, so that not even a test
// can be sent during its pause. Configure undoes it.
func (l *Lane) NoTarget() { l.paused = false }

// Owns reports whether an entry is in this lane's window, or was last. What comes back for
// an entry of an earlier lane of the endpoint is ignored.
func (l *Lane) Owns(e *Entry) bool { return e.lane == l }

// Proven reports whether the receiver has answered since it last failed.
func (l *Lane) Proven() bool { return l.ramp.proven }

// InFlight returns how many attempts are in flight.
func (l *Lane) InFlight() int { return l.inFlight }

// Unsettled returns how many outcomes are on their way to storage.
func (l *Lane) Unsettled() int { return l.unsettled }

// GateState returns the breaker's state.
func (l *Lane) GateState() webhook.GateState { return l.gate.state }

// TakeGate returns the breaker's state, and reports whether it changed since the last call
// and is to be saved.
func (l *Lane) TakeGate() (webhook.GateState, bool) {
	if !l.configured {
		return webhook.GateState{}, false
	}
	return l.gate.takeChanged()
}

// Health returns what the lane knows of how the endpoint is doing. The lane must be
// configured.
func (l *Lane) Health(now time.Time) webhook.Health {
	h := webhook.Health{
		Breaker:   l.gate.breakerState(now),
		OpenUntil: l.gate.state.OpenUntil,
		InFlight:  l.inFlight,
		Allowed:   l.ramp.allowed,
		Waiting:   l.Waits(now),
	}
	if l.gate.hold.After(now) {
		h.HoldUntil = l.gate.hold
	}
	return h
}

// Progress returns which deliveries are being attempted, or were and storage does not have
// the outcome yet, which wait because a person asked for them, and what the others wait for.
func (l *Lane) Progress(now time.Time) webhook.Progress {
	p := webhook.Progress{Started: make(map[webhook.ID]time.Time, l.inFlight+l.unsettled), Waiting: l.Waits(now)}
	for id, e := range l.window {
		switch {
		case e.state == entryInFlight, e.state == entrySettling:
			p.Started[id] = e.startedAt
		case e.state == entryWaiting && e.ByHand && l.maySend(e):
			p.ByHand = append(p.ByHand, id)
		}
	}
	return p
}

// Waits returns what deliveries that are due wait for; WaitNone if only for their turn.
func (l *Lane) Waits(now time.Time) webhook.Waiting {
	switch {
	case !l.configured, l.deleted:
		return webhook.Waiting{}
	case !l.sends: // the endpoint's status shows whether it is paused or disabled
		return webhook.Waiting{For: webhook.WaitPause}
	}
	return l.gate.waits(now)
}
