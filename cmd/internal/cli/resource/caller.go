// Package resource has the commands that are views of the API's resources: webhooks,
// deliveries, events and event types.
//
// Each command is one call, or the pages of one list, and prints what the server answered:
// nothing that it does is out of reach of curl. Columns and cards belong here, and so do the
// flags. Formats belong to cli/output, server and token to cli/connection, and whatever the
// server decides, such as the bounds of a setting, to the server: its error is the command's.
package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// caller has the flags of every command here: where to call, as whom, and for whom.
type caller struct {
	connection.Flags `embed:""`

	Client string `placeholder:"ID" help:"Client to act for, with an administrator's token."`
}

// api calls a server for one client, or for whoever the token belongs to.
type api struct {
	client *apiclient.Client
	owner  string // "" for the token's own
}

// open returns the API that the flags choose. The caller closes it.
func (c *caller) open() (*api, error) {
	client, err := c.Flags.Client()
	if err != nil {
		return nil, err
	}
	return &api{client, c.Client}, nil
}

// with opens the API for the time of one function.
func (c *caller) with(call func(*api) error) error {
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.client.Close()
	return call(a)
}

// get reads a path of the API.
func (a *api) get(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	return a.call(ctx, http.MethodGet, path, query, nil)
}

// call makes one call. A body of nil is none. The answer is nil if it has no body.
func (a *api) call(ctx context.Context, method, path string, query url.Values, body any) (json.RawMessage, error) {
	request := apiclient.Request{Method: method, Path: path + a.query(query)}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		request.Body, request.ContentType = text, "application/json"
	}
	status, answer, err := a.client.Send(ctx, request)
	switch {
	case err != nil:
		return nil, err
	case status < 200 || status > 299:
		return nil, apiclient.Refusal(status, answer)
	case len(answer) == 0:
		return nil, nil
	}
	return answer, nil
}

// query returns the query of a URL, with the client to act for.
func (a *api) query(values url.Values) string {
	query := url.Values{}
	for name, value := range values {
		query[name] = value
	}
	if a.owner != "" {
		query.Set("client_id", a.owner)
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// filters returns the parameters of a query that are not empty.
func filters(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}

// readFile returns the content of a file, or of the standard input for "-", up to a limit in
// bytes.
func readFile(name string, std terminal.Streams, limit int64) (string, error) {
	from := std.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", name, err)
	case int64(len(text)) > limit:
		return "", settings.Misuse(fmt.Sprintf("%s is longer than %d bytes", name, limit))
	}
	return string(text), nil
}
