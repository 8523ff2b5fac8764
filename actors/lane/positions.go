package lane

import "github.com/corpastro/astrohook/webhook"

// queuePosition is how far a lane has read its queue in storage. The queue is ordered by
// ID, which is about the order of acceptance: a delivery with an ID that was passed may
// become visible later. Then it is missed, and the position moves back.
type queuePosition struct {
	// behind: storage holds queued deliveries that the lane has not seen, from the ID from on.
	behind bool
	from   webhook.ID
	// reading: a read is under way. Deliveries that are missed meanwhile may have been
	// stored after it, so its end moves the position back to the first of them.
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

// finish ends a read. last is the ID of the last delivery that it returned, if got says
// that it returned any; all means that it reached the end of the queue.
func (q *queuePosition) finish(last webhook.ID, got, all bool) {
	q.reading = false
	q.behind = !all
	if got {
		q.from = last.Successor()
	}
	if q.missedDuringRead {
		q.miss(q.missedFrom)
	}
}

// fail ends a read that returned nothing; it is to be repeated from the same ID on.
func (q *queuePosition) fail() { q.finish(webhook.ID{}, false, false) }

// schedulePosition is how far a lane has read its retry schedule in storage. The schedule
// is ordered by slot: due time in whole milliseconds, then ID.
type schedulePosition struct {
	// next is when the first unread slot is due; zero if there is none.
	next webhook.DueTime
	from webhook.Slot // where the next read begins
	// ahead is the cursor within retries dated too far in the future: where the next search
	// for them begins.
	ahead webhook.Slot
	// As in queuePosition.
	reading          bool
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

// start begins a read.
func (s *schedulePosition) start() { s.reading, s.missedDuringRead = true, false }

// finish ends a read. last is the last slot that it returned, if got says that it returned
// any; next is when the first slot after those is due, zero if there is none.
func (s *schedulePosition) finish(last webhook.Slot, got bool, next webhook.DueTime) {
	s.reading, s.next = false, next
	if got {
		s.from = last.Next()
	}
	if s.missedDuringRead {
		s.miss(s.missedFrom)
	}
}

// fail ends a read that returned nothing; it is to be repeated.
func (s *schedulePosition) fail() {
	s.finish(webhook.Slot{}, false, s.next)
}
