package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Heads are the first deliveries of an endpoint's queue and retry schedule; zero for none.
type Heads struct {
	Queued    webhook.ID
	Scheduled webhook.Slot
}

// Overlooked returns which of the heads found in storage the lane does not know
// of, though it could send them.
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

// TakeUp has what was overlooked read.
func (l *Lane) TakeUp(found Heads) {
	if found.Queued != (webhook.ID{}) {
		l.NotOffered(found.Queued)
	}
	if found.Scheduled.ID != (webhook.ID{}) {
		l.schedule.miss(found.Scheduled)
	}
}

// knows reports whether a read that is due or under way comes to a queued delivery.
func (q *queuePosition) knows(id webhook.ID) bool {
	return id == webhook.ID{} || q.reading || q.behind && id.Compare(q.from) >= 0
}

// knows reports whether a read that is due or under way comes to a slot that is due now.
func (s *schedulePosition) knows(slot webhook.Slot, now time.Time) bool {
	return slot.ID == webhook.ID{} || s.reading || !s.next.IsZero() && !s.next.After(now) && !slot.Before(s.from)
}
