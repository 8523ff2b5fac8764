package webhook

import (
	"cmp"
	"fmt"
	"math"
	"sync"
)

// ClientLimits bound what one client may use of what all clients share. A zero
// field is no limit.
type ClientLimits struct {
	// Webhooks bounds the endpoints that are not deleted.
	Webhooks int
	// Patterns bounds the patterns of all of them together.
	Patterns int
	// Pending bounds the deliveries that are queued or retrying.
	Pending int64
	// Bytes bounds the bytes of events that are published for this client alone, in 24 hours.
	Bytes int64
}

// The settings that ClientLimits come from; an error about a limit names its setting.
const (
	LimitWebhooks = "client-max-webhooks"
	LimitPatterns = "client-max-patterns"
	LimitPending  = "client-max-pending"
	LimitBytes    = "client-max-bytes"
)

// Footprint is what a client has registered: endpoints that are not deleted, and
// their patterns. All counts the endpoints of all clients.
type Footprint struct{ Webhooks, Patterns, All int }

// LimitError says that a client has reached one of its limits.
type LimitError struct {
	Client string
	// Setting is the limit's name, Max what it is, and Has what the client has, or would have.
	Setting  string
	Max, Has int64
	// Cause is the sentinel that stands for it.
	Cause error
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("client %s has %d of at most %d (%s)", e.Client, e.Has, e.Max, e.Setting)
}

// Unwrap returns the cause.
func (e *LimitError) Unwrap() error { return e.Cause }

// Shares lends amounts of a limited whole so that nobody can keep the others out:
// who holds some may hold no more than what is left for everybody else. One alone
// gets half of the whole, two get a third each, and so on; the first amount is lent
// as long as there is room for it. Shares is safe for concurrent use.
type Shares struct {
	limit int64
	mu    sync.Mutex
	used  int64
	held  map[string]int64
}

// NewShares makes shares of a whole.
func NewShares(limit int64) *Shares { return &Shares{limit: limit, held: map[string]int64{}} }

// Take lends an amount, which Give returns. ErrShareUsed: who asks holds as much as
// it may. ErrAllUsed: so do all together. Nothing is lent then.
func (s *Shares) Take(who string, amount int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[who]
	left := s.limit - s.used - amount
	switch {
	case held > 0 && held+amount > left:
		return ErrShareUsed
	case left < 0:
		return ErrAllUsed
	}
	s.used += amount
	s.held[who] = held + amount
	return nil
}

// Give returns an amount that was lent.
func (s *Shares) Give(who string, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= amount
	if s.held[who] -= amount; s.held[who] <= 0 {
		delete(s.held, who)
	}
}

// Used is how much is lent.
func (s *Shares) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// OrNone returns the limits with the largest number where there is none; Bytes stays.
func (l ClientLimits) OrNone() ClientLimits {
	return ClientLimits{
		Webhooks: cmp.Or(l.Webhooks, math.MaxInt), Patterns: cmp.Or(l.Patterns, math.MaxInt), Pending: cmp.Or(l.Pending, math.MaxInt64),
		Bytes: l.Bytes,
	}
}
