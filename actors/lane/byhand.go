package lane

import "time"

// What a person asks for by hand, with a retry or a test, is sent at once: before
// all others, and through an open breaker, a hold and a rate limit, one attempt at a
// time. It is the attempt that shows whether the receiver is there again. It stays
// in memory whatever the window has room for, up to maxByHand. A restart makes it
// one like others.

// hasten moves a delivery that waits in memory to those that were asked for by hand.
func (l *Lane) hasten(e *Entry, test bool) {
	if e.state != entryWaiting || e.ByHand || l.handsWait >= MaxByHand {
		return
	}
	e.ByHand, e.Test = true, test
	l.handsWait++
	l.byHand.push(e)
}

// Wish has the next delivery that is read from storage sent by hand, if others
// cannot be sent now: a person asked for some, and nothing more is known of them.
func (l *Lane) Wish(now time.Time) { l.wished = l.sends && !l.open(now) }

// everSends reports whether a delivery that was asked for by hand can be sent
// without a change of the endpoint.
func (l *Lane) everSends(e *Entry) bool { return l.sends || l.paused && e.Test }

// wantsByHand reports whether one that was asked for by hand may start.
func (l *Lane) wantsByHand(now time.Time) bool {
	e := l.byHand.peek()
	return e != nil && l.everSends(e) && (!l.gate.passing || l.lets(now))
}
