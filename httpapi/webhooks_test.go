package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// TestWebhookDefaults: a webhook that sets nothing gets the defaults.
func TestWebhookDefaults(t *testing.T) {
	f := newFixture(t)
	r := f.want(t, 201, acme, "POST", "/api/webhooks", `{"event_type":"user.created","target_url":"https://example.com/hook"}`)
	w := r.object(t)
	if location := r.header.Get("Location"); location != "/api/webhooks/"+fmt.Sprint(w["id"]) {
		t.Errorf("Location %q", location)
	}
	secret := fmt.Sprint(w["secret"])
	if !strings.HasPrefix(secret, "whsec_") || signing.ValidateSecret(secret) != nil {
		t.Errorf("secret %q", secret)
	}
	for _, name := range []string{"id", "secret", "created_at", "updated_at"} {
		delete(w, name)
	}
	want := `{"circuit_breaker":{"failures":10,"max_open_ms":900000,"open_ms":30000},"client_id":"acme","concurrency":64,` +
		`"description":"","event_type":"user.created","event_types":["user.created"],"rate_limit":null,` +
		`"retry_policy":{"initial_delay_ms":30000,"jitter":0.1,"max_attempts":5,"max_delay_ms":86400000,"multiplier":2},` +
		`"signature_scheme":"v1","status":"active","target_url":"https://example.com/hook","timeout_ms":10000}`
	if got, _ := json.Marshal(w); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	e := f.dispatcher.lastChange()
	if e.Revision != 1 || e.Secrets[0].Value != secret || e.Settings != (webhook.Settings{}) {
		t.Errorf("the dispatcher was told %+v", e)
	}
	if again := f.want(t, 200, acme, "GET", "/api/webhooks/"+r.text(t, "id"), ""); strings.Contains(string(again.body), secret) {
		t.Errorf("the secret is shown again: %s", again.body)
	}
}

// TestWebhookEdits follows a webhook through changes; each row builds on those before.
func TestWebhookEdits(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.want(t, 201, acme, "POST", "/api/webhooks",
		`{"event_types":["user.created","content.*"],"target_url":"https://example.com/","secret":"my own secret 123"}`).text(t, "id")
	for i, c := range []struct {
		method, body string
		want         map[string]any // members of the answer
	}{
		{"PATCH", `{}`, map[string]any{"event_types": []any{"user.created", "content.*"}, "event_type": nil}},
		{"PATCH", `{"description":"CRM","timeout_ms":5000,"concurrency":8}`, map[string]any{"description": "CRM", "timeout_ms": 5000.0, "concurrency": 8.0}},
		{"PATCH", `{"rate_limit":{"per_second":2.5}}`, map[string]any{"rate_limit": map[string]any{"per_second": 2.5, "burst": 1.0}, "timeout_ms": 5000.0}},
		{"PATCH", `{"rate_limit":{"burst":9}}`, map[string]any{"rate_limit": map[string]any{"per_second": 2.5, "burst": 9.0}}},
		{"PATCH", `{"rate_limit":null,"timeout_ms":null}`, map[string]any{"rate_limit": nil, "timeout_ms": 10000.0, "concurrency": 8.0}},
		{"PATCH", `{"retry_policy":{"max_attempts":9,"jitter":0}}`, map[string]any{"retry_policy": map[string]any{
			"max_attempts": 9.0, "initial_delay_ms": 30000.0, "multiplier": 2.0, "max_delay_ms": 86400000.0, "jitter": 0.0,
		}}},
		{"PATCH", `{"retry_policy":{"max_attempts":null}}`, map[string]any{"retry_policy": map[string]any{
			"max_attempts": 5.0, "initial_delay_ms": 30000.0, "multiplier": 2.0, "max_delay_ms": 86400000.0, "jitter": 0.0,
		}}},
		{"PATCH", `{"circuit_breaker":{"failures":3,"open_ms":10,"max_open_ms":20}}`, map[string]any{
			"circuit_breaker": map[string]any{"failures": 3.0, "open_ms": 10.0, "max_open_ms": 20.0},
		}},
		{"PATCH", `{"circuit_breaker":null,"retry_policy":null,"description":null}`, map[string]any{
			"circuit_breaker": map[string]any{"failures": 10.0, "open_ms": 30000.0, "max_open_ms": 900000.0}, "description": "",
		}},
		{"PATCH", `{"event_type":"*","target_url":"https://example.org/x","client_id":"acme"}`, map[string]any{
			"event_type": "*", "event_types": []any{"*"}, "target_url": "https://example.org/x",
		}},
		{"PATCH", `{"status":"paused","description":"held"}`, map[string]any{"status": "paused", "description": "held"}},
		{"PUT", `{"event_type":"user.updated","target_url":"https://example.com/"}`, map[string]any{
			"status": "paused", "description": "", "concurrency": 64.0, "event_types": []any{"user.updated"},
		}},
		{"PUT", `{"event_type":"user.updated","target_url":"https://example.com/","status":"active"}`, map[string]any{"status": "active"}},
	} {
		r := f.want(t, 200, acme, c.method, path, c.body)
		w := r.object(t)
		for name, want := range c.want {
			if got := w[name]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s %s: %s is %v, want %v", c.method, c.body, name, got, want)
			}
		}
		if e := f.dispatcher.lastChange(); e.Revision != uint64(i)+2 || e.Secrets[0].Value != "my own secret 123" {
			t.Errorf("%s: the dispatcher was told %+v", c.body, e)
		}
		if read := f.want(t, 200, acme, "GET", path, ""); string(read.body) != string(r.body) {
			t.Errorf("%s: answered %s\nread %s", c.body, r.body, read.body)
		}
	}
}

// TestServerDefaults: an operator's defaults hold where a webhook sets nothing.
func TestServerDefaults(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Defaults = webhook.Settings{Rate: 100, Burst: 7, Concurrency: 3} })
	path := "/api/webhooks/" + f.register(t, acme)
	r := f.want(t, 200, acme, "PATCH", path, `{"rate_limit":{"per_second":5}}`).object(t)
	if got := fmt.Sprint(r["rate_limit"], r["concurrency"]); got != "map[burst:7 per_second:5] 3" {
		t.Errorf("got %s", got)
	}
	r = f.want(t, 200, acme, "PATCH", path, `{"rate_limit":null}`).object(t)
	if got := fmt.Sprint(r["rate_limit"]); got != "map[burst:7 per_second:100]" {
		t.Errorf("got %s", got)
	}
}

// TestStatusChanges walks through pause, resume and a webhook that was disabled.
func TestStatusChanges(t *testing.T) {
	f := newFixture(t)
	id := f.register(t, acme)
	path := "/api/webhooks/" + id
	disable := func() {
		number, err := webhook.EndpointID.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.store.UpdateEndpoint(t.Context(), number.Endpoint, func(e *webhook.Endpoint) error {
			e.Status, e.DisabledReason = webhook.EndpointDisabled, "gone"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(r *reply, status string) {
		t.Helper()
		if got := r.text(t, "status"); got != status {
			t.Errorf("status %q, want %q", got, status)
		}
		if _, shown := r.object(t)["disabled_reason"]; shown != (status == "disabled") {
			t.Errorf("%s", r.body)
		}
	}
	expect(f.want(t, 200, acme, "POST", path+"/pause", ""), "paused")
	expect(f.want(t, 200, acme, "POST", path+"/pause", ""), "paused")
	expect(f.want(t, 200, acme, "POST", path+"/resume", ""), "active")
	disable()
	expect(f.want(t, 200, acme, "GET", path, ""), "disabled")
	f.want(t, 409, acme, "POST", path+"/pause", "")
	f.want(t, 409, acme, "PATCH", path, `{"status":"paused"}`)
	f.want(t, 409, acme, "POST", path+"/test", "")
	f.want(t, 200, acme, "PATCH", path, `{"description":"still disabled"}`)
	expect(f.want(t, 200, acme, "GET", path, ""), "disabled")
	expect(f.want(t, 200, acme, "POST", path+"/resume", ""), "active")
	disable()
	expect(f.want(t, 200, acme, "PATCH", path, `{"status":"active"}`), "active")
}

// TestDeletedWebhook: every call answers 404, except the lists of its deliveries.
func TestDeletedWebhook(t *testing.T) {
	s := newScene(t)
	path := "/api/webhooks/" + s.webhook
	s.want(t, 204, acme, "DELETE", path, "")
	if e := s.dispatcher.lastChange(); !e.Deleted() || e.Revision != 2 {
		t.Errorf("the dispatcher was told %+v", e)
	}
	s.want(t, 404, acme, "DELETE", path, "")
	s.want(t, 404, acme, "GET", path, "")
	s.want(t, 404, acme, "PATCH", path, `{"description":"x"}`)
	s.want(t, 404, acme, "POST", path+"/resume", "")
	s.want(t, 404, acme, "POST", path+"/replay", "")
	s.want(t, 409, acme, "POST", "/api/deliveries/"+s.delivery+"/retry", "")
	s.want(t, 200, acme, "GET", "/api/deliveries/"+s.delivery, "")
	if n := len(s.want(t, 200, acme, "GET", "/api/webhooks", "").data(t)); n != 0 {
		t.Errorf("%d webhooks are listed", n)
	}
	for _, list := range []string{path + "/deliveries", "/api/deliveries"} {
		if n := len(s.want(t, 200, acme, "GET", list, "").data(t)); n != 1 {
			t.Errorf("%s: %d deliveries", list, n)
		}
	}
	if n := len(s.want(t, 200, acme, "GET", s.path("/api/events/{id}"), "").object(t)["delivery_log"].([]any)); n != 1 {
		t.Errorf("the event shows %d deliveries", n)
	}
}

// TestLateUpdate changes a webhook that was deleted since it was read.
func TestLateUpdate(t *testing.T) {
	s := newScene(t)
	id, err := webhook.EndpointID.Parse(s.webhook)
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, 204, acme, "DELETE", "/api/webhooks/"+s.webhook, "")
	_, err = s.update(t.Context(), new(fasthttp.RequestCtx), id, func(*webhook.Endpoint) error { t.Error("the change was asked for"); return nil })
	if !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestRotation rotates secrets in virtual time.
func TestRotation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		first := f.want(t, 201, acme, "POST", "/api/webhooks", `{"event_type":"*","target_url":"https://example.com/","secret":"first secret 1234"}`)
		path := "/api/webhooks/" + first.text(t, "id")
		began := time.Now()
		f.tokens[acme] = authtest.Mint(t, "alice", "acme", "", began.Add(90*24*time.Hour))
		second := f.want(t, 200, acme, "POST", path+"/rotate-secret", "")
		if second.text(t, "secret") == "" || second.text(t, "previous_secret_expires_at") != webhook.FormatTime(began.Add(24*time.Hour)) {
			t.Errorf("%s", second.body)
		}
		time.Sleep(time.Hour)
		third := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"secret":"third secret 1234","overlap_seconds":60}`)
		if got := third.text(t, "secret"); got != "third secret 1234" {
			t.Errorf("secret %q", got)
		}
		secrets := f.dispatcher.lastChange().Secrets
		want := []signing.Secret{
			{Value: "third secret 1234"},
			{Value: second.text(t, "secret"), ExpiresAt: began.Add(time.Hour + time.Minute).UTC()},
			{Value: "first secret 1234", ExpiresAt: began.Add(24 * time.Hour).UTC()},
		}
		if fmt.Sprint(secrets) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", secrets, want)
		}
		r := f.want(t, 422, acme, "POST", path+"/rotate-secret", `{"secret":"first secret 1234"}`)
		if got := r.text(t, "field"); got != "secret" {
			t.Errorf("field %q", got)
		}
		time.Sleep(48 * time.Hour) // what expired is forgotten
		r = f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"secret":"first secret 1234","overlap_seconds":0}`)
		if secrets := f.dispatcher.lastChange().Secrets; len(secrets) != 1 || r.text(t, "previous_secret_expires_at") != "" {
			t.Errorf("after an overlap of 0: %v %s", secrets, r.body)
		}
		for range signing.MaxSecrets - 1 {
			f.want(t, 200, acme, "POST", path+"/rotate-secret", "")
		}
		f.want(t, 409, acme, "POST", path+"/rotate-secret", "")
		if n := len(f.dispatcher.lastChange().Secrets); n != signing.MaxSecrets {
			t.Errorf("%d secrets", n)
		}
	})
}

// TestTestDelivery sends test deliveries with and without waiting.
func TestTestDelivery(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme) + "/test"
	r := f.want(t, 202, acme, "POST", path, "").object(t)
	if r["status"] != "queued" || r["event_type"] != "webhook.test" || fmt.Sprint(r["payload"]) != "map[test:true]" {
		t.Errorf("%v", r)
	}
	for _, wait := range []string{"10s", "60", "1m", "500ms"} {
		r = f.want(t, 200, acme, "POST", path+"?wait="+wait, `{"event_type":"user.created","data":{"b":1.0}}`).object(t)
		if r["status"] != "delivered" || r["event_type"] != "user.created" || r["response_code"] != 200.0 || r["response_body"] != "ok\uFFFD" {
			t.Errorf("%v", r)
		}
		log, _ := r["attempt_log"].([]any)
		if len(log) != 1 || r["delivered_at"] == nil {
			t.Errorf("%v", r)
		}
	}
	r = f.want(t, 202, acme, "POST", path, `{"data":null}`).object(t)
	if _, there := r["payload"]; !there || r["payload"] != nil {
		t.Errorf("%v", r)
	}
}

// TestWebhookList pages through webhooks.
func TestWebhookList(t *testing.T) {
	f := newFixture(t)
	var made []string
	for range 5 {
		made = append(made, f.register(t, acme))
		f.register(t, globex)
	}
	slices.Reverse(made)
	var listed []string
	pages := 0
	for cursor := ""; ; pages++ {
		r := f.want(t, 200, acme, "GET", "/api/webhooks?limit=2"+cursor, "")
		for _, w := range r.data(t) {
			listed = append(listed, fmt.Sprint(w["id"]))
		}
		next := r.text(t, "next_cursor")
		if next == "" {
			break
		}
		cursor = "&cursor=" + next
	}
	if !slices.Equal(listed, made) || pages != 2 {
		t.Errorf("listed %q in %d pages, want %q", listed, pages+1, made)
	}
	if n := len(f.want(t, 200, admin, "GET", "/api/webhooks", "").data(t)); n != 10 {
		t.Errorf("an administrator sees %d", n)
	}
}

// TestHealth shows everything that the dispatcher reports.
func TestHealth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		now := time.Now().UTC()
		s.dispatcher.health = webhook.Health{
			Breaker: webhook.BreakerOpen, OpenUntil: now.Add(time.Minute), HoldUntil: now.Add(time.Second),
			InFlight: 2, Allowed: 3, Successes: 3, Failures: 1,
			P50: 1500 * time.Microsecond, P95: 20 * time.Millisecond, P99: time.Second,
			LastAttemptAt: now, LastSuccessAt: now.Add(-time.Second), LastFailureAt: now,
			LastReason: webhook.ReasonHTTP5xx, LastStatusCode: 500, Restarts: 1,
		}
		time.Sleep(90 * time.Second)
		got := s.want(t, 200, acme, "GET", "/api/webhooks/"+s.webhook+"/health", "").object(t)
		delete(got, "limits")
		want := map[string]any{
			"webhook_id": s.webhook, "status": "active",
			"circuit_breaker":   map[string]any{"state": "open", "open_until": webhook.FormatTime(now.Add(time.Minute))},
			"hold_until":        webhook.FormatTime(now.Add(time.Second)),
			"in_flight":         2.0,
			"in_flight_allowed": 3.0,
			"queued":            1.0, "retrying": 0.0, "oldest_pending_age_ms": 90000.0,
			"last_hour": map[string]any{
				"successes": 3.0, "failures": 1.0, "success_ratio": 0.75,
				"latency_p50_ms": 1.5, "latency_p95_ms": 20.0, "latency_p99_ms": 1000.0,
			},
			"last_attempt_at": webhook.FormatTime(now), "last_success_at": webhook.FormatTime(now.Add(-time.Second)),
			"last_failure_at": webhook.FormatTime(now),
			"last_error":      map[string]any{"reason": "http_5xx", "message": "the receiver failed", "response_code": 500.0},
			"restarts":        1.0,
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if fmt.Sprint(got[name]) != fmt.Sprint(want[name]) {
				t.Errorf("%s: got %v, want %v", name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("got %v", got)
		}
		synctest.Wait()
	})
}
