package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// When the lane needs to be woken, and when its actor can be stopped.

// Never is a time that does not come.
var Never = time.Unix(1<<40, 0)

// minIdle is the shortest time for which an actor is worth stopping.
const minIdle = 5 * time.Second

// WakeAt returns when the lane has something to do although no message comes; zero if it
// has not, or if only a message can change that.
func (l *Lane) WakeAt(now time.Time) time.Time {
	if !l.configured || !l.sends || l.draining || l.broken {
		return time.Time{}
	}
	var at time.Time
	if l.waiting > 0 || l.queue.behind && !l.queue.reading {
		if ok, again := l.gate.ask(now); !ok {
			at = again
		}
	}
	next := l.schedule.next.Time()
	if next.IsZero() || l.schedule.reading {
		return at
	}
	if closed := l.gate.closedUntil(now); closed.After(next) {
		next = closed
	}
	// A retry that is due already waits until there is room in the window. The end of an
	// attempt makes that, and is a message.
	if next.After(now) && (at.IsZero() || next.Before(at)) {
		at = next
	}
	return at
}

// Idle is what the supervisor needs to know of an endpoint whose actor is stopped because
// the lane has nothing in memory.
type Idle struct {
	// WakeAt is when to start an actor again at the latest; zero if no time is known at
	// which there is something to do.
	WakeAt time.Time
	// HoldUntil is until when new deliveries start no actor, because they could not be sent
	// anyway; Never while the endpoint is paused; zero if they start one.
	HoldUntil time.Time
	// Waits is what pending deliveries wait for meanwhile.
	Waits webhook.Waiting
}

// Idle reports whether the actor can be stopped, because there is nothing to do for minIdle
// at least, and returns what the supervisor needs to know then.
func (l *Lane) Idle(now time.Time) (Idle, bool) {
	if !l.configured || len(l.window) > 0 || l.queue.reading || l.schedule.reading || l.cancelling {
		return Idle{}, false
	}
	soon := now.Add(minIdle)
	if l.deleted {
		return Idle{}, l.nothingPending
	}
	if !l.sends {
		return Idle{HoldUntil: Never, Waits: l.Waits(now)}, true
	}
	idle := Idle{WakeAt: l.schedule.next.Time(), Waits: l.Waits(now)}
	if closed := l.gate.closedUntil(now); !closed.IsZero() {
		idle.HoldUntil = closed
		if l.queue.behind || !idle.WakeAt.IsZero() && idle.WakeAt.Before(closed) {
			idle.WakeAt = closed
		}
	} else if l.queue.behind {
		return Idle{}, false // a read of the queue is due
	}
	return idle, idle.WakeAt.IsZero() || idle.WakeAt.After(soon)
}

// Drain makes the lane start nothing any more, because the server stops.
func (l *Lane) Drain() { l.draining = true }

// Draining reports whether Drain was called.
func (l *Lane) Draining() bool { return l.draining }

// Drained reports whether a draining lane has nothing under way any more: every attempt
// has ended, and every outcome and change is stored.
func (l *Lane) Drained() bool { return l.draining && l.inFlight+l.unsettled+l.changing == 0 }

// CancelDue reports whether to cancel pending deliveries of a deleted endpoint in storage
// now. CancelDone must follow.
func (l *Lane) CancelDue() bool {
	if !l.deleted || l.nothingPending || l.cancelling || l.inFlight+l.unsettled+l.changing > 0 {
		return false
	}
	l.cancelling, l.nothingPending = true, true
	return true
}

// CancelDone takes how many deliveries a call cancelled. A call cancels a bounded number,
// so only one that cancels none shows that none is left.
func (l *Lane) CancelDone(n int) {
	l.cancelling = false
	if n > 0 {
		l.nothingPending = false
	}
}
