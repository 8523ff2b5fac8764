package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// keyCommand manages the API keys of a running server.
type keyCommand struct {
	Create keyCreateCommand `cmd:"" help:"Make an API key and print it; it is not shown again."`
	List   keyListCommand   `cmd:"" help:"List the API keys."`
	Revoke keyRevokeCommand `cmd:"" help:"Revoke an API key: it is refused at once."`
}

// keyServer has the flags that all key commands share. Each needs the scope admin.
type keyServer struct {
	connection.Flags `embed:""`
}

// call makes one call to the server, with a client of its own: these commands make few.
// A missing token or a wrong URL is an error before anything is sent.
func (c *keyServer) call(ctx context.Context, r apiclient.Request, answer any) error {
	client, err := c.Flags.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Do(ctx, r, answer)
}

// keyCreateCommand makes a key. The server decides whether its scopes are allowed.
type keyCreateCommand struct {
	keyServer `embed:""`
	Client    string `placeholder:"ID" help:"Client that the key is for."`
	// Scopes are split at spaces, as in the scope claim of a token.
	Scope    []string      `sep:" " placeholder:"SCOPE" help:"events:write to publish to the client, events:write:all to publish to every client, admin for everything; can be repeated."`
	Lifetime time.Duration `default:"0s" help:"How long the key is valid; 0 for ever."`
	Name     string        `arg:"" help:"What the key is for."`
}

// Run makes a key and prints its text and nothing else, so that a script can take it.
func (c *keyCreateCommand) Run(ctx context.Context, std streams) error {
	input := map[string]any{"name": c.Name}
	if c.Client != "" {
		input["client_id"] = c.Client
	}
	if len(c.Scope) > 0 {
		input["scopes"] = c.Scope
	}
	switch {
	case c.Lifetime < 0:
		return settings.Misuse("--lifetime is negative")
	case c.Lifetime > 0:
		input["expires_at"] = time.Now().Add(c.Lifetime).UTC().Format(time.RFC3339Nano)
	}
	// Members that were not given are left out: the server has its own rules for those.
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	var made apiKey
	request := apiclient.Request{Method: http.MethodPost, Path: "/api/keys", ContentType: "application/json", Body: body}
	if err := c.call(ctx, request, &made); err != nil {
		return fmt.Errorf("make API key: %w", err)
	}
	_, err = fmt.Fprintln(std.Out, terminal.Printable(made.Key))
	return err
}

// apiKey is a key in the server's answers. Times stay texts: they are printed only.
type apiKey struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	ClientID  string   `json:"client_id"` // "" if the key is for no client
	Scopes    []string `json:"scopes"`
	CreatedAt string   `json:"created_at"`
	ExpiresAt string   `json:"expires_at"` // "" if it never expires
	// Key is what callers send. Only the answer to its creation has it: the server keeps a
	// hash.
	Key string `json:"key"`
}

// keyColumns are the columns of a list of keys.
var keyColumns = []output.Column[apiKey]{
	{Title: "ID", Text: func(k apiKey) string { return k.ID }},
	{Title: "NAME", Text: func(k apiKey) string { return k.Name }, Least: 15},
	{Title: "CLIENT", Text: func(k apiKey) string { return k.ClientID }, Least: 10},
	{Title: "SCOPE", Text: func(k apiKey) string { return strings.Join(k.Scopes, " ") }},
	{Title: "MADE", Text: func(k apiKey) string { return k.CreatedAt }, Drop: 1},
	{Title: "EXPIRES", Text: func(k apiKey) string { return cmp.Or(k.ExpiresAt, "never") }},
}

// keyListCommand lists keys, without their texts, which the server does not have.
type keyListCommand struct {
	keyServer    `embed:""`
	output.Flags `embed:""`
	Client       string `placeholder:"ID" help:"Only this client's keys."`
}

// Run prints the keys, and says how many there are. A table of them is read whole before,
// since the widths of its columns depend on all.
func (c *keyListCommand) Run(ctx context.Context, std streams) error {
	p := c.Printer(std)
	n, err := output.List(p, c.keys(ctx), keyColumns)
	if err != nil {
		return fmt.Errorf("list API keys: %w", err)
	}
	whose := ""
	if c.Client != "" {
		whose = " of client " + terminal.Printable(c.Client)
	}
	switch {
	case p.Format != output.Table:
	case n == 0:
		p.Note("No API keys" + whose + "; `astrohook key create` makes one.")
	default:
		p.Note(terminal.Counted(n, "API key") + whose)
	}
	return nil
}

// keys returns all keys, page by page, which may miss keys that are made meanwhile. The
// server has 10,000 at most.
func (c *keyListCommand) keys(ctx context.Context) iter.Seq2[json.RawMessage, error] {
	query := url.Values{"limit": {"250"}}
	if c.Client != "" {
		query.Set("client_id", c.Client)
	}
	return func(yield func(json.RawMessage, error) bool) {
		for {
			var page struct {
				Data       []json.RawMessage `json:"data"`
				NextCursor string            `json:"next_cursor"`
			}
			if err := c.call(ctx, apiclient.Request{Method: http.MethodGet, Path: "/api/keys?" + query.Encode()}, &page); err != nil {
				yield(nil, err)
				return
			}
			for _, key := range page.Data {
				if !yield(key, nil) {
					return
				}
			}
			if page.NextCursor == "" {
				return
			}
			query.Set("cursor", page.NextCursor)
		}
	}
}

// keyRevokeCommand revokes a key by its id, which the list shows.
type keyRevokeCommand struct {
	keyServer `embed:""`
	ID        string `arg:"" placeholder:"ID" help:"The key's id: what stands between ahk_ and the next _."`
}

// Run revokes a key.
func (c *keyRevokeCommand) Run(ctx context.Context, std streams) error {
	request := apiclient.Request{Method: http.MethodDelete, Path: "/api/keys/" + url.PathEscape(c.ID)}
	if err := c.call(ctx, request, nil); err != nil {
		return fmt.Errorf("revoke API key: %w", err)
	}
	_, err := fmt.Fprintln(std.Out, "Revoked "+terminal.Printable(c.ID))
	return err
}
