// Package apiclient calls a server's API for the commands.
//
// How a call is made, and how a refusal reads, belongs here. Which calls there are,
// and what their answers mean, belongs to the commands.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

const (
	// clientTimeout bounds a call with its answer. The server answers within seconds, or
	// refuses.
	clientTimeout = 30 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 16 << 20
)

// Client calls the API of one server. It is safe for concurrent use if HTTP is.
type Client struct {
	Server string // URL without a trailing slash
	Token  string // or an API key
	HTTP   *http.Client
}

// New returns a client of the server with a URL, which may have a path in front of the
// API's, and a token, around which white space is dropped. Calls go through the proxy
// that the environment names, if any. The client follows no redirects, and a call other
// than Open takes at most 30 s. A wrong URL, or a missing token, is a
// *settings.UsageError.
func New(server, token string) (*Client, error) {
	if fault := serverFault(server); fault != "" {
		return nil, settings.Misuse(fmt.Sprintf("%q is not the URL of a server such as http://127.0.0.1:8080: %s", withoutPassword(server), fault))
	}
	// The server would answer 401, which does not say which setting is missing.
	if strings.TrimSpace(token) == "" {
		return nil, settings.Misuse("--token (ASTROHOOK_TOKEN) is not set; `astrohook token` makes one, and an API key does as well")
	}
	return &Client{
		Server: strings.TrimRight(server, "/"),
		Token:  strings.TrimSpace(token),
		HTTP: &http.Client{
			Timeout: clientTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}, CheckRedirect: stay,
		},
	}, nil
}

// withoutPassword returns a server's URL as an error may show it: errors end up in logs.
func withoutPassword(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.User == nil {
		return server
	}
	return u.Redacted()
}

// stay keeps a client from following redirects: the token is meant for the server
// that the user named, and an answer from another one is no answer to the call.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// redirected returns an error, with the address, if the answer is a redirect.
func redirected(response *http.Response) error {
	if response.StatusCode < 300 || response.StatusCode > 399 {
		return nil
	}
	line := fmt.Sprintf("the server answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	if location := response.Header.Get("Location"); location != "" {
		line += ": it points to " + terminal.Printable(location)
	}
	return errors.New(line + "; redirects are not followed, so give the URL of the server itself")
}

// serverFault returns what is wrong with a server's URL; "" if nothing is.
func serverFault(server string) string {
	u, err := url.Parse(server)
	var failed *url.Error
	switch {
	case errors.As(err, &failed):
		return failed.Err.Error()
	case u.Scheme != "http" && u.Scheme != "https":
		return "it does not begin with http:// or https://"
	case u.Hostname() == "":
		return "the host is missing"
	case u.User != nil:
		return "it has a user or a password; the token goes into --token"
	case u.RawQuery != "" || u.Fragment != "":
		return "it has a query or a fragment"
	}
	if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > 65535) {
		return "the port " + u.Port() + " is not from 1 to 65535"
	}
	return ""
}

// Close closes idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

// Request is one call. The caller escapes what it puts into the path.
type Request struct {
	Method, Path string // the path with its query, escaped
	ContentType  string // "" for none
	Body         []byte // nil for none
}

// Do makes a call and decodes the answer into answer, unless that is nil. An answer
// other than 2xx is an error with the server's reason, or with the address that a
// redirect points to.
func (c *Client) Do(ctx context.Context, r Request, answer any) error {
	status, text, err := c.Send(ctx, r)
	switch {
	case err != nil:
		return err
	case status < 200 || status > 299:
		return Refusal(status, text)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	return nil
}

// Send makes a call and returns the status and the body of the answer, which may be
// a refusal. A redirect is an error.
func (c *Client) Send(ctx context.Context, r Request) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, c.Server+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return 0, nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	if r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return 0, nil, uncalled(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := redirected(response); err != nil {
		return 0, nil, err
	}
	text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read the server's answer: %w", err)
	}
	return response.StatusCode, text, nil
}

// uncalled returns the error of a call that got no answer, without its method and URL: the
// user knows which command it was, and the reason has the address.
func uncalled(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("call the server: %w", err)
}

// Open makes a GET call whose answer may take any time and have any length; ctx ends it.
// The caller reads and closes it, and must check that it is whole: the server can only
// break off when it fails in the middle.
func (c *Client) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.Follow(ctx, path, "")
}

// Follow is Open for a stream of events, which continues after the one with the ID last; ""
// for one that begins now.
func (c *Client) Follow(ctx context.Context, path, last string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Server+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	unbounded := http.Client{Transport: c.HTTP.Transport, CheckRedirect: stay}
	response, err := unbounded.Do(request)
	if err != nil {
		return nil, uncalled(err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	if err := redirected(response); err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return nil, errors.Join(Refusal(response.StatusCode, text), err, response.Body.Close())
}

// Problem is what people need of a problem document (RFC 9457). Members that are missing
// are empty.
type Problem struct {
	Title       string   `json:"title"`       // what kind of problem it is
	Detail      string   `json:"detail"`      // what is wrong this time
	Field       string   `json:"field"`       // the member of the request, as in retry.max_attempts
	Suggestions []string `json:"suggestions"` // names that may have been meant
}

// refusedError is an answer of the server's that is no success.
type refusedError struct {
	status int    // the HTTP status
	line   string // with the reason, for people
}

// Error is one line for people.
func (e *refusedError) Error() string { return e.line }

// IsNotFound reports whether the server answered 404.
func IsNotFound(err error) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return ok && refused.status == http.StatusNotFound
}

// IsFinal reports whether the server refused a call in a way that does not pass by itself.
func IsFinal(err error) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return ok && refused.status < http.StatusInternalServerError && refused.status != http.StatusTooManyRequests
}

// Refusal returns the error of an answer other than 2xx, whose reason is one line.
func Refusal(status int, text []byte) error {
	var p Problem
	if err := json.Unmarshal(text, &p); err != nil {
		p = Problem{} // not from Astrohook: the status has to do
	}
	line := fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
	if reason := p.String(); reason != "" {
		line += ": " + reason
	}
	return &refusedError{status, line}
}

// String returns one line without control characters.
func (p Problem) String() string {
	field := p.Field
	if strings.HasPrefix(p.Detail, field[strings.LastIndexByte(field, '.')+1:]) {
		field = "" // the detail begins with it
	}
	var parts []string
	for _, part := range []string{p.Title, field, p.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	line := strings.Join(parts, ": ")
	if len(p.Suggestions) > 0 {
		line += " (perhaps " + strings.Join(p.Suggestions, ", ") + ")"
	}
	return terminal.Printable(line)
}
