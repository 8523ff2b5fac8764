package actors

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// changeKind is what a client asks of a delivery.
type changeKind uint8

const (
	changeRetry changeKind = iota
	changeCancel
)

// change is a request to change one delivery. It goes through the delivery's
// endpoint actor, the only one who changes what is pending.
type change struct {
	kind  changeKind
	id    webhook.ID
	reply chan changed // buffered: the answer never blocks
	entry *entry       // while storage works on it
}

// changed is the answer to a change.
type changed struct {
	due webhook.Due
	err error
}

// request takes a change by request of a client.
func (l *lane) request(c *change) {
	e := l.window[c.id]
	if e == nil || e.state == entryGone {
		l.carryOut(c, &entry{due: webhook.Due{Delivery: webhook.Delivery{ID: c.id}}})
		return
	}
	switch {
	case e.state == entrySettling, e.state == entryChanging:
		e.after = append(e.after, c)
		l.postponed++
	case c.kind == changeRetry: // it is about to be sent, or being sent
		l.hasten(e, false)
		c.reply <- changed{due: e.due}
	case e.state == entryInFlight:
		c.reply <- changed{err: fmt.Errorf("an attempt is in flight: %w", webhook.ErrConflict)}
	default:
		l.leaves(e)
		l.discard(e)
		l.carryOut(c, e)
	}
}

// carryOut hands the change to storage. Meanwhile the entry keeps its place in
// the window, so that no read brings the delivery back.
func (l *lane) carryOut(c *change, e *entry) {
	c.entry, e.state = e, entryChanging
	l.window[c.id] = e
	l.changing++
	l.out.change = append(l.out.change, c)
}

// carriedOut takes storage's answer: requeued is the delivery that is to be sent,
// nil if there is none; failed tells that storage could not say.
func (l *lane) carriedOut(c *change, requeued *entry, failed bool, now time.Time) {
	was := c.entry
	l.changing--
	l.forget(was)
	switch {
	case requeued != nil && l.sends && !l.draining && l.handsWait < maxByHand:
		requeued.byHand = true
		l.admit(requeued)
	case requeued != nil && l.open(now) && l.waiting < l.capacity():
		l.admit(requeued)
	case requeued != nil:
		l.discard(requeued)
		l.missed(c.id)
	default:
		if failed && was.due.Delivery.Status != "" { // it waited before
			l.miss(was)
		}
		if was.shown != nil { // by a read that passed it over: before the change, or after a later one
			l.miss(was.shown)
		}
	}
	l.resume(was)
}

// resume takes the changes again that had to wait for one of the same delivery.
func (l *lane) resume(e *entry) {
	after := e.after
	e.after = nil
	l.postponed -= len(after)
	for _, c := range after {
		l.request(c)
	}
}
