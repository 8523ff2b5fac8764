package registration

import (
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// noJitter stands for an explicit jitter of 0, because zero means the server's default in
// webhook.Settings. It moves no attempt by as much as a microsecond.
const noJitter = 1e-12

// settingsInput are an endpoint's settings as they are posted. An absent member leaves the
// setting as it is; null selects the server's default.
type settingsInput struct {
	TimeoutMS      optional[int64]        `json:"timeout_ms"`
	Concurrency    optional[int64]        `json:"concurrency"`
	RateLimit      optional[rateInput]    `json:"rate_limit"`
	RetryPolicy    optional[retryInput]   `json:"retry_policy"`
	CircuitBreaker optional[breakerInput] `json:"circuit_breaker"`
}

// rateInput bounds how many attempts begin in a second. Burst is how many may begin at once
// after a rest.
type rateInput struct {
	PerSecond optional[float64] `json:"per_second"`
	Burst     optional[int64]   `json:"burst"`
}

// retryInput says when a failed delivery is tried again.
type retryInput struct {
	MaxAttempts    optional[int64]   `json:"max_attempts"`
	InitialDelayMS optional[int64]   `json:"initial_delay_ms"`
	Multiplier     optional[float64] `json:"multiplier"`
	MaxDelayMS     optional[int64]   `json:"max_delay_ms"`
	Jitter         optional[float64] `json:"jitter"`
}

// breakerInput says after how many failures in a row the breaker opens, for how long at
// first, and for how long at the most.
type breakerInput struct {
	Failures  optional[int64] `json:"failures"`
	OpenMS    optional[int64] `json:"open_ms"`
	MaxOpenMS optional[int64] `json:"max_open_ms"`
}

// applySettings changes settings as the input says. Whether a wait is longer than another
// is judged last, of the settings that are effective: one of the two may be a default.
func (in *settingsInput) applySettings(s *webhook.Settings, r *Rules, f *jsonbody.Faults) {
	most := r.Ceilings
	span(f, in.TimeoutMS, bounds[time.Duration]{field: "timeout_ms", low: webhook.MinTimeout, high: webhook.MaxTimeout}.
		most(most.Timeout, "max-webhook-timeout"), &s.Timeout)
	whole(f, in.Concurrency, bounds[int64]{field: "concurrency", low: 1, high: webhook.MaxConcurrency}.
		most(int64(most.Concurrency), "max-webhook-concurrency"), &s.Concurrency)
	in.applyRate(s, most, f)
	in.applyRetry(&s.Retry, most, f)
	in.applyBreaker(&s.Breaker, most, f)
	if len(*f) > 0 {
		return
	}
	effective := s.Effective(r.Defaults, *most)
	if effective.Retry.MaxDelay < effective.Retry.Initial {
		f.Add(invalid("retry_policy.max_delay_ms", "is less than initial_delay_ms"))
	}
	if effective.Breaker.MaxOpen < effective.Breaker.Open {
		f.Add(invalid("circuit_breaker.max_open_ms", "is less than open_ms"))
	}
}

// applyRate changes the rate limit. null removes it: then the server's default holds.
func (in *settingsInput) applyRate(s *webhook.Settings, most *webhook.Ceilings, f *jsonbody.Faults) {
	if in.RateLimit.Null {
		s.Rate, s.Burst = 0, 0
	}
	if !in.RateLimit.Given() {
		return
	}
	rate := &in.RateLimit.Value
	number(f, rate.PerSecond, bounds[float64]{field: "rate_limit.per_second", low: webhook.MinRate, high: webhook.MaxRate}.
		most(most.Rate, "max-webhook-rate"), &s.Rate)
	whole(f, rate.Burst, bounds[int64]{field: "rate_limit.burst", low: 1, high: webhook.MaxRate}.
		most(int64(most.Burst), "max-webhook-burst"), &s.Burst)
	if s.Rate == 0 && rate.Burst.Given() {
		f.Add(invalid("rate_limit.per_second", "is missing"))
	}
}

// applyRetry changes the retry policy, member by member; null sets all of it back.
func (in *settingsInput) applyRetry(p *webhook.RetryPolicy, most *webhook.Ceilings, f *jsonbody.Faults) {
	if in.RetryPolicy.Null {
		*p = webhook.RetryPolicy{}
	}
	if !in.RetryPolicy.Given() {
		return
	}
	wait := func(field string) bounds[time.Duration] {
		return bounds[time.Duration]{field: field, low: webhook.MinRetryDelay, high: webhook.MaxRetryDelay}.
			least(most.MinRetry, "min-webhook-retry").most(most.MaxRetry, "max-webhook-retry")
	}
	retry := &in.RetryPolicy.Value
	whole(f, retry.MaxAttempts, bounds[int64]{field: "retry_policy.max_attempts", low: 1, high: webhook.MaxRetryAttempts}.
		most(int64(most.Attempts), "max-webhook-attempts"), &p.MaxAttempts)
	span(f, retry.InitialDelayMS, wait("retry_policy.initial_delay_ms"), &p.Initial)
	number(f, retry.Multiplier, bounds[float64]{field: "retry_policy.multiplier", low: 1, high: webhook.MaxMultiplier}, &p.Multiplier)
	span(f, retry.MaxDelayMS, wait("retry_policy.max_delay_ms"), &p.MaxDelay)
	number(f, retry.Jitter, bounds[float64]{field: "retry_policy.jitter", low: 0, high: 1}, &p.Jitter)
	if retry.Jitter.Given() && p.Jitter == 0 {
		p.Jitter = noJitter
	}
}

// applyBreaker changes the breaker's policy like applyRetry. Its waits have the floor of the
// retries: an open breaker that closes at once would be a retry without a wait.
func (in *settingsInput) applyBreaker(p *webhook.BreakerPolicy, most *webhook.Ceilings, f *jsonbody.Faults) {
	if in.CircuitBreaker.Null {
		*p = webhook.BreakerPolicy{}
	}
	if !in.CircuitBreaker.Given() {
		return
	}
	open := func(field string) bounds[time.Duration] {
		return bounds[time.Duration]{field: field, low: webhook.MinRetryDelay, high: webhook.MaxBreakerOpen}.
			least(most.MinRetry, "min-webhook-retry").most(most.BreakerOpen, "max-webhook-breaker-open")
	}
	breaker := &in.CircuitBreaker.Value
	whole(f, breaker.Failures, bounds[int64]{field: "circuit_breaker.failures", low: 1, high: webhook.MaxBreakerFailures}.
		most(int64(most.BreakerFailures), "max-webhook-breaker-failures"), &p.Failures)
	span(f, breaker.OpenMS, open("circuit_breaker.open_ms"), &p.Open)
	span(f, breaker.MaxOpenMS, open("circuit_breaker.max_open_ms"), &p.MaxOpen)
}

// Settings are an endpoint's effective settings as the API shows them: a client sees what
// holds, not which part of it is a default.
type Settings struct {
	TimeoutMS   int64 `json:"timeout_ms"`
	Concurrency int   `json:"concurrency"`
	// RateLimit is null if there is no limit.
	RateLimit      *rateResource   `json:"rate_limit"`
	RetryPolicy    retryResource   `json:"retry_policy"`
	CircuitBreaker breakerResource `json:"circuit_breaker"`
}

// rateResource shows a rate limit.
type rateResource struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

// retryResource shows a retry policy.
type retryResource struct {
	MaxAttempts    int     `json:"max_attempts"`
	InitialDelayMS int64   `json:"initial_delay_ms"`
	Multiplier     float64 `json:"multiplier"`
	MaxDelayMS     int64   `json:"max_delay_ms"`
	Jitter         float64 `json:"jitter"`
}

// breakerResource shows a breaker's policy.
type breakerResource struct {
	Failures  int   `json:"failures"`
	OpenMS    int64 `json:"open_ms"`
	MaxOpenMS int64 `json:"max_open_ms"`
}

// ShowSettings returns effective settings, with the defaults filled in, as the API shows them.
func ShowSettings(s webhook.Settings) Settings {
	r := Settings{
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
