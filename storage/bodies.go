package storage

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds on what a store keeps of responses beyond the beginnings of bodies and
// Locations (see webhook.Attempt's Long and Cut). Receivers decide how much they
// answer, so without bounds they would decide how fast the disk fills. A body that
// exceeds a bound is cut and marked as truncated; the attempt itself is always kept.
const (
	// EndpointBodyBurst is how many bytes one endpoint's receiver can have stored at once.
	EndpointBodyBurst = 1 << 20
	// EndpointBodyRate is how many bytes it can have stored per second over time.
	EndpointBodyRate = 4 << 10
	// ServerBodyBurst bounds all endpoints together. Endpoints that have used up half
	// of their own burst share half of the server's, so that a few hostile receivers
	// do not take the room of all others.
	ServerBodyBurst = 16 << 20
	// ServerBodyRate is the same per second over time.
	ServerBodyRate = 64 << 10
	// MaxWaitingBodies bounds the bytes in memory that are not committed yet.
	MaxWaitingBodies = 8 << 20
	// MaxKeptBodies bounds the bytes on disk, which the store can only estimate.
	MaxKeptBodies = 4 << 30
)

// BodyBudget decides which bodies a store keeps. It is safe for concurrent use.
type BodyBudget struct {
	mu        sync.Mutex
	server    bucket
	endpoints map[webhook.EndpointNumber]*bucket
	sweepAt   int   // number of buckets at which full ones are removed
	waiting   int   // bytes taken and not committed
	kept      int64 // bytes on disk
}

// NewBodyBudget returns an unused budget.
func NewBodyBudget() *BodyBudget {
	return &BodyBudget{endpoints: map[webhook.EndpointNumber]*bucket{}, sweepAt: minSweep}
}

// minSweep is the number of buckets below which a sweep saves too little memory to be
// worth its time.
const minSweep = 1024

// Take reserves n bytes for the response of an attempt at an endpoint, and reports
// whether they may be kept. If so, Committed must follow.
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

// Bound returns a delivery whose last attempt keeps of its response what may be kept: all
// of it, for which it takes room, or the beginnings. Committed(taken) must follow, unless
// taken is 0. The AttemptLog of now is not changed, and the result has one attempt at most.
func (b *BodyBudget) Bound(now webhook.Delivery, at time.Time) (bounded webhook.Delivery, taken int) {
	last := now.LastAttempt()
	if last == nil {
		return now, 0
	}
	now.AttemptLog = now.AttemptLog[len(now.AttemptLog)-1:]
	n := last.Long()
	if n == 0 || b.Take(now.ID.Endpoint, n, at) {
		return now, n
	}
	now.AttemptLog = []webhook.Attempt{last.Cut()}
	return now, 0
}

// Committed ends the use of memory by n bytes: they are on disk, or will never be.
func (b *BodyBudget) Committed(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting -= n
}

// Kept sets how many bytes of bodies are on disk.
func (b *BodyBudget) Kept(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = n
}

// endpointLocked returns an endpoint's bucket. A full bucket is the same as none, so
// full ones are removed from time to time: as often as their number has doubled, which
// keeps the cost per call constant.
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

// fill adds what was earned since the last call, at rate bytes a second, up to burst.
func (b *bucket) fill(now time.Time, burst, rate int) {
	if b.at.IsZero() {
		b.left, b.at = burst, now
		return
	}
	since := min(max(now.Sub(b.at), 0), time.Hour) // an hour fills any bucket; more could overflow
	earned := int(since * time.Duration(rate) / time.Second)
	b.left += earned
	b.at = b.at.Add(time.Duration(earned) * time.Second / time.Duration(rate)) // keeps the fraction of a byte
	if b.left >= burst || now.Before(b.at) {
		b.left, b.at = min(b.left, burst), now // also after the clock was set back
	}
}
