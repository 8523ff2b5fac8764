package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// forgetEvery is how often the supervisor looks for children to forget.
const forgetEvery = time.Minute

// supervisor owns the endpoint actors: it starts one when there is work, passes
// deliveries on, stops it when it is idle, and starts it again after a panic. It
// keeps the times at which idle endpoints have work again.
type supervisor struct {
	shared   *shared
	children map[webhook.EndpointNumber]*child
	byPID    map[string]*child // those with an actor
	wakes    wakes
	timer    *time.Timer
	timerAt  time.Time   // when timer fires; zero after it has
	forget   *time.Timer // sends forgetChildren
	self     *actor.PID

	// draining is closed when all actors have drained; nil before a stop. undrained
	// counts the actors that have not.
	draining  chan struct{}
	undrained int

	// owned are the parts that this node delivers to; leaving are those that it is giving
	// up, as long as something of them is in flight.
	owned   webhook.Parts
	leaving map[webhook.Part]*leavingPart
	// doubted is, for each part, up to which ID.Seq an earlier owner may have dealt with
	// deliveries; 0 without a cluster.
	doubted   [webhook.PartCount]uint64
	elsewhere []webhook.EndpointNumber // scratch memory of accepted and hint
}

func newSupervisor(s *shared) *supervisor {
	return &supervisor{
		shared:   s,
		children: make(map[webhook.EndpointNumber]*child),
		byPID:    make(map[string]*child),
		owned:    *s.owned.Load(),
		leaving:  make(map[webhook.Part]*leavingPart),
	}
}

// Receive handles one message, then sets the timer for the next child that is due.
func (s *supervisor) Receive(c actor.Context) {
	defer s.shared.logPanic("supervisor")
	now := time.Now()
	switch m := c.Message().(type) {
	case *actor.Started:
		s.self = c.Self()
		root, self := s.shared.root, s.self
		s.forget = time.AfterFunc(forgetEvery, func() { root.Send(self, &forgetChildren{}) })
	case *actor.Stopping:
		s.stop()
	case *actor.Terminated:
		s.terminated(c, m.Who, now)
	case *accepted:
		s.accepted(c, m, now)
	case *wakeEndpoint:
		s.wakeLater(c, m.wake, now)
	case *audit:
		s.audit(c, m, now)
	case *endpointChanged:
		s.endpointChanged(c, m)
	case *forEndpoint:
		s.pass(c, m, now)
	case *childIdle:
		s.stopIdle(c, m, now)
	case *defaultsChanged:
		for _, to := range s.byPID {
			s.send(c, to, m)
		}
	case *drain:
		s.drain(c, m.done)
	case *childDrained:
		to := s.children[m.number]
		if s.childDrained(to); to != nil && to.leaving {
			s.left(c, to)
		}
	case *partsGained:
		s.gain(m.parts, now)
	case *partsLost:
		s.lose(c, m)
	case *hinted:
		s.hint(c, m, now)
	case *wakeDue:
		s.startDue(c, now)
	case *forgetChildren:
		s.forgetIdle(now)
	}
	s.setTimer(now)
}

// HandleFailure is called by protoactor when a child's actor has panicked. It stops
// the actor; Terminated follows, and starts the next one.
func (s *supervisor) HandleFailure(_ *actor.ActorSystem, up actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	if failed := s.byPID[who.Id]; failed != nil {
		s.shared.metrics.panics.Inc()
		blamed := ""
		if failed.current != (webhook.ID{}) {
			blamed = webhook.DeliveryID.Format(failed.current)
		}
		failed.log(s.shared.log).Error("actor of a webhook is started again", "panic", reason, "delivery_id", blamed)
	}
	up.StopChildren(who)
}

// child returns the record of an endpoint, and makes it if need be.
func (s *supervisor) child(n webhook.EndpointNumber) *child {
	found := s.children[n]
	if found == nil {
		found = newChild(n, s.shared.clients.Of(n))
		found.stats = s.shared.hours.Hour(n, time.Now())
		found.memory.Doubt(webhook.ID{Seq: s.doubted[n.Part()], Endpoint: n})
		s.children[n] = found
	}
	return found
}

// maxOffers bounds the deliveries that the supervisor passes on before it handles
// other messages: an event for a million endpoints must not hold everything up.
const maxOffers = 5000

// accepted passes new deliveries on to the actors of their endpoints.
func (s *supervisor) accepted(c actor.Context, m *accepted, now time.Time) {
	left := maxOffers
	for ; m.event < len(m.events); m.event, m.endpoint = m.event+1, 0 {
		if m.receipts[m.event].Duplicate || m.receipts[m.event].Err != nil {
			continue
		}
		event := &m.events[m.event]
		for ; m.endpoint < len(event.Endpoints); m.endpoint++ {
			if left == 0 {
				s.passOn(event, m.publication.only != 0, false)
				c.Send(c.Self(), m)
				return
			}
			left--
			if n := event.Endpoints[m.endpoint]; s.owns(n) {
				s.offer(c, s.child(n), event, m.publication.only != 0, now)
			} else {
				s.elsewhere = append(s.elsewhere, n)
			}
		}
		s.passOn(event, m.publication.only != 0, false)
	}
	if m.last {
		m.publication.release(s.shared)
	}
}

// offer passes one delivery on to its endpoint's actor. Without memory for its payload,
// or room among the unseen, the actor learns only that there is one, and reads it from
// storage. A test starts an actor whatever other deliveries wait for.
func (s *supervisor) offer(c actor.Context, to *child, event *webhook.Event, test bool, now time.Time) {
	id := event.ID.For(to.number)
	if s.draining != nil {
		return
	}
	if to.pid == nil && to.holdUntil.After(now) && !test {
		if to.holdUntil.Before(lane.Never) && (to.wakeAt.IsZero() || to.holdUntil.Before(to.wakeAt)) {
			s.wakes.set(to, to.holdUntil)
		}
		return
	}
	s.reserve(to)
	unseen := to.sent - to.seen.Load()
	if unseen < maxUnseen && event.Data != nil && to.held.TryTake(len(event.Data)) {
		e := &lane.Entry{Charged: len(event.Data), ByHand: test, Test: test, Due: webhook.Due{
			Delivery: webhook.Delivery{ID: id, EventType: event.Type, Status: webhook.Queued},
			Data:     event.Data,
		}}
		s.deliver(c, to, e)
		return
	}
	// One unseen notOffered is enough, except for an older delivery: the actor reads from it
	// on to the end.
	if to.pid == nil || test || to.notOfferedAt <= to.seen.Load() || id.Compare(to.notOfferedFrom) < 0 {
		s.send(c, to, &notOffered{from: id, byHand: test})
		to.notOfferedAt, to.notOfferedFrom = to.sent, id
	}
}

// reserve opens the memory of a child whose actor is about to start; child.close closes it.
func (s *supervisor) reserve(to *child) {
	if to.held == nil {
		to.held = s.shared.budget.Reserve(to.client)
	}
}

// deliver puts a delivery into the inbox of an endpoint's actor, and starts the actor if
// need be.
func (s *supervisor) deliver(c actor.Context, to *child, e *lane.Entry) {
	s.count(c, to)
	if to.inbox.offer(e) {
		c.Send(to.pid, &inboxReady{})
	}
}

// send passes a message to an endpoint's actor, and starts the actor if need be.
func (s *supervisor) send(c actor.Context, to *child, message any) {
	s.count(c, to)
	c.Send(to.pid, message)
}

// count counts what an endpoint's actor is about to get, and starts the actor if need be.
func (s *supervisor) count(c actor.Context, to *child) {
	if to.pid == nil {
		s.start(c, to)
	}
	to.sent++
}

// start starts a child's actor. Its lane takes over what an actor that panicked left
// under way.
func (s *supervisor) start(c actor.Context, to *child) {
	s.wakes.set(to, time.Time{})
	s.reserve(to)
	to.holdUntil, to.sent, to.notOfferedAt, to.waits = time.Time{}, 0, 0, webhook.Waiting{}
	to.seen.Store(0)
	owned := lane.New(&to.memory)
	if bytes := owned.TakeOver(to.left); bytes > 0 {
		to.held.Take(bytes)
	}
	to.left = lane.Leftover{}
	to.pid = c.Spawn(actor.PropsFromProducer(func() actor.Actor {
		return &endpointActor{number: to.number, shared: s.shared, child: to, lane: owned}
	}, actor.WithDispatcher(s.shared.mailboxes)))
	s.byPID[to.pid.Id] = to
	s.shared.metrics.actors.Inc()
	switch {
	case s.draining != nil:
		s.drainChild(c, to)
	case to.leaving:
		s.askToDrain(c, to)
	}
}

// pass passes a message on. Questions that need no actor are answered in its place:
// where none runs, the child's record has what the last one knew.
func (s *supervisor) pass(c actor.Context, m *forEndpoint, now time.Time) {
	if !s.owns(m.number) {
		s.passElsewhere(m, now)
		return
	}
	if known := s.children[m.number]; known == nil || known.pid == nil {
		switch query := m.message.(type) {
		case *progressQuery:
			query.reply <- webhook.Progress{Waiting: known.waiting(now)}
			return
		case *healthQuery:
			if known == nil {
				known = newChild(m.number, nil)
				known.stats = s.shared.hours.Hour(m.number, now)
			}
			query.reply <- known.idleHealth(now)
			return
		}
	}
	s.send(c, s.child(m.number), m.message)
}

// endpointChanged passes a changed endpoint on to its actor, and starts one if the change
// may make work possible: a pause or a hold may be over, and what is owed to a deleted
// endpoint is to be cancelled. Otherwise nobody needs to know, except that a change
// which begins with a fresh gate makes the saved breaker void.
func (s *supervisor) endpointChanged(c actor.Context, m *endpointChanged) {
	e := &m.endpoint
	known := s.children[e.Number()]
	switch {
	case !s.owns(e.Number()):
	case e.Deleted(), known != nil && (known.pid != nil || !known.wakeAt.IsZero() || !known.holdUntil.IsZero()):
		if m.bare {
			s.send(c, s.child(e.Number()), &outdated{})
		} else {
			s.send(c, s.child(e.Number()), &configured{*e})
		}
	case e.GateSince > 0 && e.GateSince == e.Revision:
		s.shared.store.SaveGate(e.Number(), webhook.GateState{}, func(error) {})
	}
}

// replace puts the next record in the place of one whose actor is gone.
func (s *supervisor) replace(old, next *child) *child {
	delete(s.byPID, old.pid.Id)
	s.shared.metrics.actors.Dec()
	old.close()
	s.children[old.number] = next
	return next
}

// terminated replaces an actor that has ended without being told to, which happens
// after a panic only. Its successor starts after a delay, so that a panic in a loop
// costs little; during a stop it starts at once if outcomes are still under way.
func (s *supervisor) terminated(c actor.Context, who *actor.PID, now time.Time) {
	to := s.byPID[who.Id]
	if to == nil {
		return
	}
	blamed := to.current != webhook.ID{}
	wait := to.crashed(now)
	next := s.replace(to, to.afterPanic())
	if to.leaving {
		s.panickedLeaving(c, next)
		s.childDrained(to)
		return
	}
	if s.draining != nil {
		if blamed && next.left.UnderWay() {
			s.start(c, next)
		}
		s.childDrained(to)
		return
	}
	next.holdUntil = now.Add(wait)
	s.wakes.set(next, next.holdUntil)
}

// stop ends the timers, which would send to an actor that is gone.
func (s *supervisor) stop() {
	for _, timer := range []*time.Timer{s.timer, s.forget} {
		if timer != nil {
			timer.Stop()
		}
	}
}
