package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// advance does what the actor does after each message.
func (m *model) advance() {
	now := time.Now()
	if m.lane == nil {
		if at := m.rest.WakeAt; !at.IsZero() && !at.After(now) {
			m.start()
		}
		return
	}
	m.peak = max(m.peak, m.lane.capacity())
	m.send(now)
	m.carryOut()
	m.read(now)
	m.check()
	if m.random.IntN(2) == 0 {
		m.stopIdle(now)
	}
}

// stopIdle stops a lane that has nothing to do, unless a message is on its way to it.
func (m *model) stopIdle(now time.Time) {
	if r, ok := m.lane.Idle(now); ok && m.unseen == 0 {
		m.checkRest(r, now)
		m.tell("rest %+v", r)
		m.lane, m.rest, m.mailbox = nil, r, nil
	}
}

// send makes attempts, as long as chance finds permits for them.
func (m *model) send(now time.Time) {
	for m.lane.Wants(now) && (m.calm || m.random.IntN(8) > 0) {
		closed := !m.lane.gate.closedUntil(now).IsZero()
		e := m.lane.Next(now)
		if e == nil {
			return
		}
		m.checkGate(e, closed)
		m.note("sent")
		m.tell("send %s (%s, %d attempts)", name(e.ID()), e.Due.Delivery.Status, e.Due.Delivery.Attempts)
		m.checkSend(e, now)
		m.flying = append(m.flying, e)
	}
}

func (m *model) carryOut() {
	of, out := m.lane, &m.lane.Out
	for _, c := range out.Answered {
		c.Reply <- c.Answer
	}
	m.held -= out.Release
	for _, e := range out.Settle {
		m.tell("settle %s as %s", name(e.ID()), e.Next.Now.Status)
		if m.store.sharesSlotTime(&e.Next.Now) {
			m.note("one millisecond")
		}
		m.store.submit(modelWrite{
			id: e.ID(), apply: settleModel(e.Next.Now),
			done: func(webhook.Delivery) {
				m.mail(of, func() {
					m.tell("settled %s", name(e.ID()))
					m.lane.Recorded(e)
				})
			},
		})
	}
	for _, c := range out.Change {
		m.work = append(m.work, func() { m.change(of, c) })
	}
	if out.Disable != "" {
		m.work = append(m.work, func() {
			if m.endpoint.Status != webhook.EndpointDisabled {
				m.configure(func(e *webhook.Endpoint) { e.Status = webhook.EndpointDisabled })
			}
		})
	}
	*out = Effects{}
	if state, dirty := m.lane.TakeGate(); dirty {
		if m.store.gate = state; !state.OpenUntil.IsZero() {
			m.note("breaker open")
		}
	}
}

// change carries out a change by request, or fails to.
func (m *model) change(of *Lane, c *Change) {
	if of != m.lane { // a crash was faster
		return
	}
	failed := func() {
		m.mail(of, func() {
			m.tell("change of %s failed", name(c.ID))
			m.lane.ChangeDone(c, nil, true, time.Now())
		})
	}
	unknown := !m.calm && m.random.IntN(8) == 0 // it is made, and storage cannot say so
	if !m.calm && m.random.IntN(8) == 0 {
		failed()
		return
	}
	apply, refused := requeueModel, false
	if c.Kind == Cancel {
		apply = cancelModel(webhook.ReasonCancelled, time.Now())
		refused = m.store.promised[c.ID].Status.Finished()
	}
	m.store.submit(modelWrite{id: c.ID, apply: apply, done: func(d webhook.Delivery) {
		if unknown {
			m.note("unknown outcome")
			failed()
			return
		}
		m.work = append(m.work, func() {
			m.mail(of, func() {
				m.tell("changed %s, refused %v", name(c.ID), refused)
				if c.entry.readMeanwhile != nil {
					m.note("shown while changing")
				}
				switch {
				case refused:
					m.note("conflict")
					m.lane.ChangeDone(c, nil, false, time.Now())
				case c.Kind == Cancel:
					m.lane.ChangeDone(c, nil, false, time.Now())
				default:
					m.note("requeued")
					m.lane.ChangeDone(c, m.entryOf(d), false, time.Now())
				}
			})
		})
	}})
}

// read starts the reads that the lane wants.
func (m *model) read(now time.Time) {
	l := m.lane
	if m.retryAt.After(now) || !l.configured {
		return
	}
	if from, limit := l.ReadQueue(now); limit > 0 {
		m.background(func() func() { return m.readQueue(from, limit) })
	}
	if from, limit := l.ReadSchedule(now); limit > 0 {
		m.background(func() func() { return m.readSchedule(from, limit) })
	}
	if l.CancelDue() {
		m.work = append(m.work, func() { m.cancelPending(l) })
	}
}

func (m *model) readFails() bool { return !m.calm && m.random.IntN(10) == 0 }

func (m *model) failRead(schedule bool) {
	m.note("read failed")
	m.retryAt = time.Now().Add(time.Second)
	m.lane.ReadFailed(schedule, time.Now())
}

// readQueue reads the queue as it is now. The lane gets the result later.
func (m *model) readQueue(from webhook.ID, limit int) func() {
	if m.readFails() {
		return func() { m.failRead(false) }
	}
	limit = 1 + m.random.IntN(limit) // memory may be short
	due := m.store.queued(from, limit)
	return func() {
		if len(m.lane.offeredDuringRead) > 0 {
			m.note("offered during a read")
		}
		m.tell("queue read from %s: %d, end %v", name(from), len(due), len(due) < limit)
		m.lane.QueueRead(m.entries(due), len(due) < limit, time.Now())
	}
}

func (m *model) readSchedule(from webhook.Slot, limit int) func() {
	if m.readFails() {
		return func() { m.failRead(true) }
	}
	due, next := m.store.scheduled(from, time.Now(), 1+m.random.IntN(limit))
	return func() {
		m.tell("schedule read from %v: %d, next %v", from, len(due), next)
		m.lane.ScheduleRead(m.entries(due), next, time.Now())
	}
}

func (m *model) entries(due []webhook.Delivery) []*Entry {
	var all []*Entry
	for _, d := range due {
		if known := m.lane.window[d.ID]; known != nil && known.state == entryGone && m.store.promised[d.ID].Status != d.Status {
			m.note("read overtaken")
		}
		all = append(all, m.entryOf(d))
	}
	return all
}

// cancelPending cancels what is pending of a deleted endpoint, as one write for each.
func (m *model) cancelPending(of *Lane) {
	m.tell("cancel pending")
	var pending []webhook.ID
	for _, id := range m.store.ids {
		if !m.store.promised[id].Status.Finished() {
			pending = append(pending, id)
		}
	}
	report := func(webhook.Delivery) {
		m.work = append(m.work, func() { m.mail(of, func() { m.lane.CancelDone(len(pending)) }) })
	}
	if len(pending) == 0 {
		report(webhook.Delivery{})
		return
	}
	for i, id := range pending {
		w := modelWrite{id: id, apply: cancelModel(webhook.ReasonEndpointDeleted, time.Now()), done: func(webhook.Delivery) {}}
		if i == len(pending)-1 {
			w.done = report
		}
		m.store.submit(w)
	}
}

// ask requests a change of some delivery.
func (m *model) ask() {
	if len(m.store.ids) == 0 || m.random.IntN(2) == 0 {
		return
	}
	id := m.store.ids[m.random.IntN(len(m.store.ids))]
	kind := []ChangeKind{Retry, Cancel}[m.random.IntN(2)]
	if m.endpoint.Deleted() {
		kind = Cancel
	}
	m.hints = append(m.hints, modelHint{pass: func() { m.hint(true, func() { m.request(kind, id) }) }})
}

// request hands a change to the lane once that is configured: until then the actor keeps it.
func (m *model) request(kind ChangeKind, id webhook.ID) {
	if !m.lane.configured {
		m.early = append(m.early, func() { m.request(kind, id) })
		return
	}
	m.tell("request %d of %s", kind, name(id))
	m.lane.Request(&Change{Kind: kind, ID: id, Reply: make(chan Answer, 1)})
}

// configure changes the endpoint in storage, and has the lane told later.
func (m *model) configure(change func(*webhook.Endpoint)) {
	change(&m.endpoint)
	m.endpoint.Revision++
	e, s := m.endpoint, m.settings
	m.tell("configured: %s, deleted %v", e.Status, e.Deleted())
	m.hints = append(m.hints, modelHint{pass: func() { // a change starts the actor in any case
		m.hint(true, func() { m.reconfigure(e, s) })
	}})
}

func (m *model) reconfigure(e webhook.Endpoint, s webhook.Settings) {
	if m.lane.configured {
		if e.Revision > m.revision {
			m.revision = e.Revision
			m.lane.Configure(&e, s, webhook.GateState{}, time.Now())
		}
		return
	}
	m.early = append(m.early, func() { m.reconfigure(e, s) })
}

// disturb lets something rare happen.
func (m *model) disturb() {
	switch m.random.IntN(12) {
	case 0, 1:
		m.crash()
	case 2, 3, 4, 5:
		m.configure(func(e *webhook.Endpoint) {
			switch m.random.IntN(4) {
			case 0:
				e.Status = webhook.EndpointPaused
			case 1:
				m.note("resumed")
				e.Resume()
			case 2:
				m.note("another receiver")
				was := *e
				e.TargetURL += "x"
				e.ChangedFrom(&was)
			default:
				e.Status = webhook.EndpointActive
			}
		})
	case 6:
		m.settings = m.anySettings()
		m.configure(func(*webhook.Endpoint) {})
	case 7:
		if m.random.IntN(8) == 0 && !m.endpoint.Deleted() {
			m.note("deleted")
			m.configure(func(e *webhook.Endpoint) { e.DeletedAt = time.Now() })
		}
	default:
		m.replay()
	}
}

// crash loses the lane with its mailbox. The next one takes over what it had under way,
// except the delivery that it was handling, if it was handling one.
func (m *model) crash() {
	if m.lane == nil {
		return
	}
	var handled webhook.ID
	if len(m.flying) > 0 && m.random.IntN(2) == 0 {
		handled = m.flying[0].ID()
		m.memory.panics[handled]++
		m.flying = m.flying[1:]
	}
	m.note("crash")
	m.tell("crash over %s", name(handled))
	for len(m.store.writes) > 0 { // faster than the next lane comes
		m.store.commit()
	}
	left := m.lane.HandOver(handled)
	m.start()
	m.held = m.lane.TakeOver(left)
	for _, e := range left.entries {
		m.note("taken over")
		if e.state == entrySettling {
			m.mail(m.lane, func() { m.lane.Recorded(e) })
		}
	}
}

// replay requeues some finished deliveries.
func (m *model) replay() {
	if m.endpoint.Deleted() {
		return
	}
	var finished []webhook.ID
	for _, id := range m.store.ids {
		if m.store.promised[id].Status.Finished() && m.random.IntN(4) == 0 {
			finished = append(finished, id)
		}
	}
	for i, id := range finished {
		w := modelWrite{id: id, apply: replayModel, done: func(webhook.Delivery) {}}
		if i == len(finished)-1 {
			w.done = func(webhook.Delivery) {
				m.hints = append(m.hints, modelHint{pass: func() { m.hint(true, m.missedByHand) }})
			}
		}
		m.store.submit(w)
	}
}

// missedByHand passes on that a replay requeued deliveries.
func (m *model) missedByHand() {
	m.lane.NotOffered(webhook.ID{})
	if m.lane.configured {
		if m.lane.SendNextByHand(time.Now()); m.lane.nextByHand {
			m.note("wish")
		}
	}
}
