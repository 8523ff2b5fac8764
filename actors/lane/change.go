package lane

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// ChangeKind is what a client asks of a delivery.
type ChangeKind uint8

// What a client may ask of a delivery.
const (
	Retry ChangeKind = iota
	Cancel
)

// Change is a request to change one delivery. It goes through the delivery's
// endpoint actor, the only one who changes what is pending.
type Change struct {
	Kind ChangeKind
	ID   webhook.ID
	// Reply is where the actor sends the answer: buffered, so that it never blocks. The
	// lane only carries it along.
	Reply  chan Answer
	Answer Answer // of a change that the lane has answered: one of effects.answered
	entry  *Entry // while storage works on it
}

// Answer is the answer to a change.
type Answer struct {
	Due webhook.Due
	Err error
}

// answer leaves the answer to a change for the actor to send.
func (l *Lane) answer(c *Change, with Answer) {
	c.Answer = with
	l.Out.Answered = append(l.Out.Answered, c)
}

// Request takes a change by request of a client.
func (l *Lane) Request(c *Change) {
	e := l.window[c.ID]
	if e == nil || e.state == entryGone {
		l.handToStorage(c, &Entry{Due: webhook.Due{Delivery: webhook.Delivery{ID: c.ID}}})
		return
	}
	switch {
	case e.state == entrySettling, e.state == entryChanging:
		e.postponed = append(e.postponed, c)
		l.postponed++
	case c.Kind == Retry: // it is about to be sent, or being sent
		l.moveByHand(e, false)
		l.answer(c, Answer{Due: e.Due})
	case e.state == entryInFlight:
		l.answer(c, Answer{Err: fmt.Errorf("an attempt is in flight: %w", webhook.ErrConflict)})
	default:
		l.stopWaiting(e)
		l.releaseMemory(e)
		l.handToStorage(c, e)
	}
}

// handToStorage hands the change to storage. Meanwhile the entry keeps its place in
// the window, so that no read brings the delivery back.
func (l *Lane) handToStorage(c *Change, e *Entry) {
	c.entry, e.state = e, entryChanging
	l.window[c.ID] = e
	l.changing++
	l.Out.Change = append(l.Out.Change, c)
}

// ChangeDone takes storage's answer: requeued is the delivery that is to be sent,
// nil if there is none; failed tells that storage could not say.
func (l *Lane) ChangeDone(c *Change, requeued *Entry, failed bool, now time.Time) {
	was := c.entry
	l.changing--
	l.forget(was)
	switch {
	case requeued != nil && l.sends && !l.draining && l.byHandWaiting < MaxByHand:
		requeued.ByHand = true
		l.admit(requeued)
	case requeued != nil && l.open(now) && l.waiting < l.capacity():
		l.admit(requeued)
	case requeued != nil:
		l.releaseMemory(requeued)
		l.NotOffered(c.ID)
	default:
		if failed && was.Due.Delivery.Status != "" { // it waited before
			l.miss(was)
		}
		if was.readMeanwhile != nil { // by a read that passed it over: before the change, or after a later one
			l.miss(was.readMeanwhile)
		}
	}
	l.resumeChanges(was)
}

// resumeChanges takes the changes again that had to wait for one of the same delivery.
func (l *Lane) resumeChanges(e *Entry) {
	after := e.postponed
	e.postponed = nil
	l.postponed -= len(after)
	for _, c := range after {
		l.Request(c)
	}
}
