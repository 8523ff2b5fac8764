package tables

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Heads remembers, per endpoint, an ID before which its queue has nothing, so that a read
// from the head begins there: PostgreSQL keeps removed rows until a vacuum, and a busy
// queue leaves many at its head.
//
// Rows of any age can join a queue: other nodes' clocks differ, and so does the order in
// which their commits become visible. So a mark is never younger than headMargin, what
// this node puts before it lowers it, and who gets parts from another node forgets the
// marks of their endpoints. What another node puts there nevertheless is found by the
// audit of heads, whose reads use no marks.
type Heads struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]head
	now        func() time.Time
}

// head is what is known of one queue.
type head struct {
	Queue webhook.ID
	joins uint64 // how many deliveries have joined that are older than headMargin
}

const (
	headMargin = 10 * time.Minute
	// maxHeads bounds the memory to about 2 MiB; beyond it, some endpoint is forgotten.
	maxHeads = 1 << 14
)

// Mark is what was known when a read began, by which its result is judged.
type Mark struct {
	head
	youngest webhook.ID // that a head may be raised to
}

// NewHeads returns heads of which nothing is known, by a clock.
func NewHeads(now func() time.Time) *Heads {
	return &Heads{byEndpoint: map[webhook.EndpointNumber]head{}, now: now}
}

// Begin marks the beginning of a read, before its statement is sent.
func (h *Heads) Begin(n webhook.EndpointNumber, now time.Time) Mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, known := h.byEndpoint[n]
	if !known {
		if len(h.byEndpoint) >= maxHeads {
			h.forgetOneLocked()
		}
		h.byEndpoint[n] = one // so that what joins during the read is counted
	}
	return Mark{head: one, youngest: webhook.ID{Seq: webhook.SeqAt(now.Add(-headMargin))}}
}

func (h *Heads) forgetOneLocked() {
	for n := range h.byEndpoint {
		delete(h.byEndpoint, n)
		return
	}
}

// Found notes the first deliveries that a read from the head has found.
func (h *Heads) Found(n webhook.EndpointNumber, m Mark, rows []webhook.Delivery) {
	first := m.youngest
	if len(rows) > 0 && rows[0].ID.Event().Compare(first) < 0 {
		first = rows[0].ID.Event()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	one, known := h.byEndpoint[n]
	if known && one.joins == m.joins && one.Queue.Compare(first) < 0 {
		one.Queue = first
		h.byEndpoint[n] = one
	}
}

// Apply lowers heads to what committed moves put before them.
func (h *Heads) Apply(moves []Move) {
	var youngest webhook.ID
	for i := range moves {
		if moves[i].Queued <= 0 {
			continue
		}
		if youngest == (webhook.ID{}) {
			youngest.Seq = webhook.SeqAt(h.now().Add(-headMargin))
		}
		// Nearly all are new: no lock for them.
		if id := moves[i].ID.Event(); id.Compare(youngest) < 0 {
			h.joined(moves[i].ID.Endpoint, id)
		}
	}
}

func (h *Heads) joined(n webhook.EndpointNumber, id webhook.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one, known := h.byEndpoint[n]; known {
		one.joins++
		if id.Compare(one.Queue) < 0 {
			one.Queue = id
		}
		h.byEndpoint[n] = one
	}
}

// Forget drops what is known of the endpoints of some parts.
func (h *Heads) Forget(parts webhook.Parts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := range h.byEndpoint {
		if parts.Has(n.Part()) {
			delete(h.byEndpoint, n)
		}
	}
}
