package storagetest

import (
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// link returns a portal link of a client, good for ten minutes.
func (f *fixture) link(id string) webhook.Grant {
	return webhook.Grant{
		ID: id, Kind: webhook.GrantLink, Hash: [32]byte{1, 31: 2}, ClientID: "client-1",
		Brand:  webhook.Brand{Name: "ünïcode", Color: "#123abc", LogoURL: "data:image/png;base64," + strings.Repeat("A", 30_000)},
		MadeBy: "key:k", CreatedAt: f.now, ExpiresAt: f.now.Add(10 * time.Minute), SessionLifetime: time.Hour,
	}
}

// session returns a session of a link, or of nobody's if the link is "".
func (f *fixture) session(id, link string) webhook.Grant {
	return webhook.Grant{
		ID: id, Kind: webhook.GrantSession, Hash: [32]byte{31: 9}, Parent: link, KeyID: "k", ClientID: "client-1",
		Scopes: []string{"admin", "read"}, Subject: "subject:alice", CreatedAt: f.now, ExpiresAt: f.now.Add(12 * time.Hour),
	}
}

var grantTests = []test{
	{name: "keeps grants by ID, and lists them without logos", run: func(f *fixture) {
		ctx, link, session := f.Context(), f.link("b"), f.session("a", "")
		f.must(f.CreateGrant(ctx, link))
		f.must(f.CreateGrant(ctx, session))
		f.is(f.CreateGrant(ctx, f.session("a", "")), webhook.ErrExists)
		f.is(f.DeleteGrant(ctx, "aa"), webhook.ErrNotFound)
		_, err := f.Grant(ctx, "aa")
		f.is(err, webhook.ErrNotFound)
		listed := link
		listed.Brand.LogoURL = ""
		f.check(func() {
			got, err := f.Grants(ctx)
			f.must(err)
			same(f, got, []webhook.Grant{session, listed})
			one, err := f.Grant(ctx, "b")
			f.must(err)
			same(f, one, link)
		})
		f.must(f.DeleteGrant(ctx, "b"))
		f.is(f.DeleteGrant(ctx, "b"), webhook.ErrNotFound)
		f.check(func() {
			got, err := f.Grants(ctx)
			f.must(err)
			same(f, got, []webhook.Grant{session})
		})
	}},
	{name: "exchanges a link once, and keeps it as long as the session", run: func(f *fixture) {
		ctx, link, session := f.Context(), f.link("link"), f.session("session", "link")
		f.must(f.CreateGrant(ctx, link))
		f.is(f.RedeemGrant(ctx, "other", session), webhook.ErrNotFound)
		f.must(f.RedeemGrant(ctx, "link", session))
		f.is(f.RedeemGrant(ctx, "link", f.session("second", "link")), webhook.ErrConflict)
		f.must(f.RedeemGrant(ctx, "link", session)) // again, as after an answer that was lost
		f.is(f.RedeemGrant(ctx, "session", f.session("third", "session")), webhook.ErrConflict)
		link.UsedBy, link.UsedAt, link.KeptUntil = "session", session.CreatedAt, session.ExpiresAt
		f.check(func() {
			for _, want := range []webhook.Grant{link, session} {
				got, err := f.Grant(ctx, want.ID)
				f.must(err)
				same(f, got, want)
			}
			all, err := f.Grants(ctx)
			f.must(err)
			same(f, len(all), 2)
		})
	}},
	{name: "exchanges a sign-in link once, and does not keep it for its session", run: func(f *fixture) {
		ctx, session := f.Context(), f.session("session", "")
		link := session
		link.ID, link.Kind, link.ExpiresAt, link.SessionLifetime = "link", webhook.GrantSignIn, f.now.Add(2*time.Minute), time.Hour
		f.must(f.CreateGrant(ctx, link))
		f.must(f.RedeemGrant(ctx, "link", session))
		f.is(f.RedeemGrant(ctx, "link", f.session("second", "")), webhook.ErrConflict)
		link.UsedBy, link.UsedAt = "session", session.CreatedAt
		f.check(func() {
			got, err := f.Grants(ctx)
			f.must(err)
			same(f, got, []webhook.Grant{link, session})
			same(f, got[0].Ends(), link.ExpiresAt)
		})
	}},
	{name: "removes the session with its link", run: func(f *fixture) {
		ctx := f.Context()
		f.must(f.CreateGrant(ctx, f.link("link")))
		f.must(f.CreateGrant(ctx, f.session("stranger", "")))
		f.must(f.RedeemGrant(ctx, "link", f.session("session", "link")))
		f.must(f.DeleteGrant(ctx, "link"))
		f.check(func() {
			got, err := f.Grants(ctx)
			f.must(err)
			same(f, got, []webhook.Grant{f.session("stranger", "")})
		})
		f.is(f.RedeemGrant(ctx, "link", f.session("late", "link")), webhook.ErrNotFound)
	}},
	{name: "lets one of several exchange a link", run: func(f *fixture) {
		f.must(f.CreateGrant(f.Context(), f.link("link")))
		f.one(race(func(i int) error {
			return f.RedeemGrant(f.Context(), "link", f.session("session "+string(rune('a'+i)), "link"))
		}), webhook.ErrConflict)
		all, err := f.Grants(f.Context())
		f.must(err)
		same(f, len(all), 2)
	}},
	{name: "removes grants some time after their end", timed: true, run: func(f *fixture) {
		ctx := f.Context()
		f.must(f.CreateGrant(ctx, f.link("unused")))
		f.must(f.CreateGrant(ctx, f.link("link")))
		f.must(f.RedeemGrant(ctx, "link", f.session("session", "link")))
		f.sleep(time.Hour)
		f.now = f.clock()
		f.must(f.CreateGrant(ctx, f.link("new")))
		ids := func() (out []string) {
			all, err := f.Grants(ctx)
			f.must(err)
			for _, g := range all {
				out = append(out, g.ID)
			}
			return out
		}
		same(f, ids(), []string{"link", "new", "session"})
		one, err := f.Grant(ctx, "link")
		f.must(err)
		same(f, one.Brand, f.link("link").Brand) // for as long as the session shows it
		f.sleep(13 * time.Hour)
		f.now = f.clock()
		f.must(f.CreateGrant(ctx, f.link("newest")))
		same(f, ids(), []string{"newest"})
	}},
}
