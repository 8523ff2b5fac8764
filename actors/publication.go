package actors

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// A publication moves from its publisher to the router, and from there in chunks to
// storage. It holds memory (its publisher's share) until the last chunk is passed on.

// begin makes the publication the router's. It reports false if the publisher
// withdrew it before.
func (p *publication) begin() bool { return p.claimed.CompareAndSwap(false, true) }

// withdraw takes the publication back from the router. It reports false if the router
// has begun it: then an answer follows, and only the answer says what was stored.
func (p *publication) withdraw() bool { return p.claimed.CompareAndSwap(false, true) }

// publisher names who holds the memory of a publication.
func (p *publication) publisher() string {
	if len(p.events) == 0 {
		return ""
	}
	return p.events[0].Publisher
}

// refuse refuses the event that the router has arrived at.
func (p *publication) refuse(err error) {
	p.needReceipts()
	p.receipts[p.next].Err = err
}

// needReceipts allocates receipts for all events, where storage does not return them
// in one slice. The router calls it before it hands over a chunk that needs them.
func (p *publication) needReceipts() {
	if p.receipts == nil {
		p.receipts = make([]webhook.Receipt, len(p.events))
	}
}

// keep stores the receipts of a chunk. Receipts of refused events are outside of all
// chunks and stay.
func (p *publication) keep(c chunk, receipts []webhook.Receipt) {
	if p.receipts == nil {
		p.receipts = receipts
		return
	}
	copy(p.receipts[c.from:c.to], receipts)
}

// fail notes that events were not stored. The first cause counts.
func (p *publication) fail(err error) { p.err.CompareAndSwap(nil, &err) }

// failure returns why some events were not stored; nil if all are.
func (p *publication) failure() error {
	if err := p.err.Load(); err != nil {
		return *err
	}
	return nil
}

// answer wakes the publisher. It never blocks: done has room for the one answer.
func (p *publication) answer(receipts []webhook.Receipt, err error) {
	p.done <- published{receipts, err}
}

// release returns the publication's memory to its publisher's share.
func (p *publication) release(s *shared) { s.publishing.Give(p.publisher(), p.bytes) }

// finish ends a publication of which storage gets nothing more.
func (p *publication) finish(s *shared, receipts []webhook.Receipt, err error) {
	p.release(s)
	p.answer(receipts, err)
}

// chunk is the part of a publication that goes to storage in one call: the events
// from one index up to another.
type chunk struct {
	from, to, keys int
	tries          int        // how often storage refused it as stale
	hold           *hold      // on the registrations that it was matched with; nil for none
	paused         []pausedAt // of the events that have any
}

// pausedAt counts the deliveries of one event that wait for paused endpoints.
type pausedAt struct{ event, count int }

func (c *chunk) empty() bool { return c.from == c.to }

// full reports whether an event with so many keys does not fit: it does not follow the
// last event directly, or all keys together exceed one transaction.
func (c *chunk) full(event, keys int) bool {
	return !c.empty() && (c.to != event || c.keys+keys > maxAcceptKeys)
}

// add puts an event into the chunk. full must have been asked before.
func (c *chunk) add(event, keys, paused int) {
	if c.empty() {
		c.from = event
	}
	c.to = event + 1
	c.keys += keys
	if paused > 0 {
		c.paused = append(c.paused, pausedAt{event, paused})
	}
}

// store hands the publication's chunk to storage. Without last another one follows.
func (r *router) store(p *publication, last bool) {
	c := p.chunk
	p.chunk = chunk{}
	if !last {
		p.left.Add(1)
	}
	r.hand(p, c)
}

// hand passes a chunk to storage. Several may be under way, and be answered in any order.
func (r *router) hand(p *publication, c chunk) {
	r.storing.Add(int64(c.keys))
	events := p.events[c.from:c.to:c.to]
	r.shared.store.Accept(events, r.version, func(receipts []webhook.Receipt, err error) {
		c.hold.give()
		if r.isStale(err) {
			r.refused(staleChunk{p, c, err})
			return
		}
		r.keysStored(c.keys)
		r.chunkStored(p, c, chunkAnswer{events, receipts, err})
	})
}

// chunkStored passes storage's answer to a chunk on: durable deliveries to the
// supervisor, and after the last answer the receipts to the publisher. It runs in
// storage's callbacks, several of which may run at the same time.
func (r *router) chunkStored(p *publication, c chunk, a chunkAnswer) {
	if a.err != nil {
		p.fail(a.err)
	} else {
		for _, at := range c.paused {
			if receipt := &a.receipts[at.event-c.from]; receipt.Err == nil && !receipt.Duplicate {
				receipt.Paused = at.count
			}
		}
		p.keep(c, a.receipts)
	}
	last := p.left.Add(-1) < 0
	if a.err == nil {
		r.shared.root.Send(r.supervisor, &accepted{publication: p, events: a.events, receipts: a.receipts, last: last})
	}
	switch {
	case !last:
	case a.err != nil:
		p.finish(r.shared, nil, p.failure())
	case p.failure() != nil: // the supervisor releases the memory
		p.answer(nil, p.failure())
	default:
		p.answer(p.receipts, nil)
	}
}

// chunkAnswer is storage's answer to a chunk.
type chunkAnswer struct {
	events   []webhook.Event
	receipts []webhook.Receipt
	err      error
}

// mustWait reports whether publications have to wait because maxStoring keys are being
// stored. Then blocked is set, and whoever brings storing below the bound sends publishMore.
func (r *router) mustWait() bool {
	if r.storing.Load() < maxStoring {
		return false
	}
	r.blocked.Store(true)
	// Callbacks that ran before blocked was set have sent no publishMore: look again.
	return r.storing.Load() >= maxStoring || !r.blocked.CompareAndSwap(true, false)
}

// keysStored notes that storage has answered for so many keys. It runs in storage's
// callbacks.
func (r *router) keysStored(keys int) {
	if r.storing.Add(-int64(keys)) < maxStoring && r.blocked.Load() && r.blocked.CompareAndSwap(true, false) {
		r.shared.root.Send(r.self, &publishMore{})
	}
}

// tooManyPending is the error of a publication while the server has too much pending.
func tooManyPending(pending int64) error {
	return &webhook.RetryAfterError{
		Err:   fmt.Errorf("%d deliveries wait: %w", pending, webhook.ErrTooManyPending),
		After: 10 * time.Second,
	}
}
