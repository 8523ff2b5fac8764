package httpapi

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"

	"github.com/corpastro/astrohook/httpapi/auth"
)

// TestPublishToAll: only the scope events:write:all lets a token publish to every client.
// A client_id that is missing or misread never does.
func TestPublishToAll(t *testing.T) {
	f := newFixture(t)
	f.register(t, acme)
	f.register(t, globex)
	const toAll, toOne, toGlobex = `{"event_type":"user.created","data":1}`, `{"event_type":"user.created","data":1,"client_id":"acme"}`, `{"event_type":"user.created","data":1,"client_id":"globex"}`
	for _, c := range []struct {
		caller, query, body string
		status              int
		deliveries          float64
	}{
		{backend, "", toAll, 202, 2},
		{backend, "", toOne, 202, 1},
		{keyBackend, "", toAll, 202, 2},
		{wide, "", toAll, 202, 2},
		{wide, "", toGlobex, 202, 1},
		{wide, "?client_id=acme", toAll, 202, 1},
		{wide, "?client_id=acme", toGlobex, 403, 0},
		{wide, "?client_id=globex", toAll, 403, 0},
		{acmeWriter, "", toAll, 202, 1},
		{acmeWriter, "", toGlobex, 403, 0},
		{keyAcmeWriter, "", toAll, 202, 1},
		{admin, "", toAll, 202, 2},
		{admin, "?client_id=acme", toAll, 202, 1},
		{admin, "?client_id=acme", toGlobex, 403, 0},
		{bare, "", toAll, 403, 0},
		{bare, "", toOne, 403, 0},
		{keyBare, "", toAll, 403, 0},
		{narrow, "", toAll, 403, 0},
	} {
		r := f.want(t, c.status, c.caller, "POST", "/api/events"+c.query, c.body)
		if got, _ := r.object(t)["deliveries"].(float64); got != c.deliveries {
			t.Errorf("%s%s %s: %v deliveries, want %v", c.caller, c.query, c.body, got, c.deliveries)
		}
	}
	r := f.want(t, 403, bare, "POST", "/api/events", toAll)
	challenge, detail := r.header.Get("WWW-Authenticate"), r.text(t, "detail")
	if !strings.Contains(challenge, `scope="events:write:all"`) || !strings.Contains(detail, "events:write:all") || !strings.Contains(detail, "client_id") {
		t.Errorf("challenge %s, detail %s", challenge, detail)
	}
}

// TestUselessKeysAreNamed: the log names, at the start, a key that is older than the
// scope events:write:all.
func TestUselessKeysAreNamed(t *testing.T) {
	f := newFixture(t)
	id := f.tokens[keyBare][len(auth.APIKeyPrefix):][:apiKeyID]
	again := newFixture(t, func(o *Options) { o.Store = f.store })
	if n := strings.Count(again.log.String(), "API key allows nothing"); n != 1 || !strings.Contains(again.log.String(), "key="+id) {
		t.Errorf("%d keys are named:\n%s", n, again.log)
	}
}

// TestUnknownScopes: scopes add, so that unknown ones change nothing.
func TestUnknownScopes(t *testing.T) {
	f := newFixture(t)
	id := f.register(t, narrow)
	f.want(t, 200, acme, "GET", "/api/webhooks/"+id, "")
	f.want(t, 404, globex, "GET", "/api/webhooks/"+id, "")
	f.tokens["writer"] = authtest.Mint(t, "w", "acme", "openid events:write email", time.Now().Add(time.Hour))
	f.want(t, 202, "writer", "POST", "/api/events", `{"event_type":"user.created","data":1}`)
	f.tokens["none"] = authtest.Mint(t, "w", "", "openid email", time.Now().Add(time.Hour))
	f.want(t, 403, "none", "GET", "/api/webhooks", "")
}

// TestAdministratorsHome: an administrator whose token names a client registers
// webhooks for it unless another is named, and still sees everything.
func TestAdministratorsHome(t *testing.T) {
	f := newFixture(t)
	f.tokens["dev"] = authtest.Mint(t, "", "dev", "admin", time.Now().Add(time.Hour))
	const hook = `{"event_type":"*","target_url":"https://example.com/"}`
	for _, c := range []struct{ query, body, want string }{
		{"", hook, "dev"},
		{"", `{"client_id":"acme",` + hook[1:], "acme"},
		{"?client_id=globex", hook, "globex"},
	} {
		if got := f.want(t, 201, "dev", "POST", "/api/webhooks"+c.query, c.body).text(t, "client_id"); got != c.want {
			t.Errorf("%s %s: registered for %q, want %q", c.query, c.body, got, c.want)
		}
	}
	if n := len(f.want(t, 200, "dev", "GET", "/api/webhooks", "").data(t)); n != 3 {
		t.Errorf("it sees %d webhooks, want 3", n)
	}
	f.want(t, 422, admin, "POST", "/api/webhooks", hook)
}

// TestIssuerAwayAnswers: while the issuer cannot be reached, the answer is 503 with the
// time to try again, not 401.
func TestIssuerAwayAnswers(t *testing.T) {
	i := authtest.NewIssuer(t, "2025")
	i.Set("", errors.New("no answer"))
	f := newFixture(t, func(o *Options) {
		o.KeySet = auth.NewKeySet(auth.KeySetOptions{URL: "https://id.example/keys", Fetch: i.Fetch})
	})
	f.tokens["issued"] = string(i.Token("2025"))
	r := f.want(t, 503, "issued", "GET", "/api/webhooks", "")
	if r.header.Get("Retry-After") == "" || !strings.Contains(r.text(t, "detail"), "issuer") {
		t.Errorf("Retry-After %q: %s", r.header.Get("Retry-After"), r.body)
	}
	f.want(t, 200, acme, "GET", "/api/webhooks", "")
	f.want(t, 200, nobody, "GET", "/readyz", "") // other callers are served
}

// TestBearer reads Authorization headers.
func TestBearer(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer abc": "abc", "bearer abc": "abc", "BEARER  abc ": "abc",
		"": "", "Bearer": "", "Bearer ": "", "Bearer   ": "", "Basic abc": "", "abc": "", "Bearerabc": "",
	} {
		token, ok := bearer([]byte(header))
		if string(token) != want && want != "" || ok != (want != "") {
			t.Errorf("%q: got %q, %v", header, token, ok)
		}
	}
}
