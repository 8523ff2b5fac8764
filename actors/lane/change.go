package lane

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// ChangeKind is what a client asks of a delivery.
type ChangeKind uint8

// The changes that a client can ask for.
const (
	Retry  ChangeKind = iota // send it again at once
	Cancel                   // give it up, if it is pending and not in flight
)

// Change is a client's request to change one delivery. It goes through the delivery's
// endpoint actor, because only that one changes what is pending: two writers could send a
// cancelled delivery, or send one twice.
type Change struct {
	Kind ChangeKind
	ID   webhook.ID
	// Reply is where the actor sends the answer. It is buffered, so that sending never
	// blocks. The lane only carries it along.
	Reply chan Answer
	// Answer is the lane's answer to a change in Effects.Answered.
	Answer Answer
	entry  *Entry // in state entryChanging, while storage works on the change
}

// Answer is the answer to a change: the delivery as it is now, or why it was not changed.
type Answer struct {
	Due webhook.Due
	Err error
}

// answer leaves the answer to a change for the actor to send.
func (l *Lane) answer(c *Change, with Answer) {
	c.Answer = with
	l.Out.Answered = append(l.Out.Answered, c)
}

// Request takes a change that a client asked for. It is answered at once, handed to
// storage, or postponed until the present change or outcome of the same delivery is stored.
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
	case c.Kind == Retry: // it is in flight already, or about to be
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

// handToStorage has storage carry out the change. The entry stays in the window until
// then, so that no read brings the delivery back as it was.
func (l *Lane) handToStorage(c *Change, e *Entry) {
	c.entry, e.state = e, entryChanging
	l.window[c.ID] = e
	l.changing++
	l.Out.Change = append(l.Out.Change, c)
}

// ChangeDone takes storage's answer to a change. requeued is the delivery to be sent; nil
// if there is none. failed means that storage could not say whether it made the change.
func (l *Lane) ChangeDone(c *Change, requeued *Entry, failed bool, now time.Time) {
	was := c.entry
	l.changing--
	if failed {
		l.dealt.doubt(c.ID)
	} else {
		l.remember(was)
	}
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
		if failed { // it waited before, or storage has requeued it and could not say so
			l.miss(was)
		}
		// A read that ended meanwhile showed the delivery as pending. It may have read
		// before this change, or after a later one: another read decides.
		if was.readMeanwhile != nil {
			l.miss(was.readMeanwhile)
		}
	}
	l.resumeChanges(was)
}

// resumeChanges takes up the changes that were postponed because of an entry that is
// settled or changed now.
func (l *Lane) resumeChanges(e *Entry) {
	postponed := e.postponed
	e.postponed = nil
	l.postponed -= len(postponed)
	for _, c := range postponed {
		l.Request(c)
	}
}
