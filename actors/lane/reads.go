package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// What is read from storage, and when. At most one read of the queue and one of the retry
// schedule are under way at a time. What happens meanwhile, the read may show or not: a
// delivery that is missed during a read moves the position back at its end, and one that
// is settled stays in the window as gone until then.

// readLimit returns how many deliveries the lane would read now; 0 while the window is
// more than half full, so that each read brings enough to be worth its cost.
func (l *Lane) readLimit() int {
	if free := l.capacity() - l.waiting; free >= l.capacity()/2 {
		return free
	}
	return 0
}

// HoldsPayloads reports whether the window has payloads in memory. If it has, a read can
// wait until more memory is free: the lane does not stand still.
func (l *Lane) HoldsPayloads() bool { return l.waiting+l.inFlight > 0 }

// ReadQueue begins a read of the queue if one is due, and returns where it starts and how
// many deliveries it may return; 0 if none is due. QueueRead or ReadFailed must follow.
func (l *Lane) ReadQueue(now time.Time) (from webhook.ID, limit int) {
	open := l.open(now)
	l.nextByHand = l.nextByHand && !open && l.sends && !l.draining
	if !l.queue.behind || l.queue.reading || !open && !l.nextByHand || l.readLimit() == 0 {
		return webhook.ID{}, 0
	}
	l.queue.start()
	if !open {
		return l.queue.from, 1 // only the one that is sent by hand
	}
	return l.queue.from, l.readLimit()
}

// ReadSchedule begins a read of the retry schedule if one is due, and returns where it
// starts and how many deliveries it may return; 0 if none is due. ScheduleRead, AheadRead
// or ReadFailed must follow.
func (l *Lane) ReadSchedule(now time.Time) (from webhook.Slot, limit int) {
	s := &l.schedule
	if s.next.IsZero() || s.next.After(now) || s.reading || !l.open(now) || l.readLimit() == 0 {
		return webhook.Slot{}, 0
	}
	s.start()
	return s.from, l.readLimit()
}

// QueueRead takes what a read of the queue returned, in order. all means that it reached
// the end of the queue.
func (l *Lane) QueueRead(due []*Entry, all bool, now time.Time) {
	var last webhook.ID
	if len(due) > 0 {
		last = due[len(due)-1].ID()
	}
	l.queue.finish(last, len(due) > 0, all)
	l.nextByHand = l.nextByHand && len(due) > 0
	l.admitRead(due, now)
	l.takeOfferedDuringRead(now)
	l.dropGone()
}

// ScheduleRead takes what a read of the retry schedule returned, in order. next is when
// the first slot after those is due; zero if there is none.
func (l *Lane) ScheduleRead(due []*Entry, next webhook.DueTime, now time.Time) {
	var last webhook.Slot
	if len(due) > 0 {
		last = due[len(due)-1].slot()
	}
	l.schedule.finish(last, len(due) > 0, next)
	l.admitRead(due, now)
	l.dropGone()
}

// AheadRead handles a read of the retry schedule that found nothing due and returned, from
// Beyond on, deliveries dated too far in the future, which a clock that ran ahead has left.
// They are sent now, because their time would come far too late. If there were some, the
// next search begins after them.
func (l *Lane) AheadRead(due []*Entry, next webhook.DueTime, now time.Time) {
	if len(due) > 0 {
		l.schedule.ahead, next = due[len(due)-1].slot().Next(), webhook.DueAt(now)
	}
	l.schedule.finish(webhook.Slot{}, false, next)
	l.admitRead(due, now)
	l.dropGone()
}

// ReadFailed ends a read, of the schedule or of the queue, that storage could not answer.
// It is due again at once; the actor waits before it asks.
func (l *Lane) ReadFailed(schedule bool, now time.Time) {
	if schedule {
		l.schedule.fail()
	} else {
		l.queue.fail()
		l.takeOfferedDuringRead(now)
	}
	l.dropGone()
}

// LongestWait returns the longest time from an attempt to the next one that the endpoint's
// retry policy or a receiver's Retry-After can ask for, and a second more.
func (l *Lane) LongestWait() time.Duration {
	p := l.settings.Retry
	return max(p.MaxDelay+time.Duration(float64(p.MaxDelay)*p.Jitter), webhook.MaxRetryAfter) + time.Second
}

// Beyond returns the slot from which on retries are due later than they can have been
// scheduled by this clock: the clock was ahead at that time.
func (l *Lane) Beyond(now time.Time) webhook.Slot {
	beyond := webhook.Slot{At: webhook.DueAt(now.Add(l.LongestWait()))}
	if beyond.Before(l.schedule.ahead) {
		return l.schedule.ahead
	}
	return beyond
}

// takeOfferedDuringRead decides on what was offered during a read of the queue. If the
// read reached the queue's end they go into the window, and the lane follows what is
// published without storage again. Otherwise others come before them.
func (l *Lane) takeOfferedDuringRead(now time.Time) {
	offered := l.offeredDuringRead
	l.offeredDuringRead = nil
	for _, e := range offered {
		switch {
		case l.dealt.has(e.ID()):
			l.releaseMemory(e)
		case l.queue.behind, !l.open(now), l.dealt.mayHave(e.ID()):
			l.releaseMemory(e)
			l.queue.miss(e.ID())
		default:
			l.admitRead([]*Entry{e}, now)
		}
	}
}

// admitRead puts what a read returned into the window, except deliveries of which the lane
// knows something newer, and except all of it if the gate has closed meanwhile.
func (l *Lane) admitRead(due []*Entry, now time.Time) {
	open := l.open(now)
	for _, e := range due {
		known := l.window[e.ID()]
		switch {
		case known != nil && known.overtaken(e):
			l.releaseMemory(e)
			switch known.state {
			case entryChanging:
				known.readMeanwhile = e
			case entryGone:
				// The read most likely shows what was before. If it does not, it must not
				// be forgotten: the next read shows what is.
				l.miss(e)
			}
		case !open && l.nextByHand && l.sends:
			l.nextByHand, e.ByHand = false, true
			l.admit(e)
		case !open:
			l.releaseMemory(e)
			l.miss(e)
		default:
			l.admit(e)
		}
	}
}
