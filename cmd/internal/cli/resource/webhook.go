package resource

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
)

// webhook is what a table shows of a webhook. Members that a program needs are in the other
// formats, which print the API's answer as it is.
type webhook struct {
	ID             string   `json:"id"`
	ClientID       string   `json:"client_id"`
	EventTypes     []string `json:"event_types"`
	TargetURL      string   `json:"target_url"`
	Description    string   `json:"description"`
	Status         string   `json:"status"` // active, paused or disabled
	DisabledReason string   `json:"disabled_reason"`
	DisabledAt     string   `json:"disabled_at"`
	CreatedAt      string   `json:"created_at"`
	UpdatedAt      string   `json:"updated_at"`
	ExpiresAt      string   `json:"expires_at"` // "" without a lease
	Scheme         string   `json:"signature_scheme"`
	PublicKeys     []string `json:"public_keys"`
	Secret         string   `json:"secret"` // in the answer that made it only
	StandardSecret string   `json:"standard_secret"`
	PreviousUntil  string   `json:"previous_secret_expires_at"`
	HeaderNames    []string `json:"header_names"`
	CABundle       string   `json:"ca_bundle"`

	limits
}

// limits are the settings in force, as a webhook and its health have them.
type limits struct {
	TimeoutMS   float64 `json:"timeout_ms"`
	Concurrency int     `json:"concurrency"`
	Rate        *struct {
		PerSecond float64 `json:"per_second"`
		Burst     int     `json:"burst"`
	} `json:"rate_limit"`
	Retry struct {
		MaxAttempts int     `json:"max_attempts"`
		InitialMS   float64 `json:"initial_delay_ms"`
		Multiplier  float64 `json:"multiplier"`
		MaxMS       float64 `json:"max_delay_ms"`
		Jitter      float64 `json:"jitter"`
	} `json:"retry_policy"`
	Breaker struct {
		Failures  int     `json:"failures"`
		OpenMS    float64 `json:"open_ms"`
		MaxOpenMS float64 `json:"max_open_ms"`
	} `json:"circuit_breaker"`
}

// webhookColumns are the columns of a list of webhooks.
var webhookColumns = []output.Column[webhook]{
	{Title: "ID", Text: func(w webhook) string { return w.ID }},
	{Title: "STATUS", Text: func(w webhook) string { return w.Status }, Tone: func(w webhook) output.Tone { return output.StatusTone(w.Status) }},
	{Title: "CLIENT", Text: func(w webhook) string { return w.ClientID }, Drop: 2, Least: 10},
	{Title: "TYPES", Text: func(w webhook) string { return strings.Join(w.EventTypes, " ") }, Least: 12},
	{Title: "TARGET", Text: func(w webhook) string { return w.TargetURL }, Least: 25},
	{Title: "AGE", Text: func(w webhook) string { return output.Age(w.CreatedAt) }, Drop: 1},
	{Title: "DESCRIPTION", Text: func(w webhook) string { return w.Description }, Drop: 3, Least: 12},
}

// fields returns the lines of a webhook's card.
func (w webhook) fields() []output.Field {
	status := w.Status
	if w.DisabledReason != "" {
		status += ": " + w.DisabledReason
	}
	fields := []output.Field{
		{Title: "id", Text: w.ID},
		{Title: "status", Text: status, Tone: output.StatusTone(w.Status)},
		{Title: "disabled at", Text: output.When(w.DisabledAt)},
		{Title: "client", Text: w.ClientID},
		{Title: "types", Text: strings.Join(w.EventTypes, " ")},
		{Title: "target", Text: w.TargetURL},
		{Title: "description", Text: w.Description},
		{Title: "created", Text: output.When(w.CreatedAt)},
		{Title: "updated", Text: output.When(w.UpdatedAt)},
		{Title: "lease ends", Text: output.When(w.ExpiresAt)},
		{Title: "signed with", Text: w.Scheme},
		{Title: "public keys", Text: strings.Join(w.PublicKeys, " ")},
		{Title: "secret", Text: w.Secret, Tone: output.Warn},
		{Title: "as whsec_", Text: w.StandardSecret, Tone: output.Warn},
		{Title: "previous secret until", Text: output.When(w.PreviousUntil)},
		{Title: "own headers", Text: strings.Join(w.HeaderNames, " ")},
	}
	if w.CABundle != "" {
		fields = append(fields, output.Field{Title: "CA bundle", Text: fmt.Sprintf("%d bytes", len(w.CABundle))})
	}
	return append(fields, w.limits.fields()...)
}

// fields returns the lines about the settings in force.
func (l limits) fields() []output.Field {
	rate := "no limit"
	if l.Rate != nil {
		rate = fmt.Sprintf("%s per second, %d at once", number(l.Rate.PerSecond), l.Rate.Burst)
	}
	return []output.Field{
		{Title: "timeout", Text: output.Milliseconds(l.TimeoutMS)},
		{Title: "concurrency", Text: strconv.Itoa(l.Concurrency)},
		{Title: "rate", Text: rate},
		{Title: "retries", Text: fmt.Sprintf("%d attempts; waits from %s, times %s, up to %s, jitter %s", l.Retry.MaxAttempts,
			output.Milliseconds(l.Retry.InitialMS), number(l.Retry.Multiplier), output.Milliseconds(l.Retry.MaxMS), number(l.Retry.Jitter))},
		{Title: "circuit breaker", Text: fmt.Sprintf("opens after %d failures for %s, %s at most", l.Breaker.Failures,
			output.Milliseconds(l.Breaker.OpenMS), output.Milliseconds(l.Breaker.MaxOpenMS))},
	}
}

// number returns a number with as many digits as it needs.
func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// showWebhook prints a webhook's card.
func showWebhook(p *output.Printer, w webhook) error { return p.Card(w.fields()) }

// printWebhook prints a webhook as the API answered.
func printWebhook(p *output.Printer, answer json.RawMessage) error {
	return output.One(p, answer, showWebhook)
}
