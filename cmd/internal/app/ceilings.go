package app

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// Ceilings are the settings that bound what clients may set for their webhooks. They
// hold when a webhook is set, and again when it is used, because one that was stored
// before may exceed them. The ceilings themselves have bounds, which are those of the
// vocabulary (package webhook): what can be stored, and what the parts are made for.
type Ceilings struct {
	MaxWebhookTimeout     time.Duration `group:"What a webhook may set" default:"1m" help:"Longest timeout."`
	MaxWebhookConcurrency int           `group:"What a webhook may set" default:"256" help:"Most attempts in flight, up to 1024."`
	MaxWebhookRate        float64       `group:"What a webhook may set" default:"0" help:"Most attempts per second, also of a webhook without a rate; 0 for no bound."`
	MaxWebhookBurst       int           `group:"What a webhook may set" default:"1000" help:"Most attempts that may start at once under a rate."`
	MaxWebhookAttempts    int           `group:"What a webhook may set" default:"30" help:"Most attempts of a delivery, up to 100."`
	// MinWebhookRetry has no default tag: --dev has a default of its own.
	MinWebhookRetry           time.Duration `group:"What a webhook may set" placeholder:"DURATION" help:"Shortest wait before a retry, and shortest time that a breaker stays open. With the most attempts it bounds what one event costs a receiver. Default: 1s, with --dev 1ms."`
	MaxWebhookRetry           time.Duration `group:"What a webhook may set" default:"7d" help:"Longest wait before a retry, up to 7 days."`
	MaxWebhookBreakerFailures int           `group:"What a webhook may set" default:"100" help:"Most failures in a row before the circuit breaker opens, up to 10000."`
	MaxWebhookBreakerOpen     time.Duration `group:"What a webhook may set" default:"24h" help:"Longest time that a breaker stays open, up to a day."`
	MaxWebhookOverlap         time.Duration `group:"What a webhook may set" default:"7d" help:"Longest overlap during which a rotated secret continues to sign, up to 7 days."`
	MaxWebhookSecrets         int           `group:"What a webhook may set" default:"10" help:"Most secrets that sign at the same time, 2 to 10."`
	MaxWebhookHeaders         int           `group:"What a webhook may set" default:"20" help:"Most custom headers of a webhook, up to 20."`
	MaxWebhookPatterns        int           `group:"What a webhook may set" default:"100" help:"Most event types and patterns, up to 100."`
}

// defaultMinRetry is the shortest wait before a retry when nothing else is set.
const defaultMinRetry = time.Second

// ceilings returns the bounds in the form that the parts use.
func (c *Ceilings) ceilings() webhook.Ceilings {
	most := webhook.Ceilings{
		Timeout:         c.MaxWebhookTimeout,
		Concurrency:     c.MaxWebhookConcurrency,
		Rate:            c.MaxWebhookRate,
		Burst:           c.MaxWebhookBurst,
		Attempts:        c.MaxWebhookAttempts,
		MinRetry:        c.MinWebhookRetry,
		MaxRetry:        c.MaxWebhookRetry,
		BreakerFailures: c.MaxWebhookBreakerFailures,
		BreakerOpen:     c.MaxWebhookBreakerOpen,
		Overlap:         c.MaxWebhookOverlap,
		Secrets:         c.MaxWebhookSecrets,
		Headers:         c.MaxWebhookHeaders,
		Patterns:        c.MaxWebhookPatterns,
	}
	if most.MinRetry == 0 {
		most.MinRetry = defaultMinRetry
	}
	return most
}

// rules returns the rules for the ceilings themselves.
func (c *Ceilings) rules() []rule {
	most := c.ceilings()
	return []rule{
		outside("max-webhook-timeout", most.Timeout, webhook.MinTimeout, webhook.MaxTimeout),
		outside("max-webhook-concurrency", most.Concurrency, 1, webhook.MaxConcurrency),
		{"max-webhook-rate", !(most.Rate >= 0), "is negative"},
		outside("max-webhook-burst", most.Burst, 1, webhook.MaxRate),
		outside("max-webhook-attempts", most.Attempts, 1, webhook.MaxRetryAttempts),
		outside("min-webhook-retry", most.MinRetry, webhook.MinRetryDelay, time.Hour),
		outside("max-webhook-retry", most.MaxRetry, most.MinRetry, webhook.MaxRetryDelay),
		outside("max-webhook-breaker-failures", most.BreakerFailures, 1, webhook.MaxBreakerFailures),
		outside("max-webhook-breaker-open", most.BreakerOpen, most.MinRetry, webhook.MaxBreakerOpen),
		outside("max-webhook-overlap", most.Overlap, time.Second, 7*24*time.Hour),
		outside("max-webhook-secrets", most.Secrets, 2, signing.MaxSecrets),
		outside("max-webhook-headers", most.Headers, 1, webhook.MaxCustomHeaders),
		outside("max-webhook-patterns", most.Patterns, 1, 100),
	}
}

// outside returns the rule of a setting that must be within bounds, which belong to the
// range.
func outside[T int | time.Duration](setting string, value, low, high T) rule {
	return rule{setting, value < low || value > high, fmt.Sprintf("is not from %v to %v", low, high)}
}

// defaultsWithin returns the rules that keep the defaults of webhooks within the
// ceilings. A default above its ceiling would silently be replaced by the ceiling.
func (c *Config) defaultsWithin() []rule {
	most := c.ceilings()
	return []rule{
		above("webhook-timeout", c.EndpointTimeout, most.Timeout, "max-webhook-timeout"),
		above("webhook-concurrency", c.EndpointConcurrency, most.Concurrency, "max-webhook-concurrency"),
		{"webhook-rate", most.Rate > 0 && c.EndpointRate > most.Rate, "is more than max-webhook-rate allows"},
		above("webhook-burst", c.EndpointBurst, most.Burst, "max-webhook-burst"),
		above("webhook-max-attempts", c.EndpointMaxAttempts, most.Attempts, "max-webhook-attempts"),
		{"webhook-retry-initial", c.EndpointRetryInitial < most.MinRetry, "is less than min-webhook-retry allows"},
		above("webhook-retry-max", c.EndpointRetryMax, most.MaxRetry, "max-webhook-retry"),
		above("webhook-breaker-failures", c.EndpointBreakerFailures, most.BreakerFailures, "max-webhook-breaker-failures"),
		{"webhook-breaker-open", c.EndpointBreakerOpen < most.MinRetry, "is less than min-webhook-retry allows"},
		above("webhook-breaker-max", c.EndpointBreakerMax, most.BreakerOpen, "max-webhook-breaker-open"),
	}
}

// above returns the rule of a default that must not exceed a ceiling, the setting name.
func above[T int | time.Duration](setting string, value, ceiling T, name string) rule {
	return rule{setting, value > ceiling, "is more than " + name + " allows"}
}
