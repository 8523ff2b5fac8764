package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// endpointActor owns one endpoint: its lane, its target and its timer. It
// carries out what the lane decides. Receive never blocks: requests, reads and
// writes run elsewhere and come back as messages.
type endpointActor struct {
	number   webhook.EndpointNumber
	shared   *shared
	seat     *seat
	self     *actor.PID
	parent   *actor.PID
	lane     *lane.Lane
	target   Target
	revision uint64 // of the endpoint as it is configured

	timer       *time.Timer
	timerAt     time.Time
	activeAt    time.Time
	retryLoadAt time.Time
	permits     *limit.Holder // its account with the slots; nil before it is configured
	receiver    uint64        // that the account is about: the endpoint's ReceiverSince
	needsPermit bool          // slots was told that it waits for one
	waitsIn     limit.Tier    // with this standing
	permitKept  bool          // and has called it
	hasty       bool          // as the tray knows it
	unused      heldPermit
	reads       int // of queue and retry schedule, so far
	trayful     trayful
	early       []any
	drained     bool
}

// Receive handles one message, then does what has become possible.
func (a *endpointActor) Receive(c actor.Context) {
	defer a.logPanic()
	now := time.Now()
	switch m := c.Message().(type) {
	case *actor.Started:
		a.self, a.parent = c.Self(), c.Parent()
		a.activeAt = now
		if a.seat.tray.open(a.self) {
			a.shared.root.Send(a.self, &news{})
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

func (a *endpointActor) handle(message any, now time.Time) {
	switch message.(type) {
	case *wake, *audit:
	default:
		a.activeAt = now
	}
	_, told := message.(*news)
	a.handleTray(told, now)
	switch m := message.(type) {
	case *news, *wake:
	case *queueRead, *scheduleRead, *cancelledSome:
		a.handleRead(m, now)
	case *loaded:
		a.configureFirst(m, now)
	case *reloaded:
		if m.err == nil && a.lane.Configured() && m.endpoint.Revision >= a.revision {
			a.configure(m.endpoint, webhook.GateState{}, now)
		}
	case *changeDone:
		m.change.Reply <- m.answer
		a.lane.ChangeDone(m.change, m.due, m.failed(), now)
		if m.noRoom {
			a.lane.NotOffered(m.change.ID)
		}
	case *permitKept:
		a.needsPermit, a.permitKept = false, true
	default:
		a.seat.seen.Add(1)
		a.handleRequest(m, now)
	}
}

// handleTray handles what lies in the tray; before its news comes, only recorded
// outcomes: offers may not overtake the endpoint's configuration. Whoever panics over
// one of them leaves the others to the next actor, which passes that one over: it is
// in no window of its own.
func (a *endpointActor) handleTray(told bool, now time.Time) {
	a.trayful = a.seat.tray.take(a.trayful, told, a.lane.Configured())
	for i, e := range a.trayful.settled {
		a.trayful.settled[i], a.seat.suspect = nil, e.ID()
		if a.lane.Owns(e) {
			a.settled(e)
		}
	}
	for i, e := range a.trayful.finished {
		a.trayful.finished[i], a.seat.suspect = nil, e.ID()
		if a.lane.Owns(e) {
			a.finish(e, now)
		}
	}
	for _, e := range a.trayful.offered {
		a.seat.suspect = e.ID()
		a.lane.Offer(e, now)
	}
	a.seat.seen.Add(uint64(len(a.trayful.offered)))
	a.seat.suspect = webhook.ID{}
}

// handleRequest handles what others ask; before the endpoint is loaded it keeps them for later.
func (a *endpointActor) handleRequest(message any, now time.Time) {
	if !a.lane.Configured() {
		switch message.(type) {
		case *drainEndpoint:
		case *audit: // the lane reads everything once it is configured
			return
		default:
			a.early = append(a.early, message)
			return
		}
	}
	switch m := message.(type) {
	case *missed:
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
	case *defaultsChanged:
		a.reload()
	}
}

func (a *endpointActor) handleRead(message any, now time.Time) {
	switch m := message.(type) {
	case *queueRead:
		if m.err != nil {
			a.readFailed("read queue", m.err, now)
			a.lane.ReadFailed(false, now)
			return
		}
		a.lane.QueueRead(m.due, m.all, now)
	case *scheduleRead:
		if m.err != nil {
			a.readFailed("read retry schedule", m.err, now)
			a.lane.ReadFailed(true, now)
			return
		}
		if m.ahead {
			a.lane.AheadRead(m.due, m.next, now)
		} else {
			a.lane.ScheduleRead(m.due, m.next, now)
		}
	case *cancelledSome:
		if m.err != nil {
			a.readFailed("cancel pending deliveries", m.err, now)
			m.n = cancelChunk // try again
		}
		a.lane.CancelDone(m.n)
	}
}

// readRetry is how long a read that failed waits to be tried again.
const readRetry = time.Second

func (a *endpointActor) readFailed(action string, err error, now time.Time) {
	a.retryLoadAt = now.Add(readRetry)
	a.log().Error("storage failed", "action", action, "error", err)
}

func (a *endpointActor) configureFirst(m *loaded, now time.Time) {
	if m.err != nil {
		a.readFailed("read webhook", m.err, now)
		return
	}
	a.configure(m.endpoint, m.gate, now)
	if a.lane.InFlight() > 0 { // by an actor that panicked; some may have ended
		a.shared.root.Send(a.self, &news{})
	}
	early := a.early
	a.early = nil
	for _, m := range early {
		a.handleRequest(m, now)
	}
}

// configure applies the endpoint as it is now.
func (a *endpointActor) configure(e webhook.Endpoint, g webhook.GateState, now time.Time) {
	settings := e.Settings.Effective(*a.shared.defaults.Load(), *a.shared.ceilings.Load())
	a.seat.label = labelOf(&e)
	if a.target != nil {
		a.target.Close()
		a.target = nil
	}
	if !e.Deleted() {
		target, err := a.shared.options.Open(e, settings)
		if err != nil { // the API lets no such endpoint in
			a.log().Error("webhook holds its deliveries: no target can be made", "error", err)
			e.Status, target = webhook.EndpointPaused, nil
		}
		a.target = target
	}
	a.revision = e.Revision
	a.seat.stats.describe(e.ReceiverSince)
	a.joinPermits(e.ClientID, e.ReceiverSince, now)
	a.lane.Configure(&e, settings, g, now)
	if a.target == nil { // a test goes through a pause
		a.lane.NoTarget()
	}
}

// advance does what has become possible.
func (a *endpointActor) advance(now time.Time) {
	a.answer()
	a.sendAll(now)
	a.carryOut(now)
	if f := &a.seat.failures; f.count > 0 && !f.next.After(now) {
		f.report(a.log(), now)
	}
	a.read(now)
	a.rest(now)
	a.hurry(now)
}

// hurry asks to be told of recorded outcomes while something waits for them.
func (a *endpointActor) hurry(now time.Time) {
	hasty := a.lane.NotifyAtOnce() || !a.lingers().After(now)
	if hasty == a.hasty {
		return
	}
	a.hasty = hasty
	if a.seat.tray.hurry(hasty) {
		a.shared.root.Send(a.self, &news{})
	}
}

// lingers is until when the actor stays without anything to do.
func (a *endpointActor) lingers() time.Time { return a.activeAt.Add(a.shared.options.IdleTimeout) }

// answer sends the answers to changes that the lane has given, before anything else
// can panic: the caller waits for them.
func (a *endpointActor) answer() {
	for i, c := range a.lane.Out.Answered {
		a.lane.Out.Answered[i] = nil
		c.Reply <- c.Answer
	}
	a.lane.Out.Answered = a.lane.Out.Answered[:0]
}

// carryOut hands the lane's effects to storage.
func (a *endpointActor) carryOut(now time.Time) {
	out := &a.lane.Out
	if out.Release > 0 {
		a.seat.held.Release(out.Release)
		out.Release = 0
	}
	for i, e := range out.Settle {
		out.Settle[i] = nil
		a.seat.suspect = e.ID()
		a.seat.failures.note(&e.Next.Now)
		a.settle(e)
	}
	out.Settle = out.Settle[:0]
	for _, c := range out.Change {
		a.change(c, now)
	}
	out.Change = nil
	a.seat.suspect = webhook.ID{}
	if out.Disable != "" {
		a.disable(out.Disable)
		out.Disable = ""
	}
	if state, dirty := a.lane.TakeGate(); dirty {
		a.shared.store.SaveGate(a.number, state, func(error) {})
	}
}

// rest asks the supervisor to be stopped when there is nothing to do, and sets the timer otherwise.
func (a *endpointActor) rest(now time.Time) {
	if a.lane.Draining() {
		if !a.drained && a.lane.Drained() {
			a.drained = true
			a.shared.root.Send(a.parent, &drained{a.number})
		}
		return
	}
	at := a.lane.WakeAt(now)
	if a.retryLoadAt.After(now) && (at.IsZero() || a.retryLoadAt.Before(at)) {
		at = a.retryLoadAt
	}
	if f := &a.seat.failures; f.count > 0 && (at.IsZero() || f.next.Before(at)) {
		at = f.next
	}
	lingers := a.lingers()
	r, idle := a.lane.Idle(now)
	idle = idle && !a.needsPermit && a.seat.failures.count == 0
	if idle && (!r.HoldUntil.IsZero() || a.lane.Deleted() || !lingers.After(now)) {
		a.shared.root.Send(a.parent, &restRequest{a.number, a.self, a.seat.seen.Load(), r})
		return
	}
	// It may be idle already, and not have been told of records.
	if (idle || a.lane.Unsettled() > 0) && lingers.After(now) && (at.IsZero() || lingers.Before(at)) {
		at = lingers
	}
	a.setTimer(at, now)
}

// setTimer makes sure that a wake comes at the given time; zero for none. A
// timer that is early by less than the linger is left: its wake does no harm.
func (a *endpointActor) setTimer(at, now time.Time) {
	if at.IsZero() || !a.timerAt.IsZero() && !at.Before(a.timerAt) && a.timerAt.After(now) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	root, self := a.shared.root, a.self
	a.timerAt = at
	a.timer = time.AfterFunc(at.Sub(now), func() { root.Send(self, &wake{}) })
}

func (a *endpointActor) stop(now time.Time) {
	a.answer() // the caller waits, even if this actor panicked over something else
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.target != nil {
		a.target.Close()
	}
	if a.seat.failures.count > 0 {
		a.seat.failures.report(a.log(), time.Now())
	}
	a.seat.left = a.lane.HandOver(a.seat.suspect)
	a.seat.tray.leave(a.trayful)
	a.leavePermits(now)
}
