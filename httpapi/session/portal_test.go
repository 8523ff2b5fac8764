package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// made makes a link, and returns its ID and its secret.
func (s *scene) made(t *testing.T, who *auth.Principal, body string) (id, secret string) {
	t.Helper()
	ctx := post(body)
	if err := s.MakeLink(ctx, who); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	got := object(t, ctx)
	id, _ = got["id"].(string)
	text, _ := got["url"].(string)
	secret, ok := strings.CutPrefix(text, "http://astrohook/portal#")
	if !ok || ctx.Response.StatusCode() != 201 || got["expires_at"] != jsonbody.Time(time.Now().Add(linkLifetime)) {
		t.Fatalf("%v", got)
	}
	return id, secret
}

// redeem exchanges a link.
func (s *scene) redeem(secret string) (*fasthttp.RequestCtx, error) {
	ctx := post(`{"link":"` + secret + `"}`)
	return ctx, s.Redeem(ctx, auth.Anonymous)
}

// TestMakeLink: whose portal a link shows, and for how long.
func TestMakeLink(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		acme, home, admin := s.caller(t, "a", "acme", ""), s.caller(t, "h", "acme", "admin"), s.caller(t, "r", "", "admin")
		for _, c := range []struct {
			who    *auth.Principal
			body   string
			client string
			lasts  time.Duration
		}{
			{acme, "", "acme", time.Hour},
			{acme, ` {"client_id":"acme","lifetime_seconds":60}`, "acme", time.Minute},
			{home, `{"lifetime_seconds":43200}`, "acme", 12 * time.Hour},
			{home, `{"client_id":"globex"}`, "globex", time.Hour},
			{admin, `{"client_id":"globex","brand":{"name":"G"}}`, "globex", time.Hour},
		} {
			id, secret := s.made(t, c.who, c.body)
			g, err := s.store.Grant(t.Context(), id)
			if err != nil || g.Kind != webhook.GrantLink || g.ClientID != c.client || g.SessionLifetime != c.lasts || g.MadeBy != c.who.By() {
				t.Errorf("%s: %+v, %v", c.body, g, err)
			}
			ctx, err := s.redeem(secret)
			if err != nil {
				t.Fatal(err)
			}
			got, in := object(t, ctx), s.holder(t, secretOf(ctx))
			if got["kind"] != "portal" || got["client_id"] != c.client || got["expires_at"] != jsonbody.Time(time.Now().Add(c.lasts)) {
				t.Errorf("%s: %v", c.body, got)
			}
			if in == nil || !in.InPortal() || in.IsAdmin() || in.ClientID != c.client || len(in.Scopes) > 0 {
				t.Errorf("%s: the holder is %+v", c.body, in)
			}
		}
	})
}

// TestLinkFaults: all that is wrong with a link is said at once, each of its field.
func TestLinkFaults(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		acme, admin := s.caller(t, "a", "acme", ""), s.caller(t, "r", "", "admin")
		for _, c := range []struct {
			who    *auth.Principal
			body   string
			faults []string // how each begins
		}{
			{admin, "", []string{"client_id is missing"}},
			{admin, `{"client_id":""}`, []string{"client_id must be"}},
			{admin, `{"client_id":"a b","lifetime_seconds":0}`, []string{"client_id must be", "lifetime_seconds must be from 60 to 43200"}},
			{acme, `{"lifetime_seconds":-9223372036854775808}`, []string{"lifetime_seconds must be from"}},
			{acme, `{"lifetime_seconds":9223372036854775807}`, []string{"lifetime_seconds must be from"}}, // times a second it overflows
			{acme, `{"lifetime_seconds":59,"brand":{"name":"\u0000"}}`, []string{"lifetime_seconds must be from", "brand.name has"}},
			{acme, `{"brand":{"logo_url":"https://cdn.example.com/a.png"}}`, []string{"brand.logo_url must have the host"}},
			{acme, `{"brand":{"icon":"x"}}`, []string{"brand.icon"}},
			{acme, `{"lifetime_seconds":"60"}`, []string{"lifetime_seconds"}},
		} {
			ctx := post(c.body)
			err := s.MakeLink(ctx, c.who)
			if err == nil {
				t.Errorf("%s was accepted", c.body)
				continue
			}
			all, several := errors.AsType[jsonbody.Faults](err)
			if !several {
				all = jsonbody.Faults{err}
			}
			if !slices.EqualFunc(all, c.faults, func(err error, begin string) bool { return strings.HasPrefix(err.Error(), begin) }) {
				t.Errorf("%s: %q, want %q", c.body, all, c.faults)
			}
			if len(ctx.Response.Body()) > 0 {
				t.Errorf("%s: %s", c.body, ctx.Response.Body())
			}
		}
		if err := s.MakeLink(post(`{"client_id":"globex"}`), acme); statusOf(err) != 403 || fieldOf(err) != "client_id" {
			t.Errorf("for another client: %v", err)
		}
		if all, err := s.store.Grants(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("there are %v, %v", all, err)
		}
	})
}

// TestLinksOfAClient: a client has so many links at most, and none is ended for another one.
func TestLinksOfAClient(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		for i := range maxLinks {
			s.store.extra = append(s.store.extra, webhook.Grant{
				ID: fmt.Sprint(i), Kind: webhook.GrantLink, ClientID: "acme", ExpiresAt: time.Now().Add(time.Minute),
			})
		}
		admin := s.caller(t, "r", "", "admin")
		err := s.MakeLink(post(`{"client_id":"acme"}`), admin)
		if statusOf(err) != 409 || !errors.Is(err, webhook.ErrConflict) {
			t.Errorf("one more: %v", err)
		}
		s.made(t, admin, `{"client_id":"globex"}`)
		s.enter(t, s.caller(t, "a", "acme", ""))
		time.Sleep(time.Minute)
		s.made(t, admin, `{"client_id":"acme"}`)
	})
}

// TestRedeemRefused: a link that is not good says the same whatever is wrong with it, and
// counts as a failure; an error of storage is none.
func TestRedeemRefused(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		acme := s.caller(t, "a", "acme", "")
		_, used := s.made(t, acme, "")
		if _, err := s.redeem(used); err != nil {
			t.Fatal(err)
		}
		_, late := s.made(t, acme, "")
		time.Sleep(linkLifetime)
		revokedID, revoked := s.made(t, acme, "")
		if err := s.store.DeleteGrant(t.Context(), revokedID); err != nil {
			t.Fatal(err)
		}
		_, good := s.made(t, acme, "")
		detail := ""
		for _, c := range []struct {
			reason, secret, broken string
			err                    error
			counted                int // as refused: of links that another call took, the call that lost is not
		}{
			{"none", "", "", nil, 1},
			{"used", used, "", nil, 1},
			{"late", late, "", nil, 1},
			{"revoked", revoked, "", nil, 1},
			{"of other characters", strings.ToUpper(good), "", nil, 1},
			{"taken meanwhile", good, "RedeemGrant", webhook.ErrConflict, 0},
			{"revoked meanwhile", good, "RedeemGrant", webhook.ErrNotFound, 0},
		} {
			s.store.broken, s.store.err, s.refused = c.broken, c.err, 0
			before := s.attempts.all.TokensAt(time.Now())
			ctx, err := s.redeem(c.secret)
			if statusOf(err) != 401 || secretOf(ctx) != "" || s.refused != c.counted || s.attempts.all.TokensAt(time.Now()) != before-1 {
				t.Errorf("%s: %v, counted %d", c.reason, err, s.refused)
			}
			p := problemOf(err)
			if detail == "" {
				detail = p.Detail
			}
			if p.Detail != detail || p.Challenge == "" {
				t.Errorf("%s: %q, %q", c.reason, p.Detail, p.Challenge)
			}
		}
		for _, method := range []string{"Grant", "RedeemGrant"} {
			s.store.broken, s.store.err, s.refused = method, errDisk, 0
			before := s.attempts.all.TokensAt(time.Now())
			if _, err := s.redeem(good); !errors.Is(err, errDisk) || statusOf(err) != 0 || s.refused != 0 || s.attempts.all.TokensAt(time.Now()) != before {
				t.Errorf("%s fails: %v", method, err)
			}
		}
		s.store.broken = ""
		if _, err := s.redeem(good); err != nil {
			t.Errorf("the link does not work after others have failed: %v", err)
		}
	})
}

// TestBrandOfPortal: a portal shows its link's brand where that says something, and the
// server's otherwise.
func TestBrandOfPortal(t *testing.T) {
	inScene(t, func(t *testing.T, s *scene) {
		s.Brand = webhook.Brand{Name: "Corp", Color: "#000000"}
		id, secret := s.made(t, s.caller(t, "a", "acme", ""), `{"brand":{"name":"Acme"}}`)
		first, err := s.redeem(secret)
		if err != nil {
			t.Fatal(err)
		}
		in := s.holder(t, secretOf(first))
		for _, step := range []struct {
			reason, broken string
			err            error
			want           string
		}{
			{"its link's", "", nil, "map[color:#000000 name:Acme]"},
			{"without its link", "Grant", webhook.ErrNotFound, "map[color:#000000 name:Corp]"},
		} {
			s.store.broken, s.store.err = step.broken, step.err
			ctx := request()
			if err := s.Show(ctx, in); err != nil || fmt.Sprint(object(t, ctx)["brand"]) != step.want {
				t.Errorf("%s: %v, %v", step.reason, object(t, ctx), err)
			}
		}
		s.store.err = errDisk
		if err := s.Show(request(), in); !errors.Is(err, errDisk) {
			t.Errorf("of link %s: %v", id, err)
		}
	})
}
