package session

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// Times of portal links and their sessions.
const (
	linkLifetime      = 10 * time.Minute // for which a link can be exchanged
	portalLifetime    = time.Hour        // of its session, if the link says nothing
	minPortalLifetime = time.Minute
	maxPortalLifetime = Lifetime
)

// linkInput is the body that makes a portal link.
type linkInput struct {
	ClientID jsonbody.Optional[string]     `json:"client_id"`
	Lifetime jsonbody.Optional[int64]      `json:"lifetime_seconds"`
	Brand    jsonbody.Optional[brandInput] `json:"brand"`
}

type brandInput struct {
	Name    jsonbody.Optional[string] `json:"name"`
	Color   jsonbody.Optional[string] `json:"color"`
	LogoURL jsonbody.Optional[string] `json:"logo_url"`
}

// link is a portal link as lists have it.
type link struct {
	ID        string `json:"id"`
	ClientID  string `json:"client_id"`
	MadeBy    string `json:"made_by"`
	Brand     brand  `json:"brand"` // without the logo
	Lifetime  int64  `json:"lifetime_seconds"`
	CreatedAt string `json:"created_at"`
	ExpiresAt string `json:"expires_at"`
	UsedAt    string `json:"used_at,omitzero"`
	SessionID string `json:"session_id,omitzero"`
}

// madeLink is the only answer that has the link's URL.
type madeLink struct {
	ID        string `json:"id"`
	ClientID  string `json:"client_id"`
	URL       string `json:"url"`
	ExpiresAt string `json:"expires_at"`
}

// MakeLink makes a link that is exchanged, once, for a session of one client.
func (s *Sessions) MakeLink(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	var in linkInput
	if err := exchange.DecodeOptional(ctx, &in); err != nil {
		return err
	}
	now := time.Now()
	g, err := s.linkOf(&in, who, now)
	if err != nil {
		return err
	}
	call, cancel := s.Call()
	defer cancel()
	secret := s.Grants.Issue(&g)
	if err := s.make(call, &g, now); err != nil {
		return err
	}
	audit.Of(ctx).About(g.ID, g.ClientID)
	// The secret is in the fragment, which browsers neither send nor put into a referrer.
	return exchange.Answer(ctx, fasthttp.StatusCreated, madeLink{
		ID: g.ID, ClientID: g.ClientID, URL: s.base(ctx) + "/portal#" + secret, ExpiresAt: jsonbody.Time(g.ExpiresAt),
	})
}

// linkOf checks the input and returns the link that it describes, without ID and hash.
func (s *Sessions) linkOf(in *linkInput, who *auth.Principal, now time.Time) (webhook.Grant, error) {
	var f jsonbody.Faults
	client, err := in.client(who)
	f.Add(err)
	lifetime := portalLifetime
	if in.Lifetime.Given() {
		lifetime = time.Duration(in.Lifetime.Value) * time.Second
		if in.Lifetime.Value < int64(minPortalLifetime/time.Second) || in.Lifetime.Value > int64(maxPortalLifetime/time.Second) {
			f.Add(problem.OfField("lifetime_seconds", fmt.Sprintf("must be from %d to %d", minPortalLifetime/time.Second, maxPortalLifetime/time.Second)))
		}
	}
	b := webhook.Brand{Name: in.Brand.Value.Name.Value, Color: in.Brand.Value.Color.Value, LogoURL: in.Brand.Value.LogoURL.Value}
	if err := cmp.Or(CheckBrand(b), checkLogoOrigin(b.LogoURL, s.Brand.LogoURL)); err != nil {
		field, _ := errors.AsType[*webhook.FieldError](err)
		f.Add(problem.OfField("brand."+field.Field, field.Reason))
	}
	created := now.UTC().Truncate(time.Millisecond)
	return webhook.Grant{
		Kind: webhook.GrantLink, KeyID: who.KeyID, ClientID: client, Brand: b, MadeBy: who.By(),
		CreatedAt: created, ExpiresAt: created.Add(linkLifetime), SessionLifetime: lifetime,
	}, f.Err()
}

// client returns the client that the link is for.
func (in *linkInput) client(who *auth.Principal) (string, error) {
	own := cmp.Or(who.ClientID, who.Home)
	named := in.ClientID.Value
	switch {
	case !in.ClientID.Given() && own == "":
		return "", problem.OfField("client_id", "is missing: it says whose webhooks the portal shows")
	case !in.ClientID.Given():
		return own, nil
	case !auth.ValidClientID(named):
		return "", problem.OfField("client_id", auth.ClientIDRule)
	case who.ClientID != "" && named != who.ClientID:
		p := problem.New(problem.Forbidden, "client_id is not the token's or API key's own")
		p.Field, p.Challenge = "client_id", problem.ScopeChallenge(auth.ScopeAdmin)
		return "", p
	}
	return named, nil
}

// base returns the address that links begin with: the public URL, or the one under which
// the caller has reached the server.
func (s *Sessions) base(ctx *fasthttp.RequestCtx) string {
	if s.publicURL != nil {
		return s.publicURL.String()
	}
	scheme := "http"
	if s.isSecure(ctx) {
		scheme = "https"
	}
	return scheme + "://" + string(ctx.Host())
}

// ListLinks lists the portal links that can be exchanged, or whose session has not ended,
// in order of their IDs.
func (s *Sessions) ListLinks(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return page(s, ctx, who, paging.PortalLinks, webhook.GrantLink, func(g *webhook.Grant) link {
		return link{
			ID: g.ID, ClientID: g.ClientID, MadeBy: g.MadeBy, Brand: brand(g.Brand), Lifetime: int64(g.SessionLifetime / time.Second),
			CreatedAt: jsonbody.Time(g.CreatedAt), ExpiresAt: jsonbody.Time(g.ExpiresAt), UsedAt: jsonbody.Time(g.UsedAt), SessionID: g.UsedBy,
		}
	})
}

// RevokeLink ends a portal link, and the session that it was exchanged for.
func (s *Sessions) RevokeLink(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.revoke(ctx, who, webhook.GrantLink)
}

// Redeem exchanges a portal link for a session.
func (s *Sessions) Redeem(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	now := time.Now()
	if err := s.mayTry(ctx, now); err != nil {
		return err
	}
	var in struct {
		Link jsonbody.Optional[string] `json:"link"`
	}
	if err := exchange.Decode(ctx, &in); err != nil {
		return err
	}
	call, cancel := s.Call()
	defer cancel()
	parent, err := s.Grants.Link(call, webhook.GrantLink, in.Link.Value, now)
	if err != nil {
		return s.noLink(ctx, err, now, linkLifetime)
	}
	created := now.UTC().Truncate(time.Millisecond)
	g := webhook.Grant{
		Kind: webhook.GrantSession, Parent: parent.ID, KeyID: parent.KeyID, ClientID: parent.ClientID, Subject: "portal:" + parent.ID,
		MadeBy: parent.MadeBy, CreatedAt: created, ExpiresAt: created.Add(parent.SessionLifetime),
	}
	secret := s.Grants.Issue(&g)
	if err := s.Grants.Store().RedeemGrant(call, parent.ID, g); err != nil {
		return s.noLink(ctx, err, now, linkLifetime)
	}
	return s.begin(call, ctx, secret, &g, now)
}

// noLink returns the error of a link that could not be exchanged. The caller does not learn
// whether it was used, has expired, was revoked, or never was.
func (s *Sessions) noLink(ctx *fasthttp.RequestCtx, err error, now time.Time, lifetime time.Duration) error {
	raced := errors.Is(err, webhook.ErrConflict) || errors.Is(err, webhook.ErrNotFound)
	if !raced && !auth.IsRefusal(err) {
		return err
	}
	if !raced {
		s.Refused(ctx, err)
	}
	s.attempts.failed(ctx.RemoteAddr(), now)
	p := refused(fmt.Sprintf("the link is not valid, or not any more: it works once, within %d minutes; ask for a new one", lifetime/time.Minute))
	p.Cause = err
	return p
}
