package badgerstore

import (
	"math"
	"sync"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// scanStarts remembers, per endpoint, the first key that its queue and its retry
// schedule can have, so that scans begin there rather than at the prefix's first key:
// Badger keeps removed keys until a compaction, and a busy queue leaves many.
//
// A start rises only to what a scan found first, and falls to every key that is put
// below it. It is a cache: a start that is too low, or forgotten, costs time and never
// hides a delivery.
type scanStarts struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]*scanStart
	last       webhook.ID // of the newest event whose deliveries joined a queue
}

// scanStart holds where the scans of one endpoint start.
type scanStart struct {
	queue    webhook.ID
	schedule webhook.Slot
	// disorders counts deliveries that joined the queue out of order, joins those that
	// joined the schedule. A scan that ran at that time may have missed them, and so
	// must not raise the start.
	disorders, joins uint64
}

// maxScanStarts bounds the memory to about 2 MiB; beyond it, some endpoint is forgotten.
const maxScanStarts = 1 << 14

func newScanStarts() *scanStarts {
	return &scanStarts{byEndpoint: map[webhook.EndpointNumber]*scanStart{}}
}

// resume takes over, at Open, that no stored ID has a Seq larger than last.
func (h *scanStarts) resume(last uint64) {
	h.last = webhook.ID{Seq: last, Nonce: math.MaxUint32}
}

// scanMark is what was known when a scan began, by which the scan's result is judged.
type scanMark struct {
	starts *scanStarts
	start  *scanStart
	began  scanStart
	last   webhook.ID
}

// begin marks the beginning of a scan. It must be called before the scan's snapshot is
// taken: what is committed between the two then counts as joined during the scan.
func (h *scanStarts) begin(n webhook.EndpointNumber) scanMark {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.byEndpoint[n]
	if at == nil {
		if len(h.byEndpoint) >= maxScanStarts {
			h.forgetLocked()
		}
		at = &scanStart{}
		h.byEndpoint[n] = at
	}
	return scanMark{starts: h, start: at, began: *at, last: h.last}
}

// forgetLocked drops any endpoint. A running scan that still holds its start does no
// harm: nobody else reads it.
func (h *scanStarts) forgetLocked() {
	for n := range h.byEndpoint {
		delete(h.byEndpoint, n)
		return
	}
}

// queue records that a scan from the start found first as the queue's first delivery.
func (m *scanMark) queue(first webhook.ID) {
	m.starts.mu.Lock()
	defer m.starts.mu.Unlock()
	if m.start.disorders == m.began.disorders {
		m.start.queue = first
	}
}

// queueEmpty records that a scan from the start found no queued delivery: one that
// joins later, in order, is not older than the newest one at the scan's beginning.
func (m *scanMark) queueEmpty() { m.queue(m.last) }

// schedule records that a scan from the start found first as the schedule's first slot.
func (m *scanMark) schedule(first webhook.Slot) {
	m.starts.mu.Lock()
	defer m.starts.mu.Unlock()
	if m.start.joins == m.began.joins {
		m.start.schedule = first
	}
}

// scheduleEmpty records that a scan from the start found no slot. Slots join in any
// order, and each that joins lowers the start.
func (m *scanMark) scheduleEmpty() { m.schedule(webhook.Slot{At: math.MaxInt64}) }

// apply lowers starts to the keys that committed changes put below them. The committer
// calls it before it acknowledges the changes.
func (h *scanStarts) apply(changes []*change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range changes {
		for i := range c.moves {
			h.moveLocked(&c.moves[i])
		}
	}
}

func (h *scanStarts) moveLocked(m *move) {
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
		if joined := layout.SlotOf(m.due, m.id); joined.Before(at.schedule) {
			at.schedule = joined
		}
	}
}

// olderThan compares IDs of one endpoint. It ignores the endpoint's number, which the
// IDs of events do not carry.
func olderThan(a, b webhook.ID) bool {
	if a.Seq != b.Seq {
		return a.Seq < b.Seq
	}
	return a.Nonce < b.Nonce
}
