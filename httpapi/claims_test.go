package httpapi

import (
	"strings"
	"testing"
	"time"
)

// claimCases are the members of tokens, with whether a token that has them beside
// a good expiry is taken.
var claimCases = []struct {
	members string
	good    bool
}{
	{`"client_id":"acme"`, true},
	{`"client_id":null`, false},
	{`"client_id":""`, false},
	{`"client_id":7`, false},
	{`"client_id":["acme"]`, false},
	{`"client_id":{"id":"acme"}`, false},
	{`"client_id":"ac me"`, false},
	{`"CLIENT_ID":"acme"`, false},
	{`"Client_Id":"acme"`, false},
	{`"client_\u0049d":"acme"`, false},
	{`"client_id":"acme","Client_id":"globex"`, false},
	{`"client_id":"acme","client_id":"acme"`, false},
	{`"clientId":"acme","azp":"acme","email":null,"roles":[]`, true}, // no claims of ours

	{`"scope":"a"`, true},
	{`"scope":"admin events:write"`, true},
	{`"scope":"email profile https://example.com/x"`, true},
	{`"scope":null`, false},
	{`"scope":""`, false},
	{`"scope":" "`, false},
	{`"scope":"admin "`, false},
	{`"scope":" admin"`, false},
	{`"scope":"admin  events:write"`, false},
	{`"scope":"admin\tevents:write"`, false},
	{`"scope":"admin\nevents:write"`, false},
	{`"scope":"admin\u00a0events:write"`, false},
	{`"scope":"admin\u2003events:write"`, false},
	{`"scope":"adm\u0000in"`, false},
	{`"scope":"a\"b"`, false},
	{`"scope":"a\\b"`, false},
	{`"scope":"ädmin"`, false},
	{`"scope":["admin"]`, false},
	{`"scope":true`, false},
	{`"SCOPE":"admin"`, false},
	{`"\u017fcope":"admin"`, false}, // folds to scope

	{`"sub":"a"`, true},
	{`"sub":null`, false},
	{`"sub":""`, false},
	{`"sub":1`, false},
	{`"Sub":"a"`, false},
	{`"iss":""`, false},
	{`"iss":["a"]`, false},
	{`"ISS":"a"`, false},
	{`"jti":"a"`, true},
	{`"jti":1`, false},
	{`"aud":"a"`, true},
	{`"aud":["a","b"]`, true},
	{`"aud":null`, false},
	{`"aud":[]`, false},
	{`"aud":""`, false},
	{`"aud":["a",null]`, false},
	{`"aud":["a",1]`, false},
	{`"AUD":"a"`, false},

	{`"nbf":1,"iat":1.5`, true},
	{`"nbf":"1"`, false},
	{`"nbf":null`, false},
	{`"nbf":1e300`, false},
	{`"NBF":1`, false},
	{`"iat":"1"`, false},
	{`"iat":-1`, false},
	{`"iat":[1]`, false},
	{`"EXP":4102444800`, false},
}

// TestClaims: a claim that could be mistaken for one of ours and is not exactly
// it refuses the token. None counts as absent, since absence can mean more.
func TestClaims(t *testing.T) {
	verifier := testTokens(t, 10, secretKeyNamed(t, "", testSecret))
	for _, c := range claimCases {
		text := `{"exp":4102444800,` + c.members + `}`
		who, err := verifier.principal(t.Context(), []byte(forge(t, text)), time.Now())
		if (err == nil) != c.good {
			t.Errorf("%s: %+v, %v", c.members, who, err)
		}
	}
	for exp, good := range map[string]bool{
		`4102444800`: true, `4102444800.5`: true, `41024448e2`: true,
		`"4102444800"`: false, `null`: false, `[4102444800]`: false, `true`: false, `1e400`: false,
		`4102444800000`: false, // milliseconds
	} {
		if _, err := verifier.principal(t.Context(), []byte(forge(t, `{"exp":`+exp+`,"sub":"a"}`)), time.Now()); (err == nil) != good {
			t.Errorf("exp %s: %v", exp, err)
		}
	}
}

// TestPublishToAll: only a scope of its own lets a token publish to every client;
// a client_id that is missing, or not read, never does.
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

// TestUselessKeysAreNamed: a key from before events:write:all is named in the log at start.
func TestUselessKeysAreNamed(t *testing.T) {
	f := newFixture(t)
	id := f.tokens[keyBare][len(apiKeyPrefix):][:apiKeyID]
	again := newFixture(t, func(o *Options) { o.Store = f.store })
	if n := strings.Count(again.log.String(), "API key allows nothing"); n != 1 || !strings.Contains(again.log.String(), "key="+id) {
		t.Errorf("%d keys are named:\n%s", n, again.log)
	}
}

// TestUnknownScopes: scopes add, so those that mean nothing here change nothing.
func TestUnknownScopes(t *testing.T) {
	f := newFixture(t)
	id := f.register(t, narrow)
	f.want(t, 200, acme, "GET", "/api/webhooks/"+id, "")
	f.want(t, 404, globex, "GET", "/api/webhooks/"+id, "")
	f.tokens["writer"] = mint(t, "w", "acme", "openid events:write email", farFuture())
	f.want(t, 202, "writer", "POST", "/api/events", `{"event_type":"user.created","data":1}`)
	f.tokens["none"] = mint(t, "w", "", "openid email", farFuture())
	f.want(t, 403, "none", "GET", "/api/webhooks", "")
}

// TestAdministratorsHome: an administrator whose token names a client registers
// webhooks for it unless another is named, and still sees everything.
func TestAdministratorsHome(t *testing.T) {
	f := newFixture(t)
	f.tokens["dev"] = mint(t, "", "dev", "admin", farFuture())
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
