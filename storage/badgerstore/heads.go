package badgerstore

import (
	"math"
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// heads remembers from where on an endpoint's queue and retry schedule can have
// keys, so that scans need not run through what was removed before: Badger keeps
// removed keys until a compaction, and a busy queue leaves many.
//
// A bound rises only to what a scan saw, and falls with whatever is put below it.
// To forget an endpoint costs time, never a delivery.
type heads struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]*head
	last       webhook.ID // of the newest event whose deliveries joined a queue
}

// head holds the bounds of one endpoint.
type head struct {
	queue    webhook.ID
	schedule webhook.Slot
	// disorders counts what joined the queue below something that was there
	// before, joins what joined the schedule. A scan that ran meanwhile may have
	// missed it, and must not raise the bound.
	disorders, joins uint64
}

// maxHeads bounds the memory; beyond it, some endpoint is forgotten.
const maxHeads = 1 << 14

func newHeads() *heads { return &heads{byEndpoint: map[webhook.EndpointNumber]*head{}} }

// resume says that no ID stored has a Seq larger than last.
func (h *heads) resume(last uint64) { h.last = webhook.ID{Seq: last, Nonce: math.MaxUint32} }

// sighting is a scan that may raise a bound. It must begin before the scan's snapshot is taken.
type sighting struct {
	heads *heads
	head  *head
	began head
	last  webhook.ID
}

func (h *heads) begin(n webhook.EndpointNumber) sighting {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.byEndpoint[n]
	if at == nil {
		if len(h.byEndpoint) >= maxHeads {
			h.forgetLocked()
		}
		at = &head{}
		h.byEndpoint[n] = at
	}
	return sighting{heads: h, head: at, began: *at, last: h.last}
}

// forgetLocked drops any endpoint. A scan that still holds its head does no harm: no one else reads it.
func (h *heads) forgetLocked() {
	for n := range h.byEndpoint {
		delete(h.byEndpoint, n)
		return
	}
}

// queue says that a scan from the bound saw first as the first delivery queued.
func (s *sighting) queue(first webhook.ID) {
	s.heads.mu.Lock()
	defer s.heads.mu.Unlock()
	if s.head.disorders == s.began.disorders {
		s.head.queue = first
	}
}

// queueEmpty says that a scan from the bound saw none: what joins later in order
// is not older than the newest one before.
func (s *sighting) queueEmpty() { s.queue(s.last) }

// schedule says that a scan from the bound saw first as the first slot.
func (s *sighting) schedule(first webhook.Slot) {
	s.heads.mu.Lock()
	defer s.heads.mu.Unlock()
	if s.head.joins == s.began.joins {
		s.head.schedule = first
	}
}

func (s *sighting) scheduleEmpty() { s.schedule(webhook.Slot{At: math.MaxInt64}) }

// apply lowers bounds to what committed changes put below them.
func (h *heads) apply(changes []*change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range changes {
		for i := range c.moves {
			h.moveLocked(&c.moves[i])
		}
	}
}

func (h *heads) moveLocked(m *move) {
	inOrder := !olderThan(m.id, h.last)
	if m.queued > 0 && inOrder {
		h.last = m.id
	}
	at := h.byEndpoint[m.id.Endpoint]
	if at == nil {
		return
	}
	if m.queued > 0 {
		if !inOrder {
			at.disorders++
		}
		if olderThan(m.id, at.queue) {
			at.queue = m.id
		}
	}
	if m.retrying > 0 {
		at.joins++
		if joined := slotOf(m.due, m.id); joined.Before(at.schedule) {
			at.schedule = joined
		}
	}
}

// olderThan compares IDs of one endpoint, whether or not they carry its number.
func olderThan(a, b webhook.ID) bool {
	if a.Seq != b.Seq {
		return a.Seq < b.Seq
	}
	return a.Nonce < b.Nonce
}
