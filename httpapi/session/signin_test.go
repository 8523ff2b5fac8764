package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// TestSignIn: a session does what the token may, for twelve hours, but not longer than the
// token, and may be narrowed to reading.
func TestSignIn(t *testing.T) {
	for _, c := range []struct {
		client, scope string
		forever       bool // the credential does not expire, otherwise it does in an hour
		body          string
		scopes        string
		reading       bool
		lasts         time.Duration
	}{
		{"acme", "events:write", false, "", "[events:write]", false, time.Hour},
		{"acme", "", false, "{}", "[]", false, time.Hour},
		{"acme", "admin", false, "", "[admin]", false, time.Hour},
		{"", "admin", true, "", "[admin]", false, Lifetime},
		{"", "admin", true, `{"scope":"read"}`, "[admin read]", true, Lifetime},
		{"", "admin read", false, `{"scope":"read"}`, "[admin read]", true, time.Hour},
	} {
		inScene(t, func(t *testing.T, s *scene) {
			who, ends := *s.caller(t, "alice", c.client, c.scope), time.Now().Add(c.lasts)
			if c.forever {
				who.Until = time.Time{}
			}
			s.who = &who
			ctx := post(c.body)
			if err := s.SignIn(ctx, auth.Anonymous); err != nil {
				t.Fatal(err)
			}
			got := object(t, ctx)
			if ctx.Response.StatusCode() != 201 || got["kind"] != "operator" || got["version"] != "1.2.3" || fmt.Sprint(got["scopes"]) != c.scopes ||
				got["read_only"] != c.reading || got["expires_at"] != jsonbody.Time(ends) {
				t.Errorf("%+v: %v", c, got)
			}
			time.Sleep(time.Until(ends) - time.Millisecond)
			in := s.holder(t, secretOf(ctx))
			if in == nil || in.ReadOnly() != c.reading || in.IsAdmin() != who.IsAdmin() || in.ClientID != who.ClientID || in.Home != who.Home ||
				in.Publisher != who.Publisher {
				t.Errorf("%+v: the holder is %+v", c, in)
			}
			time.Sleep(time.Millisecond)
			if s.holder(t, secretOf(ctx)) != nil {
				t.Errorf("%+v: the session outlives %v", c, ends)
			}
		})
	}
}

// TestSignInRefused: nobody gets a cookie, and only a bad credential counts as a failure.
func TestSignInRefused(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		for _, c := range []struct {
			reason string
			ctx    *fasthttp.RequestCtx
			denied error
			status int
			field  string
			fails  bool
		}{
			{"a bad token", post(""), problem.New(problem.Unauthenticated, "no"), 401, "", true},
			{"a token that allows nothing", post(""), problem.New(problem.Forbidden, "no"), 403, "", false},
			{"an issuer that is away", post(""), problem.New(problem.Unavailable, "no"), 503, "", false},
			{"another scope", post(`{"scope":"admin"}`), nil, 0, "scope", false},
			{"no scope", post(`{"scope":""}`), nil, 0, "scope", false},
			{"another member", post(`{"scopes":"read"}`), nil, 0, "scopes", false},
			{"another site", post("", "Sec-Fetch-Site", "cross-site"), nil, 403, "", false},
			{"another origin", post("", "Origin", "https://evil.example"), nil, 403, "", false},
		} {
			s.who, s.denied = s.caller(t, "root", "", "admin"), c.denied
			before := s.attempts.all.TokensAt(time.Now())
			err := s.SignIn(c.ctx, auth.Anonymous)
			if err == nil || statusOf(err) != c.status || fieldOf(err) != c.field || secretOf(c.ctx) != "" {
				t.Errorf("%s: %v, cookie %q", c.reason, err, secretOf(c.ctx))
			}
			if failed := s.attempts.all.TokensAt(time.Now()) < before; failed != c.fails {
				t.Errorf("%s counts as a failure: %t", c.reason, failed)
			}
		}
		if all, err := s.store.Grants(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("there are %v, %v", all, err)
		}
	})
}

// TestTooManyFailures: an address that failed too often waits, whatever it has, and for
// links as for tokens.
func TestTooManyFailures(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.denied = problem.New(problem.Unauthenticated, "no")
		for range failuresOfAddress {
			if err := s.SignIn(post(""), auth.Anonymous); statusOf(err) != 401 {
				t.Fatal(err)
			}
		}
		s.who, s.denied = s.caller(t, "root", "", "admin"), nil
		for name, call := range map[string]func(*fasthttp.RequestCtx, *auth.Principal) error{"token": s.SignIn, "link": s.Redeem} {
			err := call(post(""), auth.Anonymous)
			if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Status != 429 || p.RetryAfter != time.Minute {
				t.Errorf("a %s: %v", name, err)
			}
		}
		time.Sleep(time.Minute)
		s.enter(t, s.who)
	})
}

// TestOldestSessionMakesRoom: somebody has so many sessions at most; the oldest one ends, and
// nobody else's does.
func TestOldestSessionMakesRoom(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		alice, bob := s.caller(t, "alice", "acme", ""), s.caller(t, "bob", "", "admin")
		other := s.enter(t, bob)
		var all []*auth.Principal
		for range maxOfHolder + 2 {
			time.Sleep(time.Millisecond)
			all = append(all, s.enter(t, alice))
		}
		all = append(all, other)
		for i, in := range all {
			_, err := s.store.Grant(t.Context(), in.Session.ID)
			if ended := errors.Is(err, webhook.ErrNotFound); ended != (i < 2) {
				t.Errorf("session %d of %d has ended: %t", i, len(all), ended)
			}
		}
		// Another node may have ended the oldest one meanwhile.
		s.store.broken, s.store.err = "DeleteGrant", webhook.ErrNotFound
		s.enter(t, alice)
		s.store.err = errDisk
		if err := s.SignIn(post(""), auth.Anonymous); !errors.Is(err, errDisk) {
			t.Error(err)
		}
	})
}

// TestGrantsOfAll: sessions and links together are bounded; those that are over do not count.
func TestGrantsOfAll(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.who = s.caller(t, "alice", "acme", "")
		over := time.Now()
		s.store.extra = make([]webhook.Grant, maxGrants)
		for i := range s.store.extra {
			s.store.extra[i] = webhook.Grant{ID: fmt.Sprint(i), Kind: webhook.GrantSession, ClientID: "globex", ExpiresAt: over.Add(time.Hour)}
		}
		for name, call := range map[string]func(*fasthttp.RequestCtx, *auth.Principal) error{"session": s.SignIn, "link": s.MakeLink} {
			err := call(post(""), s.who)
			if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Status != 503 || p.RetryAfter != time.Minute {
				t.Errorf("one more %s: %v", name, err)
			}
		}
		s.store.extra[0].ExpiresAt = over
		s.enter(t, s.who)
	})
}

// TestSignOut: the session ends and the cookie goes, also if the session has ended already.
func TestSignOut(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		alice := s.caller(t, "alice", "acme", "")
		if err := s.SignOut(request(), alice); statusOf(err) != 404 {
			t.Errorf("without a session: %v", err)
		}
		in := s.enter(t, alice)
		for range 2 {
			ctx := request()
			err := s.SignOut(ctx, in)
			if err != nil || ctx.Response.StatusCode() != 204 || len(ctx.Response.Header.PeekCookie(cookieName)) == 0 || secretOf(ctx) != "" {
				t.Errorf("%v, %s", err, ctx.Response.String())
			}
		}
		if _, err := s.store.Grant(t.Context(), in.Session.ID); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("the session is there: %v", err)
		}
		ctx := request()
		s.store.broken, s.store.err = "DeleteGrant", errDisk
		if err := s.SignOut(ctx, in); !errors.Is(err, errDisk) || len(ctx.Response.Header.PeekCookie(cookieName)) > 0 {
			t.Errorf("%v: the cookie goes while the session stays", err)
		}
	})
}

// TestSignInStoreFails: an error of storage is the call's: no cookie, and no failure of the
// caller.
func TestSignInStoreFails(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.who, s.store.err = s.caller(t, "alice", "acme", ""), errDisk
		for _, method := range []string{"Grants", "CreateGrant"} {
			s.store.broken = method
			ctx := post("")
			if err := s.SignIn(ctx, auth.Anonymous); !errors.Is(err, errDisk) || secretOf(ctx) != "" {
				t.Errorf("%s: %v", method, err)
			}
		}
		if left := s.attempts.all.TokensAt(time.Now()); left != failuresPerMinute {
			t.Errorf("failures left: %v", left)
		}
	})
}
