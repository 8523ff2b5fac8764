package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// readLimit is how many deliveries the lane would read now; 0 while the window is
// still half full, so that each read is worth its cost.
func (l *Lane) readLimit() int {
	if free := l.capacity() - l.waiting; free >= l.capacity()/2 {
		return free
	}
	return 0
}

// HoldsPayloads tells whether payloads are in the window.
func (l *Lane) HoldsPayloads() bool { return l.waiting+l.inFlight > 0 }

// ReadQueue starts a read of the queue if one is due: up to limit deliveries from an ID on.
func (l *Lane) ReadQueue(now time.Time) (from webhook.ID, limit int) {
	open := l.open(now)
	l.nextByHand = l.nextByHand && !open && l.sends && !l.draining
	if !l.queue.behind || l.queue.reading || !open && !l.nextByHand || l.readLimit() == 0 {
		return webhook.ID{}, 0
	}
	l.queue.start()
	if !open {
		return l.queue.from, 1
	}
	return l.queue.from, l.readLimit()
}

// ReadSchedule starts a read of the retry schedule if one is due.
func (l *Lane) ReadSchedule(now time.Time) (from webhook.Slot, limit int) {
	s := &l.schedule
	if s.next.IsZero() || s.next.After(now) || s.reading || !l.open(now) || l.readLimit() == 0 {
		return webhook.Slot{}, 0
	}
	s.start()
	return s.from, l.readLimit()
}

// QueueRead takes what a read of the queue gave; all tells that it reached the end.
func (l *Lane) QueueRead(due []*Entry, all bool, now time.Time) {
	var last webhook.ID
	if len(due) > 0 {
		last = due[len(due)-1].ID()
	}
	l.queue.finish(last, len(due) > 0, all)
	l.nextByHand = l.nextByHand && len(due) > 0
	l.admitRead(due, now)
	l.takeOfferedDuringRead(now)
	l.dropGone()
}

// ScheduleRead takes what a read of the retry schedule gave; next is the due
// time of the first slot that it did not.
func (l *Lane) ScheduleRead(due []*Entry, next webhook.DueTime, now time.Time) {
	var last webhook.Slot
	if len(due) > 0 {
		last = due[len(due)-1].slot()
	}
	l.schedule.finish(last, len(due) > 0, next)
	l.admitRead(due, now)
	l.dropGone()
}

// AheadRead takes what a read gave that found nothing due, and so took what was
// scheduled while the clock was ahead. There may be more of that.
func (l *Lane) AheadRead(due []*Entry, next webhook.DueTime, now time.Time) {
	if len(due) > 0 {
		l.schedule.ahead, next = due[len(due)-1].slot().Next(), webhook.DueAt(now)
	}
	l.schedule.finish(webhook.Slot{}, false, next)
	l.admitRead(due, now)
	l.dropGone()
}

// ReadFailed ends a read that storage could not answer.
func (l *Lane) ReadFailed(schedule bool, now time.Time) {
	if schedule {
		l.schedule.fail()
	} else {
		l.queue.fail()
		l.takeOfferedDuringRead(now)
	}
	l.dropGone()
}

// takeOfferedDuringRead decides on what was offered during a read. After one that reached
// the queue's end it goes into the window, so that the lane follows the stream
// again without storage; otherwise its turn comes later.
func (l *Lane) takeOfferedDuringRead(now time.Time) {
	aside := l.offeredDuringRead
	l.offeredDuringRead = nil
	for _, e := range aside {
		if l.queue.behind || !l.open(now) {
			l.releaseMemory(e)
			l.queue.miss(e.ID())
		} else {
			l.admitRead([]*Entry{e}, now)
		}
	}
}

// admitRead admits what was read, but for what the window has already.
func (l *Lane) admitRead(due []*Entry, now time.Time) {
	open := l.open(now)
	for _, e := range due {
		known := l.window[e.ID()]
		switch {
		case known != nil && known.overtaken(e):
			l.releaseMemory(e)
			switch known.state {
			case entryChanging:
				known.readMeanwhile = e
			case entryGone: // most likely as it was before; the next read shows what is
				l.miss(e)
			}
		case !open && l.nextByHand && l.sends:
			l.nextByHand, e.ByHand = false, true
			l.admit(e)
		case !open:
			l.releaseMemory(e)
			l.miss(e)
		default:
			l.admit(e)
		}
	}
}

// Never is a time that does not come.
var Never = time.Unix(1<<40, 0)

// WakeAt tells when the lane has something to do by itself; zero for never.
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
	// One that is due already waits for room, which an attempt's end makes.
	if next.After(now) && (at.IsZero() || next.Before(at)) {
		at = next
	}
	return at
}

// CancelDue tells whether the pending deliveries of a deleted endpoint are to be
// cancelled now; cancelDone follows.
func (l *Lane) CancelDue() bool {
	if !l.deleted || l.nothingPending || l.cancelling || l.inFlight+l.unsettled+l.changing > 0 {
		return false
	}
	l.cancelling, l.nothingPending = true, true
	return true
}

// CancelDone takes how many deliveries were cancelled at once: a call may do less
// than it could, and only none means that none is left.
func (l *Lane) CancelDone(n int) {
	l.cancelling = false
	if n > 0 {
		l.nothingPending = false
	}
}

// Idle is what a lane that has nothing in memory tells its supervisor.
type Idle struct {
	// WakeAt is when to start the actor again at the latest; zero for not by time.
	WakeAt time.Time
	// HoldUntil is until when new deliveries need not start it; never while the endpoint is paused.
	HoldUntil time.Time
	// Waits is what deliveries wait for meanwhile.
	Waits webhook.Waiting
}

// minIdle is the shortest time for which an actor is worth stopping.
const minIdle = 5 * time.Second

// Idle tells whether the actor could stop now, having nothing to do for at least a while.
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
	r := Idle{WakeAt: l.schedule.next.Time(), Waits: l.Waits(now)}
	if closed := l.gate.closedUntil(now); !closed.IsZero() {
		r.HoldUntil = closed
		if l.queue.behind || !r.WakeAt.IsZero() && r.WakeAt.Before(closed) {
			r.WakeAt = closed
		}
	} else if l.queue.behind {
		return Idle{}, false
	}
	return r, r.WakeAt.IsZero() || r.WakeAt.After(soon)
}
