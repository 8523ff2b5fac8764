package storage

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds on what a store keeps of responses beyond the beginnings of bodies and
// Locations (see webhook.Attempt's Long and Cut). A body that is over one of them is
// cut and marked as truncated; the attempt itself is always kept.
const (
	// EndpointBodyBurst is how many bytes one endpoint's receiver can have stored at once.
	EndpointBodyBurst = 1 << 20
	// EndpointBodyRate is how many bytes it can have stored per second over time.
	EndpointBodyRate = 4 << 10
	// ServerBodyBurst bounds all endpoints together. Endpoints that have used up half
	// of their burst share half of the server's, so that a few hostile receivers do
	// not cost the others their bodies.
	ServerBodyBurst = 16 << 20
	// ServerBodyRate is the same per second over time.
	ServerBodyRate = 64 << 10
	// MaxWaitingBodies bounds the bytes that wait in memory for their commit.
	MaxWaitingBodies = 8 << 20
	// MaxKeptBodies bounds the bytes on disk, as far as the store can estimate them.
	MaxKeptBodies = 4 << 30
)

// BodyBudget decides which bodies are kept. It is safe for concurrent use.
type BodyBudget struct {
	mu        sync.Mutex
	server    bucket
	endpoints map[webhook.EndpointNumber]*bucket
	sweepAt   int // forget full buckets when there are this many
	waiting   int
	kept      int64
}

// NewBodyBudget returns a budget of which nothing is used.
func NewBodyBudget() *BodyBudget {
	return &BodyBudget{endpoints: map[webhook.EndpointNumber]*bucket{}, sweepAt: minSweep}
}

// minSweep is how many buckets of endpoints are not worth being looked through.
const minSweep = 1024

// Take claims n bytes for an attempt at an endpoint and reports whether they may be
// kept. The claim on memory ends with Committed.
func (b *BodyBudget) Take(e webhook.EndpointNumber, n int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting+n > MaxWaitingBodies || b.kept > MaxKeptBodies {
		return false
	}
	own := b.endpointLocked(e, now)
	own.fill(now, EndpointBodyBurst, EndpointBodyRate)
	b.server.fill(now, ServerBodyBurst, ServerBodyRate)
	reserved := 0
	if own.left < EndpointBodyBurst/2 {
		reserved = ServerBodyBurst / 2
	}
	if own.left < n || b.server.left-reserved < n {
		return false
	}
	own.left -= n
	b.server.left -= n
	b.waiting += n
	return true
}

// Committed returns the memory that n bytes took.
func (b *BodyBudget) Committed(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting -= n
}

// Kept says how many bytes of bodies are on disk.
func (b *BodyBudget) Kept(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = n
}

func (b *BodyBudget) endpointLocked(e webhook.EndpointNumber, now time.Time) *bucket {
	if own := b.endpoints[e]; own != nil {
		return own
	}
	if len(b.endpoints) >= b.sweepAt {
		for n, other := range b.endpoints {
			if other.fill(now, EndpointBodyBurst, EndpointBodyRate); other.left == EndpointBodyBurst {
				delete(b.endpoints, n)
			}
		}
		b.sweepAt = max(minSweep, 2*len(b.endpoints))
	}
	own := &bucket{}
	b.endpoints[e] = own
	return own
}

// bucket is a token bucket; the zero value is full.
type bucket struct {
	left int
	at   time.Time
}

// fill adds what has come since the last time, at rate bytes a second, up to burst.
func (b *bucket) fill(now time.Time, burst, rate int) {
	if b.at.IsZero() {
		b.left, b.at = burst, now
		return
	}
	since := min(max(now.Sub(b.at), 0), time.Hour)
	earned := int(since * time.Duration(rate) / time.Second)
	b.left += earned
	b.at = b.at.Add(time.Duration(earned) * time.Second / time.Duration(rate)) // a part of a byte is not lost
	if b.left >= burst || now.Before(b.at) {
		b.left, b.at = min(b.left, burst), now // also where the clock was stepped back
	}
}
