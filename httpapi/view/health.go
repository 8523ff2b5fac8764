package view

import (
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
)

// Health is how an endpoint is doing, as the API shows it: the backlog as it is stored, the
// last hour as it is kept across a restart, and all else as the running server knows it.
type Health struct {
	WebhookID      string `json:"webhook_id"`
	Status         string `json:"status"`
	DisabledReason string `json:"disabled_reason,omitzero"`
	DisabledAt     string `json:"disabled_at,omitzero"`
	// Waiting is what the next delivery waits for.
	Waiting
	Breaker breakerHealth `json:"circuit_breaker"`
	// HoldUntil is the end of a hold that the receiver asked for with Retry-After.
	HoldUntil string `json:"hold_until,omitzero"`
	InFlight  int    `json:"in_flight"`
	// Allowed is the pace: how many attempts may be in flight now.
	Allowed int `json:"in_flight_allowed"`
	// Queued were not tried yet, Retrying wait for another attempt.
	Queued        int64      `json:"queued"`
	Retrying      int64      `json:"retrying"`
	OldestAgeMS   int64      `json:"oldest_pending_age_ms"`
	NextRetryAt   string     `json:"next_retry_at,omitzero"`
	LastHour      hourHealth `json:"last_hour"`
	LastAttemptAt string     `json:"last_attempt_at,omitzero"`
	LastSuccessAt string     `json:"last_success_at,omitzero"`
	LastFailureAt string     `json:"last_failure_at,omitzero"`
	LastError     *lastError `json:"last_error,omitzero"`
	// Restarts counts how often the endpoint's actor was started again after a panic.
	Restarts int `json:"restarts"`
	// Owner is "unreachable" if the node that delivers to the endpoint did not answer: then
	// only what is stored is shown.
	Owner string `json:"owner,omitzero"`
	// Limits are the settings in force, with the server's defaults and ceilings.
	Limits registration.Settings `json:"limits"`
}

// breakerHealth is the state of the circuit breaker; OpenUntil is absent unless it is open.
type breakerHealth struct {
	State     string `json:"state"`
	OpenUntil string `json:"open_until,omitzero"`
}

// hourHealth sums up the attempts of the last hour. The latencies are of all attempts that
// were answered, in milliseconds.
type hourHealth struct {
	outcomes
	P50 float64 `json:"latency_p50_ms"`
	P95 float64 `json:"latency_p95_ms"`
	P99 float64 `json:"latency_p99_ms"`
}

// outcomes counts attempts by what became of them.
type outcomes struct {
	Successes int64 `json:"successes"`
	Failures  int64 `json:"failures"`
	// SuccessRatio is null if there was no attempt: 0 would read as an outage.
	SuccessRatio *float64 `json:"success_ratio"`
}

// lastError is why the latest failed attempt failed.
type lastError struct {
	Reason       string `json:"reason"`
	Message      string `json:"message"`
	ResponseCode int    `json:"response_code,omitzero"`
}

// NewHealth returns an endpoint's health at the time now. limits are its effective settings.
func NewHealth(e *webhook.Endpoint, h *webhook.Health, limits webhook.Settings, now time.Time) Health {
	r := Health{
		WebhookID:      webhook.EndpointID.Format(e.ID),
		Status:         string(e.Status),
		DisabledReason: e.DisabledReason,
		DisabledAt:     jsonbody.Time(e.DisabledAt),
		Breaker:        breakerHealth{State: string(h.Breaker), OpenUntil: jsonbody.Time(h.OpenUntil)},
		HoldUntil:      jsonbody.Time(h.HoldUntil),
		InFlight:       h.InFlight,
		Allowed:        h.Allowed,
		Queued:         h.Backlog.Queued,
		Retrying:       h.Backlog.Retrying,
		NextRetryAt:    jsonbody.Time(h.Backlog.NextRetryAt),
		LastHour:       newHour(h),
		LastAttemptAt:  jsonbody.Time(h.LastAttemptAt),
		LastSuccessAt:  jsonbody.Time(h.LastSuccessAt),
		LastFailureAt:  jsonbody.Time(h.LastFailureAt),
		Restarts:       h.Restarts,
		Waiting:        NewWaiting(h.Waiting.OfNext(&h.Backlog, e.Status, h.InFlight, now)),
		Limits:         registration.ShowSettings(limits),
	}
	if h.OwnerAway {
		r.Owner = "unreachable"
	}
	r.OldestAgeMS = ageMS(h.Backlog.OldestAt, now)
	if h.LastReason != webhook.ReasonNone {
		r.LastError = &lastError{string(h.LastReason), h.LastReason.MessageFor(h.LastStatusCode), h.LastStatusCode}
	}
	return r
}

// newHour returns the last hour.
func newHour(h *webhook.Health) hourHealth {
	return hourHealth{
		outcomes: newOutcomes(webhook.Tally{Successes: h.Successes, Failures: h.Failures}),
		P50:      milliseconds(h.P50), P95: milliseconds(h.P95), P99: milliseconds(h.P99),
	}
}

func newOutcomes(t webhook.Tally) outcomes {
	out := outcomes{Successes: t.Successes, Failures: t.Failures}
	if total := t.Successes + t.Failures; total > 0 {
		ratio := float64(t.Successes) / float64(total)
		out.SuccessRatio = &ratio
	}
	return out
}

// HealthStates are the states of BriefHealth, the worst one first.
var HealthStates = []string{"open", "failing", "slow", "idle", "ok", "unknown"}

const (
	// failingRatio is which part of the last hour's attempts must have failed for a webhook to
	// count as failing.
	failingRatio = 0.1
	// slowAnswer is the 95th percentile from which a webhook counts as slow.
	slowAnswer = time.Second
)

// BriefHealth is how a webhook in a list is doing.
type BriefHealth struct {
	// State is open if the breaker is not closed, failing if a tenth of the last hour's
	// attempts failed, slow if its answers take a second, idle if nothing is pending and
	// nothing was attempted for an hour, unknown if the node that delivers to it did not
	// answer, and else ok.
	State       string         `json:"state"`
	Pending     int64          `json:"pending"`
	OldestAgeMS int64          `json:"oldest_pending_age_ms"`
	Breaker     *breakerHealth `json:"circuit_breaker,omitzero"`
	LastHour    *outcomes      `json:"last_hour,omitzero"`
}

// NewBriefHealth returns a webhook's health for a list; nil is unknown.
func NewBriefHealth(h *webhook.Health, now time.Time) BriefHealth {
	if h == nil {
		return BriefHealth{State: "unknown"}
	}
	tally := webhook.Tally{Successes: h.Successes, Failures: h.Failures}
	hour := newOutcomes(tally)
	out := BriefHealth{
		Pending: h.Backlog.Queued + h.Backlog.Retrying, OldestAgeMS: ageMS(h.Backlog.OldestAt, now),
		Breaker: &breakerHealth{State: string(h.Breaker), OpenUntil: jsonbody.Time(h.OpenUntil)}, LastHour: &hour,
	}
	switch {
	case h.Breaker != webhook.BreakerClosed:
		out.State = "open"
	case tally.FailureRatio() >= failingRatio:
		out.State = "failing"
	case h.P95 >= slowAnswer:
		out.State = "slow"
	case out.Pending == 0 && tally == (webhook.Tally{}):
		out.State = "idle"
	default:
		out.State = "ok"
	}
	return out
}
