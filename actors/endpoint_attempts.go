package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// claim is a slot that no attempt has yet.
type claim struct {
	held bool
	slot slot
}

// sendAll starts attempts for as long as lane and slots allow.
func (a *endpointActor) sendAll(now time.Time) {
	sent := false
	if a.needsSlot && a.standing() < a.waitsWith { // it may have others now
		a.needsSlot = false
	}
	for !a.needsSlot && a.lane.wants(now) {
		with := a.standing()
		taken, ok := a.shared.slots.acquire(a.slots, with, now)
		if !ok {
			a.needsSlot, a.waitsWith = true, with
			break
		}
		a.claim = claim{held: true, slot: taken}
		e := a.lane.next(now)
		if e == nil {
			break
		}
		a.claim, sent = claim{}, true
		a.seat.suspect = e.id()
		e.sentOn = taken
		a.start(e)
		a.seat.suspect = webhook.ID{}
	}
	a.yield(now)
	if a.slotFree && !sent { // a slot is kept for it that others may need
		a.shared.slots.forgo(a.slots, now)
	}
	a.slotFree = false
}

// standing returns what the receiver has shown. What it showed to an earlier actor
// counts, so that an endpoint with little to do is not unproven each time.
func (a *endpointActor) standing() standing {
	has := a.lane.standing()
	if has == standingFirst && a.seat.stats.answeredLast() {
		return standingProven
	}
	return has
}

// yield gives a slot back that no attempt took.
func (a *endpointActor) yield(now time.Time) {
	if a.claim.held {
		a.shared.slots.release(a.claim.slot, now)
		a.claim = claim{}
	}
}

// joinSlots opens the endpoint's account with the slots, under its client. A
// change of the receiver begins with a fresh one: how long attempts last is said of a receiver.
func (a *endpointActor) joinSlots(client string, receiver uint64, now time.Time) {
	if a.slots != nil && a.slots.client.name == client && a.receiver == receiver {
		return
	}
	a.leaveSlots(now)
	a.slots, a.receiver = a.shared.slots.join(client, a.self), receiver
}

// leaveSlots returns what the actor has of slots, which after a panic may be anything.
func (a *endpointActor) leaveSlots(now time.Time) {
	a.yield(now)
	if a.slots != nil {
		a.shared.slots.leave(a.slots, now)
	}
	a.slots, a.needsSlot, a.slotFree = nil, false, false
}

// start makes an attempt on a worker.
func (a *endpointActor) start(e *entry) {
	target, shared, tray := a.target, a.shared, a.seat.tray
	shared.attempts.run(func() {
		defer func() {
			if r := recover(); r != nil {
				e.panicked, e.panicValue = true, r
			}
			shared.slots.release(e.sentOn, time.Now())
			if tray.finish(e) {
				shared.tell(tray)
			}
		}()
		e.panicked = false
		e.attempt = target.Send(e.due)
	})
}
