package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
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

// keyColumns are the titles of what columns returns.
const keyColumns = "ID\tNAME\tCLIENT\tSCOPE\tMADE\tEXPIRES"

// columns returns a key's line of the table. Names come from administrators, and ids from
// the server, so all of it is made harmless for the terminal.
func (k apiKey) columns() string {
	columns := []string{k.ID, k.Name, k.ClientID, strings.Join(k.Scopes, " "), k.CreatedAt, k.ExpiresAt}
	for i, text := range columns {
		columns[i] = terminal.OrDash(text)
	}
	if k.ExpiresAt == "" {
		columns[5] = "never"
	}
	return strings.Join(columns, "\t")
}

// keyListCommand lists keys, without their texts, which the server does not have.
type keyListCommand struct {
	keyServer `embed:""`
	Client    string `placeholder:"ID" help:"Only this client's keys."`
}

// Run prints a table of the keys, and their number. It reads all pages first, since the
// widths of the columns depend on all of them.
func (c *keyListCommand) Run(ctx context.Context, std streams) error {
	keys, err := c.list(ctx)
	if err != nil {
		return fmt.Errorf("list API keys: %w", err)
	}
	whose := ""
	if c.Client != "" {
		whose = " of client " + terminal.Printable(c.Client)
	}
	if len(keys) == 0 {
		_, err = fmt.Fprintf(std.Out, "No API keys%s; `astrohook key create` makes one.\n", whose)
		return err
	}
	table := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, keyColumns)
	for _, k := range keys {
		_, _ = fmt.Fprintln(table, k.columns())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the keys: %w", err)
	}
	_, err = fmt.Fprintln(std.Out, terminal.Counted(len(keys), "API key")+whose)
	return err
}

// list reads all keys, page by page, which may miss keys that are made meanwhile. The
// server has 10,000 at most.
func (c *keyListCommand) list(ctx context.Context) (keys []apiKey, err error) {
	query := url.Values{"limit": {"250"}}
	if c.Client != "" {
		query.Set("client_id", c.Client)
	}
	for {
		var page struct {
			Data       []apiKey `json:"data"`
			NextCursor string   `json:"next_cursor"`
		}
		if err := c.call(ctx, apiclient.Request{Method: http.MethodGet, Path: "/api/keys?" + query.Encode()}, &page); err != nil {
			return nil, err
		}
		keys = append(keys, page.Data...)
		if page.NextCursor == "" {
			return keys, nil
		}
		query.Set("cursor", page.NextCursor)
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
