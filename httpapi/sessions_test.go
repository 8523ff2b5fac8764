package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/httpapi/session"
	"github.com/corpastro/astrohook/webhook"
)

// own are the headers with which a browser makes a request of the server's own pages.
var own = []string{"Sec-Fetch-Site", "same-origin"}

// with returns the headers of a request with a cookie, and others.
func with(cookie string, others ...string) []string {
	return append([]string{"Cookie", "astrohook_session=" + cookie}, others...)
}

// cookieOf returns the session's cookie that an answer sets.
func cookieOf(t *testing.T, r *reply) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: r.header}).Cookies()
	if len(cookies) != 1 || cookies[0].Name != "astrohook_session" {
		t.Fatalf("Set-Cookie: %q", r.header["Set-Cookie"])
	}
	return cookies[0]
}

// signIn signs a caller in, and returns the session's secret.
func (f *fixture) signIn(t *testing.T, caller, body string) string {
	t.Helper()
	return cookieOf(t, f.want(t, 201, caller, "POST", "/api/session", body)).Value
}

// portal makes a portal link of acme, uses it, and returns the session's secret.
func (f *fixture) portal(t *testing.T) string {
	t.Helper()
	return cookieOf(t, f.want(t, 201, nobody, "POST", "/api/portal-session", `{"link":"`+f.link(t, `{"client_id":"acme"}`)+`"}`)).Value
}

// link makes a portal link and returns its secret.
func (f *fixture) link(t *testing.T, body string) string {
	t.Helper()
	_, secret, ok := strings.Cut(f.want(t, 201, admin, "POST", "/api/portal-links", body).text(t, "url"), "/portal#")
	if !ok {
		t.Fatal("the link's URL has no secret")
	}
	return secret
}

// TestSessionLife: a token or an API key becomes a cookie, once, which works until it is
// taken back.
func TestSessionLife(t *testing.T) {
	f := newFixture(t)
	for _, caller := range []string{admin, keyAdmin, acme, keyAcme, backend} {
		r := f.want(t, 201, caller, "POST", "/api/session", "")
		c := cookieOf(t, r)
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.MaxAge < 1 || c.MaxAge > 12*60*60 {
			t.Errorf("%s: %q", caller, r.header["Set-Cookie"])
		}
		if strings.Contains(string(r.body), c.Value) || strings.Contains(f.log.String(), c.Value) {
			t.Errorf("%s: the secret is shown", caller)
		}
		want := f.want(t, 200, caller, "GET", "/api/session", "").object(t)
		got := f.want(t, 200, nobody, "GET", "/api/session", "", with(c.Value)...).object(t)
		for _, member := range []string{"kind", "client_id", "scopes", "read_only", "version"} {
			if !equalJSON(got[member], want[member]) {
				t.Errorf("%s: %s is %v, of the credential itself %v", caller, member, got[member], want[member])
			}
		}
		r = f.want(t, 204, nobody, "DELETE", "/api/session", "", with(c.Value, own...)...)
		if gone := cookieOf(t, r); gone.Value != "" || !gone.Expires.Before(time.Now()) {
			t.Errorf("%s: %q", caller, r.header["Set-Cookie"])
		}
		f.want(t, 401, nobody, "GET", "/api/session", "", with(c.Value)...)
	}
	f.want(t, 404, admin, "DELETE", "/api/session", "") // no session
	for caller, want := range map[string]int{nobody: 401, badToken: 401, expired: 401, keyRevoked: 401, keyExpired: 401, keyGuessed: 401, bare: 403, keyBare: 403} {
		if r := f.want(t, want, caller, "POST", "/api/session", ""); r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s got a cookie", caller)
		}
	}
	// Not by another session: a stolen one would renew itself.
	f.want(t, 401, nobody, "POST", "/api/session", "", with(f.signIn(t, admin, ""), own...)...)
	f.want(t, 422, admin, "POST", "/api/session", `{"scope":"admin"}`)
	f.want(t, 413, nobody, "POST", "/api/portal-session", `{"link":"`+strings.Repeat("x", 8<<10)+`"}`)
}

func equalJSON(a, b any) bool {
	x, isList := a.([]any)
	if !isList {
		return a == b
	}
	y, _ := b.([]any)
	return slices.Equal(x, y)
}

// TestSessionEndsWithItsCredential: with the API key, and at the token's expiry.
func TestSessionEndsWithItsCredential(t *testing.T) {
	f := newFixture(t)
	key := f.want(t, 201, admin, "POST", "/api/keys", `{"name":"console","scopes":["admin"]}`).object(t)
	f.tokens["console"] = key["key"].(string)
	secret := f.signIn(t, "console", "")
	link := f.want(t, 201, "console", "POST", "/api/portal-links", `{"client_id":"acme"}`).text(t, "url")
	_, link, _ = strings.Cut(link, "#")
	f.want(t, 200, nobody, "GET", "/api/webhooks", "", with(secret)...)
	f.want(t, 204, admin, "DELETE", "/api/keys/"+key["id"].(string), "")
	f.want(t, 401, nobody, "GET", "/api/webhooks", "", with(secret)...)
	f.want(t, 401, nobody, "POST", "/api/portal-session", `{"link":"`+link+`"}`)
	if n := len(f.want(t, 200, admin, "GET", "/api/sessions", "").data(t)); n != 0 {
		t.Errorf("%d sessions are listed", n)
	}
	soon := time.Now().Add(10 * time.Minute)
	f.tokens["short"] = authtest.Mint(t, "x", "", "admin", soon)
	if c := cookieOf(t, f.want(t, 201, "short", "POST", "/api/session", "")); c.MaxAge > 10*60 {
		t.Errorf("the session outlives its token: %d s", c.MaxAge)
	}
}

// TestReadOnly: the scope read, of tokens, API keys and sessions alike, allows what reads.
func TestReadOnly(t *testing.T) {
	s := newScene(t)
	hour := time.Now().Add(time.Hour)
	s.tokens["reader"] = authtest.Mint(t, "r", "", "admin read", hour)
	s.tokens["acme's reader"] = authtest.Mint(t, "r", "acme", "read events:write", hour)
	s.tokens["read alone"] = authtest.Mint(t, "r", "", "read", hour)
	s.tokens["reading key"] = s.want(t, 201, admin, "POST", "/api/keys", `{"name":"r","scopes":["admin","read"]}`).text(t, "key")
	s.want(t, 422, admin, "POST", "/api/keys", `{"name":"r","scopes":["read"]}`)
	s.want(t, 403, "read alone", "GET", "/api/webhooks", "")
	reading := with(s.signIn(t, admin, `{"scope":"read"}`), own...)
	callers := map[string][]string{"reader": nil, "reading key": nil, "acme's reader": nil, nobody: reading}
	for i := range visits {
		v := &visits[i]
		method, path := v.split()
		if path == "/api/session" || path == "/api/sign-in-links" || path == "/api/portal-session" || !strings.HasPrefix(path, "/api/") {
			continue
		}
		for caller, headers := range callers {
			full := admin
			if caller == "acme's reader" {
				full = acme
			}
			want := v.status(full)
			if method != "GET" || path == "/api/backup" {
				want = 403
			}
			s.want(t, want, caller, method, s.path(path), s.body(v.body), headers...)
		}
	}
	for caller, headers := range callers {
		if r := s.want(t, 200, caller, "GET", "/api/session", "", headers...); r.object(t)["read_only"] != true {
			t.Errorf("%s: %s", caller, r.body)
		}
	}
	s.want(t, 204, nobody, "DELETE", "/api/session", "", reading...)
}

// TestForeignPages: another site's pages, and those that do not say who they are, change
// nothing with somebody's cookie, and sign nobody in.
func TestForeignPages(t *testing.T) {
	pages, err := session.ParsePages("https://hooks.example.com/astrohook/", nil, webhook.Brand{})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *Options) { o.Pages = pages })
	secret := f.signIn(t, admin, "")
	for i, c := range []struct {
		headers []string
		ours    bool
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, true},
		{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "https://behind.a.proxy"}, true}, // a browser knows better
		{[]string{"Origin", "http://astrohook"}, true},                                        // the host of the request
		{[]string{"Origin", "https://hooks.example.com"}, true},
		{[]string{"Origin", "http://hooks.example.com"}, false},
		{[]string{"Origin", "https://astrohook.evil"}, false},
		{[]string{"Origin", "null"}, false},
		{[]string{"Sec-Fetch-Site", "same-site"}, false},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://astrohook"}, false},
		{[]string{"Sec-Fetch-Site", "none"}, false},
		{nil, false},
	} {
		want := 403
		if c.ours {
			want = 201
		}
		f.want(t, want, nobody, "POST", "/api/event-types", fmt.Sprintf(`{"name":"foreign.pages%d"}`, i), with(secret, c.headers...)...)
	}
}

// TestPortalLinkWorksOnce, however it is tried again.
func TestPortalLinkWorksOnce(t *testing.T) {
	f := newFixture(t)
	use := func(link string) *reply { return f.do(t, nobody, "POST", "/api/portal-session", `{"link":"`+link+`"}`) }
	good := f.link(t, `{"client_id":"acme","lifetime_seconds":60,"brand":{"name":"Acme <b>","color":"#3355aa"}}`)
	r := use(good)
	if r.status != 201 || r.text(t, "kind") != "portal" || r.text(t, "client_id") != "acme" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if c := cookieOf(t, r); c.MaxAge < 1 || c.MaxAge > 60 || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("%q", r.header["Set-Cookie"])
	}
	if b, _ := r.object(t)["brand"].(map[string]any); b["name"] != "Acme <b>" || b["color"] != "#3355aa" {
		t.Errorf("brand %v", b)
	}
	revoked := f.link(t, `{"client_id":"acme"}`)
	for _, l := range f.want(t, 200, admin, "GET", "/api/portal-links", "").data(t) {
		if l["used_at"] == nil {
			f.want(t, 404, globex, "DELETE", "/api/portal-links/"+l["id"].(string), "")
			f.want(t, 204, acme, "DELETE", "/api/portal-links/"+l["id"].(string), "")
		}
	}
	unused := f.link(t, `{"client_id":"acme"}`)
	tampered := []byte(unused)
	tampered[len(tampered)-30] ^= 1
	for what, link := range map[string]string{
		"used": good, "revoked": revoked, "tampered": string(tampered), "cut": unused[:len(unused)-1], "empty": "",
		"a session": f.signIn(t, admin, ""), "an API key": f.tokens[keyAdmin], "another id": "ahl_aaaaaaaaaaaaaaaa" + unused[20:],
	} {
		if r := use(link); r.status != 401 || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	if r := use(unused); r.status != 201 {
		t.Errorf("a link that others resemble: %d", r.status)
	}
	if strings.Contains(f.log.String(), unused) {
		t.Error("the log has a link's secret")
	}
}

// TestPortalLinkExpires after ten minutes, of which a changed record cannot be distinguished.
func TestPortalLinkExpires(t *testing.T) {
	f := newFixture(t)
	secret := f.link(t, `{"client_id":"acme"}`)
	links, err := f.store.Grants(t.Context())
	if err != nil || len(links) != 1 {
		t.Fatal(links, err)
	}
	if left := time.Until(links[0].ExpiresAt); left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("it is good for %v", left)
	}
	if err := f.store.DeleteGrant(t.Context(), links[0].ID); err != nil {
		t.Fatal(err)
	}
	links[0].ExpiresAt = time.Now().Add(-time.Millisecond)
	links[0].KeptUntil = time.Now().Add(time.Hour)
	if err := f.store.CreateGrant(t.Context(), links[0]); err != nil {
		t.Fatal(err)
	}
	f.want(t, 401, nobody, "POST", "/api/portal-session", `{"link":"`+secret+`"}`)
}

// TestPortalLinkRaced: of all who use a link at the same time one gets a session.
func TestPortalLinkRaced(t *testing.T) {
	f := newFixture(t)
	secret := f.link(t, `{"client_id":"acme"}`)
	status := make([]int, 8)
	var all sync.WaitGroup
	for i := range status {
		all.Go(func() {
			req, err := http.NewRequestWithContext(context.Background(), "POST", "http://astrohook/api/portal-session", strings.NewReader(`{"link":"`+secret+`"}`))
			if err != nil {
				return
			}
			if resp, err := f.client.Do(req); err == nil {
				status[i] = resp.StatusCode
				_ = resp.Body.Close()
			}
		})
	}
	all.Wait()
	slices.Sort(status)
	if want := []int{201, 401, 401, 401, 401, 401, 401, 401}; !slices.Equal(status, want) {
		t.Errorf("%v, want %v", status, want)
	}
}

// TestPortalShowsItsClientOnly: a session of acme's portal walks the table of routes over
// things of globex, of acme, and of nobody. Nothing of globex shows, and nothing but acme's
// webhooks can be changed.
func TestPortalShowsItsClientOnly(t *testing.T) {
	const mark = "globex-secret-text"
	for i := range visits {
		v := &visits[i]
		method, path := v.split()
		if !strings.HasPrefix(path, "/api/") || path == "/api/portal-session" || path == "/api/session" || path == "/api/sign-in-links" { // sessions sign nobody in
			continue
		}
		t.Run(v.route, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			headers := with(s.portal(t), own...)
			// acme's own things: as the client itself, except what gives access further.
			want := v.client
			if strings.HasPrefix(path, "/api/portal-links") || v.admin >= 300 && v.client >= 300 {
				want = 403
			}
			mine := s.do(t, nobody, method, s.path(path), s.body(v.body), headers...)
			if mine.status != want && !(want == 403 && mine.status == 422) {
				t.Errorf("over acme's: %d %.200s, want %d", mine.status, mine.body, want)
			}
			// The same over globex's things.
			s = newScene(t)
			headers = with(s.portal(t), own...)
			r := s.want(t, 201, globex, "POST", "/api/webhooks", `{"event_type":"user.*","target_url":"https://example.com/`+mark+`","description":"`+mark+`"}`)
			s.webhook = r.text(t, "id")
			r = s.want(t, 202, backend, "POST", "/api/events", `{"event_type":"user.created","client_id":"globex","data":"`+mark+`"}`)
			event, err := webhook.EventID.Parse(r.text(t, "id"))
			if err != nil {
				t.Fatal(err)
			}
			s.event, s.delivery = event, webhook.DeliveryID.Format(deliveryTo(t, event, s.webhook))
			s.job = s.want(t, 201, globex, "POST", "/api/jobs", s.body(`{"action":"replay","webhook_id":"{webhook}"}`)).text(t, "id")
			for _, query := range []string{"", "?client_id=globex"} {
				r := s.do(t, nobody, method, s.path(path)+query, s.body(v.body), headers...)
				if strings.Contains(string(r.body), mark) {
					t.Errorf("%q shows globex's: %s", query, r.body)
				}
				if foreign := query != "" || strings.Contains(path, "{id}"); foreign && r.status < 300 {
					t.Errorf("%q: %d %s", query, r.status, r.body)
				}
			}
		})
	}
}

// TestPortalDoesWhatItIsFor: manage, test, redeliver and rotate, by acme's portal.
func TestPortalDoesWhatItIsFor(t *testing.T) {
	s := newScene(t)
	headers := with(s.portal(t), own...)
	for route, want := range map[string]int{
		"GET /api/webhooks": 200, "GET /api/webhooks/{id}": 200, "POST /api/webhooks/{id}/test": 202, "POST /api/webhooks/{id}/rotate-secret": 200,
		"GET /api/webhooks/{id}/deliveries": 200, "GET /api/deliveries/{id}": 200, "POST /api/deliveries/{id}/retry": 202, "GET /api/event-types": 200,
		"POST /api/events": 403, "POST /api/keys": 403, "GET /api/sessions": 403, "GET /api/overview": 403, "GET /api/backup": 403,
		"POST /api/portal-links": 403, "GET /api/portal-links": 403, "POST /api/event-types": 403, "GET /api/nodes": 403,
	} {
		method, path, _ := strings.Cut(route, " ")
		body := ""
		if method == "POST" && (path == "/api/events" || path == "/api/keys" || path == "/api/event-types") {
			body = `{}`
		}
		s.want(t, want, nobody, method, s.path(path), body, headers...)
	}
}

// TestRevoking: an operator ends one session, and a link with the session that came from it.
func TestRevoking(t *testing.T) {
	f := newFixture(t)
	operator, portal := f.signIn(t, keyAcme, ""), f.portal(t)
	f.want(t, 200, nobody, "GET", "/api/webhooks", "", with(portal)...)
	for _, listed := range f.want(t, 200, admin, "GET", "/api/sessions", "").data(t) {
		if listed["kind"] == "operator" {
			f.want(t, 404, admin, "DELETE", "/api/portal-links/"+listed["id"].(string), "")
			f.want(t, 404, admin, "DELETE", "/api/sessions/"+listed["id"].(string)+"?client_id=globex", "")
			f.want(t, 204, admin, "DELETE", "/api/sessions/"+listed["id"].(string), "")
		}
	}
	f.want(t, 401, nobody, "GET", "/api/webhooks", "", with(operator)...)
	link := f.want(t, 200, acme, "GET", "/api/portal-links", "").data(t)
	if len(link) != 1 || link[0]["session_id"] == nil {
		t.Fatalf("%v", link)
	}
	f.want(t, 204, acme, "DELETE", "/api/portal-links/"+link[0]["id"].(string), "")
	f.want(t, 401, nobody, "GET", "/api/webhooks", "", with(portal)...)
	f.want(t, 404, admin, "DELETE", "/api/portal-links/"+link[0]["id"].(string), "")
}

// TestListsOfGrantsInPages: a list continues where its page ended.
func TestListsOfGrantsInPages(t *testing.T) {
	f := newFixture(t)
	for range 5 {
		f.signIn(t, acme, "")
		f.link(t, `{"client_id":"acme"}`)
	}
	for _, path := range []string{"/api/sessions", "/api/portal-links"} {
		seen, cursor := map[any]bool{}, ""
		for {
			r := f.want(t, 200, admin, "GET", path+"?limit=2"+cursor, "")
			for _, entry := range r.data(t) {
				seen[entry["id"]] = true
			}
			next := r.text(t, "next_cursor")
			if next == "" {
				break
			}
			cursor = "&cursor=" + next
		}
		if len(seen) != 5 {
			t.Errorf("%s: %d entries", path, len(seen))
		}
	}
	if n := len(f.want(t, 200, admin, "GET", "/api/sessions?client_id=globex", "").data(t)); n != 0 {
		t.Errorf("globex has %d sessions", n)
	}
}

// TestSignInIsLimited: failures are bounded, and do not keep those out who never fail.
func TestSignInIsLimited(t *testing.T) {
	f := newFixture(t)
	failed := 0
	for range 40 {
		r := f.do(t, badToken, "POST", "/api/session", "")
		if r.status == 429 {
			if r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
		failed++
	}
	if failed < 15 || failed > 30 {
		t.Errorf("%d failures before the limit", failed)
	}
	f.want(t, 429, nobody, "POST", "/api/portal-session", `{"link":"x"}`)
	f.want(t, 200, admin, "GET", "/api/webhooks", "") // other calls go on
}

// TestFramedPortal: where frames are allowed the portal's cookie works in one, with TLS; the
// operator's never does.
func TestFramedPortal(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Pages.FrameOrigins = []string{"https://app.example"} })
	use := func(headers ...string) string {
		r := f.want(t, 201, nobody, "POST", "/api/portal-session", `{"link":"`+f.link(t, `{"client_id":"acme"}`)+`"}`, headers...)
		return r.header.Get("Set-Cookie")
	}
	if c := use("X-Forwarded-Proto", "https"); !strings.Contains(c, "SameSite=None") || !strings.Contains(strings.ToLower(c), "secure") || !strings.Contains(c, "Partitioned") {
		t.Errorf("with TLS: %s", c)
	}
	if c := use(); !strings.Contains(c, "SameSite=Strict") || strings.Contains(c, "Partitioned") {
		t.Errorf("without: %s", c)
	}
	r := f.want(t, 201, admin, "POST", "/api/session", "", "X-Forwarded-Proto", "https")
	if c := r.header.Get("Set-Cookie"); !strings.Contains(c, "SameSite=Strict") || !strings.Contains(strings.ToLower(c), "secure") {
		t.Errorf("the operator's: %s", c)
	}
}

// TestPublicURL: links and cookies name the address that browsers use.
func TestPublicURL(t *testing.T) {
	pages, err := session.ParsePages("https://example.com/hooks/", nil, webhook.Brand{Name: "Corp", LogoURL: "https://cdn.example.com/logo.svg"})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *Options) { o.Pages = pages })
	if got := f.want(t, 201, acme, "POST", "/api/portal-links", "").text(t, "url"); !strings.HasPrefix(got, "https://example.com/hooks/portal#ahl_") {
		t.Errorf("link %s", got)
	}
	if c := cookieOf(t, f.want(t, 201, admin, "POST", "/api/session", "")); c.Path != "/hooks/" || !c.Secure {
		t.Errorf("cookie %v", c)
	}
	b, _ := f.want(t, 200, admin, "GET", "/api/session", "").object(t)["brand"].(map[string]any)
	if b["name"] != "Corp" || b["logo_url"] != "https://cdn.example.com/logo.svg" {
		t.Errorf("brand %v", b)
	}
}

// TestPortalLinkInput: who may make a link for whom, and what it may look like.
func TestPortalLinkInput(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Pages.Brand.LogoURL = "https://cdn.example.com/a.png" })
	for _, c := range []struct {
		caller, body string
		want         int
		field        string
	}{
		{admin, ``, 422, "client_id"},
		{admin, `{"client_id":"a b"}`, 422, "client_id"},
		{acme, `{"client_id":"globex"}`, 403, "client_id"},
		{acme, `{"client_id":"acme"}`, 201, ""},
		{backend, `{"client_id":"acme"}`, 403, ""},
		{acme, `{"lifetime_seconds":59}`, 422, "lifetime_seconds"},
		{acme, `{"lifetime_seconds":43201}`, 422, "lifetime_seconds"},
		{acme, `{"brand":{"color":"red"}}`, 422, "brand.color"},
		{acme, `{"brand":{"logo_url":"https://elsewhere.example/x.png"}}`, 422, "brand.logo_url"},
		{acme, `{"brand":{"logo_url":"https://cdn.example.com/b.png"}}`, 201, ""},
		{acme, `{"brand":{"logo_url":"data:image/png;base64,iVBORw0KGgo="}}`, 201, ""},
		{acme, `{"brands":{}}`, 422, "brands"},
	} {
		r := f.want(t, c.want, c.caller, "POST", "/api/portal-links", c.body)
		if c.field != "" && r.text(t, "field") != c.field {
			t.Errorf("%s %s: field %q", c.caller, c.body, r.text(t, "field"))
		}
	}
}

// signInLink makes a sign-in link and returns its secret.
func (f *fixture) signInLink(t *testing.T, caller, body string) string {
	t.Helper()
	_, secret, ok := strings.Cut(f.want(t, 201, caller, "POST", "/api/sign-in-links", body).text(t, "url"), "http://astrohook/ui/#link=")
	if !ok {
		t.Fatal("the link's URL has no secret")
	}
	return secret
}

// TestSignInLinks: a link becomes, once, a session that may do what its maker may, for every
// kind of caller, and ends with the maker's API key.
func TestSignInLinks(t *testing.T) {
	f := newFixture(t)
	f.tokens["reader"] = authtest.Mint(t, "r", "", "admin read", time.Now().Add(time.Hour))
	for caller, body := range map[string]string{admin: "", keyAdmin: "{}", acme: "", keyAcme: "", backend: "", "reader": "", globex: `{"scope":"read"}`} {
		link := f.signInLink(t, caller, body)
		in := `{"link":"` + link + `"}`
		r := f.want(t, 201, nobody, "POST", "/api/session", in)
		want := f.want(t, 200, caller, "GET", "/api/session", "").object(t)
		got := f.want(t, 200, nobody, "GET", "/api/session", "", with(cookieOf(t, r).Value)...).object(t)
		if body == `{"scope":"read"}` {
			want["read_only"], want["scopes"] = true, append(want["scopes"].([]any), "read")
		}
		for _, member := range []string{"kind", "client_id", "scopes", "read_only"} {
			if !equalJSON(got[member], want[member]) {
				t.Errorf("%s: %s is %v, of the credential itself %v", caller, member, got[member], want[member])
			}
		}
		f.want(t, 401, nobody, "POST", "/api/session", in)
		if strings.Contains(f.log.String(), link) {
			t.Errorf("%s: the log has the link's secret", caller)
		}
	}
	for caller, want := range map[string]int{nobody: 401, badToken: 401, expired: 401, keyRevoked: 401, keyExpired: 401, bare: 403} {
		f.want(t, want, caller, "POST", "/api/sign-in-links", "")
	}
	// Neither by a session, which could make itself another one for ever, nor by another kind of link.
	f.want(t, 401, nobody, "POST", "/api/sign-in-links", "", with(f.signIn(t, admin, ""), own...)...)
	f.want(t, 401, nobody, "POST", "/api/sign-in-links", "", with(f.portal(t), own...)...)
	f.want(t, 401, nobody, "POST", "/api/session", `{"link":"`+f.link(t, `{"client_id":"acme"}`)+`"}`)
	f.want(t, 401, nobody, "POST", "/api/portal-session", `{"link":"`+f.signInLink(t, admin, "")+`"}`)
	link := f.signInLink(t, admin, "")
	for caller, body := range map[string]string{
		nobody: `{"link":"` + link + `","scope":"read"}`, admin: `{"link":"` + link + `"}`,
	} {
		f.want(t, 422, caller, "POST", "/api/session", body)
	}
	f.want(t, 422, admin, "POST", "/api/sign-in-links", `{"scope":"admin"}`)
	f.want(t, 422, admin, "POST", "/api/sign-in-links", `{"link":"x"}`)
	f.want(t, 403, nobody, "POST", "/api/session", `{"link":"`+link+`"}`, "Sec-Fetch-Site", "cross-site")
	f.want(t, 201, nobody, "POST", "/api/session", `{"link":"`+link+`"}`)

	key := f.want(t, 201, admin, "POST", "/api/keys", `{"name":"console","scopes":["admin"]}`).object(t)
	f.tokens["console"] = key["key"].(string)
	unused, used := f.signInLink(t, "console", ""), f.signInLink(t, "console", "")
	secret := cookieOf(t, f.want(t, 201, nobody, "POST", "/api/session", `{"link":"`+used+`"}`)).Value
	f.want(t, 200, nobody, "GET", "/api/webhooks", "", with(secret)...)
	f.want(t, 204, admin, "DELETE", "/api/keys/"+key["id"].(string), "")
	f.want(t, 401, nobody, "GET", "/api/webhooks", "", with(secret)...)
	f.want(t, 401, nobody, "POST", "/api/session", `{"link":"`+unused+`"}`)
}

// TestSessionsInAudit: who signed in, by what, and who ended which session.
func TestSessionsInAudit(t *testing.T) {
	f := newFixture(t)
	f.signIn(t, keyAcme, "")
	secret := cookieOf(t, f.want(t, 201, nobody, "POST", "/api/session", `{"link":"`+f.signInLink(t, admin, "")+`"}`)).Value
	f.want(t, 204, nobody, "DELETE", "/api/session", "", with(secret, own...)...)
	session := f.want(t, 200, admin, "GET", "/api/sessions", "").data(t)[0]["id"].(string)
	f.want(t, 204, admin, "DELETE", "/api/sessions/"+session, "")
	var got []string
	entries := f.want(t, 200, admin, "GET", "/api/audit", "").data(t)
	slices.Reverse(entries)
	for _, e := range entries {
		if e["resource"] == nil || e["resource"] == "" {
			t.Errorf("an entry says nothing of what was changed: %v", e)
		}
		by, _, _ := strings.Cut(e["by"].(string), ":")
		got = append(got, e["action"].(string)+" by "+by)
	}
	want := []string{
		"session.create by key", "sign_in_link.create by subject", "session.create by subject",
		"session.delete by session", "session.delete by subject",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the audit has %q, want %q", got, want)
	}
}
