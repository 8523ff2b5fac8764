package webhook

import (
	"cmp"
	"time"
)

// Settings are an endpoint's own limits and policies. A zero field means the
// server's default, so that a later change of the default reaches every endpoint
// that does not set the field.
//
// This file holds everything about a setting: its type, default, bounds and ceiling,
// and how the three combine. A new setting takes a field here, in DefaultSettings, in
// Or and, if it is bounded, in Effective.
type Settings struct {
	// Timeout bounds one attempt, from name resolution to the response's headers.
	Timeout time.Duration
	// Concurrency bounds the attempts in flight.
	Concurrency int
	// Rate bounds the attempts per second on average over time; 0 means no limit.
	Rate float64
	// Burst is how many attempts may start at once under a Rate; at least 1.
	Burst   int
	Retry   RetryPolicy
	Breaker BreakerPolicy
}

// BreakerPolicy decides when deliveries wait because the endpoint seems to be down.
type BreakerPolicy struct {
	// Failures is how many attempts in a row must fail for the breaker to open.
	Failures int
	// Open is how long the breaker stays open the first time. Each time it opens again
	// without a success in between, it stays open twice as long.
	Open time.Duration
	// MaxOpen bounds how long the breaker stays open.
	MaxOpen time.Duration
}

// Bounds of settings, both ends included. They hold for every operator; Ceilings can
// only be stricter.
const (
	MinTimeout     = 100 * time.Millisecond
	MaxTimeout     = time.Minute
	MaxConcurrency = 1024
	// MinRate is one attempt in 1,000 s.
	MinRate = 0.001
	// MaxRate bounds Rate and Burst.
	MaxRate          = 1_000_000
	MaxRetryAttempts = 100
	// MinRetryDelay and MaxRetryDelay bound the wait before a retry. MinRetryDelay
	// also bounds how long a breaker stays open.
	MinRetryDelay      = time.Millisecond
	MaxRetryDelay      = 7 * 24 * time.Hour
	MaxMultiplier      = 10
	MaxBreakerFailures = 10_000
	MaxBreakerOpen     = 24 * time.Hour
)

// DefaultSettings returns the settings of an endpoint that sets none, unless the
// operator sets others.
func DefaultSettings() Settings {
	return Settings{
		Timeout:     10 * time.Second,
		Concurrency: 64,
		Burst:       1,
		Retry:       RetryPolicy{MaxAttempts: 5, Initial: 30 * time.Second, Multiplier: 2, MaxDelay: 24 * time.Hour, Jitter: 0.1},
		Breaker:     BreakerPolicy{Failures: 10, Open: 30 * time.Second, MaxOpen: 15 * time.Minute},
	}
}

// Or returns the settings with each zero field taken from defaults.
func (s Settings) Or(defaults Settings) Settings {
	return Settings{
		Timeout:     cmp.Or(s.Timeout, defaults.Timeout),
		Concurrency: cmp.Or(s.Concurrency, defaults.Concurrency),
		Rate:        cmp.Or(s.Rate, defaults.Rate),
		Burst:       cmp.Or(s.Burst, defaults.Burst),
		Retry: RetryPolicy{
			MaxAttempts: cmp.Or(s.Retry.MaxAttempts, defaults.Retry.MaxAttempts),
			Initial:     cmp.Or(s.Retry.Initial, defaults.Retry.Initial),
			Multiplier:  cmp.Or(s.Retry.Multiplier, defaults.Retry.Multiplier),
			MaxDelay:    cmp.Or(s.Retry.MaxDelay, defaults.Retry.MaxDelay),
			Jitter:      cmp.Or(s.Retry.Jitter, defaults.Retry.Jitter),
		},
		Breaker: BreakerPolicy{
			Failures: cmp.Or(s.Breaker.Failures, defaults.Breaker.Failures),
			Open:     cmp.Or(s.Breaker.Open, defaults.Breaker.Open),
			MaxOpen:  cmp.Or(s.Breaker.MaxOpen, defaults.Breaker.MaxOpen),
		},
	}
}

// Ceilings bound what clients may set for their endpoints. The operator sets them; a
// zero field is no bound.
type Ceilings struct {
	// Timeout is the longest Settings.Timeout.
	Timeout time.Duration
	// Concurrency is the largest Settings.Concurrency.
	Concurrency int
	// Rate is the largest Settings.Rate. An endpoint without a rate of its own gets
	// this one: no limit would be more than the ceiling.
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
	// Overlap is the longest time for which a rotated secret still signs.
	Overlap time.Duration
	// Secrets, Headers and Patterns are how many of them an endpoint can have; no
	// more than signing.MaxSecrets and MaxCustomHeaders.
	Secrets, Headers, Patterns int
}

// Effective returns the settings that an endpoint works with: its own, completed
// by defaults, within ceilings. No other place holds settings that were stored before
// the operator lowered a ceiling to the new one.
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

// atMost returns the value, or the bound if the bound is less. A bound of zero is none.
func atMost[T int | time.Duration](value, bound T) T {
	if bound == 0 {
		return value
	}
	return min(value, bound)
}
