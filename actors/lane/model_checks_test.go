package lane

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// check fails if something does not hold that must hold after each step.
func (m *model) check() {
	l := m.lane
	counts := make(map[entryState]int)
	charged, hands := 0, 0
	for _, e := range l.window {
		counts[e.state]++
		charged += e.Charged
		if e.ByHand && e.state == entryWaiting {
			hands++
		}
	}
	for _, e := range l.offeredDuringRead {
		charged += e.Charged
	}
	switch {
	case counts[entryWaiting] != l.waiting, counts[entryInFlight] != l.inFlight,
		counts[entrySettling] != l.unsettled, counts[entryChanging] != l.changing:
		m.fail("the lane counts %d waiting, %d in flight, %d settling, %d changing; it has %v",
			l.waiting, l.inFlight, l.unsettled, l.changing, counts)
	case hands != l.byHandWaiting, hands > MaxByHand:
		m.fail("the lane counts %d that wait by hand; it has %d", l.byHandWaiting, hands)
	case charged != m.held:
		m.fail("%d bytes are charged, the window holds %d", m.held, charged)
	case l.inFlight > m.settings.Concurrency+12: // a smaller limit holds for what starts later
		m.fail("%d are in flight", l.inFlight)
	case len(l.offeredDuringRead) > m.peak, l.waiting-hands > 3*m.peak: // a read of queue and schedule each, and what came meanwhile
		m.fail("%d wait and %d were offered during a read, of a capacity of %d", l.waiting, len(l.offeredDuringRead), m.peak)
	}
}

// checkSend fails if a delivery that is about to be attempted must not be.
func (m *model) checkSend(e *Entry, now time.Time) {
	d := m.store.promised[e.ID()]
	for _, other := range m.flying {
		if other.ID() == e.ID() {
			m.fail("%s is in flight twice", name(e.ID()))
		}
	}
	switch {
	case d.Status.Finished() && !m.endpoint.Deleted():
		m.fail("%s is sent though it is %s", name(e.ID()), d.Status)
	case d.Status == webhook.Retrying && d.NextAttemptAt.After(now):
		m.fail("%s is sent %v too early", name(e.ID()), d.NextAttemptAt.Time().Sub(now))
	case d.Attempts != e.Due.Delivery.Attempts || d.Spent != e.Due.Delivery.Spent:
		m.fail("%s is sent as it was: %d attempts of %d", name(e.ID()), e.Due.Delivery.Attempts, d.Attempts)
	case !m.lane.sends && !(m.lane.paused && e.Test):
		m.fail("an endpoint that is not active is sent to")
	}
}

// checkGate fails if a delivery that is about to be attempted must not have come past the
// gate, which was closed or not. The one that decides on the breaker is the least tried.
func (m *model) checkGate(e *Entry, closed bool) {
	if e.Test && m.lane.paused {
		m.note("test during a pause")
	}
	if e.ticket.passes {
		m.note("passed the gate")
	}
	switch {
	case e.ticket.passes && !e.ByHand:
		m.fail("%s passes the gate, and nobody asked for it", name(e.ID()))
	case closed && !e.ticket.passes:
		m.fail("%s is sent through a closed gate", name(e.ID()))
	case e.ticket.probe:
		m.note("probe")
	}
	for _, other := range m.flying {
		if other.ticket.gate != e.ticket.gate || other.ticket.breaker != e.ticket.breaker {
			continue
		}
		if other.ticket.passes && e.ticket.passes || other.ticket.probe && e.ticket.probe {
			m.fail("%s decides on the gate beside %s", name(e.ID()), name(other.ID()))
		}
	}
	if !e.ticket.probe || e.ByHand {
		return
	}
	for _, other := range m.lane.window {
		if other.state == entryWaiting && !other.ByHand && other.Due.Delivery.Attempts < e.Due.Delivery.Attempts {
			m.fail("%s decides on the breaker, and %s was tried less", name(e.ID()), name(other.ID()))
		}
	}
}

// underWay reports whether anything is on its way to the lane.
func (m *model) underWay() bool {
	return len(m.hints)+len(m.mailbox)+len(m.work)+len(m.store.writes)+len(m.store.accepts)+len(m.flying) > 0
}

// checkCalm finds lost wake-ups: with nothing under way, a lane that has work must have a
// time at which it wakes up. Only an offer that was lost is found by an audit.
func (m *model) checkCalm(now time.Time) (found bool) {
	if l := m.lane; l != nil && l.byHandWaiting > 0 && !m.underWay() && !m.retryAt.After(now) && !l.Wants(now) {
		if e := l.byHand.peek(); e == nil || l.maySend(e) {
			m.fail("%d wait by hand, and nothing is under way: %s", l.byHandWaiting, m.describe(now))
		}
	}
	due, pending := m.store.earliest()
	if m.underWay() || !pending || m.endpoint.Deleted() || !m.endpoint.Sends() {
		return false
	}
	if m.audit(now) {
		return true
	}
	var wake time.Time
	switch {
	case m.lane == nil:
		wake = m.rest.WakeAt
	case m.lane.Wants(now): // chance gave it no permit
		return false
	default:
		wake = m.lane.WakeAt(now)
		if m.retryAt.After(now) {
			wake = m.retryAt
		}
	}
	if wake.IsZero() {
		m.fail("deliveries are pending, and nothing will wake the lane: %s", m.describe(now))
	}
	if late := wake.Sub(due); !due.IsZero() && late > 20*time.Minute {
		m.fail("what is due at %v wakes it %v later", due, late)
	}
	return false
}

// audit takes up the head of the queue if its offer was lost and nobody knows of it. It
// fails if anything else is overlooked.
func (m *model) audit(now time.Time) bool {
	heads := m.store.wake()
	if m.lane != nil && m.lost[heads.Queued] && m.random.IntN(2) == 0 {
		m.stopIdle(now)
	}
	if m.lane == nil {
		if !m.lost[heads.Queued] || m.rest.HoldUntil.After(now) || !m.rest.WakeAt.IsZero() {
			return false
		}
		m.note("lost offer found at rest")
		m.start()
		return true
	}
	found := m.lane.Overlooked(heads, now)
	switch {
	case found == Heads{}:
		return false
	case found.Scheduled.ID != (webhook.ID{}), !m.lost[found.Queued]:
		m.fail("the lane does not know of %+v: %s", found, m.describe(now))
	}
	m.note("lost offer found")
	m.lane.TakeUp(found)
	return true
}

// checkRest fails if a lane that would be stopped must not be.
func (m *model) checkRest(r Idle, now time.Time) {
	m.note("rest")
	if !r.HoldUntil.IsZero() {
		m.note("rest held")
	}
	if m.held != 0 {
		m.fail("a resting lane holds %d bytes", m.held)
	}
	if r.WakeAt.IsZero() && r.HoldUntil.IsZero() && !m.endpoint.Deleted() && len(m.hints) == 0 {
		if m.pendingOffered() {
			m.fail("a lane rests for good with deliveries pending: %s", m.describe(now))
		}
	}
}

// pendingOffered reports whether a delivery is pending whose offer was not lost.
func (m *model) pendingOffered() bool {
	for id, d := range m.store.deliveries {
		if !d.Status.Finished() && (d.Status == webhook.Retrying || !m.lost[id]) {
			return true
		}
	}
	return false
}

func (m *model) describe(now time.Time) string {
	text, left := "", 10
	for _, id := range m.store.ids {
		d := m.store.deliveries[id]
		if d.Status.Finished() {
			continue
		}
		if left--; left < 0 {
			return text + "and more"
		}
		text += fmt.Sprintf("%s is %s", name(id), d.Status)
		if d.Status == webhook.Retrying {
			text += fmt.Sprintf(", due in %v", d.NextAttemptAt.Time().Sub(now))
		}
		text += "; "
	}
	if l := m.lane; l != nil {
		text += fmt.Sprintf("\nqueue %+v\nschedule %+v\nconfigured %v, sends %v, %d waiting, capacity %d, %d in flight, gate %+v",
			l.queue, l.schedule, l.configured, l.sends, l.waiting, l.capacity(), l.inFlight, l.gate)
	}
	return text
}

// finish lets everything come to its end, with a receiver that answers, and looks at what became of it.
func (m *model) finish() {
	m.calm = true
	for range 200_000 {
		if !m.finishStep() {
			m.checkEnd()
			return
		}
		m.advance()
	}
	m.fail("the lane does not come to rest")
}

// finishStep does the next thing that is under way, or lets time pass until there is one.
func (m *model) finishStep() bool {
	now := time.Now()
	switch {
	case len(m.hints) > 0:
		m.handOn()
	case len(m.mailbox) > 0:
		m.readMail()
	case len(m.store.writes)+len(m.store.accepts) > 0:
		m.commit()
	case len(m.work) > 0:
		m.doWork()
	case len(m.flying) > 0 && m.lane.configured:
		m.endAttempt(now)
	default:
		return m.sleep(now)
	}
	return true
}

func (m *model) sleep(now time.Time) bool {
	if m.checkCalm(now) {
		return true
	}
	if !m.endpoint.Sends() && !m.endpoint.Deleted() {
		m.configure(func(e *webhook.Endpoint) { e.Status = webhook.EndpointActive })
		return true
	}
	at := m.rest.WakeAt
	if m.lane != nil {
		if at = m.lane.WakeAt(now); m.retryAt.After(now) {
			at = m.retryAt
		}
		if at.IsZero() && m.lane.Wants(now) {
			return true
		}
	}
	if at.IsZero() {
		return false
	}
	time.Sleep(at.Sub(now))
	return true
}

func (m *model) checkEnd() {
	for _, id := range m.store.ids {
		d := m.store.deliveries[id]
		switch {
		case !d.Status.Finished():
			m.fail("%s is %s at the end", name(id), d.Status)
		case d.Attempts > m.sent[id]:
			m.fail("%s was sent %d times, and has %d attempts recorded", name(id), m.sent[id], d.Attempts)
		case d.Status == webhook.Delivered && m.sent[id] == 0:
			m.fail("%s is delivered, and was never sent", name(id))
		}
	}
	if m.held != 0 {
		m.fail("%d bytes were not given back", m.held)
	}
	if m.lane != nil && len(m.lane.window)+len(m.lane.gone)+len(m.lane.offeredDuringRead) > 0 {
		m.fail("left in the window: %d, lingering %d, aside %d", len(m.lane.window), len(m.lane.gone), len(m.lane.offeredDuringRead))
	}
}
