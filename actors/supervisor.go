package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// seatSweep is how often the supervisor looks for seats to forget.
const seatSweep = time.Minute

// supervisor owns the endpoint actors: it starts one when there is work, passes
// deliveries on, stops it when it rests, and starts it again after a panic. It
// keeps the times at which resting endpoints have work again.
type supervisor struct {
	shared *shared
	seats  map[webhook.EndpointNumber]*seat
	byPID  map[string]*seat
	wakes  wakes
	timer  *time.Timer
	// timerAt is when the timer ticks; zero if it has.
	timerAt time.Time
	sweep   *time.Timer
	self    *actor.PID

	draining  chan struct{} // closed when all actors have drained; nil before
	undrained int
}

func newSupervisor(s *shared) *supervisor {
	return &supervisor{
		shared: s,
		seats:  make(map[webhook.EndpointNumber]*seat),
		byPID:  make(map[string]*seat),
	}
}

// Receive handles one message.
func (s *supervisor) Receive(c actor.Context) {
	defer s.shared.logPanic("supervisor")
	now := time.Now()
	switch m := c.Message().(type) {
	case *actor.Started:
		s.self = c.Self()
		root, self := s.shared.root, s.self
		s.sweep = time.AfterFunc(seatSweep, func() { root.Send(self, &sweepSeats{}) })
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
		s.changed(c, m.endpoint)
	case *forEndpoint:
		s.pass(c, m, now)
	case *restRequest:
		s.rest(c, m, now)
	case *defaultsChanged:
		for _, to := range s.byPID {
			s.send(c, to, m)
		}
	case *drain:
		s.drain(c, m.done)
	case *drained:
		s.drained(s.seats[m.number])
	case *tick:
		s.wakeDue(c, now)
	case *sweepSeats:
		s.forgetEmpty(now)
	}
	s.setTimer(now)
}

// HandleFailure decides what becomes of an actor that panicked: it stops, and Terminated follows.
func (s *supervisor) HandleFailure(_ *actor.ActorSystem, up actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	if seat := s.byPID[child.Id]; seat != nil {
		s.shared.metrics.panics.Inc()
		suspect := ""
		if seat.suspect != (webhook.ID{}) {
			suspect = webhook.DeliveryID.Format(seat.suspect)
		}
		seat.log(s.shared.log).Error("actor of a webhook is started again", "panic", reason, "delivery_id", suspect)
	}
	up.StopChildren(child)
}

func (s *supervisor) seat(n webhook.EndpointNumber) *seat {
	found := s.seats[n]
	if found == nil {
		found = newSeat(n, s.shared.clients.Of(n), s.shared.budget)
		s.seats[n] = found
	}
	return found
}

// maxOffers bounds the deliveries that the supervisor passes on before it handles
// other messages.
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
				c.Send(c.Self(), m)
				return
			}
			s.offer(c, s.seat(event.Endpoints[m.endpoint]), event, m.publication.only != 0, now)
			left--
		}
	}
	if m.last {
		m.publication.release(s.shared)
	}
}

// offer passes one delivery on, or only the news of it. A test starts the actor
// whatever the others wait for.
func (s *supervisor) offer(c actor.Context, to *seat, event *webhook.Event, test bool, now time.Time) {
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
	unseen := to.sent - to.seen.Load()
	if unseen < maxUnseen && to.held.TryTake(len(event.Data)) {
		e := &lane.Entry{Charged: len(event.Data), ByHand: test, Test: test, Due: webhook.Due{
			Delivery: webhook.Delivery{ID: id, EventType: event.Type, Status: webhook.Queued},
			Data:     event.Data,
		}}
		s.deliver(c, to, e)
		return
	}
	// One unseen marker is enough: the actor reads after it has seen it.
	if to.pid == nil || test || to.marker <= to.seen.Load() {
		s.send(c, to, &missed{from: id, byHand: test})
		to.marker = to.sent
	}
}

// deliver passes a delivery to an endpoint's actor, and starts it if need be.
func (s *supervisor) deliver(c actor.Context, to *seat, e *lane.Entry) {
	s.count(c, to)
	if to.tray.offer(e) {
		c.Send(to.pid, &news{})
	}
}

// send passes a message to an endpoint's actor, and starts it if need be.
func (s *supervisor) send(c actor.Context, to *seat, message any) {
	s.count(c, to)
	c.Send(to.pid, message)
}

// count counts what an endpoint's actor is about to get, and starts it if need be.
func (s *supervisor) count(c actor.Context, to *seat) {
	if to.pid == nil {
		s.start(c, to)
	}
	to.sent++
}

func (s *supervisor) start(c actor.Context, to *seat) {
	s.wakes.set(to, time.Time{})
	to.holdUntil, to.sent, to.marker, to.waits = time.Time{}, 0, 0, webhook.Waiting{}
	to.seen.Store(0)
	owned := lane.New(&to.memory)
	if held := owned.TakeOver(to.left); held > 0 {
		to.held.Take(held)
	}
	to.left = lane.Leftover{}
	to.pid = c.Spawn(actor.PropsFromProducer(func() actor.Actor {
		return &endpointActor{number: to.number, shared: s.shared, seat: to, lane: owned}
	}, actor.WithDispatcher(s.shared.mailboxes)))
	s.byPID[to.pid.Id] = to
	s.shared.metrics.actors.Inc()
	if s.draining != nil {
		s.drainSeat(c, to)
	}
}

// pass passes a message on. Questions that need no actor are answered in its place:
// where none runs the seat knows what it left behind.
func (s *supervisor) pass(c actor.Context, m *forEndpoint, now time.Time) {
	if known := s.seats[m.number]; known == nil || known.pid == nil {
		switch query := m.message.(type) {
		case *progressQuery:
			query.reply <- webhook.Progress{Waiting: known.waiting(now)}
			return
		case *healthQuery:
			query.reply <- known.idleHealth(now)
			return
		}
	}
	s.send(c, s.seat(m.number), m.message)
}

// changed passes an endpoint's change on to its actor, and starts one if work waits
// for the change. With a fresh gate what is saved of an earlier one is void.
func (s *supervisor) changed(c actor.Context, e webhook.Endpoint) {
	known := s.seats[e.Number()]
	switch {
	case e.Deleted(), known != nil && (known.pid != nil || !known.wakeAt.IsZero() || !known.holdUntil.IsZero()):
		s.send(c, s.seat(e.Number()), &configured{e})
	case e.GateSince > 0 && e.GateSince == e.Revision:
		s.shared.store.SaveGate(e.Number(), webhook.GateState{}, func(error) {})
	}
}

// rest stops an actor that has nothing to do, unless a message is on its way to it.
func (s *supervisor) rest(c actor.Context, m *restRequest, now time.Time) {
	to := s.seats[m.number]
	if to == nil || to.pid == nil || !to.pid.Equal(m.who) || to.sent != m.seen || s.draining != nil {
		return
	}
	c.Stop(to.pid)
	next := s.replace(to, to.successor())
	next.holdUntil, next.waits = steady(m.rest.HoldUntil, now), m.rest.Waits
	s.wakes.set(next, steady(m.rest.WakeAt, now))
}

// longestRest bounds how long an actor rests that has something to do later.
const longestRest = time.Hour

// steady is a time, zero and never apart, as a wait from now on: by the clock that
// is not stepped, and no longer than longestRest, after which the actor looks again.
// So a stored time keeps an endpoint no longer than that when the clock goes back.
func steady(at, now time.Time) time.Time {
	if at.IsZero() || !at.Before(lane.Never) {
		return at
	}
	return now.Add(min(at.Sub(now), longestRest))
}

// replace gives an endpoint whose actor is gone a new seat.
func (s *supervisor) replace(old, next *seat) *seat {
	delete(s.byPID, old.pid.Id)
	s.shared.metrics.actors.Dec()
	old.vacate()
	s.seats[old.number] = next
	return next
}

// terminated notes that an actor has stopped by itself, which is after a panic only.
// During a stop the next one follows at once if something is under way.
func (s *supervisor) terminated(c actor.Context, who *actor.PID, now time.Time) {
	to := s.byPID[who.Id]
	if to == nil {
		return
	}
	blamed := to.suspect != webhook.ID{}
	wait := to.crashed(now)
	next := s.replace(to, to.heir())
	if s.draining != nil {
		if blamed && next.left.UnderWay() {
			s.start(c, next)
		}
		s.drained(to)
		return
	}
	next.holdUntil = now.Add(wait)
	s.wakes.set(next, next.holdUntil)
}

// wakeLater takes an endpoint's work that was found in storage.
func (s *supervisor) wakeLater(c actor.Context, w webhook.Wake, now time.Time) {
	to := s.seat(w.Endpoint)
	if to.pid != nil || s.draining != nil {
		return
	}
	at := w.At()
	if w.Gate.OpenUntil.After(at) {
		at = w.Gate.OpenUntil
	}
	if !at.After(now) {
		s.start(c, to)
	} else if at = steady(at, now); to.wakeAt.IsZero() || at.Before(to.wakeAt) {
		s.wakes.set(to, at)
		to.holdUntil = steady(w.Gate.OpenUntil, now)
		to.waits = webhook.Waiting{For: webhook.WaitBreaker, Until: w.Gate.OpenUntil}
	}
}

func (s *supervisor) wakeDue(c actor.Context, now time.Time) {
	s.timerAt = time.Time{}
	for s.draining == nil {
		to := s.wakes.due(now)
		if to == nil {
			return
		}
		if to.pid == nil {
			s.start(c, to)
		}
	}
}

// setTimer makes sure that a tick comes when the first seat is to be woken.
func (s *supervisor) setTimer(now time.Time) {
	if len(s.wakes) == 0 || s.draining != nil {
		return
	}
	at := s.wakes[0].wakeAt
	if at.Equal(s.timerAt) {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	root, self := s.shared.root, s.self
	s.timerAt = at
	s.timer = time.AfterFunc(at.Sub(now), func() { root.Send(self, &tick{}) })
}

func (s *supervisor) forgetEmpty(now time.Time) {
	for n, to := range s.seats {
		if to.empty(now) {
			delete(s.seats, n)
		}
	}
	s.sweep.Reset(seatSweep)
}

// drain makes all actors finish what is in flight.
func (s *supervisor) drain(c actor.Context, done chan struct{}) {
	s.draining = done
	for _, to := range s.byPID {
		s.drainSeat(c, to)
	}
	s.allDrained()
}

func (s *supervisor) drainSeat(c actor.Context, to *seat) {
	s.undrained++
	to.drained = false
	to.sent++
	c.Send(to.pid, &drainEndpoint{})
}

func (s *supervisor) drained(to *seat) {
	if s.draining == nil || to == nil || to.drained {
		return
	}
	to.drained = true
	s.undrained--
	s.allDrained()
}

func (s *supervisor) allDrained() {
	if s.undrained == 0 {
		select {
		case <-s.draining:
		default:
			close(s.draining)
		}
	}
}

func (s *supervisor) stop() {
	for _, timer := range []*time.Timer{s.timer, s.sweep} {
		if timer != nil {
			timer.Stop()
		}
	}
}
