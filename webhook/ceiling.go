package webhook

import "time"

// Ceilings bound what clients may set for their endpoints. They are the
// operator's; a zero field is no bound.
type Ceilings struct {
	// Timeout is the longest Settings.Timeout.
	Timeout time.Duration
	// Concurrency is the largest Settings.Concurrency.
	Concurrency int
	// Rate is the largest Settings.Rate. An endpoint without a rate of its own gets this one.
	Rate float64
	// Burst is the largest Settings.Burst.
	Burst int
	// Attempts is the largest RetryPolicy.MaxAttempts.
	Attempts int
	// MinRetry is the shortest wait before a retry, and the shortest time that a
	// breaker stays open. With Attempts it bounds what one event can cost a receiver.
	MinRetry time.Duration
	// MaxRetry is the longest RetryPolicy.MaxDelay.
	MaxRetry time.Duration
	// BreakerFailures is the largest BreakerPolicy.Failures.
	BreakerFailures int
	// BreakerOpen is the longest BreakerPolicy.MaxOpen.
	BreakerOpen time.Duration
	// Overlap is how long a rotated secret goes on to sign at most.
	Overlap time.Duration
	// Secrets, Headers and Patterns are how many of them an endpoint can have; no
	// more than MaxSecrets and MaxCustomHeaders.
	Secrets, Headers, Patterns int
}

// Effective returns the settings that an endpoint works with: its own, completed
// by defaults, within ceilings. This is the only place where what was stored
// before a ceiling was lowered is held to it.
func (s Settings) Effective(defaults Settings, most Ceilings) Settings {
	s = s.Or(defaults)
	s.Timeout = atMost(s.Timeout, most.Timeout)
	s.Concurrency = atMost(s.Concurrency, most.Concurrency)
	if most.Rate > 0 && (s.Rate == 0 || s.Rate > most.Rate) {
		s.Rate = most.Rate
	}
	s.Burst = atMost(s.Burst, most.Burst)
	s.Retry.MaxAttempts = atMost(s.Retry.MaxAttempts, most.Attempts)
	s.Retry.Initial = atMost(max(s.Retry.Initial, most.MinRetry), most.MaxRetry)
	s.Retry.MaxDelay = atMost(max(s.Retry.MaxDelay, most.MinRetry), most.MaxRetry)
	s.Breaker.Failures = atMost(s.Breaker.Failures, most.BreakerFailures)
	s.Breaker.Open = atMost(max(s.Breaker.Open, most.MinRetry), most.BreakerOpen)
	s.Breaker.MaxOpen = atMost(max(s.Breaker.MaxOpen, most.MinRetry), most.BreakerOpen)
	return s
}

// atMost returns the value, or the bound if that is less; zero is no bound.
func atMost[T int | time.Duration](value, bound T) T {
	if bound == 0 {
		return value
	}
	return min(value, bound)
}
