package actors

import "time"

// notifyAtOnce asks for a message about each recorded outcome while something waits for
// them: the lane, or the actor itself, which cannot stop before.
func (a *endpointActor) notifyAtOnce(now time.Time) {
	if a.child.inbox.setNotifyAtOnce(a.lane.NotifyAtOnce() || !a.idleUntil().After(now)) {
		a.sendSelf(&inboxReady{})
	}
}

// idleUntil returns until when the actor stays although it has nothing to do: starting
// one again costs reads of storage.
func (a *endpointActor) idleUntil() time.Time { return a.activeAt.Add(a.shared.options.IdleTimeout) }

// stopOrWait asks the supervisor to stop the actor if it has nothing to do, and sets the
// timer for its next work otherwise.
func (a *endpointActor) stopOrWait(now time.Time) {
	if a.lane.Draining() {
		if !a.drainReported && a.lane.Drained() {
			a.drainReported = true
			a.shared.root.Send(a.parent, &childDrained{a.number})
		}
		return
	}
	at := earlier(a.lane.WakeAt(now), a.child.failures.nextAt())
	if a.readAgain.After(now) {
		at = earlier(at, a.readAgain)
	}
	stays := a.idleUntil()
	later, idle := a.lane.Idle(now)
	idle = idle && !a.needsPermit && a.child.failures.count == 0
	if idle && (!later.HoldUntil.IsZero() || a.lane.Deleted() || !stays.After(now)) {
		a.shared.root.Send(a.parent, &childIdle{a.number, a.self, a.child.seen.Load(), later})
		return
	}
	// The lane may become idle without a message: recorded outcomes wait quietly.
	if (idle || a.lane.Unsettled() > 0) && stays.After(now) {
		at = earlier(at, stays)
	}
	a.setTimer(at, now)
}

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// setTimer makes sure that a wake comes at the given time; zero means none. A timer that
// fires earlier stays: a wake too many costs less than a timer for each message.
func (a *endpointActor) setTimer(at, now time.Time) {
	if at.IsZero() || !a.timerAt.IsZero() && !at.Before(a.timerAt) && a.timerAt.After(now) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	root, self := a.shared.root, a.self
	a.timerAt = at
	a.timer = time.AfterFunc(at.Sub(now), func() { root.Send(self, &wake{}) })
}
