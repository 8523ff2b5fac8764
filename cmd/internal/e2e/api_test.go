package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// api calls a server's HTTP API.
type api struct {
	base  string // without a path
	token string
}

// mint signs a token for a client, for an hour.
func mint(t *testing.T, client, scope string) string {
	t.Helper()
	return mintFor(t, time.Hour, client, scope)
}

func mintFor(t *testing.T, lifetime time.Duration, client, scope string) string {
	t.Helper()
	claims := jwt.MapClaims{"exp": time.Now().Add(lifetime).Unix()}
	if client != "" {
		claims["client_id"] = client
	}
	if scope != "" {
		claims["scope"] = scope
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// statusError is an answer other than 2xx.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.body) }

// try sends in, unless nil, as JSON, and reads a 2xx answer into out, unless nil.
func (a *api) try(method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := a.send(method, path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// send sends a body as it is. A server that never answers fails the test that asked it, with
// that server's last words, in place of all tests at the end of their time.
func (a *api) send(method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{resp.StatusCode, string(answer)}
	}
	return answer, nil
}

// call is try, for calls that must succeed.
func (a *api) call(t *testing.T, method, path string, in, out any) {
	t.Helper()
	if err := a.try(method, path, in, out); err != nil {
		t.Fatal(err)
	}
}

// fields is a JSON object.
type fields map[string]any

// register registers an endpoint for a client and returns its id.
func (a *api) register(t *testing.T, client string, spec fields) string {
	t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	a.call(t, http.MethodPost, "/api/webhooks?client_id="+url.QueryEscape(client), spec, &made)
	if made.ID == "" {
		t.Fatal("the registered endpoint has no id")
	}
	return made.ID
}

// accepted is the answer to a published event.
type accepted struct {
	ID         string `json:"id"`
	Deliveries int    `json:"deliveries"`
}

// publish publishes one event; data is a JSON text.
func (a *api) publish(eventType string, data []byte) (accepted, error) {
	var got accepted
	err := a.try(http.MethodPost, "/api/events", fields{"event_type": eventType, "data": json.RawMessage(data)}, &got)
	return got, err
}

// mustPublish publishes an event that must be accepted.
func (a *api) mustPublish(t *testing.T) {
	t.Helper()
	if _, err := a.publish("user.created", []byte(`{"n":1}`)); err != nil {
		t.Fatal(err)
	}
}

var (
	errPartly = errors.New("a batch was not accepted as a whole")
	errReady  = errors.New("it is ready")
)

// publishBatch publishes events, each with its members as JSON.
func (a *api) publishBatch(events []fields) ([]accepted, error) {
	var answer struct {
		Results []accepted `json:"results"`
	}
	if err := a.try(http.MethodPost, "/api/events/batch", events, &answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(events) {
		return nil, fmt.Errorf("%w: %d results for %d events", errPartly, len(answer.Results), len(events))
	}
	for _, r := range answer.Results {
		if r.ID == "" {
			return nil, errPartly
		}
	}
	return answer.Results, nil
}

// delivery is a delivery in the API's answers.
type delivery struct {
	ID           string `json:"id"`
	EventID      string `json:"event_id"`
	Status       string `json:"status"`
	Attempts     int    `json:"attempts"`
	ResponseCode int    `json:"response_code"`
	ResponseBody string `json:"response_body"`
	Reason       string `json:"reason"`
	// Payload is in single reads only.
	Payload json.RawMessage `json:"payload"`
}

// eachDelivery calls visit for an endpoint's deliveries, newest first; status ""
// is any. It stops, without an error, when visit returns false.
func (a *api) eachDelivery(endpoint, status string, visit func(delivery) bool) error {
	query := url.Values{"limit": {"250"}}
	if status != "" {
		query.Set("status", status)
	}
	for {
		var page struct {
			Data       []delivery `json:"data"`
			NextCursor string     `json:"next_cursor"`
		}
		if err := a.try(http.MethodGet, "/api/webhooks/"+endpoint+"/deliveries?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		for _, d := range page.Data {
			if !visit(d) {
				return nil
			}
		}
		if page.NextCursor == "" {
			return nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// deliveries returns all of an endpoint's deliveries, newest first.
func (a *api) deliveries(t *testing.T, endpoint string) (all []delivery) {
	t.Helper()
	err := a.eachDelivery(endpoint, "", func(d delivery) bool {
		all = append(all, d)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// health is an endpoint's health in the API's answers.
type health struct {
	InFlight int `json:"in_flight"`
	Queued   int `json:"queued"`
	Retrying int `json:"retrying"`
	Breaker  struct {
		State string `json:"state"`
	} `json:"circuit_breaker"`
	LastHour struct {
		Successes int     `json:"successes"`
		P50       float64 `json:"latency_p50_ms"`
		P99       float64 `json:"latency_p99_ms"`
	} `json:"last_hour"`
}

func (a *api) health(t *testing.T, endpoint string) (h health) {
	t.Helper()
	a.call(t, http.MethodGet, "/api/webhooks/"+endpoint+"/health", nil, &h)
	return h
}

// awaitDrained waits until nothing is left to deliver to an endpoint.
func (a *api) awaitDrained(t *testing.T, bound time.Duration, endpoint string) {
	t.Helper()
	awaitFor(t, bound, "all deliveries to be finished", func() error { return a.drained(endpoint) })
}

// drained returns nil if nothing is left to deliver to an endpoint.
func (a *api) drained(endpoint string) error {
	for _, status := range []string{"queued", "processing", "retrying"} {
		var found error
		err := a.eachDelivery(endpoint, status, func(d delivery) bool {
			found = fmt.Errorf("delivery %s is %s, attempts %d, reason %s", d.ID, d.Status, d.Attempts, d.Reason)
			return false
		})
		if err := errors.Join(err, found); err != nil {
			return err
		}
	}
	return nil
}
