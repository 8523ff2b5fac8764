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
	defer r.shared.tellPanic("router")
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
	p.taken = true
	if r.closed {
		p.finish(r.shared, nil, errStopping)
		return
	}
	accepting, refused := r.number(p)
	if len(accepting) == 0 {
		p.finish(r.shared, refused, nil)
		return
	}
	chunks := split(accepting)
	taking := &taking{router: r, publication: p, refused: refused, left: len(chunks)}
	for _, events := range chunks {
		r.shared.store.Accept(events, func(receipts []webhook.Receipt, err error) { taking.took(events, receipts, err) })
	}
}

// maxAcceptKeys bounds the keys of one call to storage, which refuses what does
// not fit into one transaction: an event's own, and one for each endpoint it matches.
const maxAcceptKeys = webhook.MaxFanOut + 2

// split divides a publication into calls to storage.
func split(events []webhook.Event) (chunks [][]webhook.Event) {
	keys, from := 0, 0
	for i := range events {
		n := 2 + len(events[i].Endpoints)
		if i > from && keys+n > maxAcceptKeys {
			chunks = append(chunks, events[from:i:i])
			keys, from = 0, i
		}
		keys += n
	}
	return append(chunks, events[from:])
}

// taking is a publication on its way into storage. Storage calls took for one
// chunk after the other, in order.
type taking struct {
	router      *router
	publication *publication
	refused     []webhook.Receipt
	receipts    []webhook.Receipt
	left        int
	err         error
}

func (t *taking) took(events []webhook.Event, receipts []webhook.Receipt, err error) {
	t.left--
	if err != nil {
		t.err = err
	} else {
		t.receipts = append(t.receipts, receipts...)
		t.router.shared.root.Send(t.router.supervisor, &accepted{t.publication, events, receipts, t.left == 0})
	}
	switch {
	case t.left > 0:
	case err != nil:
		t.publication.finish(t.router.shared, nil, t.err)
	case t.err != nil:
		t.publication.answer(nil, t.err)
	default:
		t.publication.answer(merge(t.refused, t.receipts), nil)
	}
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
			refused[i].Err = fmt.Errorf("%d webhooks, of at most %d: %w", n, webhook.MaxFanOut, webhook.ErrFanOut)
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
