package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Top shows the webhooks that are worst off, again and again.
type Top struct {
	single `embed:""`

	Sort   string `env:"-" enum:"backlog,age,failures" default:"backlog" help:"Which come first: those with the largest backlog, the oldest pending delivery, or the most failures."`
	Filter string `env:"-" placeholder:"TEXT" help:"Only webhooks whose id, client, status or breaker contains TEXT."`
	Once   bool   `env:"-" help:"Show it once, also on a terminal."`
}

// Run prints the table. On a terminal it is drawn again and again, with keys for its order, a
// filter and single webhooks, until Ctrl-C or q.
func (c *Top) Run(ctx context.Context, std terminal.Streams) error {
	if !c.Once && c.Output == output.Table && terminal.Is(std.Out) && terminal.Is(std.In) {
		return c.with(func(a *api) error { return c.board(a).Show(ctx, std, c.Printer(std)) })
	}
	return showOne(ctx, std, &c.single, "/api/overview", filters("sort", c.Sort), "the overview", func(p *output.Printer, o overview) error {
		return showTop(p, &o, c.Filter)
	})
}

// board returns the table as it is on a terminal.
func (c *Top) board(a *api) *live.Board[worstOf] {
	return &live.Board[worstOf]{
		Every: c.Every, Orders: []string{"backlog", "age", "failures"}, Order: c.Sort, Filter: c.Filter, Noun: "webhook", Columns: topColumns,
		Fetch: func(ctx context.Context, order string) ([]string, []worstOf, error) {
			answer, err := a.get(ctx, "/api/overview", filters("sort", order))
			if err != nil {
				return nil, nil, fmt.Errorf("show the overview: %w", err)
			}
			var o overview
			if err := json.Unmarshal(answer, &o); err != nil {
				return nil, nil, fmt.Errorf("the server's answer is not what was expected: %w", err)
			}
			return o.head(), o.Worst, nil
		},
		Name: func(w worstOf) string { return w.WebhookID },
		Has:  func(w worstOf, text string) bool { return w.has(text) },
		Detail: func(ctx context.Context, p *output.Printer, w worstOf) error {
			return showWithHealth(ctx, a, p, w.WebhookID)
		},
	}
}

// overview is what top shows of a server.
type overview struct {
	Pending      int64     `json:"pending"`
	PendingLimit int64     `json:"pending_limit"`
	OldestAgeMS  float64   `json:"oldest_pending_age_ms"`
	InFlight     int       `json:"in_flight"`
	BreakersOpen int       `json:"breakers_open"`
	Webhooks     statuses  `json:"webhooks"`
	Rates        []rate    `json:"rates"`
	Worst        []worstOf `json:"worst"`
}

// statuses counts webhooks by status.
type statuses struct {
	Active   int `json:"active"`
	Paused   int `json:"paused"`
	Disabled int `json:"disabled"`
}

// rate is how much happened in a second.
type rate struct {
	Over      int64   `json:"over_seconds"`
	Accepted  float64 `json:"events_accepted"`
	Delivered float64 `json:"deliveries_delivered"`
	Failed    float64 `json:"deliveries_failed"`
}

// worstOf is a webhook among the worst.
type worstOf struct {
	WebhookID   string  `json:"webhook_id"`
	ClientID    string  `json:"client_id"`
	Status      string  `json:"status"`
	Pending     int64   `json:"pending"`
	OldestAgeMS float64 `json:"oldest_pending_age_ms"`
	Breaker     struct {
		State string `json:"state"`
	} `json:"circuit_breaker"`
	LastHour struct {
		Successes    int64    `json:"successes"`
		Failures     int64    `json:"failures"`
		SuccessRatio *float64 `json:"success_ratio"`
	} `json:"last_hour"`
}

// has reports whether a text stands in what is shown of a webhook.
func (w *worstOf) has(text string) bool {
	return strings.Contains(strings.Join([]string{w.WebhookID, w.ClientID, w.Status, w.Breaker.State}, "\n"), text)
}

// succeeded returns the share of attempts of the last hour that succeeded; "" for none.
func (w worstOf) succeeded() string {
	if w.LastHour.SuccessRatio == nil {
		return ""
	}
	return strconv.FormatFloat(100**w.LastHour.SuccessRatio, 'f', 1, 64) + " %"
}

var topColumns = []output.Column[worstOf]{
	{Title: "WEBHOOK", Text: func(w worstOf) string { return w.WebhookID }},
	{Title: "STATUS", Text: func(w worstOf) string { return w.Status }, Tone: func(w worstOf) output.Tone { return output.StatusTone(w.Status) }},
	{Title: "PENDING", Text: func(w worstOf) string { return strconv.FormatInt(w.Pending, 10) }},
	{Title: "OLDEST", Text: func(w worstOf) string { return spanOf(w.OldestAgeMS) }},
	{Title: "BREAKER", Text: func(w worstOf) string { return w.Breaker.State }, Tone: func(w worstOf) output.Tone { return output.StatusTone(w.Breaker.State) }},
	{Title: "OK", Text: worstOf.succeeded},
	{Title: "FAILED", Text: func(w worstOf) string { return strconv.FormatInt(w.LastHour.Failures, 10) }, Drop: 1},
	{Title: "CLIENT", Text: func(w worstOf) string { return w.ClientID }, Drop: 2, Least: 10},
}

// spanOf returns a time in milliseconds in one unit; "" for 0.
func spanOf(ms float64) string {
	if ms == 0 {
		return ""
	}
	return output.Span(time.Duration(ms * float64(time.Millisecond)))
}

// head returns the sums in sentences.
func (o *overview) head() []string {
	lines := []string{
		fmt.Sprintf("%s pending of %d, oldest %s; %d in flight", terminal.CountedOrNo(int(o.Pending), "delivery"), o.PendingLimit, orNone(spanOf(o.OldestAgeMS)), o.InFlight),
		fmt.Sprintf("%s active, %d paused, %d disabled; %s open",
			terminal.Counted(o.Webhooks.Active, "webhook"), o.Webhooks.Paused, o.Webhooks.Disabled, terminal.Counted(o.BreakersOpen, "breaker")),
	}
	for i := range o.Rates {
		r := &o.Rates[i]
		lines = append(lines, fmt.Sprintf("A second over %s: %.1f accepted, %.1f delivered, %.1f failed",
			output.Span(time.Duration(r.Over)*time.Second), r.Accepted, r.Delivered, r.Failed))
	}
	lines[0] = sentence(lines[0])
	return lines
}

// showTop prints the sums, and the table of the worst webhooks that a filter leaves.
func showTop(p *output.Printer, o *overview, filter string) error {
	for _, line := range o.head() {
		if err := p.Line(line); err != nil {
			return err
		}
	}
	var shown []worstOf
	for i := range o.Worst {
		if o.Worst[i].has(filter) {
			shown = append(shown, o.Worst[i])
		}
	}
	if len(shown) == 0 {
		return p.Line("No webhook stands out.")
	}
	return output.Rows(p, shown, topColumns)
}

// orNone returns a text, or "-" for none.
func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
