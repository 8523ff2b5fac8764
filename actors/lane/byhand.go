package lane

import "time"

// What a person asks for by hand, with a retry or a test, is sent at once: before
// all others, and through an open breaker, a hold and a rate limit, one attempt at a
// time. It is the attempt that shows whether the receiver is there again. It stays
// in memory whatever the window has room for, up to maxByHand. A restart makes it
// one like others.

// moveByHand moves a delivery that waits in memory to those that were asked for by hand.
func (l *Lane) moveByHand(e *Entry, test bool) {
	if e.state != entryWaiting || e.ByHand || l.byHandWaiting >= MaxByHand {
		return
	}
	e.ByHand, e.Test = true, test
	l.byHandWaiting++
	l.byHand.push(e)
}

// SendNextByHand has the next delivery that is read from storage sent by hand, if others
// cannot be sent now: a person asked for some, and nothing more is known of them.
func (l *Lane) SendNextByHand(now time.Time) { l.nextByHand = l.sends && !l.open(now) }

// maySend reports whether a delivery that was asked for by hand can be sent
// without a change of the endpoint.
func (l *Lane) maySend(e *Entry) bool { return l.sends || l.paused && e.Test }

// canSendByHand reports whether one that was asked for by hand may start.
func (l *Lane) canSendByHand(now time.Time) bool {
	e := l.byHand.peek()
	return e != nil && l.maySend(e) && (!l.gate.passing || l.gateAllows(now))
}
