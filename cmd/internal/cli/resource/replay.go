package resource

import (
	"context"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Replay sends finished deliveries of a webhook again, or events that it was never sent.
type Replay struct {
	caller       `embed:""`
	output.Flags `embed:""`
	selection    `embed:""`

	Status  string `env:"-" short:"s" enum:"failed,cancelled,delivered" default:"failed" help:"Which deliveries: failed, cancelled or delivered."`
	Missing bool   `env:"-" help:"Send the events that the webhook was never sent: it was registered later, did not match their type, was disabled, or its client had too much pending. -t may be a pattern."`
	Webhook string `arg:"" complete:"webhook" placeholder:"WEBHOOK" help:"The webhook's id, wh_…."`
}

// Run counts the deliveries, asks unless told not to, and has a job send them again, which
// it follows to its end.
func (c *Replay) Run(ctx context.Context, std terminal.Streams) error {
	wanted := change{
		action: "replay", webhook: c.Webhook, status: []string{c.Status},
		verb: "Send", after: " again", noun: c.Status + " delivery", past: "sent again",
	}
	if c.Missing {
		if c.Reason+c.Code != "" || c.MinAttempts != 0 {
			return settings.Misuse("--missing is about events that were never sent: only -t, --since and --until apply")
		}
		wanted = change{action: "backfill", webhook: c.Webhook, verb: "Send", noun: "missing event", past: "sent"}
	}
	return c.with(func(a *api) error { return c.run(ctx, std, a, c.Printer(std), &wanted) })
}
