package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Replay sends finished deliveries of a webhook again.
type Replay struct {
	caller       `embed:""`
	output.Flags `embed:""`
	period       `embed:""`
	live.Consent `embed:""`

	Status    string `env:"-" short:"s" enum:"failed,cancelled,delivered" default:"failed" help:"Which deliveries: failed, cancelled or delivered."`
	EventType string `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Only those of this event type."`
	DryRun    bool   `env:"-" short:"n" help:"Count them, and send nothing."`
	Webhook   string `arg:"" complete:"webhook" placeholder:"WEBHOOK" help:"The webhook's id, wh_…."`
}

// replayed is the sum of the answers to one replay.
type replayed struct {
	DryRun     bool   `json:"dry_run"`
	Deliveries int    `json:"deliveries"`
	WaitingFor string `json:"waiting_for,omitempty"`
	Until      string `json:"until,omitempty"`
}

// Run counts the deliveries, asks unless told not to, and has them sent again, page by page.
// It prints how many there were. After an interrupt the rest has not been sent.
func (c *Replay) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		total, err := c.pages(ctx, a, true, live.Items(std.Err, "Counting", 0))
		if err != nil {
			return fmt.Errorf("count the deliveries: %w", err)
		}
		if c.DryRun {
			return c.print(std, total)
		}
		if total.Deliveries == 0 {
			return c.print(std, replayed{})
		}
		if err := c.Ask(ctx, std, fmt.Sprintf("Send %s again?", terminal.Counted(total.Deliveries, c.Status+" delivery"))); err != nil {
			return err
		}
		done, err := c.pages(ctx, a, false, live.Items(std.Err, "Replaying", int64(total.Deliveries)))
		if err != nil {
			return fmt.Errorf("replay: %w (%d sent again before)", err, done.Deliveries)
		}
		return c.print(std, done)
	})
}

// pages makes the calls of one replay, of up to 100,000 deliveries each, and returns their
// sum. With an error that is the sum of those before.
func (c *Replay) pages(ctx context.Context, a *api, dryRun bool, progress *live.Progress) (sum replayed, err error) {
	defer progress.Stop()
	body := map[string]any{"status": c.Status, "dry_run": dryRun}
	for name, value := range map[string]string{"event_type": c.EventType, "since": c.Since, "until": c.Until} {
		if value != "" {
			body[name] = value
		}
	}
	for sum.DryRun = dryRun; ; {
		answer, err := a.call(ctx, http.MethodPost, webhookPath(c.Webhook, "/replay"), nil, body)
		if err != nil {
			return sum, err
		}
		var part struct {
			replayed
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &part); err != nil {
			return sum, fmt.Errorf("the server's answer is not what was expected: %w", err)
		}
		sum.Deliveries += part.Deliveries
		sum.WaitingFor, sum.Until = part.WaitingFor, part.Until
		progress.Add(int64(part.Deliveries))
		if part.NextCursor == "" {
			return sum, nil
		}
		body["cursor"] = part.NextCursor
	}
}

// print prints the result.
func (c *Replay) print(std terminal.Streams, r replayed) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return output.One(c.Printer(std), text, func(p *output.Printer, r replayed) error {
		line := sentence(terminal.CountedOrNo(r.Deliveries, c.Status+" delivery"))
		if r.DryRun {
			line += " would be"
		}
		if err := p.Line(line + " sent again."); err != nil || r.WaitingFor == "" {
			return err
		}
		return p.Line("They wait for: " + untilWords(r.WaitingFor, r.Until))
	})
}
