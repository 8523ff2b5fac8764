package httpapi

import (
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestCursorsAreBound: a cursor is good for the caller, the list and the filters
// that it was made for, and for nothing else.
func TestCursorsAreBound(t *testing.T) {
	s := newScene(t)
	second := s.register(t, acme)
	s.register(t, globex)
	s.register(t, globex)
	s.publishOne(t) // two events, and two endpoints each of acme and of globex
	next := func(caller, path string) string {
		t.Helper()
		cursor := s.want(t, 200, caller, "GET", path, "").text(t, "next_cursor")
		if cursor == "" {
			t.Fatalf("%s has no second page", path)
		}
		return cursor
	}
	const since = "2020-01-01T00:00:00Z"
	list := "/api/deliveries?limit=1"
	cursor := next(acme, list)
	for _, path := range []string{"/api/deliveries?limit=2", "/api/deliveries?client_id=acme"} { // the same list
		s.want(t, 200, acme, "GET", path+"&cursor="+cursor, "")
	}
	s.want(t, 200, acmeWriter, "GET", list+"&cursor="+cursor, "") // the same client
	for _, c := range []struct{ why, caller, path string }{
		{"another client", globex, list},
		{"an administrator", admin, list},
		{"an administrator as that client", admin, list + "&client_id=acme"},
		{"a filter by status", acme, list + "&status=queued"},
		{"what is in flight", acme, list + "&status=processing"},
		{"a filter by type", acme, list + "&event_type=user.created"},
		{"since", acme, list + "&since=" + since},
		{"until", acme, list + "&until=" + since},
		{"one webhook's", acme, "/api/webhooks/" + s.webhook + "/deliveries?limit=1"},
		{"webhooks", acme, "/api/webhooks?limit=1"},
		{"event types", acme, "/api/event-types?limit=1"},
		{"an event's deliveries", acme, s.path("/api/events/{id}") + "?limit=1"},
	} {
		r := s.want(t, 400, c.caller, "GET", c.path+"&cursor="+cursor, "")
		if r.text(t, "field") != "cursor" || r.text(t, "type") != "urn:astrohook:problem:malformed" {
			t.Errorf("%s: %s", c.why, r.body)
		}
	}
	narrow := next(admin, list+"&status=queued&since="+since)
	s.want(t, 200, admin, "GET", list+"&since="+since+"&status=queued&cursor="+narrow, "")
	s.want(t, 400, admin, "GET", list+"&status=queued&cursor="+narrow, "")
	s.want(t, 400, admin, "GET", list+"&status=queued&until="+since+"&cursor="+narrow, "")
	mine := next(globex, "/api/webhooks?limit=1")
	s.want(t, 400, acme, "GET", "/api/webhooks?limit=1&cursor="+mine, "")
	types := next(globex, "/api/event-types?limit=1")
	s.want(t, 400, acme, "GET", "/api/event-types?limit=1&cursor="+types, "")
	recipients := next(backend, "/api/events/"+webhook.EventID.Format(s.publishOne(t))+"?limit=1")
	s.want(t, 400, backend, "GET", s.path("/api/events/{id}")+"?limit=1&cursor="+recipients, "")
	deliveries := next(acme, "/api/webhooks/"+s.webhook+"/deliveries?limit=1")
	s.want(t, 400, acme, "GET", "/api/webhooks/"+second+"/deliveries?limit=1&cursor="+deliveries, "")
	s.want(t, 400, acme, "POST", "/api/webhooks/"+s.webhook+"/replay", `{"cursor":"`+deliveries+`"}`)
}

// TestCursorsChanged cuts, extends and changes a good cursor.
func TestCursorsChanged(t *testing.T) {
	s := newScene(t)
	s.publishOne(t)
	const list = "/api/deliveries?limit=1&cursor="
	cursor := s.want(t, 200, acme, "GET", list, "").text(t, "next_cursor")
	s.want(t, 200, acme, "GET", list+cursor, "")
	for i := 1; i < len(cursor); i++ {
		s.want(t, 400, acme, "GET", list+cursor[:i], "")
		other := byte('A')
		if cursor[i] == other {
			other = 'B'
		}
		s.want(t, 400, acme, "GET", list+cursor[:i]+string(other)+cursor[i+1:], "")
	}
	for _, changed := range []string{cursor + "A", cursor + "%3D", "%20" + cursor, cursor + "%0A", strings.ToLower(cursor), cursor + cursor, "%00"} {
		s.want(t, 400, acme, "GET", list+changed, "")
	}
}

// TestCursorsOutliveTheProcess takes a cursor to a new server on the same data.
func TestCursorsOutliveTheProcess(t *testing.T) {
	s := newScene(t)
	s.publishOne(t)
	const list = "/api/deliveries?limit=1&cursor="
	cursor := s.want(t, 200, acme, "GET", list, "").text(t, "next_cursor")
	restarted := newFixture(t, func(o *Options) { o.Store = s.fixture.store })
	restarted.want(t, 200, acme, "GET", list+cursor, "")
	elsewhere := newFixture(t)
	elsewhere.want(t, 400, acme, "GET", list+cursor, "")
}
