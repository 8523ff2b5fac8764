package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Heads are the first deliveries of an endpoint's queue and of its retry schedule; the
// zero ID and the zero slot for none.
type Heads struct {
	Queued    webhook.ID
	Scheduled webhook.Slot
}

// Overlooked returns which of the heads in storage the lane does not know of, although it
// could send them. In a correct lane there are none, except for moments in which a message
// about them is still on its way; the watchdog asks twice.
func (l *Lane) Overlooked(w *webhook.Wake, now time.Time) (found Heads) {
	if !l.open(now) || l.broken {
		return found
	}
	if !l.queue.knows(w.Queued) && l.window[w.Queued] == nil {
		found.Queued = w.Queued
	}
	if !w.Scheduled.At.After(now) && !l.schedule.knows(w.Scheduled, now) && l.window[w.Scheduled.ID] == nil {
		found.Scheduled = w.Scheduled
	}
	return found
}

// TakeUp moves the positions back to heads that were overlooked, so that they are read.
func (l *Lane) TakeUp(found Heads) {
	if found.Queued != (webhook.ID{}) {
		l.NotOffered(found.Queued)
	}
	if found.Scheduled.ID != (webhook.ID{}) {
		l.schedule.miss(found.Scheduled)
	}
}

// knows reports whether a read that is due or under way will come to a queued delivery.
func (q *queuePosition) knows(id webhook.ID) bool {
	return id == webhook.ID{} || q.reading || q.behind && id.Compare(q.from) >= 0
}

// knows reports whether a read that is due or under way will come to a slot that is due.
func (s *schedulePosition) knows(slot webhook.Slot, now time.Time) bool {
	return slot.ID == webhook.ID{} || s.reading || !s.next.IsZero() && !s.next.After(now) && !slot.Before(s.from)
}
