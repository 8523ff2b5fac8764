package actors

import (
	"errors"
	"sync"
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

// maxStale bounds how often events are matched again. Registrations that change faster than
// that for long delay publishers, who are told to come again.
const maxStale = 20

// staleChunk is a part of a publication that storage refused with webhook.ErrStale, or with
// webhook.ErrExists because another node has an event of the same ID.
type staleChunk struct {
	publication *publication
	chunk       chunk
	err         error
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
	shared, self, since := r.shared, r.self, r.version
	shared.reads.Run(shared.clients.Of(0), true, func() {
		read := &changesRead{}
		read.version, read.err = shared.options.Cluster.Changes(shared.running, since, func(e webhook.Endpoint) error {
			read.endpoints = append(read.endpoints, e)
			return nil
		})
		shared.root.Send(self, read)
	})
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
		default:
			r.matchAgain(one, now)
		}
	}
	if r.readAgain {
		r.refresh(false)
	}
	r.publishMore()
}

// matchAgain matches the events of a chunk with the registrations as they are now, and
// hands them to storage again. Their IDs stay, unless another event has one of them.
func (r *router) matchAgain(one staleChunk, now time.Time) {
	p, c, taken := one.publication, one.chunk, errors.Is(one.err, webhook.ErrExists)
	r.keysStored(c.keys)
	again := chunk{tries: c.tries + 1}
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
			r.hand(p, again)
			again = chunk{tries: again.tries}
		}
		again.add(i, keysOf(e), paused)
	}
	if !again.empty() {
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
