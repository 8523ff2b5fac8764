package main

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
)

const (
	clientTimeout = 30 * time.Second
	// The longest answer that is read, in bytes.
	maxAnswer = 16 << 20
)

// apiClient calls a server's API.
type apiClient struct {
	server string
	token  string
	http   *http.Client
}

// newClient checks a server's URL and the token.
func newClient(server, token string) (*apiClient, error) {
	if fault := serverFault(server); fault != "" {
		return nil, &usageError{fmt.Sprintf("%q is not the URL of a server such as http://127.0.0.1:8080: %s", server, fault)}
	}
	if strings.TrimSpace(token) == "" {
		return nil, &usageError{"--token (ASTROHOOK_TOKEN) is not set; `astrohook token` makes one, and an API key does as well"}
	}
	return &apiClient{
		server: strings.TrimRight(server, "/"),
		token:  strings.TrimSpace(token),
		http: &http.Client{
			Timeout: clientTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}, CheckRedirect: stay,
		},
	}, nil
}

// stay keeps a client from following redirects: the token is for the server that
// was named, and an answer from elsewhere says nothing about what was asked of it.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// redirected returns an error if the answer is a redirect, which tells where to.
func redirected(response *http.Response) error {
	if response.StatusCode < 300 || response.StatusCode > 399 {
		return nil
	}
	line := fmt.Sprintf("the server answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	if location := response.Header.Get("Location"); location != "" {
		line += ": it points to " + printable(location)
	}
	return errors.New(line + "; redirects are not followed, so give the URL of the server itself")
}

// serverFault says which part of a server's URL is wrong; "" if none is.
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

// close lets go of idle connections.
func (c *apiClient) close() { c.http.CloseIdleConnections() }

// apiRequest is one call.
type apiRequest struct {
	method, path string
	contentType  string
	body         []byte
}

// do makes a call and decodes the answer into answer, unless that is nil. An
// answer that is no 2xx is an error that tells the server's reason, or where a
// redirect points.
func (c *apiClient) do(ctx context.Context, r apiRequest, answer any) error {
	status, text, err := c.send(ctx, r)
	switch {
	case err != nil:
		return err
	case status < 200 || status > 299:
		return refusal(status, text)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	return nil
}

// send makes a call and gives the answer's status and body.
func (c *apiClient) send(ctx context.Context, r apiRequest) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, r.method, c.server+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if r.contentType != "" {
		request.Header.Set("Content-Type", r.contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("call the server: %w", err)
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

// open makes a call whose answer is as long as it will, and takes as long: it is
// to be read and closed.
func (c *apiClient) open(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	unbounded := http.Client{Transport: c.http.Transport, CheckRedirect: stay}
	response, err := unbounded.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call the server: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	if err := redirected(response); err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return nil, errors.Join(refusal(response.StatusCode, text), err, response.Body.Close())
}

// problem is what counts for people in an RFC 9457 problem document.
type problem struct {
	Title       string   `json:"title"`
	Detail      string   `json:"detail"`
	Field       string   `json:"field"`
	Suggestions []string `json:"suggestions"`
}

// refusedError is an answer of the server's that is no success.
type refusedError struct {
	status int
	line   string
}

// Error is one line for people.
func (e *refusedError) Error() string { return e.line }

// isNotFound reports whether the server answered that there is no such thing.
func isNotFound(err error) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return ok && refused.status == http.StatusNotFound
}

// refusal tells in one line why the server said no.
func refusal(status int, text []byte) error {
	var p problem
	if err := json.Unmarshal(text, &p); err != nil {
		p = problem{} // not from Astrohook: the status has to do
	}
	line := fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
	if reason := p.String(); reason != "" {
		line += ": " + reason
	}
	return &refusedError{status, line}
}

// String is one line, free of control characters.
func (p problem) String() string {
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
	return printable(line)
}
