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
)

// keyCommand manages the API keys of a running server.
type keyCommand struct {
	Create keyCreateCommand `cmd:"" help:"Make an API key and print it; it is not shown again."`
	List   keyListCommand   `cmd:"" help:"List the API keys."`
	Revoke keyRevokeCommand `cmd:"" help:"Revoke an API key: it is refused at once."`
}

// keyServer is where the keys are, and who asks.
type keyServer struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Token  string `placeholder:"TOKEN" help:"Token, or API key, with the scope admin."`
}

// call makes one call to the server.
func (c *keyServer) call(ctx context.Context, r apiRequest, answer any) error {
	client, err := newClient(c.Server, c.Token)
	if err != nil {
		return err
	}
	defer client.close()
	return client.do(ctx, r, answer)
}

type keyCreateCommand struct {
	keyServer `embed:""`
	Client    string        `placeholder:"ID" help:"Client that the key is for."`
	Scope     []string      `sep:" " placeholder:"SCOPE" help:"events:write to publish to the client, events:write:all to publish to every client, admin for everything; can be repeated."`
	Lifetime  time.Duration `default:"0s" help:"How long the key is valid; 0 for ever."`
	Name      string        `arg:"" help:"What the key is for."`
}

// Run makes a key and prints its text.
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
		return &usageError{"--lifetime is negative"}
	case c.Lifetime > 0:
		input["expires_at"] = time.Now().Add(c.Lifetime).UTC().Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	var made apiKey
	request := apiRequest{method: http.MethodPost, path: "/api/keys", contentType: "application/json", body: body}
	if err := c.call(ctx, request, &made); err != nil {
		return fmt.Errorf("make API key: %w", err)
	}
	_, err = fmt.Fprintln(std.out, printable(made.Key))
	return err
}

// apiKey is one as the server tells of it.
type apiKey struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	ClientID  string   `json:"client_id"`
	Scopes    []string `json:"scopes"`
	CreatedAt string   `json:"created_at"`
	ExpiresAt string   `json:"expires_at"`
	Key       string   `json:"key"`
}

// keyColumns heads what columns returns.
const keyColumns = "ID\tNAME\tCLIENT\tSCOPE\tMADE\tEXPIRES"

// columns are a key's line in the table that people read.
func (k apiKey) columns() string {
	columns := []string{k.ID, k.Name, k.ClientID, strings.Join(k.Scopes, " "), k.CreatedAt, k.ExpiresAt}
	for i, text := range columns {
		columns[i] = orDash(text)
	}
	if k.ExpiresAt == "" {
		columns[5] = "never"
	}
	return strings.Join(columns, "\t")
}

// counted writes a number with its noun: 1 key, 2 keys.
func counted[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, plural(noun))
}

// plural is a noun's plural, where that ends with s.
func plural(noun string) string {
	if stem, is := strings.CutSuffix(noun, "y"); is && !strings.HasSuffix(stem, "e") {
		return stem + "ies"
	}
	return noun + "s"
}

type keyListCommand struct {
	keyServer `embed:""`
	Client    string `placeholder:"ID" help:"Only this client's keys."`
}

// Run prints a table of the keys, and how many they are.
func (c *keyListCommand) Run(ctx context.Context, std streams) error {
	keys, err := c.list(ctx)
	if err != nil {
		return fmt.Errorf("list API keys: %w", err)
	}
	whose := ""
	if c.Client != "" {
		whose = " of client " + printable(c.Client)
	}
	if len(keys) == 0 {
		_, err = fmt.Fprintf(std.out, "No API keys%s; `astrohook key create` makes one.\n", whose)
		return err
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, keyColumns)
	for _, k := range keys {
		_, _ = fmt.Fprintln(table, k.columns())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the keys: %w", err)
	}
	_, err = fmt.Fprintln(std.out, counted(len(keys), "API key")+whose)
	return err
}

// list reads all keys, page by page. The server has 10,000 at most.
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
		if err := c.call(ctx, apiRequest{method: http.MethodGet, path: "/api/keys?" + query.Encode()}, &page); err != nil {
			return nil, err
		}
		keys = append(keys, page.Data...)
		if page.NextCursor == "" {
			return keys, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

type keyRevokeCommand struct {
	keyServer `embed:""`
	ID        string `arg:"" placeholder:"ID" help:"The key's id: what stands between ahk_ and the next _."`
}

// Run revokes a key.
func (c *keyRevokeCommand) Run(ctx context.Context, std streams) error {
	request := apiRequest{method: http.MethodDelete, path: "/api/keys/" + url.PathEscape(c.ID)}
	if err := c.call(ctx, request, nil); err != nil {
		return fmt.Errorf("revoke API key: %w", err)
	}
	_, err := fmt.Fprintln(std.out, "Revoked "+printable(c.ID))
	return err
}
