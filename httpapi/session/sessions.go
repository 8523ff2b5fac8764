package session

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of sessions and links. They are counted before one is made, so that calls at the
// same time can exceed them by a few.
const (
	// Lifetime is how long a session of somebody who signed in lasts, whether it is used or
	// not. It never outlives the token or API key.
	Lifetime    = 12 * time.Hour
	maxGrants   = 20_000 // sessions and links of all together
	maxOfHolder = 50     // sessions of one token's subject or API key; the oldest one makes room
	maxLinks    = 1_000  // portal links of a client that are not over
)

// Sessions serves the calls. It is safe for concurrent use.
type Sessions struct {
	Options
	publicURL *url.URL
	attempts  *attempts
}

// New returns the calls of these options.
func New(o Options) *Sessions {
	return &Sessions{Options: o, publicURL: o.PublicURL, attempts: newAttempts()}
}

// session is a session as its holder sees it.
type session struct {
	Kind      string   `json:"kind"` // operator or portal
	ClientID  string   `json:"client_id,omitzero"`
	Scopes    []string `json:"scopes"`
	ReadOnly  bool     `json:"read_only"`
	Brand     brand    `json:"brand"`
	ExpiresAt string   `json:"expires_at,omitzero"`
	Version   string   `json:"version"`
}

// brand is a brand as the API shows it.
type brand struct {
	Name    string `json:"name,omitzero"`
	Color   string `json:"color,omitzero"`
	LogoURL string `json:"logo_url,omitzero"`
}

// show returns what a caller learns of its own session, or of its token or API key.
func (s *Sessions) show(ctx context.Context, who *auth.Principal) (session, error) {
	out := session{
		Kind: "operator", ClientID: who.ClientID, Scopes: slices.Clone(who.Scopes), ReadOnly: who.ReadOnly(),
		Version: s.Version, ExpiresAt: jsonbody.Time(who.Until), Brand: brand(s.Brand),
	}
	if out.Scopes == nil { // an empty list is [], not null
		out.Scopes = []string{}
	}
	if who.Session == nil {
		return out, nil
	}
	out.ExpiresAt = jsonbody.Time(who.Session.ExpiresAt)
	if who.InPortal() {
		out.Kind = "portal"
		link, err := s.Grants.Store().Grant(ctx, who.Session.Parent)
		if err != nil && !errors.Is(err, webhook.ErrNotFound) {
			return out, err
		}
		out.Brand = brand(or(link.Brand, s.Brand))
	}
	return out, nil
}

// refused is the problem of a credential or a link that is not good.
func refused(detail string) *problem.Problem {
	p := problem.New(problem.Unauthenticated, detail)
	p.Challenge = problem.Challenge
	return p
}

// mayTry returns an error if a request may not try to sign in: its address has failed too
// often, or it comes from another site's pages, which could sign somebody in as another.
func (s *Sessions) mayTry(ctx *fasthttp.RequestCtx, now time.Time) error {
	if s.OriginOf(ctx) == OriginOther {
		return ForeignOrigin()
	}
	if s.attempts.allowed(ctx.RemoteAddr(), now) {
		return nil
	}
	p := problem.New(problem.TooMany, "too many attempts to sign in have failed; try again in a minute")
	p.RetryAfter = retryAfterTooManyFor
	return p
}

// ForeignOrigin is the problem of a change that pages of another site ask for.
func ForeignOrigin() *problem.Problem {
	p := problem.New(problem.Forbidden, "with a session, a change must come from this server's own pages")
	p.Challenge = problem.Challenge
	return p
}

// make stores a session or a link, within the bounds.
func (s *Sessions) make(ctx context.Context, g *webhook.Grant, now time.Time) error {
	if err := s.makeRoom(ctx, g, now); err != nil {
		return err
	}
	return s.Grants.Store().CreateGrant(ctx, *g)
}

// makeRoom returns an error if there may be no more grants like this one. A session that its
// holder may not have besides the others takes the place of the oldest of them.
func (s *Sessions) makeRoom(ctx context.Context, g *webhook.Grant, now time.Time) error {
	all, err := s.Grants.Store().Grants(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(other webhook.Grant) bool { return !s.Grants.Works(&other, now) })
	if len(all) >= maxGrants {
		p := problem.New(problem.Unavailable, "there are too many sessions and links; try again when some have ended")
		p.RetryAfter = time.Minute
		return p
	}
	own := slices.DeleteFunc(all, func(other webhook.Grant) bool { return !sameHolder(&other, g) })
	switch {
	case g.Kind == webhook.GrantLink && len(own) >= maxLinks:
		return problem.InConflict("the client has as many portal links as it may have: wait for some to end, or revoke some")
	case g.Kind == webhook.GrantSignIn && len(own) >= maxOfHolder:
		return problem.InConflict("the token or API key has as many sign-in links as it may have: wait for some to end")
	case g.Kind == webhook.GrantSession && len(own) >= maxOfHolder:
		return s.endOldest(ctx, own)
	}
	return nil
}

// endOldest removes the oldest of some sessions, unless another node has.
func (s *Sessions) endOldest(ctx context.Context, own []webhook.Grant) error {
	oldest := slices.MinFunc(own, func(a, b webhook.Grant) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if err := s.Grants.Store().DeleteGrant(ctx, oldest.ID); err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return err
	}
	return nil
}

// sameHolder reports whether two grants count for the same bound.
func sameHolder(a, b *webhook.Grant) bool {
	if a.Kind != b.Kind || a.ClientID != b.ClientID {
		return false
	}
	return a.Kind == webhook.GrantLink || a.Parent == "" && a.KeyID == b.KeyID && a.Subject == b.Subject
}

// Show returns what the caller is signed in as.
func (s *Sessions) Show(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	call, cancel := s.Call()
	defer cancel()
	out, err := s.show(call, who)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// SignOut ends the caller's session, and takes the cookie away.
func (s *Sessions) SignOut(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	if who.Session == nil {
		return problem.New(problem.NotFound, "there is no session: the call was made with a token or an API key")
	}
	call, cancel := s.Call()
	defer cancel()
	if err := s.Grants.Store().DeleteGrant(call, who.Session.ID); err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return err
	}
	audit.Of(ctx).About(who.Session.ID, who.Session.ClientID)
	s.setCookie(ctx, "", 0, who.InPortal() && len(s.FrameOrigins) > 0)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
