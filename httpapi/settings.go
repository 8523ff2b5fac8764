package httpapi

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds of an endpoint's settings.
const (
	minTimeout  = 100 * time.Millisecond
	maxTimeout  = time.Minute
	minDelay    = time.Millisecond
	maxDelay    = 7 * 24 * time.Hour
	maxOpen     = 24 * time.Hour
	maxParallel = 1024
	maxAttempts = 100
	maxFailures = 10_000
	maxRate     = 1_000_000
)

// noJitter stands for an explicit jitter of 0, since zero means the server's
// default in webhook.Settings. It moves no attempt by as much as a microsecond.
const noJitter = 1e-12

// settingsInput are an endpoint's settings as they are posted. An absent member
// leaves what is there, null sets the server's default.
type settingsInput struct {
	TimeoutMS      optional[int64]        `json:"timeout_ms"`
	Concurrency    optional[int64]        `json:"concurrency"`
	RateLimit      optional[rateInput]    `json:"rate_limit"`
	RetryPolicy    optional[retryInput]   `json:"retry_policy"`
	CircuitBreaker optional[breakerInput] `json:"circuit_breaker"`
}

type rateInput struct {
	PerSecond optional[float64] `json:"per_second"`
	Burst     optional[int64]   `json:"burst"`
}

type retryInput struct {
	MaxAttempts    optional[int64]   `json:"max_attempts"`
	InitialDelayMS optional[int64]   `json:"initial_delay_ms"`
	Multiplier     optional[float64] `json:"multiplier"`
	MaxDelayMS     optional[int64]   `json:"max_delay_ms"`
	Jitter         optional[float64] `json:"jitter"`
}

type breakerInput struct {
	Failures  optional[int64] `json:"failures"`
	OpenMS    optional[int64] `json:"open_ms"`
	MaxOpenMS optional[int64] `json:"max_open_ms"`
}

// faults collects what is wrong with an input, so that one answer tells all of it.
type faults []error

func (f *faults) add(err error) {
	if err != nil {
		*f = append(*f, err)
	}
}

// err makes one error of them: the first, and if there are several, the list.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	first := *problemOf(f[0])
	if len(f) == 1 {
		return &first
	}
	for _, err := range f {
		p := problemOf(err)
		first.Errors = append(first.Errors, fieldProblem{Field: p.Field, Detail: p.Detail})
	}
	return &first
}

// bounds are what a field's value must be within, both ends included.
type bounds[T int64 | float64 | time.Duration] struct {
	field     string
	low, high T
}

// whole sets a whole number that the input gives, if it is within bounds.
func whole(f *faults, in optional[int64], b bounds[int64], target *int) {
	switch {
	case in.Null:
		*target = 0
	case in.Set && (in.Value < b.low || in.Value > b.high):
		f.add(invalid(b.field, fmt.Sprintf("must be a whole number from %d to %d", b.low, b.high)))
	case in.Set:
		*target = int(in.Value)
	}
}

// span sets a duration that the input gives in milliseconds, if it is within bounds.
func span(f *faults, in optional[int64], b bounds[time.Duration], target *time.Duration) {
	ms := int(target.Milliseconds())
	whole(f, in, bounds[int64]{b.field, b.low.Milliseconds(), b.high.Milliseconds()}, &ms)
	*target = time.Duration(ms) * time.Millisecond
}

// number sets a number that the input gives, if it is within bounds.
func number(f *faults, in optional[float64], b bounds[float64], target *float64) {
	switch {
	case in.Null:
		*target = 0
	case in.Set && !(in.Value >= b.low && in.Value <= b.high):
		f.add(invalid(b.field, fmt.Sprintf("must be a number from %g to %g", b.low, b.high)))
	case in.Set:
		*target = in.Value
	}
}

// apply changes settings as the input says.
func (in *settingsInput) apply(s *webhook.Settings, defaults webhook.Settings, f *faults) {
	span(f, in.TimeoutMS, bounds[time.Duration]{"timeout_ms", minTimeout, maxTimeout}, &s.Timeout)
	whole(f, in.Concurrency, bounds[int64]{"concurrency", 1, maxParallel}, &s.Concurrency)
	in.applyRate(s, f)
	in.applyRetry(&s.Retry, f)
	in.applyBreaker(&s.Breaker, f)
	if len(*f) > 0 {
		return
	}
	effective := s.Or(defaults)
	if effective.Retry.MaxDelay < effective.Retry.Initial {
		f.add(invalid("retry_policy.max_delay_ms", "is less than initial_delay_ms"))
	}
	if effective.Breaker.MaxOpen < effective.Breaker.Open {
		f.add(invalid("circuit_breaker.max_open_ms", "is less than open_ms"))
	}
}

func (in *settingsInput) applyRate(s *webhook.Settings, f *faults) {
	if in.RateLimit.Null {
		s.Rate, s.Burst = 0, 0
	}
	if !in.RateLimit.given() {
		return
	}
	rate := &in.RateLimit.Value
	number(f, rate.PerSecond, bounds[float64]{"rate_limit.per_second", 0.001, maxRate}, &s.Rate)
	whole(f, rate.Burst, bounds[int64]{"rate_limit.burst", 1, maxRate}, &s.Burst)
	if s.Rate == 0 && rate.Burst.given() {
		f.add(invalid("rate_limit.per_second", "is missing"))
	}
}

func (in *settingsInput) applyRetry(p *webhook.RetryPolicy, f *faults) {
	if in.RetryPolicy.Null {
		*p = webhook.RetryPolicy{}
	}
	if !in.RetryPolicy.given() {
		return
	}
	retry := &in.RetryPolicy.Value
	whole(f, retry.MaxAttempts, bounds[int64]{"retry_policy.max_attempts", 1, maxAttempts}, &p.MaxAttempts)
	span(f, retry.InitialDelayMS, bounds[time.Duration]{"retry_policy.initial_delay_ms", minDelay, maxDelay}, &p.Initial)
	number(f, retry.Multiplier, bounds[float64]{"retry_policy.multiplier", 1, 10}, &p.Multiplier)
	span(f, retry.MaxDelayMS, bounds[time.Duration]{"retry_policy.max_delay_ms", minDelay, maxDelay}, &p.MaxDelay)
	number(f, retry.Jitter, bounds[float64]{"retry_policy.jitter", 0, 1}, &p.Jitter)
	if retry.Jitter.given() && p.Jitter == 0 {
		p.Jitter = noJitter
	}
}

func (in *settingsInput) applyBreaker(p *webhook.BreakerPolicy, f *faults) {
	if in.CircuitBreaker.Null {
		*p = webhook.BreakerPolicy{}
	}
	if !in.CircuitBreaker.given() {
		return
	}
	breaker := &in.CircuitBreaker.Value
	whole(f, breaker.Failures, bounds[int64]{"circuit_breaker.failures", 1, maxFailures}, &p.Failures)
	span(f, breaker.OpenMS, bounds[time.Duration]{"circuit_breaker.open_ms", minDelay, maxOpen}, &p.Open)
	span(f, breaker.MaxOpenMS, bounds[time.Duration]{"circuit_breaker.max_open_ms", minDelay, maxOpen}, &p.MaxOpen)
}

// settingsResource are an endpoint's effective settings as the API shows them.
type settingsResource struct {
	TimeoutMS      int64           `json:"timeout_ms"`
	Concurrency    int             `json:"concurrency"`
	RateLimit      *rateResource   `json:"rate_limit"` // null: no limit
	RetryPolicy    retryResource   `json:"retry_policy"`
	CircuitBreaker breakerResource `json:"circuit_breaker"`
}

type rateResource struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

type retryResource struct {
	MaxAttempts    int     `json:"max_attempts"`
	InitialDelayMS int64   `json:"initial_delay_ms"`
	Multiplier     float64 `json:"multiplier"`
	MaxDelayMS     int64   `json:"max_delay_ms"`
	Jitter         float64 `json:"jitter"`
}

type breakerResource struct {
	Failures  int   `json:"failures"`
	OpenMS    int64 `json:"open_ms"`
	MaxOpenMS int64 `json:"max_open_ms"`
}

// showSettings shows effective settings, defaults filled in.
func showSettings(s webhook.Settings) settingsResource {
	r := settingsResource{
		TimeoutMS:   s.Timeout.Milliseconds(),
		Concurrency: s.Concurrency,
		RetryPolicy: retryResource{
			MaxAttempts:    s.Retry.MaxAttempts,
			InitialDelayMS: s.Retry.Initial.Milliseconds(),
			Multiplier:     s.Retry.Multiplier,
			MaxDelayMS:     s.Retry.MaxDelay.Milliseconds(),
			Jitter:         s.Retry.Jitter,
		},
		CircuitBreaker: breakerResource{
			Failures:  s.Breaker.Failures,
			OpenMS:    s.Breaker.Open.Milliseconds(),
			MaxOpenMS: s.Breaker.MaxOpen.Milliseconds(),
		},
	}
	if r.RetryPolicy.Jitter == noJitter {
		r.RetryPolicy.Jitter = 0
	}
	if s.Rate > 0 {
		r.RateLimit = &rateResource{PerSecond: s.Rate, Burst: s.Burst}
	}
	return r
}
