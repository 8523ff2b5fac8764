package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// inPortal returns what a portal session of globex gets: what globex gets, except that it
// makes no links and no other sessions. It may end itself.
func (v *visit) inPortal() int {
	switch _, path := v.split(); {
	case v.route == "POST /api/session", v.route == "POST /api/sign-in-links":
		return http.StatusUnauthorized
	case v.route == "DELETE /api/session":
		return http.StatusNoContent
	case strings.HasPrefix(path, "/api/portal-links"):
		return http.StatusForbidden
	}
	return v.other
}

// portalOf uses a portal link of a client, and returns the headers of the session's requests.
func (f *fixture) portalOf(t *testing.T, client string) []string {
	t.Helper()
	link := f.link(t, `{"client_id":"`+client+`"}`)
	return with(cookieOf(t, f.want(t, 201, nobody, "POST", "/api/portal-session", `{"link":"`+link+`"}`)).Value, own...)
}

// TestPortalShowsNothingOfOthers visits every route of the table with the session of globex's
// portal link, while all that there is belongs to acme: no answer holds anything of it, and
// afterwards it is as it was. Whoever names acme is refused.
func TestPortalShowsNothingOfOthers(t *testing.T) {
	s := newScene(t)
	s.want(t, 200, acme, "PATCH", "/api/webhooks/"+s.webhook, `{"description":"acme's alone"}`)
	session := s.portalOf(t, "globex")
	things := []string{"/api/webhooks/" + s.webhook, "/api/deliveries/" + s.delivery, "/api/jobs/" + s.job, "/api/deliveries?client_id=acme"}
	s.tryOnce(s.delivery) // as the visit of an attempt does
	var before []string
	for _, path := range things {
		before = append(before, string(s.want(t, 200, admin, "GET", path, "").body))
	}
	foreign := []string{s.webhook, s.delivery, webhook.EventID.Format(s.event), s.job, s.key, s.session, s.link, "acme", "alice"}
	for i := range visits {
		v := &visits[i]
		method, path := v.split()
		r := s.want(t, v.inPortal(), nobody, method, s.path(path), s.body(v.body), session...)
		checkShowsNone(t, v.route, r, foreign)
		if v.route == "DELETE /api/session" {
			session = s.portalOf(t, "globex")
		}
		if !strings.HasPrefix(path, "/api/") || v.inPortal() == http.StatusUnauthorized {
			continue // whoever asks
		}
		r = s.do(t, nobody, method, s.path(path)+"?client_id=acme", s.body(v.body), session...)
		if r.status < 400 || r.status >= 500 {
			t.Errorf("%s?client_id=acme: %d %s", v.route, r.status, r.body)
		}
	}
	for i, path := range things {
		if after := string(s.want(t, 200, admin, "GET", path, "").body); after != before[i] {
			t.Errorf("GET %s\nwas %s\nis  %s", path, before[i], after)
		}
	}
}

// checkShowsNone checks that an answer holds none of these texts. What is the same for
// everybody, such as openapi.yaml with its examples, is left out.
func checkShowsNone(t *testing.T, route string, r *reply, texts []string) {
	t.Helper()
	if !strings.Contains(route, " /api/") {
		return
	}
	for _, text := range texts {
		if strings.Contains(string(r.body), text) {
			t.Errorf("%s shows %q: %d %s", route, text, r.status, r.body)
		}
	}
}
