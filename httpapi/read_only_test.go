package httpapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// shownWebhook registers a webhook with all that can be set, and gives its path
// and what GET shows.
func shownWebhook(t *testing.T, f *fixture) (path string, shown map[string]any) {
	t.Helper()
	made := f.want(t, 201, acme, "POST", "/api/webhooks", webhookWith(`"description":"CRM","timeout_ms":5000,"concurrency":8,`+
		`"rate_limit":{"per_second":2.5,"burst":3},"retry_policy":{"jitter":0,"multiplier":1.5},"headers":{"Authorization":"Bearer x","X-A":"1"}`))
	path = "/api/webhooks/" + made.text(t, "id")
	f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"signature_scheme":"v1a"}`) // with a public key and an overlap
	return path, f.want(t, 200, acme, "GET", path, "").object(t)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPutWhatGetGave: the resource that was read can be put back, whatever state
// the webhook is in, and nothing changes by that.
func TestPutWhatGetGave(t *testing.T) {
	f := newFixture(t)
	path, shown := shownWebhook(t, f)
	before := f.dispatcher.lastChange()
	for _, method := range []string{"PUT", "PATCH"} {
		again := f.want(t, 200, acme, method, path, jsonOf(t, shown)).object(t)
		shown["updated_at"], again["updated_at"] = "", ""
		if got, want := jsonOf(t, again), jsonOf(t, shown); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", method, got, want)
		}
		if now := f.dispatcher.lastChange(); !slices.Equal(now.Headers, before.Headers) || len(now.Secrets) != 2 {
			t.Errorf("%s: headers %v, %d secrets", method, now.Headers, len(now.Secrets))
		}
		shown = f.want(t, 200, acme, "GET", path, "").object(t)
	}
	for _, disabled := range []bool{false, true} {
		f.want(t, 200, acme, "POST", path+"/pause", "")
		if disabled { // as an answer of 410 does
			paused := f.dispatcher.lastChange()
			_, err := f.store.UpdateEndpoint(t.Context(), paused.Number(), func(e *webhook.Endpoint) error {
				e.Status, e.DisabledReason = webhook.EndpointDisabled, "gone"
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r := f.want(t, 200, acme, "GET", path, "")
		if again := f.want(t, 200, acme, "PUT", path, string(r.body)); again.text(t, "status") != r.text(t, "status") {
			t.Errorf("%s became %s", r.body, again.body)
		}
	}
	// What was read with another status is how a disabled one is resumed.
	edited := f.want(t, 200, acme, "GET", path, "").object(t)
	edited["status"] = "active"
	if r := f.want(t, 200, acme, "PUT", path, jsonOf(t, edited)); r.text(t, "status") != "active" || r.text(t, "disabled_reason") != "" {
		t.Errorf("%s", r.body)
	}
	made := f.want(t, 201, acme, "POST", "/api/webhooks", webhookWith(`"secret":"a plain secret, not in base64"`))
	f.want(t, 200, acme, "PUT", "/api/webhooks/"+made.text(t, "id"), string(made.body)) // the answer with the secret
}

// TestPutWhatGetGaveLater: a type that has left the registry stays in a webhook
// that names it, and can be put back, but not added.
func TestPutWhatGetGaveLater(t *testing.T) {
	f := newFixture(t)
	f.want(t, 201, admin, "POST", "/api/event-types", `{"name":"invoice.paid","description":"x"}`)
	r := f.want(t, 201, acme, "POST", "/api/webhooks", `{"event_type":"invoice.paid","target_url":"https://example.com/"}`)
	path := "/api/webhooks/" + r.text(t, "id")
	f.want(t, 204, admin, "DELETE", "/api/event-types/invoice.paid", "")
	f.want(t, 200, acme, "PUT", path, string(f.want(t, 200, acme, "GET", path, "").body))
	f.want(t, 200, acme, "PUT", path, `{"event_type":"invoice.paid","target_url":"https://example.com/"}`)
	f.want(t, 422, acme, "PUT", path, `{"event_types":["invoice.paid","user.created"],"target_url":"https://example.com/"}`)
	f.want(t, 422, acme, "POST", "/api/webhooks", `{"event_type":"invoice.paid","target_url":"https://example.com/"}`)
}

// TestReadOnlyMembers: with another value than the present one they are named as
// read-only, and nothing is changed.
func TestReadOnlyMembers(t *testing.T) {
	f := newFixture(t)
	path, shown := shownWebhook(t, f)
	before := f.dispatcher.lastChange().Revision
	for name, value := range map[string]any{
		"id": "wh_x", "created_at": "2020-01-01T00:00:00.000Z", "updated_at": nil, "public_keys": []string{}, "header_names": []string{"X-A"},
		"previous_secret_expires_at": "2020-01-01T00:00:00.000Z", "disabled_reason": "x", "standard_secret": "x", "secret": "another secret of mine",
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			in := maps.Clone(shown)
			in[name] = value
			r := f.want(t, 422, acme, method, path, jsonOf(t, in))
			wording := "is read-only"
			if name == "secret" {
				wording = "is changed by rotate-secret only"
			}
			if r.text(t, "field") != name || !strings.Contains(r.text(t, "detail"), wording) {
				t.Errorf("%s %s: %s", method, name, r.body)
			}
		}
	}
	if now := f.dispatcher.lastChange().Revision; now != before {
		t.Errorf("revision %d, want %d", now, before)
	}
	// A header is removed by naming it, or by a replacement that names no headers at all.
	f.want(t, 200, acme, "PUT", path, `{"event_type":"*","target_url":"https://example.com/"}`)
	if now := f.dispatcher.lastChange(); len(now.Headers) != 0 {
		t.Errorf("headers %v after a replacement without any", now.Headers)
	}
}

// TestPutEventType: the other resource that can be put.
func TestPutEventType(t *testing.T) {
	f := newFixture(t)
	const path = "/api/event-types/user.created"
	shown := f.want(t, 200, admin, "GET", path, "")
	if again := f.want(t, 200, admin, "PUT", path, string(shown.body)); string(again.body) != string(shown.body) {
		t.Errorf("%s became %s", shown.body, again.body)
	}
}

// TestProbesIgnoreQueries: monitors add parameters against caches. What filters
// nothing takes them.
func TestProbesIgnoreQueries(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml", "/.well-known/jwks.json?webhook=wh_x"} {
		for _, query := range []string{"t=1", "t=1&t=2", "client_id=acme", "%"} {
			separator := "?"
			if strings.Contains(path, "?") {
				separator = "&"
			}
			f.want(t, 200, nobody, "GET", path+separator+query, "")
		}
	}
	for _, uri := range []string{"/healthz?t=1", "/readyz?t=1", "/metrics?t=1", "/metrics?name[]=go_info&name[]=go_threads&t=1"} {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI(uri)
		ctx.Request.Header.SetHost("astrohook")
		f.AdminHandler()(&ctx)
		if got := ctx.Response.StatusCode(); got != 200 {
			t.Errorf("admin listener: %s: %d %s", uri, got, ctx.Response.Body())
		}
	}
}
