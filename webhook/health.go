package webhook

import "time"

// BreakerState is the state of an endpoint's circuit breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerOpen     BreakerState = "open"
	BreakerHalfOpen BreakerState = "half_open"
)

// Health is how an endpoint is doing now, as its actor sees it.
type Health struct {
	Breaker BreakerState
	// OpenUntil is when an open breaker lets the next attempt through.
	OpenUntil time.Time
	// HoldUntil is when the receiver's own request to slow down ends; zero if there is none.
	HoldUntil time.Time
	// InFlight counts the attempts under way, Allowed how many may be at present.
	InFlight, Allowed int
	Backlog           Backlog
	// Waiting is what the endpoint's next delivery waits for.
	Waiting Waiting
	// The last hour, as far as this process saw it, and since the receiver was last
	// changed. The latencies are those of answers, up to their status line.
	Successes, Failures int64
	P50, P95, P99       time.Duration
	LastAttemptAt       time.Time
	LastSuccessAt       time.Time
	LastFailureAt       time.Time
	LastReason          Reason
	LastStatusCode      int
	// Restarts counts how often the endpoint's actor was restarted after a panic.
	Restarts int
}
