package actors

import (
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// heldPermit is a slot that no attempt has yet.
type heldPermit struct {
	held   bool
	permit limit.Permit
}

// sendAll starts attempts for as long as lane and slots allow.
func (a *endpointActor) sendAll(now time.Time) {
	sent := false
	if a.needsPermit && a.tier() < a.waitsIn { // it may have others now
		a.needsPermit = false
	}
	for !a.needsPermit && a.lane.Wants(now) {
		with := a.tier()
		taken, ok := a.shared.permits.Acquire(a.permits, with, now)
		if !ok {
			a.needsPermit, a.waitsIn = true, with
			break
		}
		a.unused = heldPermit{held: true, permit: taken}
		e := a.lane.Next(now)
		if e == nil {
			break
		}
		a.unused, sent = heldPermit{}, true
		a.seat.suspect = e.ID()
		a.start(e, taken)
		a.seat.suspect = webhook.ID{}
	}
	a.yield(now)
	if a.permitKept && !sent { // a slot is kept for it that others may need
		a.shared.permits.Forgo(a.permits, now)
	}
	a.permitKept = false
}

// tier returns what the receiver has shown. What it showed to an earlier actor
// counts, so that an endpoint with little to do is not unproven each time.
func (a *endpointActor) tier() limit.Tier {
	switch {
	case a.lane.Proven():
		return limit.TierProven
	case a.lane.InFlight() > 0:
		return limit.TierMore
	case a.seat.stats.answeredLast():
		return limit.TierProven
	default:
		return limit.TierFirst
	}
}

// yield gives a slot back that no attempt took.
func (a *endpointActor) yield(now time.Time) {
	if a.unused.held {
		a.shared.permits.Release(a.unused.permit, now)
		a.unused = heldPermit{}
	}
}

// joinPermits opens the endpoint's account with the slots, under its client. A
// change of the receiver begins with a fresh one: how long attempts last is said of a receiver.
func (a *endpointActor) joinPermits(client string, receiver uint64, now time.Time) {
	if a.permits != nil && a.permits.Client() == client && a.receiver == receiver {
		return
	}
	a.leavePermits(now)
	root, self := a.shared.root, a.self
	a.permits, a.receiver = a.shared.permits.Join(client, func() { root.Send(self, &permitKept{}) }), receiver
}

// leavePermits returns what the actor has of slots, which after a panic may be anything.
func (a *endpointActor) leavePermits(now time.Time) {
	a.yield(now)
	if a.permits != nil {
		a.shared.permits.Leave(a.permits, now)
	}
	a.permits, a.needsPermit, a.permitKept = nil, false, false
}

// start makes an attempt on a worker.
func (a *endpointActor) start(e *lane.Entry, on limit.Permit) {
	target, shared, tray := a.target, a.shared, a.seat.tray
	shared.attempts.Run(func() {
		defer func() {
			e.Panic = recover()
			shared.permits.Release(on, time.Now())
			if tray.finish(e) {
				shared.tell(tray)
			}
		}()
		e.Attempt = target.Send(e.Due)
	})
}
