package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// An attempt's way through the lane: Next starts it; Attempted, Panicked or Abandon ends
// it; Recorded or NotRecorded follows once storage has its outcome.

// Next takes the next delivery to attempt out of those that wait; nil if none may be sent
// now. The caller holds a permit for the attempt. Deliveries that cannot be sent at all
// are settled as failed on the way.
func (l *Lane) Next(now time.Time) *Entry {
	for l.Wants(now) {
		e := l.pop(now)
		switch {
		case e == nil:
			return nil
		case l.memory.panics[e.ID()] >= MaxPanics:
			l.settle(e, e.Due.Delivery.Fail(webhook.ReasonPanic, now))
		case e.Due.Data == nil:
			l.settle(e, e.Due.Delivery.Fail(webhook.ReasonPayloadMissing, now))
		default:
			l.start(e, now)
			return e
		}
	}
	return nil
}

// Wants reports whether a delivery waits that may be sent now. The actor asks before it
// takes a permit.
func (l *Lane) Wants(now time.Time) bool {
	if l.waiting == 0 || !l.mayStart() {
		return false
	}
	return l.canSendByHand(now) || l.canSendOthers(now)
}

// mayStart reports whether the endpoint's own bounds allow one more attempt. Deliveries
// that were asked for by hand keep them, too.
func (l *Lane) mayStart() bool {
	return l.configured && (l.sends || l.paused) && !l.draining && !l.broken &&
		l.inFlight < l.settings.Concurrency && !l.unrecorded()
}

// unrecorded reports whether as many attempts lack a recorded outcome as a crash may repeat.
func (l *Lane) unrecorded() bool {
	return l.inFlight+l.unsettled >= MaxUnrecorded*l.settings.Concurrency
}

func (l *Lane) start(e *Entry, now time.Time) {
	e.ticket = l.gate.enter(now, e.ByHand && !l.gateAllows(now))
	e.state, e.startedAt, e.receiverSince = entryInFlight, now, l.receiverSince
	l.inFlight++
}

// SameReceiver reports whether an entry's attempt went to the endpoint's present receiver.
func (l *Lane) SameReceiver(e *Entry) bool { return e.receiverSince == l.receiverSince }

// Attempted takes the outcome of an attempt. chance is a random number, at least 0 and
// below 1: it chooses the jitter of the next attempt's time.
func (l *Lane) Attempted(e *Entry, a webhook.Attempt, chance float64, now time.Time) {
	o := a.Outcome()
	l.endAttempt(e, func() { l.gate.leave(now, e.ticket, o, a.RetryAfter) }, now)
	if l.SameReceiver(e) {
		l.ramp.learn(&a, o)
		l.quick.learn(a.Duration)
	}
	d := e.Due.Delivery.Attempted(a, l.settings.Retry, chance)
	if l.deleted && !d.Status.Finished() {
		d = d.Cancel(webhook.ReasonEndpointDeleted, now)
	}
	// 410 Gone disables the endpoint at once: storage follows.
	if o.Verdict == webhook.Refused && l.SameReceiver(e) && (l.sends || l.paused) {
		l.Out.Disable, l.sends, l.paused = o.Reason.Message(), false, false
		l.dropWindow()
	}
	l.settle(e, d)
}

// Panicked takes an attempt that ended in a panic inside the server. It says nothing about
// the receiver. The delivery is tried again, and fails after MaxPanics.
func (l *Lane) Panicked(e *Entry, now time.Time) {
	l.endAttempt(e, func() { l.gate.abandon(e.ticket) }, now)
	switch {
	case l.memory.Panicked(e.ID()) >= MaxPanics:
		l.settle(e, e.Due.Delivery.Fail(webhook.ReasonPanic, now))
	case l.open(now), e.ByHand && l.maySend(e):
		l.admit(e)
	default:
		delete(l.window, e.ID())
		l.releaseMemory(e)
		l.miss(e)
	}
}

// Abandon forgets an attempt that a forced shutdown cut off. Nothing is recorded, so the
// delivery stays pending and the next start of the server sends it.
func (l *Lane) Abandon(e *Entry) {
	l.inFlight--
	delete(l.window, e.ID())
	l.releaseMemory(e)
}

// endAttempt ends an attempt for the gate, through leave. If the gate is closed then,
// nothing can be sent for a while, and the window is dropped.
func (l *Lane) endAttempt(e *Entry, leave func(), now time.Time) {
	l.inFlight--
	openings := l.gate.state.Openings
	leave()
	e.ticket = ticket{}
	if l.gate.state.Openings > openings {
		l.ramp.collapse()
	}
	if !l.gate.closedUntil(now).IsZero() {
		l.dropWindow()
	}
}

// settle has storage record a delivery's new state. The payload's memory is released
// already: the record does not need it.
func (l *Lane) settle(e *Entry, d webhook.Delivery) {
	e.Next = webhook.Settlement{Was: e.Due.Delivery.Place(), Now: d}
	e.state = entrySettling
	l.unsettled++
	l.releaseMemory(e)
	l.Out.Settle = append(l.Out.Settle, e)
}

// NotifyAtOnce reports whether something waits for outcomes to be recorded. If not, the
// actor need not be woken for each of them.
func (l *Lane) NotifyAtOnce() bool {
	return l.draining || l.deleted || !l.sends || l.postponed > 0 || l.unrecorded()
}

// Recorded notes that storage has recorded an entry's Next.
func (l *Lane) Recorded(e *Entry) {
	l.unsettled--
	delete(l.memory.panics, e.ID())
	if d := &e.Next.Now; d.Status == webhook.Retrying {
		l.schedule.miss(webhook.Slot{At: d.NextAttemptAt, ID: d.ID})
	}
	l.remember(e)
	l.forget(e)
	l.resumeChanges(e)
}

// NotRecorded notes that storage could not record an entry's Next. The entry stays in the
// window, so that no read brings the delivery back: its outcome is known, and sending it
// again is left to the next start of the server. broken means that storage can record
// nothing any more; then nothing is sent either, because a restart would repeat all of it.
func (l *Lane) NotRecorded(e *Entry, broken bool) {
	e.notRecorded = true
	l.unsettled--
	l.broken = l.broken || broken
}
