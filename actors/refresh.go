package actors

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// In a cluster other nodes change registrations, too. Storage refuses events that were
// matched with an older version of these than it has. The router then reads what has
// changed, and matches again, so that an event published after a registration was answered,
// on whatever node, is matched with it.

// Refresh makes the router read what other nodes have changed. It returns at once; Applied
// rises when that has taken effect. After an error the next call tries again.
func (d *Dispatcher) Refresh() { d.shared.root.Send(d.router, &refresh{}) }

// Applied returns the version of the registrations with which events are matched now; 0
// without a cluster.
func (d *Dispatcher) Applied() uint64 { return d.shared.applied.Load() }

// Bounds of how often events are matched again. After holdAfter times registrations are
// held, so that nothing changes until the events are stored: registrations that change all
// the time delay a publisher, and do not starve it. maxStale is for what a hold does not
// help against, such as a database that fails over again and again.
const (
	holdAfter = 3
	maxStale  = 20
)

// hold keeps registrations from changing until everything that was matched under it is
// stored. Its methods do nothing on nil.
type hold struct {
	users   atomic.Int32 // calls of storage that are under way, and the router
	release func()
}

func (h *hold) take() {
	if h != nil {
		h.users.Add(1)
	}
}

// give ends a use. It runs in storage's callbacks.
func (h *hold) give() {
	if h != nil && h.users.Add(-1) == 0 {
		h.release()
	}
}

// staleChunk is a part of a publication that storage refused with webhook.ErrStale, or with
// webhook.ErrExists because another node has an event of the same ID.
type staleChunk struct {
	publication *publication
	chunk       chunk
	err         error
}

// starves reports whether the chunk was refused so often that registrations must be held.
func (s staleChunk) starves() bool {
	return s.chunk.tries+1 >= holdAfter && errors.Is(s.err, webhook.ErrStale)
}

// staleChunks are those that the router has not matched again yet. Storage's callbacks fill
// it, until the router closes it.
type staleChunks struct {
	mu     sync.Mutex
	closed bool
	list   []staleChunk
}

// add takes a chunk. It reports false if the router is gone.
func (s *staleChunks) add(one staleChunk) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.list = append(s.list, one)
	}
	return !s.closed
}

// starve reports whether any chunk starves.
func (s *staleChunks) starve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.list, staleChunk.starves)
}

// take returns all chunks, and empties the list. Nothing is added after the last take.
func (s *staleChunks) take(last bool) []staleChunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list, s.closed = nil, s.closed || last
	return list
}

// refused takes a chunk back that storage refused as stale. It runs in storage's callback.
func (r *router) refused(one staleChunk) {
	if !r.stale.add(one) {
		r.giveUp(one, errStopping)
		return
	}
	r.shared.root.Send(r.self, &refresh{behind: true})
}

// giveUp answers a stale chunk with an error.
func (r *router) giveUp(one staleChunk, err error) {
	r.keysStored(one.chunk.keys)
	r.chunkStored(one.publication, one.chunk, chunkAnswer{err: err})
}

// refresh reads the changes since the version that the router has; changesRead follows.
// While a read is under way another one is noted.
func (r *router) refresh(behind bool) {
	r.behind = r.behind || behind
	if r.shared.options.Cluster == nil || r.closed {
		return
	}
	if r.reading {
		r.readAgain = true
		return
	}
	r.reading, r.readAgain = true, false
	shared, self, since, held := r.shared, r.self, r.version, r.stale.starve()
	shared.reads.Run(shared.clients.Of(0), true, func() { shared.root.Send(self, shared.readChanges(since, held)) })
}

// readChanges reads what has changed since a version, if need be under a hold, which the
// result has.
func (s *shared) readChanges(since uint64, held bool) *changesRead {
	read := &changesRead{}
	if held {
		read.hold = &hold{}
		read.hold.take()
		if read.hold.release, read.err = s.options.Cluster.HoldRegistrations(s.running); read.err != nil {
			read.hold = nil
			return read
		}
	}
	read.version, read.err = s.options.Cluster.Changes(s.running, since, func(e webhook.Endpoint) error {
		read.endpoints = append(read.endpoints, e)
		return nil
	})
	return read
}

// changesRead applies what other nodes have changed, and continues with the publications
// that wait for it.
func (r *router) changesRead(m *changesRead, now time.Time) {
	r.reading = false
	if m.err == nil {
		for i := range m.endpoints {
			if e := &m.endpoints[i]; r.index.put(e) {
				r.shared.clients.Put(e)
				r.shared.root.Send(r.supervisor, &endpointChanged{endpoint: *e, bare: true})
			}
		}
		r.version = max(r.version, m.version)
		r.shared.applied.Store(r.version)
	}
	r.behind = false
	for _, one := range r.stale.take(false) {
		switch {
		case m.err != nil:
			r.giveUp(one, m.err)
		case one.chunk.tries >= maxStale:
			r.giveUp(one, &webhook.RetryAfterError{Err: one.err, After: time.Second})
		case m.hold == nil && one.starves():
			r.refused(one) // again, since this read began before it starved
		default:
			r.matchAgain(one, m.hold, now)
		}
	}
	m.hold.give()
	if r.readAgain {
		r.refresh(false)
	}
	r.publishMore()
}

// matchAgain matches the events of a chunk with the registrations as they are now, and
// hands them to storage again, under a hold if there is one. Their IDs stay, unless another
// event has one of them.
func (r *router) matchAgain(one staleChunk, held *hold, now time.Time) {
	p, c, taken := one.publication, one.chunk, errors.Is(one.err, webhook.ErrExists)
	r.keysStored(c.keys)
	again := chunk{tries: c.tries + 1, hold: held}
	for i := c.from; i < c.to; i++ {
		e := &p.events[i]
		e.Endpoints, e.Disabled, e.Limited = nil, nil, nil
		if taken {
			e.ID = r.newID(now)
		}
		paused, err := r.match(p, e, now)
		if err != nil {
			p.needReceipts()
			p.receipts[i].Err = err
			continue
		}
		if again.full(i, keysOf(e)) {
			p.needReceipts()
			p.left.Add(1)
			held.take()
			r.hand(p, again)
			again = chunk{tries: again.tries, hold: held}
		}
		again.add(i, keysOf(e), paused)
	}
	if !again.empty() {
		held.take()
		r.hand(p, again)
	} else if p.left.Add(-1) < 0 { // every event of it is refused now
		p.finish(r.shared, p.receipts, p.failure())
	}
}

// isStale reports whether an answer of storage means that events are to be matched, or
// numbered, again.
func (r *router) isStale(err error) bool {
	return err != nil && r.shared.options.Cluster != nil && (errors.Is(err, webhook.ErrStale) || errors.Is(err, webhook.ErrExists))
}
