package lane

import (
	"cmp"
	"time"
)

// canSendOthers reports whether one that nobody asked for may start. The one that
// decides on the breaker is chosen once the reads under way have shown what there is.
func (l *Lane) canSendOthers(now time.Time) bool {
	return l.waiting > l.byHandWaiting && l.gateAllows(now) && !((l.queue.reading || l.schedule.reading) && l.gate.halfOpen(now))
}

// gateAllows reports whether an attempt may start that passes nothing.
func (l *Lane) gateAllows(now time.Time) bool {
	if !l.sends || l.inFlight >= l.ramp.allowed {
		return false
	}
	ok, _ := l.gate.ask(now)
	return ok
}

// pop takes a waiting entry that may start: those asked for by hand first, then in
// turn from the queue and from the retry schedule.
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

// popInTurn takes an entry from the queue and from the retry schedule by turns.
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

// popProbe takes the entry whose attempt decides on the breaker: one that was not
// tried yet, so that a message at which the receiver fails does not stand for all,
// and of those the newest, which has least to do with the ones that failed; else the
// one that was tried least, and of those the one tried longest ago.
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

// leastTried orders deliveries by how often they were tried, then by when they are
// due again, which is close to when they were tried last; those that were not
// tried, the newest first.
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
