package webhook

import (
	"math"
	"time"
)

// RetryPolicy says how often a delivery is tried, and how long it waits in between.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too.
	MaxAttempts int
	// Initial is the wait after the first attempt.
	Initial time.Duration
	// Multiplier is what each wait is multiplied by to give the next.
	Multiplier float64
	// MaxDelay bounds a wait, before jitter.
	MaxDelay time.Duration
	// Jitter is the largest part of a wait, 0 to 1, that chance adds to it.
	Jitter float64
}

// MaxRetryAfter bounds how far a receiver's Retry-After can move an attempt.
const MaxRetryAfter = 24 * time.Hour

// Delay is how long a delivery waits after its n-th attempt (from 1) failed;
// chance, from 0 up to 1, chooses the jitter.
func (p RetryPolicy) Delay(n int, chance float64) time.Duration {
	wait := float64(p.Initial) * math.Pow(p.Multiplier, float64(n-1))
	wait = min(wait, float64(p.MaxDelay))
	return time.Duration(wait * (1 + p.Jitter*chance))
}
