package actors

import "github.com/corpastro/astrohook/webhook"

// leftover is what an actor had under way when it panicked: attempts in flight, and
// outcomes on their way to storage. The next actor of the endpoint takes it over, so
// that no outcome is lost, and nothing is sent twice. The delivery that is suspected
// of the panic is not among it: storage has it as it was.
type leftover struct {
	entries []*entry
	settle  []*entry // of them, those not handed to storage yet
	disable string
}

// leave gives up what is under way.
func (l *lane) leave(suspect webhook.ID) (left leftover) {
	for id, e := range l.window {
		if id != suspect && (e.state == entryInFlight || e.state == entrySettling) {
			left.entries = append(left.entries, e)
		}
	}
	for _, e := range l.out.settle {
		if e != nil && e.id() != suspect {
			left.settle = append(left.settle, e)
		}
	}
	left.disable = l.out.disable
	return left
}

// inherit takes over what an earlier lane had under way, and returns how many bytes
// of payload that holds.
func (l *lane) inherit(left leftover) (bytes int) {
	for _, e := range left.entries {
		l.window[e.id()], e.lane = e, l
		e.staleQueue, e.staleSchedule = false, false
		l.postponed += len(e.after)
		bytes += e.charged
		switch {
		case e.state == entryInFlight:
			l.inFlight++
		case !e.lost: // what became of it is still to come
			l.unsettled++
		}
	}
	l.out.settle, l.out.disable = left.settle, left.disable
	return bytes
}
