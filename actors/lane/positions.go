package lane

import "github.com/corpastro/astrohook/webhook"

// queuePosition is how far a lane has read its queue back from storage.
type queuePosition struct {
	// behind: storage holds queued deliveries, from the ID from on, that the lane has not seen.
	behind bool
	from   webhook.ID
	// seen: all that was queued before this ID was read at least once.
	seen webhook.ID
	// reading: a read is under way. What is missed meanwhile it may not show.
	reading          bool
	missedDuringRead bool
	missedFrom       webhook.ID
}

// miss notes that a queued delivery is not in the window.
func (q *queuePosition) miss(id webhook.ID) {
	if q.reading {
		if !q.missedDuringRead || id.Compare(q.missedFrom) < 0 {
			q.missedDuringRead, q.missedFrom = true, id
		}
		return
	}
	if !q.behind || id.Compare(q.from) < 0 {
		q.behind, q.from = true, id
	}
}

// start begins a read.
func (q *queuePosition) start() { q.reading, q.missedDuringRead = true, false }

// finish ends a read: last is the last ID it gave, and all tells whether it reached the queue's end.
func (q *queuePosition) finish(last webhook.ID, got, all bool) {
	q.reading = false
	q.behind = !all
	if got {
		q.from = last.Successor()
		if q.seen.Compare(q.from) < 0 {
			q.seen = q.from
		}
	}
	if q.missedDuringRead {
		q.miss(q.missedFrom)
	}
}

// fail ends a read that gave nothing; it is to be done again.
func (q *queuePosition) fail() { q.finish(webhook.ID{}, false, false) }

// schedulePosition is how far a lane has read its retry schedule.
type schedulePosition struct {
	// next is when the first unread slot is due; zero if there is none.
	next    webhook.DueTime
	from    webhook.Slot
	reading bool
	// ahead is where to go on among those that lie too far ahead.
	ahead webhook.Slot
	// What was scheduled while a read was under way, which it may not show.
	missedDuringRead bool
	missedFrom       webhook.Slot
}

// miss notes that a slot of the schedule is not in the window.
func (s *schedulePosition) miss(slot webhook.Slot) {
	if s.reading {
		if !s.missedDuringRead || slot.Before(s.missedFrom) {
			s.missedDuringRead, s.missedFrom = true, slot
		}
		return
	}
	if s.next.IsZero() || slot.At < s.next {
		s.next = slot.At
	}
	if slot.Before(s.from) {
		s.from = slot
	}
}

func (s *schedulePosition) start() { s.reading, s.missedDuringRead = true, false }

// finish ends a read: last is the last slot it gave, next the due time of the first one it did not.
func (s *schedulePosition) finish(last webhook.Slot, got bool, next webhook.DueTime) {
	s.reading, s.next = false, next
	if got {
		s.from = last.Next()
	}
	if s.missedDuringRead {
		s.miss(s.missedFrom)
	}
}

// fail ends a read that gave nothing; it is to be done again.
func (s *schedulePosition) fail() {
	s.finish(webhook.Slot{}, false, s.next)
}
