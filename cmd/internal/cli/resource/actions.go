package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// webhooksRotate changes the secret of a webhook.
type webhooksRotate struct {
	caller       `embed:""`
	output.Flags `embed:""`
	secretFlags  `embed:""`

	Overlap *time.Duration `env:"-" placeholder:"DURATION" help:"How long the previous secret still signs, up to 7d; 0s ends it now. Default: 24h."`
	End     bool           `env:"-" help:"Make no secret; end the overlap with the previous one, once the receiver has the new one."`
	ID      string         `arg:"" complete:"webhook" placeholder:"ID" help:"The webhook's id, wh_…."`
}

// Run rotates the secret, or ends the overlap, and prints the webhook.
func (c *webhooksRotate) Run(ctx context.Context, std terminal.Streams) error {
	action, members := "/rotate-secret", map[string]any{}
	if c.End {
		if c.Overlap != nil || c.SecretFile != "" || c.Scheme != "" {
			return settings.Misuse("--end makes no secret: leave out --overlap, --secret-file and --scheme")
		}
		action, members = "/end-rotation", nil
	} else {
		if err := putTimes(timeFlag{members, "overlap_seconds", "--overlap", c.Overlap, time.Second}); err != nil {
			return err
		}
		if err := c.add(members, std); err != nil {
			return explainMissing(err)
		}
	}
	return c.with(func(a *api) error {
		var body any
		if members != nil {
			body = members
		}
		answer, err := a.call(ctx, http.MethodPost, webhookPath(c.ID, action), nil, body)
		if err != nil {
			return fmt.Errorf("rotate the secret: %w", err)
		}
		p := c.Printer(std)
		if err := printWebhook(p, answer); err != nil {
			return err
		}
		if !c.End {
			p.Note("Keep the new secret: it is not shown again. `astrohook webhooks rotate --end` ends the overlap.")
		}
		return nil
	})
}

// maxData bounds the data of a test, in bytes, as the server does.
const maxData = 1 << 20

// errNotDelivered has the exit code of a failed command, so that a script notices.
var errNotDelivered = errors.New("the test was not delivered")

// webhooksTest sends a test delivery.
type webhooksTest struct {
	caller       `embed:""`
	output.Flags `embed:""`

	EventType string        `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Type of the event. Default: webhook.test."`
	Data      string        `env:"-" placeholder:"JSON" help:"Data of the event as JSON, or @FILE, or - for the standard input. Default: {\"test\":true}."`
	Wait      time.Duration `env:"-" default:"10s" help:"How long to wait for the first attempt, up to 1m; 0s to send and not wait."`
	ID        string        `arg:"" complete:"webhook" placeholder:"ID" help:"The webhook's id, wh_…."`
}

// Run sends the test and prints the delivery after its first attempt. It fails if that has
// failed.
func (c *webhooksTest) Run(ctx context.Context, std terminal.Streams) error {
	if c.Wait < 0 {
		return settings.Misuse("--wait is negative")
	}
	members := map[string]any{}
	if c.EventType != "" {
		members["event_type"] = c.EventType
	}
	if c.Data != "" {
		data, err := c.data(std)
		if err != nil {
			return err
		}
		members["data"] = data
	}
	query := filters()
	if c.Wait > 0 {
		query.Set("wait", c.Wait.String())
	}
	return c.with(func(a *api) error {
		// The client waits half a minute for any answer; one that waits for an attempt may take longer.
		a.client.HTTP.Timeout += c.Wait
		answer, err := a.call(ctx, http.MethodPost, webhookPath(c.ID, "/test"), query, members)
		if err != nil {
			return fmt.Errorf("test the webhook: %w", err)
		}
		if err := output.One(c.Printer(std), answer, showDelivery); err != nil {
			return err
		}
		var d delivery
		if err := json.Unmarshal(answer, &d); err == nil && c.Wait > 0 && d.Status != "delivered" {
			return errNotDelivered
		}
		return nil
	})
}

// data returns the event's data as it stands in the argument, a file or the standard input.
func (c *webhooksTest) data(std terminal.Streams) (json.RawMessage, error) {
	text, file := c.Data, ""
	switch {
	case text == "-":
		file = text
	case text[0] == '@':
		file = text[1:]
	}
	if file != "" {
		var err error
		if text, err = readFile(file, std, maxData); err != nil {
			return nil, explainMissing(fmt.Errorf("read the data: %w", err))
		}
	}
	if !json.Valid([]byte(text)) {
		return nil, settings.Misuse("the event's data is not JSON")
	}
	return json.RawMessage(text), nil
}

// webhooksRemove deletes webhooks.
type webhooksRemove struct {
	caller       `embed:""`
	live.Consent `embed:""`
	IDs          []string `arg:"" name:"id" complete:"webhook" placeholder:"ID" help:"Ids of webhooks, wh_…."`
}

// Run asks, with what would be lost, and deletes the webhooks.
func (c *webhooksRemove) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		for _, id := range c.IDs {
			if err := c.remove(ctx, a, std, id); err != nil {
				return fmt.Errorf("delete %s: %w", terminal.Printable(id), err)
			}
			_, _ = fmt.Fprintf(std.Err, "Deleted %s.\n", terminal.Printable(id))
		}
		return nil
	})
}

// remove deletes one webhook. An id that does not exist is an error before any question.
func (c *webhooksRemove) remove(ctx context.Context, a *api, std terminal.Streams, id string) error {
	if !c.Yes {
		question, err := lossOf(ctx, a, id)
		if err != nil {
			return err
		}
		if err := c.Ask(ctx, std, question); err != nil {
			return err
		}
	}
	_, err := a.call(ctx, http.MethodDelete, webhookPath(id, ""), nil, nil)
	return err
}

// lossOf returns the question whether to delete a webhook: where it leads, and how many
// deliveries would be cancelled.
func lossOf(ctx context.Context, a *api, id string) (string, error) {
	var w webhook
	var h health
	for path, into := range map[string]any{"": &w, "/health": &h} {
		answer, err := a.get(ctx, webhookPath(id, path), nil)
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(answer, into); err != nil {
			return "", fmt.Errorf("the server's answer is not what was expected: %w", err)
		}
	}
	question := fmt.Sprintf("Delete %s to %s", terminal.Printable(id), terminal.Printable(w.TargetURL))
	if pending := h.Queued + h.Retrying + h.InFlight; pending > 0 {
		question += ", and cancel what is pending: " + terminal.Counted(pending, "delivery")
	}
	return question + "?", nil
}
