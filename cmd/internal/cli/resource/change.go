package resource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// maxSecret bounds a file with a secret, in bytes. The server takes 256.
const maxSecret = 4 << 10

// secretFlags are those of a secret that the user brings. It is read from a file, because
// other users of a machine can read command lines.
type secretFlags struct {
	SecretFile string `env:"-" placeholder:"FILE" help:"File with the secret, or - for the standard input. Default: the server makes one."`
	Scheme     string `env:"-" placeholder:"v1|v1a" help:"How deliveries are signed: v1 with a shared secret, v1a with a private key. Default: that of the secret; for a new one v1, and what the webhook has already."`
}

// add adds the members of the flags.
func (f *secretFlags) add(members map[string]any, std terminal.Streams) error {
	if f.Scheme != "" {
		members["signature_scheme"] = f.Scheme
	}
	if f.SecretFile == "" {
		return nil
	}
	secret, err := readFile(f.SecretFile, std, maxSecret)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	members["secret"] = settings.SecretLine([]byte(secret))
	return nil
}

// webhooksAdd registers a webhook.
type webhooksAdd struct {
	caller          `embed:""`
	output.Flags    `embed:""`
	secretFlags     `embed:""`
	webhookSettings `embed:""`

	EventType []string `env:"-" short:"t" complete:"type" default:"*" placeholder:"TYPE" help:"Event types to deliver; user.* and * are allowed."`
	Paused    bool     `env:"-" help:"Register it paused."`
	Target    string   `arg:"" placeholder:"URL" help:"Where deliveries go."`
}

// Run registers the webhook and prints it with its secret, which no later answer has.
func (c *webhooksAdd) Run(ctx context.Context, std terminal.Streams) error {
	members, err := c.members(std)
	if err != nil {
		return explainMissing(err)
	}
	members["target_url"], members["event_types"] = c.Target, c.EventType
	if c.Paused {
		members["status"] = "paused"
	}
	if c.Client != "" {
		members["client_id"] = c.Client
	}
	if err := c.add(members, std); err != nil {
		return explainMissing(err)
	}
	return c.with(func(a *api) error {
		answer, err := a.call(ctx, http.MethodPost, "/api/webhooks", nil, members)
		if err != nil {
			return fmt.Errorf("register the webhook: %w", err)
		}
		p := c.Printer(std)
		if err := printWebhook(p, answer); err != nil {
			return err
		}
		p.Note("Keep the secret: it is not shown again.")
		return nil
	})
}

// explainMissing makes a usage error of a file that does not exist.
func explainMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return settings.Misuse(err.Error())
	}
	return err
}

// webhooksSet changes a webhook.
type webhooksSet struct {
	caller          `embed:""`
	output.Flags    `embed:""`
	webhookSettings `embed:""`

	EventType []string `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Event types to deliver, in place of those it has; user.* and * are allowed."`
	Target    *string  `env:"-" placeholder:"URL" help:"Where deliveries go."`
	Reset     []string `env:"-" placeholder:"NAME" help:"Set back to the server's default: description, lease, headers, ca-bundle, timeout, concurrency, rate, retry or breaker; several with commas."`
	ID        string   `arg:"" complete:"webhook" placeholder:"ID" help:"The webhook's id, wh_…."`
}

// Run changes the webhook and prints it.
func (c *webhooksSet) Run(ctx context.Context, std terminal.Streams) error {
	members, err := c.members(std)
	if err != nil {
		return explainMissing(err)
	}
	put(members, "target_url", c.Target)
	if len(c.EventType) > 0 {
		members["event_types"] = c.EventType
	}
	if err := reset(members, c.Reset); err != nil {
		return err
	}
	if len(members) == 0 {
		return settings.Misuse("nothing to change: `astrohook webhooks set --help` lists what can be set")
	}
	return c.with(func(a *api) error {
		answer, err := a.call(ctx, http.MethodPatch, webhookPath(c.ID, ""), nil, members)
		if err != nil {
			return fmt.Errorf("change the webhook: %w", err)
		}
		return printWebhook(c.Printer(std), answer)
	})
}
