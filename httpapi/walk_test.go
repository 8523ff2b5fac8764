package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
)

// scene is a server on which everything that a route can name exists: a webhook
// of acme, and an event of the publisher with a delivery to it.
type scene struct {
	*fixture
	event    webhook.ID
	webhook  string
	delivery string
	key      string // an API key's
	session  string // acme's
	link     string // acme's
	job      string
}

func newScene(t testing.TB, change ...func(*Options)) *scene {
	s := &scene{fixture: newFixture(t, change...)}
	s.webhook = s.register(t, acme)
	s.event = s.publishOne(t)
	s.delivery = webhook.DeliveryID.Format(deliveryTo(t, s.event, s.webhook))
	k, _, err := s.callers.APIKeys().Create(t.Context(), webhook.APIKey{Name: "of the scene", ClientID: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	s.key = k.ID
	s.streams.Close() // each ends after its hello
	now := time.Now().Truncate(time.Millisecond)
	for _, kind := range []webhook.GrantKind{webhook.GrantSession, webhook.GrantLink} {
		g := webhook.Grant{Kind: kind, ClientID: "acme", Subject: "subject:alice", MadeBy: "subject:alice", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
		s.callers.Grants().Issue(&g)
		if err := s.fixture.store.CreateGrant(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		s.session, s.link = s.link, g.ID
	}
	s.job = s.want(t, 201, acme, "POST", "/api/jobs", s.body(`{"action":"replay","webhook_id":"{webhook}"}`)).text(t, "id")
	return s
}

// body fills in a visit's body.
func (s *scene) body(text string) string { return strings.ReplaceAll(text, "{webhook}", s.webhook) }

// tryOnce makes an attempt for a delivery that has none; there is none of a missing one.
func (s *scene) tryOnce(id string) {
	delivery, err := webhook.DeliveryID.Parse(id)
	if err != nil {
		return
	}
	if d, err := s.dispatcher.store.Delivery(context.Background(), delivery); err == nil && d.Attempts == 0 {
		_, _ = s.dispatcher.attempt(delivery, webhook.Attempt{StatusCode: 503})
	}
}

// path fills in a route's path.
func (s *scene) path(route string) string {
	id := webhook.EventID.Format(s.event)
	switch {
	case strings.HasPrefix(route, "/api/webhooks/"):
		id = s.webhook
	case strings.HasPrefix(route, "/api/deliveries/"):
		id = s.delivery
		if strings.Contains(route, "{number}") { // the other visits are of a delivery that nobody has tried
			s.tryOnce(id)
		}
	case strings.HasPrefix(route, "/api/keys/"):
		id = s.key
	case strings.HasPrefix(route, "/api/sessions/"):
		id = s.session
	case strings.HasPrefix(route, "/api/portal-links/"):
		id = s.link
	case strings.HasPrefix(route, "/api/jobs/"):
		id = s.job
	}
	return strings.NewReplacer("{id}", id, "{name}", "user.created", "{number}", "1").Replace(route)
}

// visit is a good request to a route, with the status for each kind of caller.
type visit struct {
	route, body string
	admin       int // also that of every other caller, except those below
	client      int // acme, whose things they are
	other       int // globex
	publisher   int
}

// visits has one for each route. The body of none is bad, so that a status other
// than the success is about the caller.
var visits = []visit{
	{"POST /api/events", `{"event_type":"user.created","data":{"a":[1,2]}}`, 202, 403, 403, 202},
	{"POST /api/events/batch", `[{"event_type":"user.created","data":{}}]`, 202, 403, 403, 202},
	{"GET /api/events", "", 200, 200, 200, 200},
	{"GET /api/events/{id}", "", 200, 200, 404, 200},

	{"POST /api/webhooks", `{"event_type":"user.*","target_url":"https://example.com/"}`, 422, 201, 201, 403},
	{"GET /api/webhooks", "", 200, 200, 200, 403},
	{"GET /api/webhooks/{id}", "", 200, 200, 404, 403},
	{"PUT /api/webhooks/{id}", `{"event_types":["user.created","content.*"],"target_url":"https://example.com/b"}`, 200, 200, 404, 403},
	{"PATCH /api/webhooks/{id}", `{"description":"CRM","status":"paused","retry_policy":{"max_attempts":3}}`, 200, 200, 404, 403},
	{"DELETE /api/webhooks/{id}", "", 204, 204, 404, 403},
	{"POST /api/webhooks/{id}/pause", "", 200, 200, 404, 403},
	{"POST /api/webhooks/{id}/resume", "", 200, 200, 404, 403},
	{"POST /api/webhooks/{id}/rotate-secret", `{"overlap_seconds":60}`, 200, 200, 404, 403},
	{"POST /api/webhooks/{id}/end-rotation", "", 200, 200, 404, 403},
	{"POST /api/webhooks/{id}/test", `{"data":{"x":1}}`, 202, 202, 404, 403},
	{"POST /api/webhooks/{id}/replay", `{"dry_run":true}`, 200, 200, 404, 403},
	{"GET /api/webhooks/{id}/health", "", 200, 200, 404, 403},
	{"GET /api/webhooks/{id}/deliveries", "", 200, 200, 404, 403},

	{"GET /api/deliveries", "", 200, 200, 200, 403},
	{"GET /api/deliveries/{id}", "", 200, 200, 404, 403},
	{"GET /api/deliveries/{id}/attempts/{number}", "", 200, 200, 404, 403},
	{"POST /api/deliveries/{id}/retry", "", 202, 202, 404, 403},
	{"DELETE /api/deliveries/{id}", "", 200, 200, 404, 403},

	{"POST /api/jobs", `{"action":"cancel","webhook_id":"{webhook}","dry_run":true}`, 200, 200, 422, 403},
	{"GET /api/jobs", "", 200, 200, 200, 403},
	{"GET /api/jobs/{id}", "", 200, 200, 404, 403},
	{"POST /api/jobs/{id}/pause", "", 200, 200, 404, 403},
	{"POST /api/jobs/{id}/resume", "", 200, 200, 404, 403},
	{"POST /api/jobs/{id}/cancel", "", 200, 200, 404, 403},

	{"GET /api/event-types", "", 200, 200, 200, 200},
	{"POST /api/event-types", `{"name":"invoice.paid","description":"Paid."}`, 201, 403, 403, 403},
	{"GET /api/event-types/{name}", "", 200, 200, 200, 200},
	{"PUT /api/event-types/{name}", `{"description":"New."}`, 200, 403, 403, 403},
	{"DELETE /api/event-types/{name}", "", 204, 403, 403, 403},

	{"GET /api/overview", "", 200, 403, 403, 403},
	{"GET /api/secret-keys", "", 200, 403, 403, 403},
	{"POST /api/secret-keys/reencrypt", "", 200, 403, 403, 403},
	{"GET /api/stream", "", 200, 200, 200, 403},
	{"GET /api/audit", "", 200, 200, 200, 403},
	{"GET /api/nodes", "", 200, 403, 403, 403},
	{"GET /api/backup", "", 200, 403, 403, 403},

	{"POST /api/keys", `{"name":"billing","scopes":["events:write:all"]}`, 201, 403, 403, 403},
	{"GET /api/keys", "", 200, 403, 403, 403},
	{"DELETE /api/keys/{id}", "", 204, 403, 403, 403},

	{"POST /api/session", "", 201, 201, 201, 201},
	{"GET /api/session", "", 200, 200, 200, 200},
	{"DELETE /api/session", "", 404, 404, 404, 404}, // it is a token or an API key that calls
	{"POST /api/sign-in-links", "", 201, 201, 201, 201},
	{"GET /api/sessions", "", 200, 403, 403, 403},
	{"DELETE /api/sessions/{id}", "", 204, 403, 403, 403},
	{"POST /api/portal-links", `{"client_id":"acme"}`, 201, 201, 403, 403},
	{"GET /api/portal-links", "", 200, 200, 200, 403},
	{"DELETE /api/portal-links/{id}", "", 204, 204, 404, 403},
	{"POST /api/portal-session", `{"link":"x"}`, 401, 401, 401, 401},

	{"GET /healthz", "", 200, 200, 200, 200},
	{"GET /readyz", "", 200, 200, 200, 200},
	{"GET /", "", 200, 200, 200, 200},
	{"GET /openapi.yaml", "", 200, 200, 200, 200},
	{"GET /.well-known/jwks.json", "", 422, 422, 422, 422}, // of no webhook
}

func (v *visit) split() (method, path string) {
	method, path, _ = strings.Cut(v.route, " ")
	return method, path
}

// status returns what a kind of caller gets.
func (v *visit) status(caller string) int {
	_, path := v.split()
	open := !strings.HasPrefix(path, "/api/")
	if path == "/api/portal-session" { // the link says who calls
		return v.admin
	}
	switch caller {
	case nobody, badToken, expired, keyExpired, keyRevoked, keyGuessed:
		if !open {
			return http.StatusUnauthorized
		}
	case bare, keyBare:
		if !open {
			return http.StatusForbidden
		}
	case acme, keyAcme, narrow:
		return v.client
	case globex, keyGlobex:
		return v.other
	case backend, keyBackend:
		if caller == keyBackend && path == "/api/events/{id}" {
			return http.StatusNotFound // it was the other publisher's
		}
		return v.publisher
	case acmeWriter, keyAcmeWriter, wide: // both at once
		if v.client < 300 {
			return v.client
		}
		return v.publisher
	}
	return v.admin
}

// TestVisitsCoverRoutes keeps the table above complete.
func TestVisitsCoverRoutes(t *testing.T) {
	var visited, served []string
	for i := range visits {
		visited = append(visited, visits[i].route)
	}
	for _, r := range new(Server).routes() {
		served = append(served, r.method+" "+r.path)
	}
	slices.Sort(visited)
	slices.Sort(served)
	if !slices.Equal(visited, served) {
		t.Errorf("visited: %q\nserved: %q", visited, served)
	}
}

// TestAccessMatrix visits every route as every kind of caller.
func TestAccessMatrix(t *testing.T) {
	callers := []string{
		nobody, badToken, expired, acme, globex, backend, acmeWriter, narrow, bare, wide, admin,
		keyExpired, keyRevoked, keyGuessed, keyAcme, keyGlobex, keyBackend, keyBare, keyAcmeWriter, keyAdmin,
	}
	for i := range visits {
		v := &visits[i]
		t.Run(v.route, func(t *testing.T) {
			t.Parallel()
			var s *scene
			for _, caller := range callers {
				if s == nil || v.status(caller) < 300 { // what succeeds changes the scene
					s = newScene(t)
				}
				method, path := v.split()
				r := s.want(t, v.status(caller), caller, method, s.path(path), s.body(v.body))
				if method == http.MethodGet { // and so without the body
					s.want(t, v.status(caller), caller, http.MethodHead, s.path(path), "")
				}
				if challenge := r.header.Get("WWW-Authenticate"); (challenge != "") != (r.status == 401 || r.status == 403) {
					t.Errorf("%s got %d with WWW-Authenticate %q", caller, r.status, challenge)
				}
			}
		})
	}
}

// TestForeignLooksMissing compares the answers for what is another client's with
// those for what does not exist.
func TestForeignLooksMissing(t *testing.T) {
	for i := range visits {
		v := &visits[i]
		_, path := v.split()
		if !strings.Contains(path, "{id}") {
			continue
		}
		t.Run(v.route, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			foreign := s.asGlobex(t, v)
			s.event.Nonce++ // no such event, and no such delivery
			s.delivery = webhook.DeliveryID.Format(deliveryTo(t, s.event, s.webhook))
			s.webhook = webhook.EndpointID.Format(webhook.ID{Seq: 1, Endpoint: 99})
			s.key = "aaaaaaaaaa"
			s.session, s.link = "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"
			missing := s.asGlobex(t, v)
			if foreign != missing {
				t.Errorf("foreign: %s\nmissing: %s", foreign, missing)
			}
		})
	}
}

// asGlobex visits a route as globex by token and by API key, where it may, and as
// an administrator for globex. All get the same 404; asGlobex returns its body.
func (s *scene) asGlobex(t *testing.T, v *visit) string {
	t.Helper()
	method, path := v.split()
	body := s.want(t, 404, admin, method, s.path(path)+"?client_id=globex", s.body(v.body)).body
	for _, caller := range []string{globex, keyGlobex} {
		r := s.want(t, v.other, caller, method, s.path(path), s.body(v.body))
		if v.other == http.StatusNotFound && string(r.body) != string(body) {
			t.Errorf("%s: %s\nadmin: %s", caller, r.body, body)
		}
	}
	return string(body)
}

// TestWrongNonce asks for ids whose number exists, but which are not those.
func TestWrongNonce(t *testing.T) {
	s := newScene(t)
	id, err := webhook.EndpointID.Parse(s.webhook)
	if err != nil {
		t.Fatal(err)
	}
	id.Nonce++
	s.want(t, 404, acme, "GET", "/api/webhooks/"+webhook.EndpointID.Format(id), "")
	id.Nonce, id.Seq = id.Nonce-1, id.Seq+1
	s.want(t, 404, acme, "GET", "/api/webhooks/"+webhook.EndpointID.Format(id), "")
	for _, path := range []string{
		"/api/webhooks/" + s.delivery, "/api/deliveries/" + s.webhook, "/api/events/" + s.delivery,
		"/api/webhooks/wh_", "/api/webhooks/x", "/api/events/batch", "/api/webhooks/" + s.webhook + "%00",
		"/api/events/evt_" + strings.TrimPrefix(s.delivery, "whd_"),
	} {
		s.want(t, 404, acme, "GET", path, "")
	}
}

// TestAdminActsForClient narrows an administrator to a client.
func TestAdminActsForClient(t *testing.T) {
	s := newScene(t)
	s.want(t, 200, admin, "GET", "/api/webhooks/"+s.webhook+"?client_id=acme", "")
	s.want(t, 404, admin, "GET", "/api/webhooks/"+s.webhook+"?client_id=globex", "")
	s.want(t, 404, admin, "GET", "/api/deliveries/"+s.delivery+"?client_id=globex", "")
	s.want(t, 404, admin, "GET", s.path("/api/events/{id}")+"?client_id=globex", "")
	s.want(t, 200, admin, "GET", s.path("/api/events/{id}")+"?client_id=acme", "")
	if n := len(s.want(t, 200, admin, "GET", "/api/webhooks?client_id=globex", "").data(t)); n != 0 {
		t.Errorf("globex has %d webhooks", n)
	}
	r := s.want(t, 201, admin, "POST", "/api/webhooks?client_id=globex", `{"event_type":"*","target_url":"https://example.com/"}`)
	if got := r.text(t, "client_id"); got != "globex" {
		t.Errorf("registered for %q", got)
	}
	r = s.want(t, 201, admin, "POST", "/api/webhooks", `{"client_id":"initech","event_type":"*","target_url":"https://example.com/"}`)
	if got := r.text(t, "client_id"); got != "initech" {
		t.Errorf("registered for %q", got)
	}
	s.want(t, 403, admin, "POST", "/api/webhooks?client_id=globex", `{"client_id":"acme","event_type":"*","target_url":"https://example.com/"}`)
	// A client may name itself, and no one else.
	s.want(t, 200, acme, "GET", "/api/webhooks?client_id=acme", "")
	for _, caller := range []string{acme, backend, acmeWriter} {
		r = s.want(t, 403, caller, "GET", "/api/event-types?client_id=globex", "")
		if got := r.text(t, "field"); got != "client_id" {
			t.Errorf("%s: field %q", caller, got)
		}
	}
}

// TestEventVisibility shows each caller its own part of an event.
func TestEventVisibility(t *testing.T) {
	s := newScene(t)
	second := s.register(t, globex)
	id := s.publishOne(t) // reaches acme's and globex's webhook
	path := "/api/events/" + webhook.EventID.Format(id)
	if _, err := s.dispatcher.attempt(deliveryTo(t, id, second), webhook.Attempt{
		StatusCode: 302, Response: []byte("stack trace"), Location: "/stack trace", Detail: "stack trace", ResponseEncoding: "stack trace",
	}); err != nil {
		t.Fatal(err)
	}
	for caller, want := range map[string]float64{acme: 1, globex: 1, backend: 2, admin: 2, acmeWriter: 1} {
		r := s.want(t, 200, caller, "GET", path, "")
		if got := r.object(t)["deliveries"]; got != want {
			t.Errorf("%s sees %v deliveries, want %v", caller, got, want)
		}
		if shows := strings.Contains(string(r.body), "stack trace"); shows != (caller == globex || caller == admin) {
			t.Errorf("%s sees what globex's receiver answered: %v", caller, shows)
		}
		if strings.Contains(string(r.body), second) != (caller != acme && caller != acmeWriter) {
			t.Errorf("%s sees globex's webhook: %s", caller, r.body)
		}
	}
	s.fixture.tokens["rival"] = authtest.Mint(t, "rival", "", "events:write:all", time.Now().Add(time.Hour))
	s.want(t, 404, "rival", "GET", path, "")
	// An event for one client is seen by that client, even if it matches nothing.
	r := s.want(t, 202, backend, "POST", "/api/events", `{"event_type":"user.created","data":1,"client_id":"initech"}`)
	path = "/api/events/" + r.text(t, "id")
	s.fixture.tokens["initech"] = authtest.Mint(t, "i", "initech", "", time.Now().Add(time.Hour))
	s.want(t, 200, "initech", "GET", path, "")
	s.want(t, 404, acme, "GET", path, "")
}
