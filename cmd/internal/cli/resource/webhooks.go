package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Webhooks are the commands about webhooks.
type Webhooks struct {
	List   webhooksList   `cmd:"" help:"List webhooks, newest first."`
	Get    webhooksGet    `cmd:"" help:"Show a webhook with its settings, and how it is doing."`
	Health webhooksHealth `cmd:"" help:"Show how a webhook is doing."`
	Add    webhooksAdd    `cmd:"" help:"Register a webhook. Its secret is shown once."`
	Set    webhooksSet    `cmd:"" help:"Change a webhook: what is given, and nothing else."`
	Pause  webhooksPause  `cmd:"" help:"Hold the deliveries of webhooks; events are still accepted."`
	Resume webhooksResume `cmd:"" help:"Resume webhooks that were paused or disabled, or that wait for a breaker or a Retry-After."`
	Rotate webhooksRotate `cmd:"" help:"Make a new secret, or end the overlap with the previous one."`
	Test   webhooksTest   `cmd:"" help:"Send a test delivery now, and show its outcome."`
	Remove webhooksRemove `cmd:"" help:"Delete webhooks. Their pending deliveries are cancelled."`
}

// webhookPath returns the path of a webhook, or with a rest that of one of its actions.
func webhookPath(id, rest string) string { return "/api/webhooks/" + url.PathEscape(id) + rest }

// webhooksList lists webhooks, with every filter and order that the API has.
type webhooksList struct {
	paged `embed:""`

	Status    *string `env:"-" short:"s" enum:"active,paused,disabled" placeholder:"STATUS" help:"Only those with this status: active, paused or disabled."`
	Health    *string `env:"-" enum:"open,failing,slow,idle,ok,unknown" placeholder:"STATE" help:"Only those in this state: open (the breaker), failing, slow, idle, ok or unknown."`
	EventType string  `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Only those with a pattern that matches this event type."`
	Query     string  `env:"-" short:"q" placeholder:"TEXT" help:"Only those with this text in their target URL or description."`
	Sort      *string `env:"-" enum:"created,backlog,age,failures" placeholder:"ORDER" help:"created (newest first), or the worst first: backlog, age (of the oldest pending delivery) or failures."`
}

// Run prints the list.
func (c *webhooksList) Run(ctx context.Context, std terminal.Streams) error {
	query := filters("event_type", c.EventType, "q", c.Query)
	for name, value := range map[string]*string{"status": c.Status, "health": c.Health, "sort": c.Sort} {
		if value != nil {
			query.Set(name, *value)
		}
	}
	return showList(ctx, std, &c.paged, "/api/webhooks", query, "webhook", webhookColumns)
}

// webhooksGet shows one webhook.
type webhooksGet struct {
	single `embed:""`
	ID     string `arg:"" complete:"webhook" placeholder:"ID" help:"The webhook's id, wh_…."`
}

// Run prints the webhook, and for people its health below it.
func (c *webhooksGet) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		return c.Show(ctx, std, func(ctx context.Context, p *output.Printer) error { return showWithHealth(ctx, a, p, c.ID) })
	})
}

// showWithHealth prints a webhook, and for people its health below it.
func showWithHealth(ctx context.Context, a *api, p *output.Printer, id string) error {
	answer, err := a.get(ctx, webhookPath(id, ""), nil)
	if err != nil {
		return fmt.Errorf("show the webhook: %w", err)
	}
	if err := printWebhook(p, answer); err != nil || p.Format != output.Table {
		return err
	}
	if answer, err = a.get(ctx, webhookPath(id, "/health"), nil); err != nil {
		return fmt.Errorf("show its health: %w", err)
	}
	if err := p.Section("How it is doing"); err != nil {
		return err
	}
	return output.One(p, answer, showHealth)
}

// webhooksHealth shows the health of one webhook.
type webhooksHealth struct {
	single `embed:""`
	ID     string `arg:"" complete:"webhook" placeholder:"ID" help:"The webhook's id, wh_…."`
}

// Run prints the health.
func (c *webhooksHealth) Run(ctx context.Context, std terminal.Streams) error {
	return showOne(ctx, std, &c.single, webhookPath(c.ID, "/health"), nil, "the health", showHealth)
}

// each makes a call for each of several things, in order, and prints the answers. It stops
// at the first error, which names the thing: those before it are done.
func each[T any](ctx context.Context, a *api, p *output.Printer, ids []string, method string, path func(id string) string, columns []output.Column[T]) error {
	values := func(yield func(json.RawMessage, error) bool) {
		for _, id := range ids {
			answer, err := a.call(ctx, method, path(id), nil, nil)
			if err != nil {
				err = fmt.Errorf("%s: %w", terminal.Printable(id), err)
			}
			if !yield(answer, err) || err != nil {
				return
			}
		}
	}
	_, err := output.List(p, values, columns)
	return err
}

// webhooksPause pauses webhooks.
type webhooksPause struct {
	caller       `embed:""`
	output.Flags `embed:""`
	IDs          []string `arg:"" name:"id" complete:"webhook" placeholder:"ID" help:"Ids of webhooks, wh_…."`
}

// Run pauses them.
func (c *webhooksPause) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		path := func(id string) string { return webhookPath(id, "/pause") }
		return each(ctx, a, c.Printer(std), c.IDs, http.MethodPost, path, webhookColumns)
	})
}

// webhooksResume resumes webhooks.
type webhooksResume struct {
	caller       `embed:""`
	output.Flags `embed:""`
	IDs          []string `arg:"" name:"id" complete:"webhook" placeholder:"ID" help:"Ids of webhooks, wh_…."`
}

// Run resumes them.
func (c *webhooksResume) Run(ctx context.Context, std terminal.Streams) error {
	return c.with(func(a *api) error {
		path := func(id string) string { return webhookPath(id, "/resume") }
		return each(ctx, a, c.Printer(std), c.IDs, http.MethodPost, path, webhookColumns)
	})
}
