package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// In a cluster this node delivers to the endpoints of its own parts only. The supervisor
// knows which these are, and everything about another node's endpoint ends here: its
// deliveries become hints, questions are answered from storage, and changes are refused.

// GainParts makes the dispatcher deliver to the endpoints of parts, from what is in
// storage. It returns at once.
func (d *Dispatcher) GainParts(parts webhook.Parts) {
	d.shared.root.Send(d.supervisor, &partsGained{parts})
	d.wakeSoon(parts)
}

// DrainParts makes the dispatcher start nothing more for the endpoints of parts. It returns
// at once, and calls drained for each part, once, when no attempt is in flight for it and
// every outcome is stored. drained must not block. After DropParts it is not called.
func (d *Dispatcher) DrainParts(parts webhook.Parts, drained func(webhook.Part)) {
	d.shared.root.Send(d.supervisor, &partsLost{parts, drained})
}

// DropParts makes the dispatcher forget the endpoints of parts, which are another node's.
// Attempts in flight end, and storage refuses what they came to.
func (d *Dispatcher) DropParts(parts webhook.Parts) {
	d.shared.root.Send(d.supervisor, &partsLost{parts: parts})
}

// Offer takes hints that other nodes sent. It returns at once.
func (d *Dispatcher) Offer(hints []Hint) {
	for i := range hints {
		d.shared.root.Send(d.supervisor, &hinted{hint: hints[i]})
	}
}

// errElsewhere is the answer to a request about one delivery that reached a node which does
// not deliver to the endpoint.
var errElsewhere = &webhook.RetryAfterError{Err: webhook.ErrUnavailable, After: time.Second}

// leavingPart is a part that this node gives up.
type leavingPart struct {
	actors  int // of its endpoints, that have not drained
	drained func(webhook.Part)
}

// owns reports whether this node delivers to an endpoint. Without a cluster it has all
// parts.
func (s *supervisor) owns(n webhook.EndpointNumber) bool { return s.owned.Has(n.Part()) }

// clockSlack is how far the clocks of two nodes may usually differ.
const clockSlack = time.Second

// gain takes parts over. Hints about deliveries that were accepted before may repeat what
// the owner before has sent: storage decides about these.
func (s *supervisor) gain(parts webhook.Parts, now time.Time) {
	for p := range parts.All {
		s.owned.Add(p)
		s.doubted[p] = webhook.SeqAt(now.Add(clockSlack))
	}
	owned := s.owned
	s.shared.owned.Store(&owned)
}

// lose gives parts up. Endpoints without an actor are forgotten at once, those with one
// when it has drained.
func (s *supervisor) lose(c actor.Context, m *partsLost) {
	for p := range m.parts.All {
		s.owned.Remove(p)
		delete(s.leaving, p)
		if m.drained != nil {
			s.leaving[p] = &leavingPart{drained: m.drained}
		}
	}
	owned := s.owned
	s.shared.owned.Store(&owned)
	for n, to := range s.children {
		if m.parts.Has(n.Part()) {
			s.leave(c, to)
		}
	}
	for p := range m.parts.All {
		s.reportDrained(p)
	}
}

// leave ends what an endpoint's actor does for a part that is given up. If none runs and
// an earlier one left attempts or outcomes under way, the next one records these.
func (s *supervisor) leave(c actor.Context, to *child) {
	switch part := s.leaving[to.number.Part()]; {
	case to.pid == nil && !to.left.UnderWay():
		s.wakes.set(to, time.Time{})
		delete(s.children, to.number)
		return
	case part != nil:
		part.actors++
	}
	if to.leaving { // it drains already
		return
	}
	to.leaving = true
	if to.pid == nil {
		s.start(c, to)
		return
	}
	s.askToDrain(c, to)
}

// left forgets an endpoint whose actor has drained.
func (s *supervisor) left(c actor.Context, to *child) {
	c.Stop(to.pid)
	delete(s.byPID, to.pid.Id)
	s.shared.metrics.actors.Dec()
	to.close()
	s.forgetLeft(c, to.number)
}

// forgetLeft drops the record of an endpoint that has nothing under way any more. If its
// part has come back meanwhile, an actor begins from what is in storage.
func (s *supervisor) forgetLeft(c actor.Context, n webhook.EndpointNumber) {
	delete(s.children, n)
	if part := s.leaving[n.Part()]; part != nil {
		part.actors--
		s.reportDrained(n.Part())
	}
	if s.owns(n) && s.draining == nil {
		s.start(c, s.child(n))
	}
}

// panickedLeaving continues the drain of an endpoint whose actor has panicked: another one
// records what the first left under way.
func (s *supervisor) panickedLeaving(c actor.Context, next *child) {
	next.leaving = true
	if next.left.UnderWay() {
		s.start(c, next)
		return
	}
	s.forgetLeft(c, next.number)
}

// reportDrained ends the drain of a part if none of its actors is left.
func (s *supervisor) reportDrained(p webhook.Part) {
	if part := s.leaving[p]; part != nil && part.actors == 0 {
		delete(s.leaving, p)
		part.drained(p)
	}
}

// hint takes what another node says of deliveries. If their endpoints belong to a third
// node by now, that one gets the hint, but nobody after it: two nodes that disagree would
// send it to and fro.
func (s *supervisor) hint(c actor.Context, m *hinted, now time.Time) {
	h := &m.hint
	event := webhook.Event{ID: h.Event, Type: h.Type, Data: h.Data}
	end := min(m.next+maxOffers, len(h.Endpoints))
	for _, n := range h.Endpoints[m.next:end] {
		switch {
		case !s.owns(n):
			if !h.Forwarded {
				s.elsewhere = append(s.elsewhere, n)
			}
		case h.Event == webhook.ID{}:
			s.send(c, s.child(n), &notOffered{byHand: h.ByHand})
		default:
			s.offer(c, s.child(n), &event, h.ByHand, now)
		}
	}
	s.passOn(&event, h.ByHand, true)
	if m.next = end; end < len(h.Endpoints) {
		c.Send(c.Self(), m)
	}
}

// passOn offers an event to the owners of the endpoints in s.elsewhere, if there are any.
func (s *supervisor) passOn(event *webhook.Event, byHand, forwarded bool) {
	if len(s.elsewhere) == 0 {
		return
	}
	s.shared.options.Cluster.Offer(Hint{
		Event: event.ID, Type: event.Type, Data: event.Data, Endpoints: s.elsewhere, ByHand: byHand, Forwarded: forwarded,
	})
	s.elsewhere = s.elsewhere[:0]
}

// passElsewhere answers a message about another node's endpoint. Only its owner may change
// a delivery, which may be in flight there.
func (s *supervisor) passElsewhere(m *forEndpoint, now time.Time) {
	var unknown *child
	switch message := m.message.(type) {
	case *lane.Change:
		message.Reply <- lane.Answer{Err: errElsewhere}
	case *progressQuery:
		message.reply <- webhook.Progress{Waiting: unknown.waiting(now)}
	case *healthQuery:
		message.reply <- unknown.idleHealth(now)
	case *notOffered:
		s.elsewhere = append(s.elsewhere, m.number)
		s.passOn(&webhook.Event{ID: message.from}, message.byHand, false)
	}
}
