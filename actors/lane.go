package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// minWindow and maxWindow bound the deliveries that wait in a lane's memory;
	// in between the window is windowPerAllowed times what may be in flight.
	minWindow        = 16
	maxWindow        = 1024
	windowPerAllowed = 16
	// maxUnsettled bounds the outcomes that are on their way to storage, per attempt that may be in flight.
	maxUnsettled = 2
	// maxPanics is how often handling a delivery may panic before it fails.
	maxPanics = 3
	// maxByHand bounds the deliveries that wait in memory because a person asked for
	// them; beyond it they wait like others.
	maxByHand = 64
	// cancelChunk is how many deliveries of a deleted endpoint are cancelled at once.
	cancelChunk = 1000
)

// lane is the state machine inside an endpoint's actor. It decides what to send,
// and when, and what to record of it. It does no I/O, starts nothing and reads
// no clock: each method takes an input and leaves its effects in out, which the
// actor carries out.
//
// What the lane knows of the backlog is its window, a bounded part in memory,
// and two positions from which to read on. Anything else is in storage.
type lane struct {
	settings webhook.Settings
	// configured: the endpoint was read; nothing is sent before.
	configured bool
	sends      bool
	paused     bool
	deleted    bool
	cancelled  bool // deleted, and nothing pending is left
	cancelling bool
	draining   bool
	broken     bool // storage records nothing any more
	gate       *gate
	ramp       ramp
	// receiverSince is the endpoint's: what an attempt shows that began before says nothing now.
	receiverSince uint64

	window      map[webhook.ID]*entry
	fresh       line // from the queue
	retries     line // from the retry schedule
	byHand      line // asked for by a person, from either
	retriesTurn bool
	waiting     int
	handsWait   int  // of them, by hand
	wished      bool // a person asked for deliveries that are in storage: one goes by hand
	inFlight    int
	unsettled   int
	changing    int
	postponed   int      // changes that wait for another one of their deliveries
	lingering   []*entry // entryGone, kept while a read is under way
	aside       []*entry // offered while the queue is being read; see queueRead

	queue    queueReading
	schedule scheduleReading
	memory   *memory

	out effects
}

// effects is what a lane wants done.
type effects struct {
	settle  []*entry // entry.next goes to storage; settled() follows
	change  []*change
	release int // bytes given back to the budget
	// disable is why the endpoint wants no more, "" if it does.
	disable string
}

// memory is what a lane remembers that is not stored. It outlives the actor, not the process.
type memory struct {
	// panics counts how often handling a delivery panicked.
	panics map[webhook.ID]int
	pace   pace
}

func newMemory() memory { return memory{panics: make(map[webhook.ID]int)} }

func newLane(m *memory) *lane { return &lane{window: make(map[webhook.ID]*entry), memory: m} }

// configure takes the endpoint as it is now; saved is the breaker's state, of
// use the first time only.
func (l *lane) configure(e *webhook.Endpoint, s webhook.Settings, saved webhook.GateState, now time.Time) {
	l.settings = s
	switch {
	case !l.configured:
		l.configured, l.gate, l.ramp = true, newGate(e, s, saved, &l.memory.pace, now), newRamp(s.Concurrency)
		if l.gate.state.Openings > 0 {
			l.ramp.collapse()
		}
		l.queue = queueReading{behind: true} // until the first read shows otherwise
		l.schedule = scheduleReading{next: webhook.DueAt(now)}
	case e.GateSince != l.gate.gateSince:
		l.renew(e, now)
	default:
		l.gate.configure(s)
		l.ramp.configure(s.Concurrency)
	}
	l.receiverSince = e.ReceiverSince
	l.sends, l.deleted, l.paused = e.Sends(), e.Deleted(), !e.Deleted() && e.Status == webhook.EndpointPaused
	if !l.open(now) {
		l.letGo()
	}
}

// renew begins with a fresh gate: the receiver is another one, or a person resumed
// the endpoint. Of the same receiver a pace that it has proven is kept.
func (l *lane) renew(e *webhook.Endpoint, now time.Time) {
	same := e.ReceiverSince == l.receiverSince
	l.gate = newGate(e, l.settings, l.gate.state, &l.memory.pace, now)
	if same && l.ramp.proven {
		l.ramp.configure(l.settings.Concurrency)
	} else {
		l.ramp = newRamp(l.settings.Concurrency)
	}
}

// open tells whether the endpoint takes anything at present.
func (l *lane) open(now time.Time) bool {
	return l.configured && l.sends && !l.draining && l.gate.closedUntil(now).IsZero()
}

// capacity is how many deliveries may wait in memory.
func (l *lane) capacity() int {
	return min(max(minWindow, windowPerAllowed*l.ramp.allowed), maxWindow)
}

// offer takes a queued delivery that was just stored.
func (l *lane) offer(e *entry, now time.Time) {
	l.cancelled = false
	known := l.window[e.id()]
	switch {
	case known != nil && known.state != entryGone:
		if e.byHand {
			l.hasten(known, e.test)
		}
		l.discard(e)
	case known == nil && e.id().Compare(l.queue.seen) < 0: // the read was faster than the offer
		l.discard(e)
	case e.byHand && l.handsWait < maxByHand && (!l.configured || l.everSends(e)):
		l.admit(e)
	case !l.configured && l.waiting < minWindow:
		l.admit(e)
	case l.queue.reading && known == nil && len(l.aside) < l.capacity():
		l.aside = append(l.aside, e)
	case known != nil, !l.open(now), l.queue.behind, l.waiting >= l.capacity():
		l.discard(e)
		l.queue.miss(e.id())
	default:
		l.admit(e)
	}
}

// missed tells that queued deliveries were stored, from id on, which the lane was not offered.
func (l *lane) missed(id webhook.ID) {
	l.cancelled = false
	l.queue.miss(id)
}

// admit puts an entry into the window.
func (l *lane) admit(e *entry) {
	e.state, e.lane = entryWaiting, l
	l.window[e.id()] = e
	l.waiting++
	switch {
	case e.byHand:
		l.handsWait++
		l.byHand.push(e)
	case e.due.Delivery.Status == webhook.Retrying:
		l.retries.push(e)
	default:
		l.fresh.push(e)
	}
}

// leaves takes an entry off the count of those that wait.
func (l *lane) leaves(e *entry) {
	l.waiting--
	if e.byHand {
		l.handsWait--
	}
}

// discard gives back what an entry holds.
func (l *lane) discard(e *entry) {
	l.out.release += e.charged
	e.charged, e.due.Data = 0, nil
}

// letGo forgets what waits in memory: it is in storage.
func (l *lane) letGo() {
	all := append(l.fresh.drain(), l.retries.drain()...)
	for _, e := range append(all, l.byHand.drain()...) {
		if e.byHand && l.everSends(e) {
			l.byHand.push(e)
			continue
		}
		delete(l.window, e.id())
		l.leaves(e)
		l.discard(e)
		l.miss(e)
	}
	for _, e := range l.aside {
		l.discard(e)
		l.miss(e)
	}
	l.aside = nil
}

// miss notes that what is to be read again is not in the window.
func (l *lane) miss(e *entry) {
	if e.due.Delivery.Status == webhook.Retrying {
		l.schedule.miss(e.slot())
	} else {
		l.queue.miss(e.id())
	}
}

// next takes the next delivery to attempt, nil if there is none that may be
// sent now. The caller has a slot for it.
func (l *lane) next(now time.Time) *entry {
	for l.wants(now) {
		e := l.pop(now)
		switch {
		case e == nil:
			return nil
		case l.memory.panics[e.id()] >= maxPanics:
			l.settle(e, e.due.Delivery.Fail(webhook.ReasonPanic, now))
		case e.due.Data == nil:
			l.settle(e, e.due.Delivery.Fail(webhook.ReasonPayloadMissing, now))
		default:
			l.start(e, now)
			return e
		}
	}
	return nil
}

// wants tells whether next would give a delivery if it were asked now.
func (l *lane) wants(now time.Time) bool {
	if l.waiting == 0 || !l.mayStart() {
		return false
	}
	return l.wantsByHand(now) || l.wantsOthers(now)
}

func (l *lane) mayStart() bool {
	return l.configured && (l.sends || l.paused) && !l.draining && !l.broken &&
		l.inFlight < l.settings.Concurrency && l.unsettled < maxUnsettled*l.settings.Concurrency
}

// standing is with which of the server's slots the endpoint may send.
func (l *lane) standing() standing {
	switch {
	case l.ramp.proven:
		return standingProven
	case l.inFlight == 0:
		return standingFirst
	default:
		return standingMore
	}
}

func (l *lane) start(e *entry, now time.Time) {
	e.ticket = l.gate.enter(now, e.byHand && !l.lets(now))
	e.state, e.startedAt, e.receiverSince = entryInFlight, now, l.receiverSince
	l.inFlight++
}

// current reports whether an entry's attempt was made to the receiver as it is now.
func (l *lane) current(e *entry) bool { return e.receiverSince == l.receiverSince }

// attempted takes the outcome of an attempt; chance, from 0 up to 1, chooses the jitter.
func (l *lane) attempted(e *entry, a webhook.Attempt, chance float64, now time.Time) {
	o := a.Outcome()
	l.land(e, func() { l.gate.leave(now, e.ticket, o, a.RetryAfter) }, now)
	if l.current(e) {
		l.ramp.learn(&a, o)
	}
	d := e.due.Delivery.Attempted(a, l.settings.Retry, chance)
	if l.deleted && !d.Status.Finished() {
		d = d.Cancel(webhook.ReasonEndpointDeleted, now)
	}
	if o.Verdict == webhook.Refused && l.current(e) && (l.sends || l.paused) {
		l.out.disable, l.sends, l.paused = o.Reason.Message(), false, false
		l.letGo()
	}
	l.settle(e, d)
}

// panicked takes an attempt that ended in a panic inside the server.
func (l *lane) panicked(e *entry, now time.Time) {
	l.land(e, func() { l.gate.abandon(e.ticket) }, now) // it says nothing of the receiver
	l.memory.panics[e.id()]++
	switch {
	case l.memory.panics[e.id()] >= maxPanics:
		l.settle(e, e.due.Delivery.Fail(webhook.ReasonPanic, now))
	case l.open(now), e.byHand && l.everSends(e):
		l.admit(e)
	default:
		delete(l.window, e.id())
		l.discard(e)
		l.miss(e)
	}
}

// abandon forgets an attempt that was cut off by a forced shutdown: nothing is recorded.
func (l *lane) abandon(e *entry) {
	l.inFlight--
	delete(l.window, e.id())
	l.discard(e)
}

// land ends an attempt for the gate, and lets the window go if the breaker opened.
func (l *lane) land(e *entry, leave func(), now time.Time) {
	l.inFlight--
	openings := l.gate.state.Openings
	leave()
	e.ticket = ticket{}
	if l.gate.state.Openings > openings {
		l.ramp.collapse()
	}
	if !l.gate.closedUntil(now).IsZero() {
		l.letGo()
	}
}

// settle sends a delivery's new state to storage. Its memory is given back
// already: only the record is needed from here.
func (l *lane) settle(e *entry, d webhook.Delivery) {
	e.next = webhook.Settlement{Was: e.due.Delivery.Place(), Now: d}
	e.state = entrySettling
	l.unsettled++
	l.discard(e)
	l.out.settle = append(l.out.settle, e)
}

// hasty tells whether something waits for the outcomes on their way to storage.
func (l *lane) hasty() bool {
	return l.draining || l.deleted || !l.sends || l.postponed > 0 || l.unsettled >= maxUnsettled*l.settings.Concurrency
}

// settled takes the news that storage has recorded an entry's new state.
func (l *lane) settled(e *entry) {
	l.unsettled--
	delete(l.memory.panics, e.id())
	if d := &e.next.Now; d.Status == webhook.Retrying {
		l.schedule.miss(webhook.Slot{At: d.NextAttemptAt, ID: d.ID})
	}
	l.forget(e)
	l.resume(e)
}

// unrecorded takes the news that storage could not record an entry's new state.
// The entry stays where it is, so that no read brings the delivery back: what
// became of it is known, and a restart tries it again. With broken storage
// nothing is sent any more: a restart would send all of that again, too.
func (l *lane) unrecorded(broken bool) {
	l.unsettled--
	l.broken = l.broken || broken
}

// forget drops an entry from the window, at the latest when no read that may
// still show it is under way.
func (l *lane) forget(e *entry) {
	e.staleQueue, e.staleSchedule = l.queue.reading, l.schedule.reading
	if !e.staleQueue && !e.staleSchedule {
		delete(l.window, e.id())
		return
	}
	e.state = entryGone
	l.lingering = append(l.lingering, e)
}

// sweep drops the entries that only waited for a read to end.
func (l *lane) sweep() {
	kept := l.lingering[:0]
	for _, e := range l.lingering {
		e.staleQueue = e.staleQueue && l.queue.reading
		e.staleSchedule = e.staleSchedule && l.schedule.reading
		switch {
		case e.staleQueue || e.staleSchedule:
			kept = append(kept, e)
		case l.window[e.id()] == e:
			delete(l.window, e.id())
		}
	}
	clear(l.lingering[len(kept):])
	l.lingering = kept
}
