package actors

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// router matches events to endpoints, numbers them, and hands them to storage. One actor
// does this for all, because the index belongs to it alone. Nothing relies on the order in
// which events become visible: other nodes number theirs by themselves.
type router struct {
	shared     *shared
	index      *index
	supervisor *actor.PID
	self       *actor.PID
	volumes    *limit.Volumes
	closed     bool

	// storing counts the keys that storage has been given and not answered yet. It
	// falls in storage's callbacks, outside of the actor.
	storing atomic.Int64
	// waiting are the publications that continue when storing has fallen, in order;
	// some of the first one may be stored already. blocked is set while there are any.
	waiting []*publication
	blocked atomic.Bool

	// version is that of the registrations in the index; 0 without a cluster. reading:
	// later changes are being read; readAgain: there are more by now. behind: storage
	// refused events as stale, so publications wait for the changes.
	version                    uint64
	reading, readAgain, behind bool
	stale                      staleChunks
}

// Receive handles one message.
func (r *router) Receive(c actor.Context) {
	defer r.shared.logPanic("router")
	switch m := c.Message().(type) {
	case *actor.Started:
		r.self = c.Self()
	case *publication:
		r.publish(m)
	case *publishMore:
		r.publishMore()
	case *endpointChanged:
		r.index.put(&m.endpoint)
		r.shared.clients.Put(&m.endpoint)
		c.Send(r.supervisor, m)
		r.refresh(false) // storage has a new version
	case *refresh:
		r.refresh(m.behind)
	case *changesRead:
		r.changesRead(m, time.Now())
	case *footprintQuery:
		m.reply <- r.index.footprint(m.client)
	case *listQuery:
		m.reply <- r.index.list(&m.query)
	case *pendingQuery:
		m.reply <- r.checkPending(m.number)
	case *closeRouter, *actor.Stopping: // Stopping overtakes queued messages, so both close
		r.close()
	}
}

// close refuses the publications that wait, and all later ones.
func (r *router) close() {
	r.closed = true
	for _, p := range r.waiting {
		p.finish(r.shared, nil, errStopping)
	}
	r.waiting = nil
	for _, one := range r.stale.take(true) {
		r.giveUp(one, errStopping)
	}
}

// publish starts a publication, or queues it behind those that wait: numbers follow
// the order of arrival.
func (r *router) publish(p *publication) {
	switch {
	case r.closed:
		p.finish(r.shared, nil, errStopping)
	case len(r.waiting) > 0 || !r.advance(p):
		r.waiting = append(r.waiting, p)
	}
}

// publishMore continues the publications that wait, until storage is full again.
func (r *router) publishMore() {
	for len(r.waiting) > 0 && r.advance(r.waiting[0]) {
		r.waiting[0] = nil
		r.waiting = r.waiting[1:]
	}
}

const (
	// maxAcceptKeys bounds the keys of one call to storage: two for an event, and one
	// for each delivery. Storage refuses a call that exceeds one transaction, except
	// for a single event, which it splits.
	maxAcceptKeys = webhook.MaxFanOut + 2
	// maxStoring bounds the keys that are being stored, and with them the deliveries
	// of wide events in memory. One event may exceed it.
	maxStoring = 200_000
	// wideFanOut is the number of deliveries from which one event could exceed the
	// server's limit of pending deliveries by itself, and is checked against it.
	wideFanOut = 1000
)

// advance matches and stores the next events of a publication. It reports whether the
// router is done with it; if not, a publishMore follows when storage has room.
func (r *router) advance(p *publication) bool {
	now := time.Now()
	for ; p.next < len(p.events); p.next++ {
		if r.behind || r.mustWait() {
			return false
		}
		if p.next == 0 && !p.begin() { // its publisher gave up while it waited
			p.release(r.shared)
			return true
		}
		e := &p.events[p.next]
		paused, err := r.address(p, e, now)
		if err != nil {
			p.refuse(err)
			continue
		}
		e.ID = r.newID(now)
		keys := keysOf(e)
		if p.chunk.full(p.next, keys) {
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

// newID numbers an event.
func (r *router) newID(now time.Time) webhook.ID {
	return webhook.ID{Seq: r.shared.options.Sequence.Next(now), Nonce: rand.Uint32()}
}

// keysOf returns how many keys storage writes for an event.
func keysOf(e *webhook.Event) int { return 2 + len(e.Endpoints) + len(e.Disabled) + len(e.Limited) }

// address counts an event's volume, and finds the endpoints that it goes to. An error
// refuses the event.
func (r *router) address(p *publication, e *webhook.Event, now time.Time) (paused int, err error) {
	if err := r.checkVolume(e, now); err != nil {
		return 0, err
	}
	return r.match(p, e, now)
}

// match finds the endpoints that an event goes to, and counts the paused ones.
func (r *router) match(p *publication, e *webhook.Event, now time.Time) (paused int, err error) {
	if p.only != 0 {
		return r.sort(p, e, []webhook.EndpointNumber{p.only}, now)
	}
	matched := r.index.match(e)
	if len(matched) > wideFanOut && r.shared.store.Pending()+int64(len(matched)) > r.shared.maxPending.Load() {
		return 0, tooManyPending(r.shared.store.Pending())
	}
	return r.sort(p, e, matched, now)
}

// sort divides the endpoints that an event matches: those that get it, disabled ones,
// and those of clients that have too much pending. An event for such a client alone is
// refused. The event keeps matched, and its Endpoints share matched's memory.
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
