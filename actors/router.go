package actors

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/webhook"
)

// router matches events to endpoints, numbers them, and hands them to storage.
// One actor does this for all, so that events are stored in the order of their IDs.
type router struct {
	shared     *shared
	index      *index
	supervisor *actor.PID
	closed     bool
}

// Receive handles one message.
func (r *router) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *publication:
		r.publish(m)
	case *endpointChanged:
		r.index.put(&m.endpoint)
		c.Send(r.supervisor, m)
	case *closeRouter:
		r.closed = true
	}
}

func (r *router) publish(p *publication) {
	if r.closed {
		p.finish(r.shared, nil, errStopping)
		return
	}
	accepting, refused := r.number(p)
	if len(accepting) == 0 {
		p.finish(r.shared, refused, nil)
		return
	}
	root, supervisor := r.shared.root, r.supervisor
	r.shared.store.Accept(accepting, func(receipts []webhook.Receipt, err error) {
		if err != nil {
			p.finish(r.shared, nil, err)
			return
		}
		root.Send(supervisor, &accepted{p, accepting, receipts})
		p.answer(merge(refused, receipts), nil)
	})
}

// number matches and numbers the events. Those that match too many endpoints are
// refused: then the list has a receipt for each event, and those to be accepted are a part of them.
func (r *router) number(p *publication) (accepting []webhook.Event, refused []webhook.Receipt) {
	now := time.Now()
	accepting = p.events
	for i := range p.events {
		e := &p.events[i]
		if p.only != 0 {
			e.Endpoints = []webhook.EndpointNumber{p.only}
		} else {
			e.Endpoints = r.index.match(e)
		}
		if n := len(e.Endpoints); n > webhook.MaxFanOut {
			if refused == nil {
				accepting = append([]webhook.Event(nil), p.events[:i]...)
				refused = make([]webhook.Receipt, len(p.events))
			}
			refused[i].Err = fmt.Errorf("%d endpoints, of at most %d: %w", n, webhook.MaxFanOut, webhook.ErrFanOut)
			continue
		}
		e.ID = webhook.ID{Seq: r.shared.options.Sequence.Next(now), Nonce: rand.Uint32()}
		if refused != nil {
			accepting = append(accepting, *e)
		}
	}
	return accepting, refused
}

// merge puts the receipts of the accepted events in their places among those of the refused.
func merge(refused, receipts []webhook.Receipt) []webhook.Receipt {
	if refused == nil {
		return receipts
	}
	next := 0
	for i := range refused {
		if refused[i].Err == nil {
			refused[i] = receipts[next]
			next++
		}
	}
	return refused
}

// answer tells the publisher.
func (p *publication) answer(receipts []webhook.Receipt, err error) {
	p.done <- published{receipts, err}
}

// release ends the publication's claim on memory.
func (p *publication) release(s *shared) { s.publishing.give(int(p.bytes)) }

// finish answers a publication of which nothing was stored.
func (p *publication) finish(s *shared, receipts []webhook.Receipt, err error) {
	p.release(s)
	p.answer(receipts, err)
}
