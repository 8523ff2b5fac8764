package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// An actor without work stops after a while, and is started when work is due: how it
// asks for that, and how the supervisor keeps the times.

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
		if !a.drainReported && a.lane.Drained() && a.child.savingGates.Load() == 0 {
			a.drainReported = true
			a.shared.root.Send(a.parent, &childDrained{a.number})
		}
		return
	}
	at := earlier(a.lane.WakeAt(now), a.child.failures.nextAt())
	if a.readAgain.After(now) {
		at = earlier(at, a.readAgain)
	}
	if a.noLease {
		at = earlier(at, now.Add(leaseLook))
	}
	stays := a.idleUntil()
	later, idle := a.lane.Idle(now)
	idle = idle && a.has == a.wanted && !a.needsPermit && a.child.failures.count == 0
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

// stopIdle stops an actor that has nothing to do, unless a message is on its way to it:
// then the actor is not idle when the message arrives.
func (s *supervisor) stopIdle(c actor.Context, m *childIdle, now time.Time) {
	to := s.children[m.number]
	if to == nil || to.pid == nil || !to.pid.Equal(m.who) || to.sent != m.seen || s.draining != nil {
		return
	}
	// The actor that stops must not read the last hour any more: its successor writes it.
	to.succeeded = true
	to.store(s.shared.hours)
	c.Stop(to.pid)
	next := s.replace(to, to.afterStop())
	next.holdUntil, next.waits = steady(m.idle.HoldUntil, now), m.idle.Waits
	s.wakes.set(next, steady(m.idle.WakeAt, now))
}

// maxIdle bounds how long no actor of an endpoint runs that has work later.
const maxIdle = time.Hour

// steady returns a stored time as a wait from now on, by the monotonic clock, of maxIdle
// at most; then the actor looks again. So a wall clock that is set back keeps an
// endpoint waiting no longer than that. Zero and lane.Never stay.
func steady(at, now time.Time) time.Time {
	if at.IsZero() || !at.Before(lane.Never) {
		return at
	}
	return now.Add(min(at.Sub(now), maxIdle))
}

// wakeLater schedules an endpoint's pending work that was found in storage at start. While
// the saved breaker is open, new deliveries start no actor either.
func (s *supervisor) wakeLater(c actor.Context, w webhook.Wake, now time.Time) {
	if !s.owns(w.Endpoint) {
		return
	}
	to := s.child(w.Endpoint)
	if to.pid != nil || s.draining != nil {
		return
	}
	at := w.At()
	if w.Gate.OpenUntil.After(at) {
		at = w.Gate.OpenUntil
	}
	if !at.After(now) {
		s.start(c, to)
	} else if at = steady(at, now); to.wakeAt.IsZero() || at.Before(to.wakeAt) {
		s.wakes.set(to, at)
		to.holdUntil = steady(w.Gate.OpenUntil, now)
		to.waits = webhook.Waiting{For: webhook.WaitBreaker, Until: w.Gate.OpenUntil}
	}
}

// startDue starts the actors of all children whose time has come.
func (s *supervisor) startDue(c actor.Context, now time.Time) {
	s.timerAt = time.Time{}
	for s.draining == nil {
		to := s.wakes.due(now)
		if to == nil {
			return
		}
		if to.pid == nil {
			s.start(c, to)
		}
	}
}

// setTimer makes sure that a wakeDue comes when the first child is due.
func (s *supervisor) setTimer(now time.Time) {
	if len(s.wakes) == 0 || s.draining != nil {
		return
	}
	at := s.wakes[0].wakeAt
	if at.Equal(s.timerAt) {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	root, self := s.shared.root, s.self
	s.timerAt = at
	s.timer = time.AfterFunc(at.Sub(now), func() { root.Send(self, &wakeDue{}) })
}

// forgetIdle drops the records of endpoints that have had nothing to do for an hour, so
// that memory follows the endpoints at work, not those that ever were.
func (s *supervisor) forgetIdle(now time.Time) {
	for n, to := range s.children {
		if to.forgettable(now) {
			delete(s.children, n)
		}
	}
	s.forget.Reset(forgetEvery)
}
