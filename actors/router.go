package actors

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// router matches events to endpoints, numbers them, and hands them to storage.
// One actor does this for all, so that events are stored in the order of their IDs.
type router struct {
	shared     *shared
	index      *index
	supervisor *actor.PID
	self       *actor.PID
	volumes    *limit.Volumes
	closed     bool

	// storing counts the keys that were handed to storage and are not stored yet.
	storing atomic.Int64
	// waiting are the publications that go on when storing has fallen; the first one
	// has begun already. blocked is set while there are any.
	waiting []*publication
	blocked atomic.Bool
}

// Receive handles one message.
func (r *router) Receive(c actor.Context) {
	defer r.shared.tellPanic("router")
	switch m := c.Message().(type) {
	case *actor.Started:
		r.self = c.Self()
	case *publication:
		r.publish(m)
	case *publishOn:
		r.publishOn()
	case *endpointChanged:
		r.index.put(&m.endpoint)
		r.shared.clients.Put(&m.endpoint)
		c.Send(r.supervisor, m)
	case *footprintQuery:
		m.reply <- r.index.footprint(m.client)
	case *roomQuery:
		m.reply <- r.room(m.number)
	case *closeRouter, *actor.Stopping: // a stop overtakes what comes before it
		r.close()
	}
}

// close refuses what waits, and what comes.
func (r *router) close() {
	r.closed = true
	for _, p := range r.waiting {
		p.finish(r.shared, nil, errStopping)
	}
	r.waiting = nil
}

func (r *router) publish(p *publication) {
	p.taken = true
	switch {
	case r.closed:
		p.finish(r.shared, nil, errStopping)
	case len(r.waiting) > 0 || !r.advance(p):
		r.waiting = append(r.waiting, p)
	}
}

// publishOn goes on with the publications that wait, as far as it can.
func (r *router) publishOn() {
	for len(r.waiting) > 0 && r.advance(r.waiting[0]) {
		r.waiting[0] = nil
		r.waiting = r.waiting[1:]
	}
}

const (
	// maxAcceptKeys bounds the keys of one call to storage, which refuses what does
	// not fit into one transaction: an event's own, and one for each delivery. An
	// event with more of them goes alone.
	maxAcceptKeys = webhook.MaxFanOut + 2
	// maxStoring bounds the keys that are being stored, beside those of one event:
	// so many deliveries of wide events are in memory.
	maxStoring = 200_000
	// wideFanOut is from how many deliveries on an event is compared with the limit
	// of all pending ones by itself.
	wideFanOut = 1000
)

// advance takes a publication on. It reports whether all of it is on its way to
// storage; if not, a publishOn follows.
func (r *router) advance(p *publication) bool {
	now := time.Now()
	for ; p.next < len(p.events); p.next++ {
		if r.mustWait() {
			return false
		}
		e := &p.events[p.next]
		paused, err := r.address(p, e, now)
		if err != nil {
			p.refuse(err)
			continue
		}
		e.ID = webhook.ID{Seq: r.shared.options.Sequence.Next(now), Nonce: rand.Uint32()}
		keys := 2 + len(e.Endpoints) + len(e.Disabled) + len(e.Limited)
		if p.chunk.ends(p.next, keys) {
			p.needReceipts()
			r.store(p, false)
		}
		p.chunk.add(p.next, keys, paused)
	}
	if p.chunk.empty() {
		p.finish(r.shared, p.receipts, nil)
		return true
	}
	r.store(p, true)
	return true
}

// mustWait reports whether so much is being stored that a publication has to wait.
func (r *router) mustWait() bool {
	if r.storing.Load() < maxStoring {
		return false
	}
	r.blocked.Store(true)
	// What was stored before blocked was set has sent no publishOn.
	return r.storing.Load() >= maxStoring || !r.blocked.CompareAndSwap(true, false)
}

// stored notes that so many keys are stored, or will not be.
func (r *router) stored(keys int) {
	if r.storing.Add(-int64(keys)) < maxStoring && r.blocked.Load() && r.blocked.CompareAndSwap(true, false) {
		r.shared.root.Send(r.self, &publishOn{})
	}
}

// address finds out whom an event goes to, and counts the paused ones among them.
// An error refuses the event.
func (r *router) address(p *publication, e *webhook.Event, now time.Time) (paused int, err error) {
	if err := r.checkVolume(e, now); err != nil {
		return 0, err
	}
	if p.only != 0 {
		return r.sort(p, e, []webhook.EndpointNumber{p.only}, now)
	}
	matched := r.index.match(e)
	if len(matched) > wideFanOut && r.shared.store.Pending()+int64(len(matched)) > r.shared.maxPending.Load() {
		return 0, tooManyPending(r.shared.store.Pending())
	}
	return r.sort(p, e, matched, now)
}

// sort divides what an event matches: endpoints that get it, disabled ones, and
// those of clients that have too much pending. An event that is addressed to such
// a client is refused. matched becomes the event's.
func (r *router) sort(p *publication, e *webhook.Event, matched []webhook.EndpointNumber, now time.Time) (paused int, err error) {
	e.Endpoints = matched[:0]
	addressed := p.only != 0 || e.ClientID != ""
	for i, n := range matched {
		to := r.index.endpoints[n]
		switch {
		case to.disabled && p.only == 0:
			e.Disabled = append(e.Disabled, n)
			continue
		case to.owner == nil: // a test of one that was deleted meanwhile
		case !r.full(to.owner, now):
			to.owner.pending++
		case !addressed:
			e.Limited = append(e.Limited, n)
			continue
		case len(e.Endpoints) == 0:
			return 0, to.owner.fullError()
		}
		if to.paused {
			paused++
		}
		if len(e.Endpoints) != i {
			matched[len(e.Endpoints)] = n
		}
		e.Endpoints = matched[:len(e.Endpoints)+1]
	}
	return paused, nil
}

// room returns the error with which an event to an endpoint's client would be refused.
func (r *router) room(n webhook.EndpointNumber) error {
	if t := r.index.endpoints[n].owner; t != nil && r.full(t, time.Now()) {
		return t.fullError()
	}
	return nil
}

// chunk is a part of a publication that goes to storage in one call: the events
// from one place up to another.
type chunk struct {
	from, to, keys int
	paused         []pausedAt // of the events that have any
}

// pausedAt counts the deliveries of an event that wait for paused endpoints.
type pausedAt struct{ event, count int }

func (c *chunk) empty() bool { return c.from == c.to }

// ends reports whether an event cannot be in the chunk with what it holds.
func (c *chunk) ends(event, keys int) bool {
	return !c.empty() && (c.to != event || c.keys+keys > maxAcceptKeys)
}

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

// store hands a publication's chunk to storage. Storage calls took for one chunk
// after the other, in order.
func (r *router) store(p *publication, last bool) {
	c := p.chunk
	p.chunk = chunk{}
	r.storing.Add(int64(c.keys))
	events := p.events[c.from:c.to:c.to]
	r.shared.store.Accept(events, func(receipts []webhook.Receipt, err error) {
		r.stored(c.keys)
		r.took(p, c, taken{events, receipts, err, last})
	})
}

// taken is storage's answer to a chunk.
type taken struct {
	events   []webhook.Event
	receipts []webhook.Receipt
	err      error
	last     bool // of its publication
}

// took passes on what became of a chunk.
func (r *router) took(p *publication, c chunk, t taken) {
	if t.err != nil {
		p.err = t.err
	} else {
		for _, at := range c.paused {
			if receipt := &t.receipts[at.event-c.from]; receipt.Err == nil && !receipt.Duplicate {
				receipt.Paused = at.count
			}
		}
		p.keep(c, t.receipts)
		r.shared.root.Send(r.supervisor, &accepted{publication: p, events: t.events, receipts: t.receipts, last: t.last})
	}
	switch {
	case !t.last:
	case t.err != nil:
		p.finish(r.shared, nil, p.err)
	case p.err != nil:
		p.answer(nil, p.err)
	default:
		p.answer(p.receipts, nil)
	}
}

// refuse refuses the event at hand.
func (p *publication) refuse(err error) {
	p.needReceipts()
	p.receipts[p.next].Err = err
}

// needReceipts makes room for the receipts of all events, where they do not come
// in one piece. It does so before storage has any.
func (p *publication) needReceipts() {
	if p.receipts == nil {
		p.receipts = make([]webhook.Receipt, len(p.events))
	}
}

// keep takes the receipts of a chunk. Those of refused events stay.
func (p *publication) keep(c chunk, receipts []webhook.Receipt) {
	if p.receipts == nil {
		p.receipts = receipts
		return
	}
	copy(p.receipts[c.from:c.to], receipts)
}

// answer tells the publisher.
func (p *publication) answer(receipts []webhook.Receipt, err error) {
	p.done <- published{receipts, err}
}

// release ends the publication's claim on memory.
func (p *publication) release(s *shared) { s.publishing.Give(p.publisher(), p.bytes) }

// finish answers a publication of which nothing more will be stored.
func (p *publication) finish(s *shared, receipts []webhook.Receipt, err error) {
	p.release(s)
	p.answer(receipts, err)
}

// tooManyPending is the error of a publication while too much is pending.
func tooManyPending(pending int64) error {
	return &webhook.RetryAfterError{
		Err:   fmt.Errorf("%d deliveries wait: %w", pending, webhook.ErrTooManyPending),
		After: 10 * time.Second,
	}
}
