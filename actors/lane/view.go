package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Configured reports whether the lane knows its endpoint; until then it sends nothing.
func (l *Lane) Configured() bool { return l.configured }

// Deleted reports whether the endpoint is deleted.
func (l *Lane) Deleted() bool { return l.deleted }

// Drain makes the lane start nothing any more.
func (l *Lane) Drain() { l.draining = true }

// Draining reports whether the lane was asked to drain.
func (l *Lane) Draining() bool { return l.draining }

// Drained reports whether a draining lane has nothing under way any more.
func (l *Lane) Drained() bool { return l.draining && l.inFlight+l.unsettled+l.changing == 0 }

// Proven reports whether the receiver has answered since it last failed.
func (l *Lane) Proven() bool { return l.ramp.proven }

// InFlight returns how many attempts are in flight.
func (l *Lane) InFlight() int { return l.inFlight }

// Unsettled returns how many outcomes are on their way to storage.
func (l *Lane) Unsettled() int { return l.unsettled }

// GateState returns the breaker's state.
func (l *Lane) GateState() webhook.GateState { return l.gate.state }

// TakeGate returns the breaker's state to save, if it changed since the last call.
func (l *Lane) TakeGate() (webhook.GateState, bool) {
	if !l.configured {
		return webhook.GateState{}, false
	}
	return l.gate.takeChanged()
}

// ReceiverSince returns the endpoint's ReceiverSince, as the lane was configured last.
func (l *Lane) ReceiverSince() uint64 { return l.receiverSince }

// Owns reports whether an entry is, or was last, in this lane's window.
func (l *Lane) Owns(e *Entry) bool { return e.lane == l }

// NoTarget notes that the endpoint has no target, so that not even a test can be sent.
func (l *Lane) NoTarget() { l.paused = false }

// Health returns what the lane knows of how the endpoint is doing.
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

// Progress returns which deliveries are being attempted, which wait because a person
// asked for them, and what the others wait for.
func (l *Lane) Progress(now time.Time) webhook.Progress {
	p := webhook.Progress{Started: make(map[webhook.ID]time.Time, l.inFlight), Waiting: l.Waits(now)}
	for id, e := range l.window {
		switch {
		case e.state == entryInFlight:
			p.Started[id] = e.startedAt
		case e.state == entryWaiting && e.ByHand && l.maySend(e):
			p.ByHand = append(p.ByHand, id)
		}
	}
	return p
}

// Waits returns what the lane's deliveries wait for that are due; WaitNone if for
// nothing but their turn.
func (l *Lane) Waits(now time.Time) webhook.Waiting {
	switch {
	case !l.configured, l.deleted:
		return webhook.Waiting{}
	case !l.sends: // whether it is paused or disabled, the endpoint's status says
		return webhook.Waiting{For: webhook.WaitPause}
	}
	return l.gate.waits(now)
}

// LongestWait returns the longest time between an attempt and the next that the
// endpoint's retry policy, or a receiver's Retry-After, can ask for.
func (l *Lane) LongestWait() time.Duration {
	p := l.settings.Retry
	return max(p.MaxDelay+time.Duration(float64(p.MaxDelay)*p.Jitter), webhook.MaxRetryAfter) + time.Second
}

// Beyond returns the slot from which on retries wait for longer than they can have
// been given: the clock was ahead when they were scheduled.
func (l *Lane) Beyond(now time.Time) webhook.Slot {
	beyond := webhook.Slot{At: webhook.DueAt(now.Add(l.LongestWait()))}
	if beyond.Before(l.schedule.ahead) {
		return l.schedule.ahead
	}
	return beyond
}

// Snapshot returns a copy of what is remembered, for a lane that is configured to be
// asked and then dropped. It shares nothing that either lane writes: panics, which
// only attempts need, are left out.
func (m *Memory) Snapshot() Memory { return Memory{pace: m.pace} }

// InFlight returns how many attempts that an earlier actor began have not ended.
func (left Leftover) InFlight() (n int) {
	for _, e := range left.entries {
		if e.state == entryInFlight {
			n++
		}
	}
	return n
}
