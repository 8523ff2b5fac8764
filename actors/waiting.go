package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// waits returns what the lane's deliveries wait for that are due; WaitNone if for
// nothing but their turn.
func (l *lane) waits(now time.Time) webhook.Waiting {
	switch {
	case !l.configured, l.deleted:
		return webhook.Waiting{}
	case !l.sends: // whether it is paused or disabled, the endpoint's status says
		return webhook.Waiting{For: webhook.WaitPause}
	}
	return l.gate.waits(now)
}

// waits returns what the endpoint's deliveries wait for that are due.
func (a *endpointActor) waits(now time.Time) webhook.Waiting {
	w := a.lane.waits(now)
	if w.For == webhook.WaitNone && a.needsSlot {
		w.For = webhook.WaitSlot
	}
	return w
}

// progress returns what is known of the endpoint's pending deliveries beside storage.
func (a *endpointActor) progress(now time.Time) webhook.Progress {
	p := webhook.Progress{Started: make(map[webhook.ID]time.Time, a.lane.inFlight), Waiting: a.waits(now)}
	for id, e := range a.lane.window {
		switch {
		case e.state == entryInFlight:
			p.Started[id] = e.startedAt
		case e.state == entryWaiting && e.byHand && a.lane.everSends(e):
			p.ByHand = append(p.ByHand, id)
		}
	}
	return p
}
