package lane

import "github.com/corpastro/astrohook/webhook"

// Leftover is what a lane has under way when its actor ends after a panic: attempts in
// flight, and outcomes on their way to storage. The next lane of the endpoint takes it
// over, so that no outcome is lost and nothing is sent twice. What only waits is not part
// of it: storage has that.
type Leftover struct {
	entries []*Entry
	settle  []*Entry // those of entries that the actor has not handed to storage yet
	disable string   // Effects.Disable, not carried out yet
}

// UnderWay reports whether attempts or outcomes are left.
func (left Leftover) UnderWay() bool { return len(left.entries) > 0 }

// InFlight returns how many attempts that the earlier lane began have not ended.
func (left Leftover) InFlight() (n int) {
	for _, e := range left.entries {
		if e.state == entryInFlight {
			n++
		}
	}
	return n
}

// HandOver returns what is under way. The delivery that the actor was handling when it
// panicked is not part of it: it may cause the panic again, and storage has it as it was
// before. The lane is not used any more.
func (l *Lane) HandOver(handled webhook.ID) (left Leftover) {
	for id, e := range l.window {
		switch {
		case id == handled, e.state == entryChanging: // storage may have recorded it already
			l.memory.Doubt(id)
		case e.state == entryInFlight, e.state == entrySettling:
			left.entries = append(left.entries, e)
		}
	}
	for _, e := range l.Out.Settle {
		if e != nil && e.ID() != handled { // nil: handed to storage
			left.settle = append(left.settle, e)
		}
	}
	left.disable = l.Out.Disable
	return left
}

// TakeOver makes what an earlier lane had under way this one's, and returns how many bytes
// of payload it holds. The lane must be new.
func (l *Lane) TakeOver(left Leftover) (bytes int) {
	for _, e := range left.entries {
		l.window[e.ID()], e.lane = e, l
		e.staleQueue, e.staleSchedule = false, false
		l.postponed += len(e.postponed)
		bytes += e.Charged
		switch {
		case e.state == entryInFlight:
			l.inFlight++
		case !e.notRecorded: // storage's answer is still to come
			l.unsettled++
		}
	}
	l.Out.Settle, l.Out.Disable = left.settle, left.disable
	return bytes
}
