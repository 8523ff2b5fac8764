package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// claim is a slot that no attempt has yet.
type claim struct {
	held bool
	with standing
}

// sendAll starts attempts for as long as lane and slots allow.
func (a *endpointActor) sendAll(now time.Time) {
	sent := false
	if a.needsSlot && a.lane.standing() < a.waitsWith { // it may have others now
		a.shared.slots.leave(a.self)
		a.needsSlot = false
	}
	for !a.needsSlot && a.lane.wants(now) {
		with := a.lane.standing()
		if !a.shared.slots.acquire(with, a.self) {
			a.needsSlot, a.waitsWith = true, with
			break
		}
		a.claim = claim{held: true, with: with}
		e := a.lane.next(now)
		if e == nil {
			break
		}
		a.claim, sent = claim{}, true
		a.seat.suspect = e.id()
		e.sentWith = with
		a.start(e)
		a.seat.suspect = webhook.ID{}
	}
	a.yield()
	if a.slotFree && !sent { // it was told of a slot that others may need
		a.shared.slots.pass()
	}
	a.slotFree = false
}

// yield gives a slot back that no attempt took.
func (a *endpointActor) yield() {
	if a.claim.held {
		a.shared.slots.release(a.claim.with)
		a.claim = claim{}
	}
}

// start makes an attempt on a worker.
func (a *endpointActor) start(e *entry) {
	target, shared, tray := a.target, a.shared, a.seat.tray
	shared.attempts.run(func() {
		defer func() {
			if r := recover(); r != nil {
				e.panicked, e.panicValue = true, r
			}
			shared.slots.release(e.sentWith)
			if tray.finish(e) {
				shared.tell(tray)
			}
		}()
		e.panicked = false
		e.attempt = target.Send(e.due)
	})
}
