package lane

import (
	"cmp"
	"time"
)

// Which of the waiting deliveries is sent next. What a person asks for by hand, with a
// retry or a test, goes before all others, and through an open breaker, a hold and a rate
// limit, one attempt at a time: it is the attempt that shows whether the receiver is there
// again. Such a delivery stays in memory however full the window is, up to MaxByHand of
// them. After a restart of the server it is one like the others.

// canSendByHand reports whether a delivery that was asked for by hand may start.
func (l *Lane) canSendByHand(now time.Time) bool {
	e := l.byHand.peek()
	return e != nil && l.maySend(e) && (!l.gate.passing || l.gateAllows(now))
}

// canSendOthers reports whether a delivery that nobody asked for may start. While reads
// are under way it holds back the attempt that decides on the breaker: the reads may bring
// a better one for that (popProbe).
func (l *Lane) canSendOthers(now time.Time) bool {
	return l.waiting > l.byHandWaiting && l.gateAllows(now) && !((l.queue.reading || l.schedule.reading) && l.gate.halfOpen(now))
}

// gateAllows reports whether an attempt may start without passing a closed gate.
func (l *Lane) gateAllows(now time.Time) bool {
	if !l.sends || l.inFlight >= l.ramp.allowed {
		return false
	}
	ok, _ := l.gate.ask(now)
	return ok
}

// maySend reports whether a delivery that was asked for by hand can be sent without a
// change of the endpoint. Only a test is sent during a pause.
func (l *Lane) maySend(e *Entry) bool { return l.sends || l.paused && e.Test }

// moveByHand has a delivery that waits in memory sent by hand. Where too many are already,
// it keeps its place among the others.
func (l *Lane) moveByHand(e *Entry, test bool) {
	if e.state != entryWaiting || e.ByHand || l.byHandWaiting >= MaxByHand {
		return
	}
	e.ByHand, e.Test = true, test
	l.byHandWaiting++
	l.byHand.push(e)
}

// SendNextByHand has the next delivery that is read from storage sent by hand, if others
// cannot be sent now. A replay calls it: a person asked for many deliveries at once, and
// the lane does not know for which.
func (l *Lane) SendNextByHand(now time.Time) { l.nextByHand = l.sends && !l.open(now) }

// pop takes a waiting entry that may start: first those asked for by hand, then by turns
// from the queue and from the retry schedule, so that neither keeps the other waiting.
func (l *Lane) pop(now time.Time) *Entry {
	var e *Entry
	switch {
	case l.canSendByHand(now):
		e = l.byHand.peek()
		l.byHand.pop()
	case l.gate.halfOpen(now):
		e = l.popProbe()
	default:
		e = l.popInTurn()
	}
	if e != nil {
		l.stopWaiting(e)
	}
	return e
}

// popInTurn takes an entry from the queue or from the retry schedule, whichever has its
// turn, or from the other one if that is empty.
func (l *Lane) popInTurn() *Entry {
	first, second := &l.fresh, &l.retries
	if l.retriesTurn {
		first, second = second, first
	}
	l.retriesTurn = !l.retriesTurn
	from := first
	e := first.peek()
	if e == nil {
		from = second
		e = second.peek()
	}
	if e != nil {
		from.pop()
	}
	return e
}

// popProbe takes the entry whose attempt decides on a half-open breaker. The best one was
// not tried yet, so that a message at which the receiver fails does not decide for all;
// among those the newest, which has least in common with the ones that failed. If all were
// tried, it is the one with the fewest attempts; among those the one tried longest ago.
func (l *Lane) popProbe() *Entry {
	e, retry := l.fresh.least(leastTried), l.retries.least(leastTried)
	if e == nil || retry != nil && leastTried(retry, e) < 0 {
		e = retry
	}
	if e != nil {
		e.line.remove(e)
	}
	return e
}

// leastTried orders deliveries by their number of attempts. Deliveries without one follow
// by age, the newest first. Deliveries with the same number follow by the time when they
// are due again, which is in the order of their last attempts, or close to it.
func leastTried(a, b *Entry) int {
	x, y := &a.Due.Delivery, &b.Due.Delivery
	switch {
	case x.Attempts != y.Attempts:
		return cmp.Compare(x.Attempts, y.Attempts)
	case x.Attempts == 0:
		return y.ID.Compare(x.ID)
	}
	return cmp.Compare(x.NextAttemptAt, y.NextAttemptAt)
}
