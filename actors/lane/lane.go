package lane

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// The bounds of one lane. They keep its memory and its work for storage in proportion to
// what the receiver can take, however long the backlog is.
const (
	// MinWindow and maxWindow bound the deliveries that wait in a lane's memory. Between
	// them the window is windowPerAllowed times the number of attempts that may be in
	// flight, so that one read of storage feeds several rounds of attempts.
	MinWindow        = 16
	maxWindow        = 1024
	windowPerAllowed = 16
	// MaxUnrecorded bounds the attempts whose outcome storage does not have, for each that
	// may be in flight: those in flight, and those whose outcomes are on their way. A slow
	// disk so slows sending down, and a crash repeats no more than these. While few are in
	// flight, because receiver and processors are quick, more outcomes may be on their way.
	MaxUnrecorded = 3
	// MaxPanics is how many panics over one delivery make it fail.
	MaxPanics = 3
	// MaxByHand bounds the deliveries that wait in memory because a person asked for them.
	// Those beyond it wait their turn in storage.
	MaxByHand = 64
)

// Lane is the state machine inside an endpoint's actor. It decides what to send and when,
// and what to record of each attempt. It does no I/O, starts nothing and reads no clock:
// each method takes an input and leaves its effects in Out, which the actor carries out.
//
// The lane knows a bounded part of the backlog, its window, and two positions in storage
// from which to read the rest: one in the queue, one in the retry schedule.
type Lane struct {
	settings webhook.Settings
	// configured: the endpoint was read from storage. Nothing is sent before.
	configured bool
	sends      bool // the endpoint is active
	paused     bool // tests are sent all the same
	deleted    bool
	// cancelling: a call that cancels pending deliveries of a deleted endpoint is under
	// way; nothingPending: the last such call found none.
	cancelling     bool
	nothingPending bool
	draining       bool // the server stops: what is in flight ends, and nothing starts
	broken         bool // storage cannot record anything any more
	gate           *gate
	ramp           ramp
	quick          quickness
	// receiverSince is the revision of the endpoint since which its receiver is the same
	// one. Outcomes of attempts that began under an earlier one change neither gate nor ramp.
	receiverSince uint64

	window      map[webhook.ID]*Entry
	fresh       line // waiting, from the queue
	retries     line // waiting, from the retry schedule
	byHand      line // waiting, from either, because a person asked for them
	retriesTurn bool // the next one comes from retries, if there is one

	// The counts of entries in the window by state. byHandWaiting are among waiting.
	waiting, byHandWaiting, inFlight, unsettled, changing int

	// nextByHand: a person asked for deliveries that are in storage; the next one that is
	// read is sent by hand.
	nextByHand bool
	postponed  int      // changes that wait for another change of their delivery, or its outcome
	gone       []*Entry // in state entryGone
	// offeredDuringRead are deliveries that were offered while the queue was being read.
	// The read may show them as well, so they wait for its end.
	offeredDuringRead []*Entry

	queue    queuePosition
	schedule schedulePosition
	dealt    dealt
	memory   *Memory

	// Out collects what the methods want done. The actor carries it out after each
	// message, and clears what it has carried out.
	Out Effects
}

// Effects are what a lane wants done.
type Effects struct {
	// Settle are entries whose Next is to be recorded in storage. Recorded or NotRecorded
	// follows for each.
	Settle []*Entry
	// Change are changes to be carried out in storage. ChangeDone follows for each.
	Change []*Change
	// Answered are changes that needed no storage: Change.Answer goes to Change.Reply.
	Answered []*Change
	// Release is how many bytes of payload the lane needs no longer.
	Release int
	// Disable is why the receiver wants no more deliveries; "" if it wants them.
	Disable string
}

// Memory is what a lane remembers of its endpoint that is not in storage. It outlives the
// lane, so that neither a rest nor a panic of the actor loses it; a restart of the process
// does.
type Memory struct {
	panics map[webhook.ID]int // over each delivery whose outcome is not recorded yet
	pace   pace
	// dealtUpTo is the largest ID that earlier lanes dealt with, or may have.
	dealtUpTo webhook.ID
}

// Panicked counts one more panic over a delivery, and returns how many there were.
func (m *Memory) Panicked(id webhook.ID) int {
	m.panics[id]++
	return m.panics[id]
}

// Snapshot returns a copy for a lane that is configured, asked about its endpoint and then
// dropped, while another one may be at work. Panics, which only attempts count, are left
// out; the rate limiter is safe for both.
func (m *Memory) Snapshot() Memory { return Memory{pace: m.pace} }

// NewMemory returns the memory of an endpoint without a past.
func NewMemory() Memory { return Memory{panics: make(map[webhook.ID]int)} }

// Doubt notes that deliveries with IDs up to one may have been dealt with elsewhere, so that
// the next lane believes no offer of them.
func (m *Memory) Doubt(upTo webhook.ID) { m.dealtUpTo = larger(m.dealtUpTo, upTo) }

// New returns a lane that does not know its endpoint yet; Configure follows. It keeps in
// m what outlives it.
func New(m *Memory) *Lane {
	return &Lane{window: make(map[webhook.ID]*Entry), dealt: newDealt(m.dealtUpTo), memory: m}
}

// Configure applies the endpoint as it is now, with its effective settings. saved is the
// breaker's state in storage; only the first call uses it.
func (l *Lane) Configure(e *webhook.Endpoint, s webhook.Settings, saved webhook.GateState, now time.Time) {
	l.settings = s
	switch {
	case !l.configured:
		l.configured, l.gate, l.ramp = true, newGate(e, s, saved, &l.memory.pace, now), newRamp(s.Concurrency)
		if l.gate.state.Openings > 0 {
			l.ramp.collapse()
		}
		// Storage may hold deliveries from the very first on: two reads find out.
		l.queue = queuePosition{behind: true}
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

// renew begins with a new gate, because the receiver is another one, or a person resumed
// the endpoint. The same receiver keeps a ramp that it has proven: it can bear as much as
// before.
func (l *Lane) renew(e *webhook.Endpoint, now time.Time) {
	same := e.ReceiverSince == l.receiverSince
	l.gate = newGate(e, l.settings, l.gate.state, &l.memory.pace, now)
	if same && l.ramp.proven {
		l.ramp.configure(l.settings.Concurrency)
	} else {
		l.ramp = newRamp(l.settings.Concurrency)
	}
	if !same {
		l.quick = quickness{}
	}
}

// open reports whether deliveries may wait in memory at present. If not, it can be long
// until they are sent, and storage keeps them meanwhile.
func (l *Lane) open(now time.Time) bool {
	return l.configured && l.sends && !l.draining && l.gate.closedUntil(now).IsZero()
}

// capacity returns how many deliveries may wait in memory.
func (l *Lane) capacity() int {
	return min(max(MinWindow, windowPerAllowed*l.ramp.allowed), maxWindow)
}
