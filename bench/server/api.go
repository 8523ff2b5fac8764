package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// API calls JSON over HTTP: the server's management API, or the receiver's controls.
type API struct {
	// Base is a URL without a path.
	Base string
	// Token is sent with every call; "" for the receiver, which asks for none.
	Token string
}

// Registrars is how many endpoints are worth registering at a time: enough to keep the
// server busy, and to have their registrations synced to disk together.
const Registrars = 64

// client keeps as many connections as endpoints are registered at a time.
var client = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: Registrars},
	// The token is for the server under test, and an answer from elsewhere counts for nothing.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// CloseIdleConnections closes the connections that calls keep for the next ones.
func CloseIdleConnections() { client.CloseIdleConnections() }

var errStatus = errors.New("unexpected answer")

// Call sends in, unless nil, as JSON, and decodes a 2xx answer into out, unless nil. Any
// other answer is an error that quotes its beginning.
func (a API) Call(ctx context.Context, method, path string, in, out any) error {
	answer, err := a.exchange(ctx, method, path, in)
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (a API) exchange(ctx context.Context, method, path string, in any) ([]byte, error) {
	req, err := a.request(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body) // to its end, so that the connection can be used again
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%w: %s: %.300s", errStatus, resp.Status, answer)
	}
	return answer, nil
}

func (a API) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.Base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.Token)
	}
	return req, nil
}

// Registration is the part of an endpoint that the bench sets; the rest has the
// server's defaults, as for most clients.
type Registration struct {
	EventType string `json:"event_type"`
	TargetURL string `json:"target_url"`
	Secret    string `json:"secret"`
}

// Register adds an endpoint for a client and returns its id.
func (a API) Register(ctx context.Context, client string, r Registration) (string, error) {
	path := "/api/webhooks?client_id=" + url.QueryEscape(client)
	var made struct {
		ID string `json:"id"`
	}
	err := a.Call(ctx, http.MethodPost, path, r, &made)
	return made.ID, err
}

// Pause makes an endpoint hold its deliveries.
func (a API) Pause(ctx context.Context, id string) error {
	return a.Call(ctx, http.MethodPost, "/api/webhooks/"+id+"/pause", nil, nil)
}

// Resume makes a paused endpoint deliver again.
func (a API) Resume(ctx context.Context, id string) error {
	return a.Call(ctx, http.MethodPost, "/api/webhooks/"+id+"/resume", nil, nil)
}

// Delete removes an endpoint.
func (a API) Delete(ctx context.Context, id string) error {
	return a.Call(ctx, http.MethodDelete, "/api/webhooks/"+id, nil, nil)
}

// awaitReady returns when the server says that it is ready. It fails when the context
// ends or the server's process has exited. It asks every 5 ms, which is the precision of
// ReadyIn.
func (a API) awaitReady(ctx context.Context, exited <-chan struct{}) error {
	for {
		err := a.Call(ctx, http.MethodGet, "/readyz", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("the server has exited: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the server did not become ready: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// mint signs a token that may do everything, valid for a day: longer than any run.
func mint(secret string) (string, error) {
	claims := jwt.MapClaims{
		"client_id": "bench",
		"scope":     "admin",
		"exp":       time.Now().Add(24 * time.Hour).Unix(),
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("mint a token: %w", err)
	}
	return token, nil
}
