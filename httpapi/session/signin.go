package session

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// signInLifetime is for how long a sign-in link can be exchanged: a browser has to start.
const signInLifetime = 2 * time.Minute

// signInInput is the body of the calls that sign somebody in.
type signInInput struct {
	Scope jsonbody.Optional[string] `json:"scope"`
	Link  jsonbody.Optional[string] `json:"link"` // of the call that makes a session only
}

// wanted reads the body of a request of somebody who may try to sign in.
func (s *Sessions) wanted(ctx *fasthttp.RequestCtx, now time.Time) (*signInInput, error) {
	if err := s.mayTry(ctx, now); err != nil {
		return nil, err
	}
	var in signInInput
	if err := exchange.DecodeOptional(ctx, &in); err != nil {
		return nil, err
	}
	if in.Scope.Given() && in.Scope.Value != auth.ScopeRead {
		return nil, problem.OfField("scope", "must be read, or be left out")
	}
	return &in, nil
}

// SignIn exchanges the token or API key of a request, or a sign-in link, for a session.
func (s *Sessions) SignIn(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	now := time.Now()
	in, err := s.wanted(ctx, now)
	if err != nil {
		return err
	}
	if in.Link.Given() {
		return s.signInByLink(ctx, in, now)
	}
	who, err := s.credential(ctx, now)
	if err != nil {
		return err
	}
	g := who.Grant(in.Scope.Given())
	g.CreatedAt, g.ExpiresAt = now.UTC().Truncate(time.Millisecond), sessionEnd(who, now)
	return s.start(ctx, &g, now)
}

// start stores a session, and answers with it.
func (s *Sessions) start(ctx *fasthttp.RequestCtx, g *webhook.Grant, now time.Time) error {
	call, cancel := s.Call()
	defer cancel()
	secret := s.Grants.Issue(g)
	if err := s.make(call, g, now); err != nil {
		return err
	}
	return s.begin(call, ctx, secret, g, now)
}

// credential returns who presents the token or API key of a request. One that is refused
// counts as a failed attempt.
func (s *Sessions) credential(ctx *fasthttp.RequestCtx, now time.Time) (*auth.Principal, error) {
	who, err := s.Authenticate(ctx)
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Status == fasthttp.StatusUnauthorized {
		s.attempts.failed(ctx.RemoteAddr(), now)
	}
	return who, err
}

// sessionEnd returns when a session of this caller ends that begins now.
func sessionEnd(who *auth.Principal, now time.Time) time.Time {
	end := now.Add(Lifetime).UTC().Truncate(time.Millisecond)
	if !who.Until.IsZero() && who.Until.Before(end) {
		return who.Until
	}
	return end
}

// begin answers with a session that was made, and gives the browser its secret.
func (s *Sessions) begin(call context.Context, ctx *fasthttp.RequestCtx, secret string, g *webhook.Grant, now time.Time) error {
	audit.Of(ctx).About(g.ID, g.ClientID).By = g.MadeBy
	who, err := s.Grants.Holder(g, now)
	if err != nil {
		return err
	}
	out, err := s.show(call, who)
	if err != nil {
		return err
	}
	s.setCookie(ctx, secret, g.ExpiresAt.Sub(now), who.InPortal() && len(s.FrameOrigins) > 0)
	return exchange.Answer(ctx, fasthttp.StatusCreated, out)
}

// madeSignIn is the only answer that has the URL of a sign-in link.
type madeSignIn struct {
	ID        string `json:"id"`
	URL       string `json:"url"`
	ExpiresAt string `json:"expires_at"`
}

// MakeSignIn makes a link that is exchanged, once, for a session that may do what the token or
// API key of the request may: a program opens it in a browser, which must not have the
// credential itself. A session makes none, as it makes no session: a stolen one would renew
// itself.
func (s *Sessions) MakeSignIn(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	now := time.Now()
	in, err := s.wanted(ctx, now)
	if err == nil && in.Link.Given() {
		err = problem.OfField("link", "is no member of this call")
	}
	if err != nil {
		return err
	}
	who, err := s.credential(ctx, now)
	if err != nil {
		return err
	}
	g := signInLink(who, in.Scope.Given(), now)
	call, cancel := s.Call()
	defer cancel()
	secret := s.Grants.Issue(&g)
	if err := s.make(call, &g, now); err != nil {
		return err
	}
	audit.Of(ctx).About(g.ID, g.ClientID).By = g.MadeBy
	return exchange.Answer(ctx, fasthttp.StatusCreated, madeSignIn{g.ID, s.base(ctx) + "/ui/#link=" + secret, jsonbody.Time(g.ExpiresAt)})
}

// signInLink returns a link of a caller, without ID and hash.
func signInLink(who *auth.Principal, readOnly bool, now time.Time) webhook.Grant {
	end := sessionEnd(who, now)
	g := who.Grant(readOnly)
	g.Kind, g.CreatedAt = webhook.GrantSignIn, now.UTC().Truncate(time.Millisecond)
	g.ExpiresAt, g.SessionLifetime = g.CreatedAt.Add(signInLifetime), end.Sub(g.CreatedAt)
	if end.Before(g.ExpiresAt) {
		g.ExpiresAt = end
	}
	return g
}

// signInByLink exchanges a sign-in link for a session.
func (s *Sessions) signInByLink(ctx *fasthttp.RequestCtx, in *signInInput, now time.Time) error {
	if in.Scope.Given() {
		return problem.OfField("scope", "must be left out beside link, whose maker has chosen it")
	}
	if len(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization)) > 0 {
		return problem.OfField("link", "must be left out beside the header Authorization")
	}
	return s.exchange(ctx, in.Link.Value, now)
}

// exchange makes a session of the secret of a sign-in link.
func (s *Sessions) exchange(ctx *fasthttp.RequestCtx, text string, now time.Time) error {
	call, cancel := s.Call()
	defer cancel()
	link, err := s.Grants.Link(call, webhook.GrantSignIn, text, now)
	if err != nil {
		return s.noLink(ctx, err, now, signInLifetime)
	}
	g := webhook.Grant{
		Kind: webhook.GrantSession, KeyID: link.KeyID, ClientID: link.ClientID, Scopes: link.Scopes, Subject: link.Subject,
		MadeBy: link.MadeBy, CreatedAt: now.UTC().Truncate(time.Millisecond), ExpiresAt: link.CreatedAt.Add(link.SessionLifetime),
	}
	if err := s.makeRoom(call, &g, now); err != nil {
		return err
	}
	secret := s.Grants.Issue(&g)
	if err := s.Grants.Store().RedeemGrant(call, link.ID, g); err != nil {
		return s.noLink(ctx, err, now, signInLifetime)
	}
	return s.begin(call, ctx, secret, &g, now)
}
