package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// operatorsCeilings are lower than the API's own bounds, each in its own way.
var operatorsCeilings = webhook.Ceilings{
	Timeout: 20 * time.Second, Concurrency: 100, Rate: 500, Burst: 50, Attempts: 12,
	MinRetry: time.Second, MaxRetry: 36 * time.Hour, BreakerFailures: 40, BreakerOpen: 2 * time.Hour,
	Overlap: time.Hour, Secrets: 3, Headers: 2, Patterns: 2,
}

// TestCeilings: no number that a client sets gets beyond the operator's ceiling.
// The refusal names the field, the ceiling and the setting; an administrator is
// bound, too.
func TestCeilings(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ceilings = operatorsCeilings })
	path := "/api/webhooks/" + f.register(t, acme)
	for _, c := range []struct{ good, bad, field, bound, setting string }{
		{`"timeout_ms":20000`, `"timeout_ms":20001`, "timeout_ms", "20000", "max-webhook-timeout"},
		{`"concurrency":100`, `"concurrency":101`, "concurrency", "100", "max-webhook-concurrency"},
		{`"rate_limit":{"per_second":500}`, `"rate_limit":{"per_second":500.5}`, "rate_limit.per_second", "500", "max-webhook-rate"},
		{`"rate_limit":{"per_second":1,"burst":50}`, `"rate_limit":{"per_second":1,"burst":51}`, "rate_limit.burst", "50", "max-webhook-burst"},
		{`"retry_policy":{"max_attempts":12}`, `"retry_policy":{"max_attempts":13}`, "retry_policy.max_attempts", "12", "max-webhook-attempts"},
		{`"retry_policy":{"initial_delay_ms":1000}`, `"retry_policy":{"initial_delay_ms":999}`, "retry_policy.initial_delay_ms", "1000", "min-webhook-retry"},
		{`"retry_policy":{"max_delay_ms":129600000}`, `"retry_policy":{"max_delay_ms":129600001}`, "retry_policy.max_delay_ms", "129600000", "max-webhook-retry"},
		{`"retry_policy":{"initial_delay_ms":1000,"max_delay_ms":1000}`, `"retry_policy":{"initial_delay_ms":1000,"max_delay_ms":1}`, "retry_policy.max_delay_ms", "1000", "min-webhook-retry"},
		{`"circuit_breaker":{"failures":40}`, `"circuit_breaker":{"failures":41}`, "circuit_breaker.failures", "40", "max-webhook-breaker-failures"},
		{`"circuit_breaker":{"open_ms":1000}`, `"circuit_breaker":{"open_ms":10}`, "circuit_breaker.open_ms", "1000", "min-webhook-retry"},
		{`"circuit_breaker":{"max_open_ms":7200000}`, `"circuit_breaker":{"max_open_ms":7200001}`, "circuit_breaker.max_open_ms", "7200000", "max-webhook-breaker-open"},
		{`"headers":{"A":"1","B":"2"}`, `"headers":{"A":"1","B":"2","C":"3"}`, "headers", "2", "max-webhook-headers"},
		{`"event_types":["a.*","b.*"]`, `"event_types":["a.*","b.*","c.*"]`, "event_types", "2", "max-webhook-patterns"},
	} {
		for _, caller := range []string{acme, admin} {
			f.want(t, 200, caller, "PATCH", path, "{"+c.good+"}")
			r := f.want(t, 422, caller, "PATCH", path, "{"+c.bad+"}")
			detail := r.text(t, "detail")
			if r.text(t, "field") != c.field || !strings.Contains(detail, c.bound) || !strings.Contains(detail, c.setting) || !strings.Contains(detail, "operator") {
				t.Errorf("%s: %s", c.bad, r.body)
			}
			f.want(t, 200, caller, "PATCH", path, `{"headers":null}`)
		}
	}
	r := f.want(t, 422, acme, "POST", path+"/rotate-secret", `{"overlap_seconds":3601}`)
	if detail := r.text(t, "detail"); !strings.Contains(detail, "3600") || !strings.Contains(detail, "max-webhook-overlap") {
		t.Errorf("%s", r.body)
	}
	for range 2 {
		f.want(t, 200, acme, "POST", path+"/rotate-secret", "") // the default overlap is no more than is allowed
	}
	f.want(t, 409, acme, "POST", path+"/rotate-secret", "")
}

// TestStoredBeyondCeilings: a webhook that was registered before a ceiling was lowered is
// shown with the values in force, and what is shown can be put back.
func TestStoredBeyondCeilings(t *testing.T) {
	before := newFixture(t)
	path := "/api/webhooks/" + before.want(t, 201, acme, "POST", "/api/webhooks", webhookWith(`"timeout_ms":60000,"concurrency":1024,`+
		`"retry_policy":{"max_attempts":100,"initial_delay_ms":1,"max_delay_ms":1,"multiplier":1},"circuit_breaker":{"failures":10000,"open_ms":1,"max_open_ms":1}`)).text(t, "id")
	after := newFixture(t, func(o *Options) { o.Store, o.Ceilings = before.store, operatorsCeilings })
	shown := after.want(t, 200, acme, "GET", path, "")
	o := shown.object(t)
	got := fmt.Sprint(o["timeout_ms"], o["concurrency"], o["retry_policy"], o["circuit_breaker"], o["rate_limit"])
	want := "20000 100 map[initial_delay_ms:1000 jitter:0.1 max_attempts:12 max_delay_ms:1000 multiplier:1] map[failures:40 max_open_ms:1000 open_ms:1000] map[burst:1 per_second:500]"
	if got != want {
		t.Errorf("shown: %s\nwant:  %s", got, want)
	}
	after.want(t, 200, acme, "PATCH", path, `{"description":"still mine"}`)
	after.want(t, 200, acme, "PATCH", path, `{"retry_policy":{"max_attempts":3}}`) // what is not named is held, not refused
}

// TestOverlapOfZero: only the new secret is valid from then on, whatever earlier
// rotations promised.
func TestOverlapOfZero(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	for range 3 {
		f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"overlap_seconds":3600}`)
	}
	if n := len(f.dispatcher.lastChange().Secrets); n != 4 {
		t.Fatalf("%d secrets, want 4", n)
	}
	r := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"overlap_seconds":0}`)
	secrets := f.dispatcher.lastChange().Secrets
	if len(secrets) != 1 || secrets[0].Value != r.text(t, "secret") || r.text(t, "previous_secret_expires_at") != "" {
		t.Errorf("%d secrets sign after an overlap of 0: %s", len(secrets), r.body)
	}
}

// TestEndRotation: the overlap ends when the client says so, and a second call
// changes nothing.
func TestEndRotation(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	for range 2 {
		f.want(t, 200, acme, "POST", path+"/rotate-secret", "")
	}
	newest := f.dispatcher.lastChange().Secrets[0]
	r := f.want(t, 200, acme, "POST", path+"/end-rotation", "")
	changed := f.dispatcher.lastChange()
	if len(changed.Secrets) != 1 || changed.Secrets[0] != newest || r.text(t, "previous_secret_expires_at") != "" || r.text(t, "secret") != "" {
		t.Errorf("%d secrets sign: %s", len(changed.Secrets), r.body)
	}
	again := f.want(t, 200, acme, "POST", path+"/end-rotation", "")
	if string(again.body) != string(r.body) || f.dispatcher.lastChange().Revision != changed.Revision {
		t.Errorf("again: %s", again.body)
	}
	f.want(t, 404, globex, "POST", path+"/end-rotation", "")
}
