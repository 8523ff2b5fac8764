package webhook

import (
	"cmp"
	"fmt"
	"math"
	"sync"
)

// ClientLimits bound what one client may use of the things that all clients share. A zero
// field is no limit.
type ClientLimits struct {
	// Webhooks bounds the endpoints that are not deleted.
	Webhooks int
	// Patterns bounds the patterns of those endpoints together.
	Patterns int
	// Pending bounds the deliveries that are queued or retrying.
	Pending int64
	// Bytes bounds the bytes of events that are published for this client alone in 24
	// hours.
	Bytes int64
}

// Settings that ClientLimits come from. An error about a limit names its setting.
const (
	LimitWebhooks = "client-max-webhooks"
	LimitPatterns = "client-max-patterns"
	LimitPending  = "client-max-pending"
	LimitBytes    = "client-max-bytes"
)

// Footprint is what a client has registered: endpoints that are not deleted, and their
// patterns. All is the number of endpoints of all clients.
type Footprint struct{ Webhooks, Patterns, All int }

// LimitError reports that a client has reached one of its limits.
type LimitError struct {
	Client string
	// Setting is the name of the limit and Max its value. Has is what the client has, or
	// would have.
	Setting  string
	Max, Has int64
	// Cause is the sentinel that the error also is.
	Cause error
}

// Error names the client, the limit and how far it is used.
func (e *LimitError) Error() string {
	return fmt.Sprintf("client %s has %d of at most %d (%s)", e.Client, e.Has, e.Max, e.Setting)
}

// Unwrap returns the cause.
func (e *LimitError) Unwrap() error { return e.Cause }

// Shares lends amounts of a limited whole so that nobody can keep the others out: a holder
// may hold no more than what is left for everybody else. One holder alone gets half of the
// whole, two get a third each, and so on. The first amount of a holder is lent as long as
// it fits. These are the dynamic thresholds of Choudhury and Hahne with a factor of 1; no
// number of holders has to be configured. Shares is safe for concurrent use.
type Shares struct {
	limit int64
	mu    sync.Mutex // guards the fields below
	used  int64
	held  map[string]int64 // by holder; without those that hold nothing
}

// NewShares returns shares of a whole of which nothing is lent.
func NewShares(limit int64) *Shares { return &Shares{limit: limit, held: map[string]int64{}} }

// Take lends an amount, which Give returns. It lends nothing and fails with ErrShareUsed if
// the caller would hold more than it may, and with ErrAllUsed if all holders together would.
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

// Give returns an amount that Take lent.
func (s *Shares) Give(who string, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= amount
	if s.held[who] -= amount; s.held[who] <= 0 {
		delete(s.held, who)
	}
}

// Used returns how much is lent.
func (s *Shares) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// OrNone returns the limits with the largest number in place of no limit, so that callers
// compare without a special case. Bytes stays: its users leave out counting if it is 0.
func (l ClientLimits) OrNone() ClientLimits {
	return ClientLimits{
		Webhooks: cmp.Or(l.Webhooks, math.MaxInt), Patterns: cmp.Or(l.Patterns, math.MaxInt), Pending: cmp.Or(l.Pending, math.MaxInt64),
		Bytes: l.Bytes,
	}
}

// MaxLooks returns how many entries storage may look at for one page of a list with this
// limit, so that no filter makes a request expensive.
func MaxLooks(limit int) int { return 10*limit + 1000 }
