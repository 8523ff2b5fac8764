package view

import (
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// Overview is how a server is doing with all webhooks, as the API shows it.
type Overview struct {
	StartedAt string `json:"started_at"`
	// LookedAt is how old what is said of queues and breakers is.
	LookedAt     string         `json:"looked_at"`
	Pending      int64          `json:"pending"`
	PendingLimit int64          `json:"pending_limit"`
	OldestAgeMS  int64          `json:"oldest_pending_age_ms"`
	InFlight     int            `json:"in_flight"`
	BreakersOpen int            `json:"breakers_open"`
	Webhooks     webhooksHealth `json:"webhooks"`
	Rates        []rate         `json:"rates"`
	Disk         *Disk          `json:"disk,omitzero"`
	Worst        []summary      `json:"worst"`
	Coverage
	Series *series `json:"series,omitzero"`
}

// series is what was counted in each minute of the last day, oldest first; null for a minute
// in which no server counted.
type series struct {
	StepSeconds int      `json:"step_seconds"`
	From        string   `json:"from,omitzero"`
	Accepted    []*int64 `json:"events_accepted"`
	Delivered   []*int64 `json:"deliveries_delivered"`
	Failed      []*int64 `json:"deliveries_failed"`
	Pending     []*int64 `json:"pending"`
}

// AddSeries adds the minutes of the last day.
func (o *Overview) AddSeries(from *webhook.Series) {
	out := &series{StepSeconds: 60, Accepted: []*int64{}, Delivered: []*int64{}, Failed: []*int64{}, Pending: []*int64{}}
	if !from.From.IsZero() {
		out.From = jsonbody.Time(from.From)
	}
	for i := range from.Minutes {
		m := &from.Minutes[i]
		for _, column := range []struct {
			to    *[]*int64
			value *int64
		}{{&out.Accepted, &m.Accepted}, {&out.Delivered, &m.Delivered}, {&out.Failed, &m.Failed}, {&out.Pending, &m.Pending}} {
			if !m.Known {
				column.value = nil
			}
			*column.to = append(*column.to, column.value)
		}
	}
	o.Series = out
}

// webhooksHealth counts webhooks by status.
type webhooksHealth struct {
	Active   int `json:"active"`
	Paused   int `json:"paused"`
	Disabled int `json:"disabled"`
}

// rate is how much happened a second. Known is less than Over after a start.
type rate struct {
	Over      int64   `json:"over_seconds"`
	Known     int64   `json:"known_seconds"`
	Accepted  float64 `json:"events_accepted"`
	Delivered float64 `json:"deliveries_delivered"`
	Failed    float64 `json:"deliveries_failed"`
}

// Disk is the disk that storage is on, in bytes.
type Disk struct {
	Free    uint64 `json:"free_bytes"`
	Reserve uint64 `json:"reserve_bytes"`
	Storage uint64 `json:"storage_bytes"`
}

// summary is one webhook among the worst.
type summary struct {
	WebhookID   string        `json:"webhook_id"`
	ClientID    string        `json:"client_id"`
	Status      string        `json:"status"`
	Pending     int64         `json:"pending"`
	OldestAgeMS int64         `json:"oldest_pending_age_ms"`
	Breaker     breakerHealth `json:"circuit_breaker"`
	LastHour    outcomes      `json:"last_hour"`
}

// NewOverview returns an overview at the time now; disk is nil if nothing is known of it.
func NewOverview(o *webhook.Overview, disk *Disk, now time.Time) Overview {
	out := Overview{
		StartedAt: jsonbody.Time(o.StartedAt), LookedAt: jsonbody.Time(o.LookedAt),
		Pending: o.Pending, PendingLimit: o.MaxPending, OldestAgeMS: ageMS(o.Oldest[webhook.EndpointActive], now),
		InFlight: o.InFlight, BreakersOpen: o.BreakersOpen, Disk: disk, Rates: []rate{}, Worst: []summary{},
		Coverage: NewCoverage(&o.Coverage),
		Webhooks: webhooksHealth{
			o.Endpoints[webhook.EndpointActive], o.Endpoints[webhook.EndpointPaused], o.Endpoints[webhook.EndpointDisabled],
		},
	}
	for _, r := range o.Rates {
		out.Rates = append(out.Rates, rate{int64(r.Over.Seconds()), int64(r.Known.Seconds()), r.Accepted, r.Delivered, r.Failed})
	}
	for i := range o.Worst {
		w := &o.Worst[i]
		out.Worst = append(out.Worst, summary{
			WebhookID: webhook.EndpointID.Format(w.Endpoint), ClientID: w.ClientID, Status: string(w.Status),
			Pending: w.Pending, OldestAgeMS: ageMS(w.OldestAt, now), Breaker: newBreaker(w.OpenUntil, now),
			LastHour: newOutcomes(w.Attempts),
		})
	}
	return out
}

// Coverage says what an answer about all webhooks leaves out; nothing is shown where it
// leaves out nothing.
type Coverage struct {
	// Incomplete: some webhooks are left out, since NodesMissing did not answer, or since
	// nobody delivers to them at the moment.
	Incomplete   bool     `json:"incomplete,omitzero"`
	NodesMissing []string `json:"nodes_missing,omitempty"`
	// Truncated: more webhooks belong in the order than are known.
	Truncated bool `json:"truncated,omitzero"`
}

// NewCoverage returns what is left out as the API shows it.
func NewCoverage(c *webhook.Coverage) Coverage {
	return Coverage{Incomplete: c.Unowned || len(c.Missing) > 0, NodesMissing: c.Missing, Truncated: c.Truncated}
}

// newBreaker returns the state of a breaker that is open until a time; zero is closed.
func newBreaker(until, now time.Time) breakerHealth {
	switch {
	case until.IsZero():
		return breakerHealth{State: string(webhook.BreakerClosed)}
	case now.After(until):
		return breakerHealth{State: string(webhook.BreakerHalfOpen)}
	}
	return breakerHealth{State: string(webhook.BreakerOpen), OpenUntil: jsonbody.Time(until)}
}

// ageMS returns how long ago a time was; 0 for the zero time, and for one in the future.
func ageMS(at, now time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return max(0, now.Sub(at).Milliseconds())
}
