package lane

import "github.com/corpastro/astrohook/webhook"

// Leftover is what an actor had under way when it panicked: attempts in flight, and
// outcomes on their way to storage. The next actor of the endpoint takes it over, so
// that no outcome is lost, and nothing is sent twice. The delivery that is suspected
// of the panic is not among it: storage has it as it was.
type Leftover struct {
	entries []*Entry
	settle  []*Entry // of them, those not handed to storage yet
	disable string
}

// UnderWay reports whether attempts or outcomes are among it.
func (left Leftover) UnderWay() bool { return len(left.entries) > 0 }

// HandOver gives up what is under way.
func (l *Lane) HandOver(suspect webhook.ID) (left Leftover) {
	for id, e := range l.window {
		if id != suspect && (e.state == entryInFlight || e.state == entrySettling) {
			left.entries = append(left.entries, e)
		}
	}
	for _, e := range l.Out.Settle {
		if e != nil && e.ID() != suspect {
			left.settle = append(left.settle, e)
		}
	}
	left.disable = l.Out.Disable
	return left
}

// TakeOver takes over what an earlier lane had under way, and returns how many bytes
// of payload that holds.
func (l *Lane) TakeOver(left Leftover) (bytes int) {
	for _, e := range left.entries {
		l.window[e.ID()], e.lane = e, l
		e.staleQueue, e.staleSchedule = false, false
		l.postponed += len(e.postponed)
		bytes += e.Charged
		switch {
		case e.state == entryInFlight:
			l.inFlight++
		case !e.notRecorded: // what became of it is still to come
			l.unsettled++
		}
	}
	l.Out.Settle, l.Out.Disable = left.settle, left.disable
	return bytes
}
