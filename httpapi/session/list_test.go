package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

type listing func(*fasthttp.RequestCtx, *auth.Principal) error

// get asks for a page of a list, and returns the entries and the next cursor.
func get(t *testing.T, list listing, who *auth.Principal, query string) (entries []map[string]any, next string) {
	t.Helper()
	ctx := request()
	ctx.Request.SetRequestURI("/x?" + query)
	if err := list(ctx, who); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	page := object(t, ctx)
	data, ok := page["data"].([]any)
	if !ok {
		t.Fatalf("%s: %s", query, ctx.Response.Body())
	}
	for _, one := range data {
		entry, _ := one.(map[string]any)
		entries = append(entries, entry)
	}
	next, _ = page["next_cursor"].(string)
	return entries, next
}

// TestListMembers: a list shows all there is to know of a session and a link, but no secret
// and no hash.
func TestListMembers(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		in := s.enter(t, s.caller(t, "root", "", "admin read"))
		link, secret := s.made(t, s.caller(t, "a", "acme", ""), `{"lifetime_seconds":60,"brand":{"name":"A","logo_url":"data:image/png;base64,AAAA"}}`)
		ctx, err := s.redeem(secret)
		if err != nil {
			t.Fatal(err)
		}
		portal, now := s.holder(t, secretOf(ctx)), time.Now()
		sessions, _ := get(t, s.List, in, "")
		links, _ := get(t, s.ListLinks, in, "")
		if len(sessions) != 2 || len(links) != 1 {
			t.Fatalf("%v, %v", sessions, links)
		}
		slices.SortFunc(sessions, func(a, _ map[string]any) int {
			if a["kind"] == "operator" {
				return -1
			}
			return 1
		})
		begin, minute := jsonbody.Time(now), jsonbody.Time(now.Add(time.Minute))
		for i, want := range []map[string]any{
			{
				"id": in.Session.ID, "kind": "operator", "scopes": "[admin read]", "read_only": true, "made_by": "subject:root",
				"created_at": begin, "expires_at": jsonbody.Time(now.Add(time.Hour)), "current": true,
			},
			{
				"id": portal.Session.ID, "kind": "portal", "client_id": "acme", "scopes": "[]", "read_only": false, "made_by": "client:acme",
				"portal_link_id": link, "created_at": begin, "expires_at": minute, "current": false,
			},
			{
				"id": link, "client_id": "acme", "made_by": "client:acme", "brand": "map[name:A]", "lifetime_seconds": 60.0,
				"created_at": begin, "expires_at": jsonbody.Time(now.Add(linkLifetime)), "used_at": begin, "session_id": portal.Session.ID,
			},
		} {
			got := append(slices.Clone(sessions), links...)[i]
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v\nwant %v", got, want)
			}
		}
	})
}

// TestListPages: pages are in order of the IDs, together the whole list, and nobody else's.
func TestListPages(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		admin, acme := s.caller(t, "r", "", "admin"), s.caller(t, "a", "acme", "")
		var want []string
		for range 5 {
			want = append(want, s.enter(t, acme).Session.ID)
			s.enter(t, s.caller(t, "g", "globex", ""))
			s.made(t, acme, "")
		}
		slices.Sort(want)
		for limit := 1; limit <= 6; limit++ {
			var got []string
			query, cursor, pages := fmt.Sprintf("limit=%d", limit), "", 0
			for {
				page, next := get(t, s.List, acme, query+cursor)
				for _, one := range page {
					got = append(got, fmt.Sprint(one["id"]))
				}
				if pages++; next == "" || pages > 5 {
					break
				}
				cursor = "&cursor=" + next
			}
			if !slices.Equal(got, want) || pages != (5+limit-1)/limit {
				t.Errorf("%d a page: %d entries on %d pages", limit, len(got), pages)
			}
		}
		_, next := get(t, s.List, acme, "limit=1")
		for name, call := range map[string]func(*fasthttp.RequestCtx) error{
			"another list":   func(ctx *fasthttp.RequestCtx) error { return s.ListLinks(ctx, acme) },
			"another caller": func(ctx *fasthttp.RequestCtx) error { return s.List(ctx, admin) },
		} {
			ctx := request()
			ctx.Request.SetRequestURI("/x?cursor=" + next)
			if err := call(ctx); !errors.Is(err, paging.ErrCursor) {
				t.Errorf("the cursor of %s: %v", name, err)
			}
		}
		time.Sleep(time.Hour)
		if page, next := get(t, s.List, admin, ""); page != nil || next != "" {
			t.Errorf("sessions that ended are listed: %v", page)
		}
	})
}

// TestRevokeIsNarrow: one call ends a session or a link of its own kind and of a client that
// the caller sees; all others are not found.
func TestRevokeIsNarrow(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		acme, globex, admin := s.caller(t, "a", "acme", ""), s.caller(t, "g", "globex", ""), s.caller(t, "r", "", "admin")
		session := s.enter(t, acme).Session.ID
		link, _ := s.made(t, acme, "")
		operator := s.enter(t, admin).Session.ID
		for _, c := range []struct {
			reason string
			revoke listing
			who    *auth.Principal
			id     string
			found  bool
		}{
			{"a session as a link", s.RevokeLink, acme, session, false},
			{"a link as a session", s.Revoke, admin, link, false},
			{"another client's session", s.Revoke, globex, session, false},
			{"another client's link", s.RevokeLink, globex, link, false},
			{"an operator's session", s.Revoke, acme, operator, false},
			{"nothing", s.Revoke, admin, "", false},
			{"its own session", s.Revoke, acme, session, true},
			{"a session that has ended", s.Revoke, acme, session, false},
			{"its own link", s.RevokeLink, acme, link, true},
			{"an administrator's", s.Revoke, admin, operator, true},
		} {
			ctx := request()
			ctx.SetUserValue("id", c.id)
			err := c.revoke(ctx, c.who)
			if c.found && (err != nil || ctx.Response.StatusCode() != 204) || !c.found && !errors.Is(err, webhook.ErrNotFound) {
				t.Errorf("%s: %v", c.reason, err)
			}
		}
	})
}
