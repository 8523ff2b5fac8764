package pgstore

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// heads remembers, per endpoint, an ID before which its queue has nothing, so that a read
// from the head begins there: PostgreSQL keeps removed rows until a vacuum, and a busy
// queue leaves many at its head.
//
// Rows of any age can join a queue: other nodes' clocks differ, and so does the order in
// which their commits become visible. So a mark is never younger than headMargin, what
// this node puts before it lowers it, and who gets parts from another node forgets the
// marks of their endpoints. What another node puts there nevertheless is found by the
// audit of heads, whose reads use no marks.
type heads struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]head
	now        func() time.Time
}

// head is what is known of one queue.
type head struct {
	queue webhook.ID
	joins uint64 // how many deliveries have joined that are older than headMargin
}

const (
	headMargin = 10 * time.Minute
	// maxHeads bounds the memory to about 2 MiB; beyond it, some endpoint is forgotten.
	maxHeads = 1 << 14
)

// mark is what was known when a read began, by which its result is judged.
type mark struct {
	head
	youngest webhook.ID // that a head may be raised to
}

func newHeads(now func() time.Time) *heads {
	return &heads{byEndpoint: map[webhook.EndpointNumber]head{}, now: now}
}

// begin marks the beginning of a read, before its statement is sent.
func (h *heads) begin(n webhook.EndpointNumber, now time.Time) mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, known := h.byEndpoint[n]
	if !known {
		if len(h.byEndpoint) >= maxHeads {
			h.forgetOneLocked()
		}
		h.byEndpoint[n] = one // so that what joins during the read is counted
	}
	return mark{head: one, youngest: webhook.ID{Seq: webhook.SeqAt(now.Add(-headMargin))}}
}

func (h *heads) forgetOneLocked() {
	for n := range h.byEndpoint {
		delete(h.byEndpoint, n)
		return
	}
}

// found notes the first deliveries that a read from the head has found.
func (h *heads) found(n webhook.EndpointNumber, m mark, rows []webhook.Delivery) {
	first := m.youngest
	if len(rows) > 0 && rows[0].ID.Event().Compare(first) < 0 {
		first = rows[0].ID.Event()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	one, known := h.byEndpoint[n]
	if known && one.joins == m.joins && one.queue.Compare(first) < 0 {
		one.queue = first
		h.byEndpoint[n] = one
	}
}

// apply lowers heads to what committed moves put before them.
func (h *heads) apply(moves []move) {
	var youngest webhook.ID
	for i := range moves {
		if moves[i].queued <= 0 {
			continue
		}
		if youngest == (webhook.ID{}) {
			youngest.Seq = webhook.SeqAt(h.now().Add(-headMargin))
		}
		// Nearly all are new: no lock for them.
		if id := moves[i].id.Event(); id.Compare(youngest) < 0 {
			h.joined(moves[i].id.Endpoint, id)
		}
	}
}

func (h *heads) joined(n webhook.EndpointNumber, id webhook.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one, known := h.byEndpoint[n]; known {
		one.joins++
		if id.Compare(one.queue) < 0 {
			one.queue = id
		}
		h.byEndpoint[n] = one
	}
}

// forget drops what is known of the endpoints of some parts.
func (h *heads) forget(parts webhook.Parts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := range h.byEndpoint {
		if parts.Has(n.Part()) {
			delete(h.byEndpoint, n)
		}
	}
}
