package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// endpointActor is the shell around one endpoint's lane: it hands messages to the lane
// and carries out what the lane decides. It owns the endpoint's target and timer.
// Receive never blocks: attempts, reads and writes run on other goroutines and return
// as messages or through the inbox.
type endpointActor struct {
	number   webhook.EndpointNumber
	shared   *shared
	child    *child // the supervisor's record; the comments there say which fields are the actor's
	self     *actor.PID
	parent   *actor.PID // the supervisor
	lane     *lane.Lane
	target   Target // nil before the endpoint is read, and if none can be made
	revision uint64 // of the endpoint as the actor is configured

	// batch is what the actor took from its inbox, less what it has handled.
	batch batch
	// early are the requests that arrived before the endpoint was read.
	early []any

	permits  *limit.Holder // holds the attempts' permits; nil before the endpoint is read
	receiver uint64        // the ReceiverSince that permits was opened for
	// needsPermit: the endpoint waits for a permit, with the tier waitsIn.
	needsPermit bool
	waitsIn     limit.Tier
	permitKept  bool       // a permit is kept for it
	unused      heldPermit // taken, and no attempt has it yet
	braking     bool       // publishers to the endpoint wait
	begun       int        // attempts, since publishers were let continue
	noLease     bool       // nothing may be sent, because the node's lease does not hold

	// wanted is how often the endpoint had to be read again, and has how often it was.
	wanted, has int
	reloading   bool
	reads       int       // reads of queue and retry schedule so far
	readAgain   time.Time // when storage is asked again after an error; zero without one

	timer    *time.Timer
	timerAt  time.Time
	activeAt time.Time // when the last message arrived, except wakes and audits
	// drainReported: the supervisor knows that nothing is in flight any more.
	drainReported bool
}

// Receive handles one message, then does all that has become possible.
func (a *endpointActor) Receive(c actor.Context) {
	defer a.logPanic()
	now := time.Now()
	switch m := c.Message().(type) {
	case *actor.Started:
		a.self, a.parent = c.Self(), c.Parent()
		a.activeAt = now
		if a.child.inbox.open(a.self) {
			a.sendSelf(&inboxReady{})
		}
		a.load()
	case *actor.Stopping:
		a.stop(now)
		return
	case *actor.Stopped, *actor.Restarting:
		return
	default:
		a.handle(m, now)
	}
	a.advance(now)
}

func (a *endpointActor) sendSelf(message any) { a.shared.root.Send(a.self, message) }

// about runs a step that handles one delivery. If the step panics, the delivery is
// blamed: the supervisor reads child.current. The step must not outlive the call.
func (a *endpointActor) about(e *lane.Entry, step func()) {
	a.child.current = e.ID()
	step()
	a.child.current = webhook.ID{}
}

// handle hands a message to the lane. Recorded outcomes come first, so that the message
// finds the lane with as much room as storage has made.
func (a *endpointActor) handle(message any, now time.Time) {
	switch message.(type) {
	case *wake, *audit: // they are no work, and must not keep the actor alive
	default:
		a.activeAt = now
	}
	_, ready := message.(*inboxReady)
	a.handleInbox(ready, now)
	switch m := message.(type) {
	case *inboxReady, *wake:
	case *queueRead, *scheduleRead, *cancelledSome:
		a.handleRead(m, now)
	case *loaded:
		a.configureFirst(m, now)
	case *reloaded:
		a.reloaded(m, now)
	case *changeDone:
		m.change.Reply <- m.answer
		a.lane.ChangeDone(m.change, m.due, m.failed(), now)
		if m.noMemory {
			a.lane.NotOffered(m.change.ID)
		}
	case *permitKept:
		a.needsPermit, a.permitKept = false, true
	default:
		a.child.seen.Add(1)
		a.handleRequest(m, now)
	}
}

// handleInbox handles what the inbox holds. Every message takes recorded outcomes with
// it; offers and ended attempts wait for inboxReady, because offers must not overtake
// the message with the endpoint's configuration.
//
// Entries leave the batch before they are handled. If one of them panics, the others
// return to the inbox for the next actor, whose lane does not own the one that did.
func (a *endpointActor) handleInbox(ready bool, now time.Time) {
	a.batch = a.child.inbox.take(a.batch, ready, a.lane.Configured())
	for i, e := range a.batch.recorded {
		a.batch.recorded[i] = nil
		if a.lane.Owns(e) {
			a.about(e, func() { a.outcomeRecorded(e) })
		}
	}
	for i, e := range a.batch.ended {
		a.batch.ended[i] = nil
		if a.lane.Owns(e) {
			a.about(e, func() { a.attemptEnded(e, now) })
		}
	}
	for _, e := range a.batch.offered {
		a.about(e, func() { a.lane.Offer(e, now) })
	}
	a.child.seen.Add(uint64(len(a.batch.offered)))
}

// handleRequest handles a counted message. Before the endpoint is read it keeps the
// message for later.
func (a *endpointActor) handleRequest(message any, now time.Time) {
	if !a.lane.Configured() {
		switch message.(type) {
		case *drainEndpoint:
		case *audit: // once it is configured, the lane reads all there is
			return
		default:
			a.early = append(a.early, message)
			return
		}
	}
	switch m := message.(type) {
	case *notOffered:
		a.lane.NotOffered(m.from)
		if m.byHand {
			a.lane.SendNextByHand(now)
		}
	case *configured:
		if m.endpoint.Revision > a.revision {
			a.configure(m.endpoint, webhook.GateState{}, now)
		}
	case *lane.Change:
		a.lane.Request(m)
	case *healthQuery:
		m.reply <- a.health(now)
	case *progressQuery:
		m.reply <- a.progress(now)
	case *audit:
		a.audit(m, now)
	case *drainEndpoint:
		a.lane.Drain()
	case *defaultsChanged, *outdated:
		a.wanted++
	}
}

// configureFirst configures the actor with the first read of its endpoint, and then
// handles the requests that arrived before.
func (a *endpointActor) configureFirst(m *loaded, now time.Time) {
	if m.err != nil {
		a.readFailed("read webhook", m.err, now)
		return
	}
	a.configure(m.endpoint, m.gate, now)
	if a.lane.InFlight() > 0 { // attempts of an actor that panicked, some of which may have ended
		a.sendSelf(&inboxReady{})
	}
	early := a.early
	a.early = nil
	for _, m := range early {
		a.handleRequest(m, now)
	}
}

// configure applies the endpoint as it is now. g is the saved breaker, which counts the
// first time only.
func (a *endpointActor) configure(e webhook.Endpoint, g webhook.GateState, now time.Time) {
	settings := e.Settings.Effective(*a.shared.defaults.Load(), *a.shared.ceilings.Load())
	a.child.label = labelOf(&e)
	if a.target != nil {
		a.target.Close()
		a.target = nil
	}
	if !e.Deleted() {
		target, err := a.shared.options.Open(e, settings)
		if err != nil { // the API refuses such endpoints; the operator's rules may have changed since
			a.log().Error("webhook holds its deliveries: no target can be made", "error", err)
			e.Status, target = webhook.EndpointPaused, nil
		}
		a.target = target
	}
	a.revision = e.Revision
	if a.child.stats.Describe(e.ReceiverSince) {
		a.shared.survey.Forget(a.number)
		a.shared.hours.Put(a.number, &a.child.stats)
	}
	a.joinPermits(e.ClientID, e.ReceiverSince, now)
	a.lane.Configure(&e, settings, g, now)
	if a.target == nil { // a test would be sent through a pause
		a.lane.NoTarget()
	}
}

// advance does what has become possible.
func (a *endpointActor) advance(now time.Time) {
	a.answer()
	a.sendAll(now)
	a.slowDown(now)
	a.carryOut(now)
	if f := &a.child.failures; f.count > 0 && !f.next.After(now) {
		f.report(a.log(), now)
	}
	a.read(now)
	a.stopOrWait(now)
	a.notifyAtOnce(now)
}

// stop runs when the actor ends, after a panic, too: then its own fields may be in any
// state, and what it has under way is left for the next actor.
func (a *endpointActor) stop(now time.Time) {
	a.answer() // the caller waits, even if this actor panicked over something else
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.target != nil {
		a.target.Close()
	}
	if a.child.failures.count > 0 {
		a.child.failures.report(a.log(), time.Now())
	}
	if !a.child.succeeded {
		a.child.store(a.shared.hours)
	}
	a.child.left = a.lane.HandOver(a.child.current)
	a.child.inbox.leave(a.batch)
	a.leavePermits(now)
	a.releaseBrake()
}
