package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// The bounds of one lane.
const (
	// MinWindow and maxWindow bound the deliveries that wait in a lane's memory;
	// in between the window is windowPerAllowed times what may be in flight.
	MinWindow        = 16
	maxWindow        = 1024
	windowPerAllowed = 16
	// MaxUnsettled bounds the outcomes that are on their way to storage, per attempt that may be in flight.
	MaxUnsettled = 2
	// MaxPanics is how often handling a delivery may panic before it fails.
	MaxPanics = 3
	// MaxByHand bounds the deliveries that wait in memory because a person asked for
	// them; beyond it they wait like others.
	MaxByHand = 64
)

// Lane is the state machine inside an endpoint's actor. It decides what to send,
// and when, and what to record of it. It does no I/O, starts nothing and reads
// no clock: each method takes an input and leaves its effects in out, which the
// actor carries out.
//
// What the lane knows of the backlog is its window, a bounded part in memory,
// and two positions from which to read on. Anything else is in storage.
type Lane struct {
	settings webhook.Settings
	// configured: the endpoint was read; nothing is sent before.
	configured     bool
	sends          bool
	paused         bool
	deleted        bool
	nothingPending bool // deleted, and nothing pending is left
	cancelling     bool
	draining       bool
	broken         bool // storage records nothing any more
	gate           *gate
	ramp           ramp
	// receiverSince is the endpoint's: what an attempt shows that began before says nothing now.
	receiverSince uint64

	window            map[webhook.ID]*Entry
	fresh             line // from the queue
	retries           line // from the retry schedule
	byHand            line // asked for by a person, from either
	retriesTurn       bool
	waiting           int
	byHandWaiting     int  // of them, by hand
	nextByHand        bool // a person asked for deliveries that are in storage: one goes by hand
	inFlight          int
	unsettled         int
	changing          int
	postponed         int      // changes that wait for another one of their deliveries
	gone              []*Entry // entryGone, kept while a read is under way
	offeredDuringRead []*Entry // offered while the queue is being read; see queueRead

	queue    queuePosition
	schedule schedulePosition
	memory   *Memory

	Out Effects
}

// Effects is what a lane wants done.
type Effects struct {
	Settle []*Entry // entry.next goes to storage; settled() follows
	Change []*Change
	// Answered are changes that needed no storage; the actor sends change.answer.
	Answered []*Change
	Release  int // bytes given back to the budget
	// Disable is why the endpoint wants no more, "" if it does.
	Disable string
}

// Memory is what a lane remembers that is not stored. It outlives the actor, not the process.
type Memory struct {
	// panics counts how often handling a delivery panicked.
	panics map[webhook.ID]int
	pace   pace
}

// Panicked counts one more panic over a delivery, and returns how many there were.
func (m *Memory) Panicked(id webhook.ID) int {
	m.panics[id]++
	return m.panics[id]
}

// NewMemory returns what is remembered of an endpoint without a past.
func NewMemory() Memory { return Memory{panics: make(map[webhook.ID]int)} }

// New returns a lane that knows nothing of its endpoint yet; Configure follows. It
// remembers in m what outlives it.
func New(m *Memory) *Lane { return &Lane{window: make(map[webhook.ID]*Entry), memory: m} }

// Configure takes the endpoint as it is now; saved is the breaker's state, of
// use the first time only.
func (l *Lane) Configure(e *webhook.Endpoint, s webhook.Settings, saved webhook.GateState, now time.Time) {
	l.settings = s
	switch {
	case !l.configured:
		l.configured, l.gate, l.ramp = true, newGate(e, s, saved, &l.memory.pace, now), newRamp(s.Concurrency)
		if l.gate.state.Openings > 0 {
			l.ramp.collapse()
		}
		l.queue = queuePosition{behind: true} // until the first read shows otherwise
		l.schedule = schedulePosition{next: webhook.DueAt(now)}
	case e.GateSince != l.gate.gateSince:
		l.renew(e, now)
	default:
		l.gate.configure(s)
		l.ramp.configure(s.Concurrency)
	}
	l.receiverSince = e.ReceiverSince
	l.sends, l.deleted, l.paused = e.Sends(), e.Deleted(), !e.Deleted() && e.Status == webhook.EndpointPaused
	if !l.open(now) {
		l.dropWindow()
	}
}

// renew begins with a fresh gate: the receiver is another one, or a person resumed
// the endpoint. Of the same receiver a pace that it has proven is kept.
func (l *Lane) renew(e *webhook.Endpoint, now time.Time) {
	same := e.ReceiverSince == l.receiverSince
	l.gate = newGate(e, l.settings, l.gate.state, &l.memory.pace, now)
	if same && l.ramp.proven {
		l.ramp.configure(l.settings.Concurrency)
	} else {
		l.ramp = newRamp(l.settings.Concurrency)
	}
}

// open tells whether the endpoint takes anything at present.
func (l *Lane) open(now time.Time) bool {
	return l.configured && l.sends && !l.draining && l.gate.closedUntil(now).IsZero()
}

// capacity is how many deliveries may wait in memory.
func (l *Lane) capacity() int {
	return min(max(MinWindow, windowPerAllowed*l.ramp.allowed), maxWindow)
}

// Offer takes a queued delivery that was just stored.
func (l *Lane) Offer(e *Entry, now time.Time) {
	l.nothingPending = false
	known := l.window[e.ID()]
	switch {
	case known != nil && known.state != entryGone:
		if e.ByHand {
			l.moveByHand(known, e.Test)
		}
		l.releaseMemory(e)
	case known == nil && e.ID().Compare(l.queue.seen) < 0: // the read was faster than the offer
		l.releaseMemory(e)
	case e.ByHand && l.byHandWaiting < MaxByHand && (!l.configured || l.maySend(e)):
		l.admit(e)
	case !l.configured && l.waiting < MinWindow:
		l.admit(e)
	case l.queue.reading && known == nil && len(l.offeredDuringRead) < l.capacity():
		l.offeredDuringRead = append(l.offeredDuringRead, e)
	case known != nil, !l.open(now), l.queue.behind, l.waiting >= l.capacity():
		l.releaseMemory(e)
		l.queue.miss(e.ID())
	default:
		l.admit(e)
	}
}

// NotOffered tells that queued deliveries were stored, from id on, which the lane was not offered.
func (l *Lane) NotOffered(id webhook.ID) {
	l.nothingPending = false
	l.queue.miss(id)
}

// admit puts an entry into the window.
func (l *Lane) admit(e *Entry) {
	e.state, e.lane = entryWaiting, l
	l.window[e.ID()] = e
	l.waiting++
	switch {
	case e.ByHand:
		l.byHandWaiting++
		l.byHand.push(e)
	case e.Due.Delivery.Status == webhook.Retrying:
		l.retries.push(e)
	default:
		l.fresh.push(e)
	}
}

// stopWaiting takes an entry off the count of those that wait.
func (l *Lane) stopWaiting(e *Entry) {
	l.waiting--
	if e.ByHand {
		l.byHandWaiting--
	}
}

// releaseMemory gives back what an entry holds.
func (l *Lane) releaseMemory(e *Entry) {
	l.Out.Release += e.Charged
	e.Charged, e.Due.Data = 0, nil
}

// dropWindow forgets what waits in memory: it is in storage.
func (l *Lane) dropWindow() {
	all := append(l.fresh.drain(), l.retries.drain()...)
	for _, e := range append(all, l.byHand.drain()...) {
		if e.ByHand && l.maySend(e) {
			l.byHand.push(e)
			continue
		}
		delete(l.window, e.ID())
		l.stopWaiting(e)
		l.releaseMemory(e)
		l.miss(e)
	}
	for _, e := range l.offeredDuringRead {
		l.releaseMemory(e)
		l.miss(e)
	}
	l.offeredDuringRead = nil
}

// miss notes that what is to be read again is not in the window.
func (l *Lane) miss(e *Entry) {
	if e.Due.Delivery.Status == webhook.Retrying {
		l.schedule.miss(e.slot())
	} else {
		l.queue.miss(e.ID())
	}
}

// Next takes the next delivery to attempt, nil if there is none that may be
// sent now. The caller has a slot for it.
func (l *Lane) Next(now time.Time) *Entry {
	for l.Wants(now) {
		e := l.pop(now)
		switch {
		case e == nil:
			return nil
		case l.memory.panics[e.ID()] >= MaxPanics:
			l.settle(e, e.Due.Delivery.Fail(webhook.ReasonPanic, now))
		case e.Due.Data == nil:
			l.settle(e, e.Due.Delivery.Fail(webhook.ReasonPayloadMissing, now))
		default:
			l.start(e, now)
			return e
		}
	}
	return nil
}

// Wants tells whether next would give a delivery if it were asked now.
func (l *Lane) Wants(now time.Time) bool {
	if l.waiting == 0 || !l.mayStart() {
		return false
	}
	return l.canSendByHand(now) || l.canSendOthers(now)
}

func (l *Lane) mayStart() bool {
	return l.configured && (l.sends || l.paused) && !l.draining && !l.broken &&
		l.inFlight < l.settings.Concurrency && l.unsettled < MaxUnsettled*l.settings.Concurrency
}

func (l *Lane) start(e *Entry, now time.Time) {
	e.ticket = l.gate.enter(now, e.ByHand && !l.gateAllows(now))
	e.state, e.startedAt, e.receiverSince = entryInFlight, now, l.receiverSince
	l.inFlight++
}

// SameReceiver reports whether an entry's attempt was made to the receiver as it is now.
func (l *Lane) SameReceiver(e *Entry) bool { return e.receiverSince == l.receiverSince }

// Attempted takes the outcome of an attempt; chance, from 0 up to 1, chooses the jitter.
func (l *Lane) Attempted(e *Entry, a webhook.Attempt, chance float64, now time.Time) {
	o := a.Outcome()
	l.endAttempt(e, func() { l.gate.leave(now, e.ticket, o, a.RetryAfter) }, now)
	if l.SameReceiver(e) {
		l.ramp.learn(&a, o)
	}
	d := e.Due.Delivery.Attempted(a, l.settings.Retry, chance)
	if l.deleted && !d.Status.Finished() {
		d = d.Cancel(webhook.ReasonEndpointDeleted, now)
	}
	if o.Verdict == webhook.Refused && l.SameReceiver(e) && (l.sends || l.paused) {
		l.Out.Disable, l.sends, l.paused = o.Reason.Message(), false, false
		l.dropWindow()
	}
	l.settle(e, d)
}

// Panicked takes an attempt that ended in a panic inside the server.
func (l *Lane) Panicked(e *Entry, now time.Time) {
	l.endAttempt(e, func() { l.gate.abandon(e.ticket) }, now) // it says nothing of the receiver
	l.memory.panics[e.ID()]++
	switch {
	case l.memory.panics[e.ID()] >= MaxPanics:
		l.settle(e, e.Due.Delivery.Fail(webhook.ReasonPanic, now))
	case l.open(now), e.ByHand && l.maySend(e):
		l.admit(e)
	default:
		delete(l.window, e.ID())
		l.releaseMemory(e)
		l.miss(e)
	}
}

// Abandon forgets an attempt that was cut off by a forced shutdown: nothing is recorded.
func (l *Lane) Abandon(e *Entry) {
	l.inFlight--
	delete(l.window, e.ID())
	l.releaseMemory(e)
}

// endAttempt ends an attempt for the gate, and lets the window go if the breaker opened.
func (l *Lane) endAttempt(e *Entry, leave func(), now time.Time) {
	l.inFlight--
	openings := l.gate.state.Openings
	leave()
	e.ticket = ticket{}
	if l.gate.state.Openings > openings {
		l.ramp.collapse()
	}
	if !l.gate.closedUntil(now).IsZero() {
		l.dropWindow()
	}
}

// settle sends a delivery's new state to storage. Its memory is given back
// already: only the record is needed from here.
func (l *Lane) settle(e *Entry, d webhook.Delivery) {
	e.Next = webhook.Settlement{Was: e.Due.Delivery.Place(), Now: d}
	e.state = entrySettling
	l.unsettled++
	l.releaseMemory(e)
	l.Out.Settle = append(l.Out.Settle, e)
}

// NotifyAtOnce tells whether something waits for the outcomes on their way to storage.
func (l *Lane) NotifyAtOnce() bool {
	return l.draining || l.deleted || !l.sends || l.postponed > 0 || l.unsettled >= MaxUnsettled*l.settings.Concurrency
}

// Recorded takes the news that storage has recorded an entry's new state.
func (l *Lane) Recorded(e *Entry) {
	l.unsettled--
	delete(l.memory.panics, e.ID())
	if d := &e.Next.Now; d.Status == webhook.Retrying {
		l.schedule.miss(webhook.Slot{At: d.NextAttemptAt, ID: d.ID})
	}
	l.forget(e)
	l.resumeChanges(e)
}

// NotRecorded takes the news that storage could not record an entry's new state.
// The entry stays where it is, so that no read brings the delivery back: what
// became of it is known, and a restart tries it again. With broken storage
// nothing is sent any more: a restart would send all of that again, too.
func (l *Lane) NotRecorded(e *Entry, broken bool) {
	e.notRecorded = true
	l.unsettled--
	l.broken = l.broken || broken
}

// forget drops an entry from the window, at the latest when no read that may
// still show it is under way.
func (l *Lane) forget(e *Entry) {
	e.staleQueue, e.staleSchedule = l.queue.reading, l.schedule.reading
	if !e.staleQueue && !e.staleSchedule {
		delete(l.window, e.ID())
		return
	}
	e.state = entryGone
	l.gone = append(l.gone, e)
}

// dropGone drops the entries that only waited for a read to end.
func (l *Lane) dropGone() {
	kept := l.gone[:0]
	for _, e := range l.gone {
		e.staleQueue = e.staleQueue && l.queue.reading
		e.staleSchedule = e.staleSchedule && l.schedule.reading
		switch {
		case e.staleQueue || e.staleSchedule:
			kept = append(kept, e)
		case l.window[e.ID()] == e:
			delete(l.window, e.ID())
		}
	}
	clear(l.gone[len(kept):])
	l.gone = kept
}
