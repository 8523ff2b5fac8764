package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// accepted is when the event of all tests was accepted.
var accepted = time.Date(2025, 5, 17, 10, 30, 45, 123e6, time.UTC)

// pending is a delivery that was not tried yet, and the ID of its endpoint.
func pending() (*webhook.Delivery, webhook.ID) {
	sequence := &webhook.Sequence{}
	endpoint := webhook.ID{Seq: sequence.Next(accepted.Add(-time.Hour)), Endpoint: 3, Nonce: 9}
	event := webhook.ID{Seq: sequence.Next(accepted), Nonce: 7}
	return &webhook.Delivery{ID: event.For(3), EventType: "user.created", Status: webhook.Queued}, endpoint
}

// members returns the members of a value's JSON, by name.
func members(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDelivery follows a delivery through its states. Each row says what is shown, and what
// is not.
func TestDelivery(t *testing.T) {
	policy := webhook.DefaultSettings().Retry
	attempt := func(code int) webhook.Attempt {
		return webhook.Attempt{At: accepted.Add(time.Second), Duration: 30 * time.Millisecond, StatusCode: code, Response: []byte("no")}
	}
	queued, endpoint := pending()
	retrying := queued.Attempted(attempt(500), policy, 0)
	delivered := retrying.Attempted(attempt(200), policy, 0)
	failed := *queued
	failed.Status, failed.Reason, failed.FinishedAt = webhook.Failed, webhook.ReasonEndpointDisabled, accepted
	cancelled := *queued
	cancelled.Status, cancelled.Reason, cancelled.FinishedAt = webhook.Cancelled, webhook.ReasonCancelled, accepted
	const never = "delivered_at failed_at cancelled_at "
	for _, c := range []struct {
		why    string
		d      *webhook.Delivery
		shown  map[string]any
		absent string
	}{
		{
			"queued", queued,
			map[string]any{"status": "queued", "queued_at": "2025-05-17T10:30:45.123Z", "attempts": 0.0, "event_type": "user.created"},
			never + "processing_started_at next_attempt_at reason error_message response_code payload attempt_log waiting_for until",
		},
		{"retrying", &retrying, map[string]any{
			"status": "retrying", "attempts": 1.0, "response_code": 500.0, "response_body": "no",
			"processing_started_at": "2025-05-17T10:30:46.123Z", "next_attempt_at": "2025-05-17T10:31:16.153Z", "reason": "http_5xx",
		}, never},
		{
			"delivered", &delivered,
			map[string]any{"status": "delivered", "attempts": 2.0, "response_code": 200.0, "delivered_at": "2025-05-17T10:30:46.153Z"},
			"failed_at cancelled_at next_attempt_at reason error_message",
		},
		{
			"failed without an attempt", &failed,
			map[string]any{"status": "failed", "failed_at": "2025-05-17T10:30:45.123Z", "reason": "webhook_disabled"},
			"delivered_at cancelled_at next_attempt_at response_code",
		},
		{"cancelled", &cancelled, map[string]any{"status": "cancelled", "cancelled_at": "2025-05-17T10:30:45.123Z"}, "delivered_at failed_at"},
	} {
		got := members(t, NewDelivery(c.d, endpoint))
		for name, want := range c.shown {
			if got[name] != want {
				t.Errorf("%s: %s is %v, want %v", c.why, name, got[name], want)
			}
		}
		for _, name := range strings.Fields(c.absent) {
			if value, is := got[name]; is {
				t.Errorf("%s: %s is %v, want it absent", c.why, name, value)
			}
		}
		if c.d.Status != webhook.Delivered && c.d.Reason != "" && got["error_message"] == nil {
			t.Errorf("%s: the reason is not said in words", c.why)
		}
		for name, kind := range map[string]webhook.Kind{"id": webhook.DeliveryID, "webhook_id": webhook.EndpointID, "event_id": webhook.EventID} {
			if _, err := kind.Parse(fmt.Sprint(got[name])); err != nil {
				t.Errorf("%s: %s: %v", c.why, name, err)
			}
		}
	}
}

// TestProcessing: an attempt in flight takes the place of the one that was scheduled.
func TestProcessing(t *testing.T) {
	d, endpoint := pending()
	d.Status, d.NextAttemptAt = webhook.Retrying, webhook.DueAt(accepted.Add(time.Minute))
	r := NewDelivery(d, endpoint)
	r.SetProcessing(accepted.Add(time.Hour))
	if r.Status != "processing" || r.ProcessingStartedAt != "2025-05-17T11:30:45.123Z" || r.NextAttemptAt != "" {
		t.Errorf("%+v", r)
	}
}

// TestHideAnswer: a publisher learns the status code of a client's receiver, and nothing
// that the receiver said.
func TestHideAnswer(t *testing.T) {
	d, endpoint := pending()
	*d = d.Attempted(webhook.Attempt{
		At: accepted, StatusCode: 302, Location: "https://example.org/private", Response: []byte("private"), ResponseTruncated: true, Detail: "private",
	}, webhook.DefaultSettings().Retry, 0)
	r := NewDelivery(d, endpoint)
	before, _ := json.Marshal(r)
	r.HideAnswer()
	after, err := json.Marshal(r)
	if err != nil || strings.Contains(string(after), "private") || r.ResponseCode != 302 || r.ErrorMessage == "" || r.ResponseTruncated {
		t.Errorf("%s, %v", after, err)
	}
	if strings.Count(string(before), "private") != 3 {
		t.Errorf("the owner is not shown everything: %s", before)
	}
}

// TestExcerpt: the bytes of a response as text, without half a character at the cut.
func TestExcerpt(t *testing.T) {
	for _, c := range []struct {
		response  string
		truncated bool
		want      string
	}{
		{"", false, ""},
		{"", true, ""},
		{"ok", true, "ok"},
		{"grüße", false, "grüße"},
		{"gr\xc3", true, "gr"},
		{"gr\xc3", false, "gr\ufffd"},
		{"\xf0\x9f\x98", true, ""},
		{"a\xf0\x9f\x98\x80", true, "a😀"},
		{"\xff\xfe", true, "\ufffd"},
		{"a\x80\x80\x80\x80\x80", true, "a\ufffd"},
		{"a\x00b", false, "a\x00b"},
	} {
		a := webhook.Attempt{Response: []byte(c.response), ResponseTruncated: c.truncated}
		if got := excerpt(&a); got != c.want {
			t.Errorf("%q, truncated %t: %q, want %q", c.response, c.truncated, got, c.want)
		}
	}
}

// TestAttempts: each attempt is shown with what is known about it, and without the rest.
func TestAttempts(t *testing.T) {
	list := NewAttempts([]webhook.Attempt{
		{Number: 1, At: accepted, Duration: 1500 * time.Microsecond, Failure: webhook.ReasonTimeout, Detail: "no answer in time"},
		{
			Number: 2, At: accepted, Duration: time.Second, Latency: 250 * time.Millisecond, Requests: 2, StatusCode: 503, Response: []byte("later"),
			ResponseTruncated: true, RetryAfter: 90 * time.Second,
		},
		{Number: 3, At: accepted, Duration: time.Second, Latency: time.Millisecond, Requests: 1, StatusCode: 200, ResponseEncoding: "gzip"},
	}, true)
	for i, want := range []map[string]any{
		{
			"number": 1.0, "started_at": "2025-05-17T10:30:45.123Z", "duration_ms": 1.5, "requests": 0.0, "reason": "timeout", "detail": "no answer in time",
			"error_message": list[0].ErrorMessage,
		},
		{
			"number": 2.0, "started_at": "2025-05-17T10:30:45.123Z", "duration_ms": 1000.0, "latency_ms": 250.0, "requests": 2.0, "response_code": 503.0,
			"response_body": "later", "response_truncated": true, "response_headers_not_kept": "older_version", "reason": "http_5xx", "error_message": list[1].ErrorMessage, "retry_after_ms": 90000.0,
		},
		{
			"number": 3.0, "started_at": "2025-05-17T10:30:45.123Z", "duration_ms": 1000.0, "latency_ms": 1.0, "requests": 1.0, "response_code": 200.0,
			"response_encoding": "gzip", "response_headers_not_kept": "older_version",
		},
	} {
		if got := members(t, list[i]); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("attempt %d:\ngot  %v\nwant %v", i+1, got, want)
		}
	}
	if list[0].ErrorMessage == "" || list[1].ErrorMessage == "" {
		t.Errorf("no words: %+v", list)
	}
	if text, err := json.Marshal(NewAttempts(nil, false)); err != nil || string(text) != "[]" {
		t.Errorf("no attempts: %s, %v", text, err)
	}
}

// TestHealth shows an endpoint that has done nothing, and one that has.
func TestHealth(t *testing.T) {
	now := accepted
	e := &webhook.Endpoint{ID: webhook.ID{Seq: 1, Endpoint: 3}, Status: webhook.EndpointActive}
	idle := members(t, NewHealth(e, &webhook.Health{Breaker: webhook.BreakerClosed}, webhook.DefaultSettings(), now))
	for _, name := range []string{"hold_until", "next_retry_at", "last_attempt_at", "last_error", "waiting_for", "disabled_at"} {
		if value, is := idle[name]; is {
			t.Errorf("idle: %s is %v, want it absent", name, value)
		}
	}
	if hour, _ := idle["last_hour"].(map[string]any); hour["success_ratio"] != nil || idle["oldest_pending_age_ms"] != 0.0 {
		t.Errorf("idle: %v", idle)
	}
	busy := members(t, NewHealth(e, &webhook.Health{
		Breaker: webhook.BreakerOpen, OpenUntil: now.Add(time.Minute), InFlight: 2, Allowed: 8,
		Backlog:   webhook.Backlog{Queued: 5, Retrying: 1, OldestAt: now.Add(-90 * time.Second)},
		Waiting:   webhook.Waiting{For: webhook.WaitBreaker, Until: now.Add(time.Minute)},
		Successes: 3, Failures: 1, P50: 1500 * time.Microsecond, LastFailureAt: now,
		LastReason: webhook.ReasonHTTP5xx, LastStatusCode: 502, Restarts: 1,
	}, webhook.DefaultSettings(), now))
	for name, want := range map[string]string{
		"circuit_breaker":       "map[open_until:2025-05-17T10:31:45.123Z state:open]",
		"waiting_for":           "breaker",
		"until":                 "2025-05-17T10:31:45.123Z",
		"in_flight":             "2",
		"in_flight_allowed":     "8",
		"queued":                "5",
		"oldest_pending_age_ms": "90000",
		"last_failure_at":       "2025-05-17T10:30:45.123Z",
		"restarts":              "1",
	} {
		if got := fmt.Sprint(busy[name]); got != want {
			t.Errorf("busy: %s is %s, want %s", name, got, want)
		}
	}
	hour, _ := busy["last_hour"].(map[string]any)
	last, _ := busy["last_error"].(map[string]any)
	if hour["success_ratio"] != 0.75 || hour["latency_p50_ms"] != 1.5 || last["reason"] != "http_5xx" || last["response_code"] != 502.0 || last["message"] == "" {
		t.Errorf("busy: %v, %v", hour, last)
	}
	ahead := NewHealth(e, &webhook.Health{Backlog: webhook.Backlog{OldestAt: now.Add(time.Hour)}}, webhook.DefaultSettings(), now)
	if ahead.OldestAgeMS != 0 {
		t.Errorf("after the clock was set back the oldest delivery is %d ms old", ahead.OldestAgeMS)
	}
}

// TestWaiting: a cause without an end has no time, and nothing to wait for shows nothing.
func TestWaiting(t *testing.T) {
	for _, c := range []struct {
		w    webhook.Waiting
		want string
	}{
		{webhook.Waiting{}, `{}`},
		{webhook.Waiting{For: webhook.WaitPause}, `{"waiting_for":"pause"}`},
		{webhook.Waiting{For: webhook.WaitHold, Until: accepted}, `{"waiting_for":"hold","until":"2025-05-17T10:30:45.123Z"}`},
	} {
		if got, err := json.Marshal(NewWaiting(c.w)); err != nil || string(got) != c.want {
			t.Errorf("%+v: %s, %v; want %s", c.w, got, err, c.want)
		}
	}
}
