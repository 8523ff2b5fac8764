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
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// api calls JSON over HTTP: the server's management API, or the receiver's controls.
type api struct {
	// base is a URL without a path.
	base  string
	token string
}

// client keeps as many connections as endpoints are registered at a time.
var client = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: registrars},
	// The token is for the server under test, and an answer from elsewhere counts for nothing.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

var errStatus = errors.New("unexpected answer")

// call sends in, unless nil, as JSON and reads a 2xx answer into out, unless nil.
func (a api) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w: %s: %.300s", method, path, errStatus, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// registration is what the bench sets of an endpoint.
type registration struct {
	EventType string `json:"event_type"`
	TargetURL string `json:"target_url"`
	Secret    string `json:"secret"`
}

// register adds an endpoint for a client and gives its id.
func (a api) register(ctx context.Context, client string, r registration) (string, error) {
	path := "/api/webhooks?client_id=" + url.QueryEscape(client)
	var made struct {
		ID string `json:"id"`
	}
	err := a.call(ctx, http.MethodPost, path, r, &made)
	return made.ID, err
}

// pause makes an endpoint hold its deliveries.
func (a api) pause(ctx context.Context, id string) error {
	return a.call(ctx, http.MethodPost, "/api/webhooks/"+id+"/pause", nil, nil)
}

// resume makes a paused endpoint go on.
func (a api) resume(ctx context.Context, id string) error {
	return a.call(ctx, http.MethodPost, "/api/webhooks/"+id+"/resume", nil, nil)
}

// delete removes an endpoint.
func (a api) delete(ctx context.Context, id string) error {
	return a.call(ctx, http.MethodDelete, "/api/webhooks/"+id, nil, nil)
}

// awaitReady returns when the server says that it is ready. It gives up when the
// context ends, or the server's process has exited.
func (a api) awaitReady(ctx context.Context, exited <-chan struct{}) error {
	for {
		err := a.call(ctx, http.MethodGet, "/readyz", nil, nil)
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

// mint signs a token that may do everything, valid for a day.
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
