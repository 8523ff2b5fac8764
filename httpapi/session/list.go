package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

// listed is a session as lists have it.
type listed struct {
	ID         string   `json:"id"`
	Kind       string   `json:"kind"`
	ClientID   string   `json:"client_id,omitzero"`
	Scopes     []string `json:"scopes"`
	ReadOnly   bool     `json:"read_only"`
	MadeBy     string   `json:"made_by"`
	PortalLink string   `json:"portal_link_id,omitzero"`
	CreatedAt  string   `json:"created_at"`
	ExpiresAt  string   `json:"expires_at"`
	Current    bool     `json:"current"` // the caller's own
}

// List lists the sessions that have not ended, in order of their IDs.
func (s *Sessions) List(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return page(s, ctx, who, paging.Sessions, webhook.GrantSession, func(g *webhook.Grant) listed {
		out := listed{
			ID: g.ID, Kind: "operator", ClientID: g.ClientID, Scopes: g.Scopes, ReadOnly: slices.Contains(g.Scopes, auth.ScopeRead),
			MadeBy: g.MadeBy, PortalLink: g.Parent, CreatedAt: jsonbody.Time(g.CreatedAt), ExpiresAt: jsonbody.Time(g.ExpiresAt),
			Current: who.Session != nil && who.Session.ID == g.ID,
		}
		if g.Parent != "" {
			out.Kind = "portal"
		}
		if out.Scopes == nil {
			out.Scopes = []string{}
		}
		return out
	})
}

// Revoke ends a session: no node accepts it from this answer on.
func (s *Sessions) Revoke(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.revoke(ctx, who, webhook.GrantSession)
}

// page answers with a page of the grants of a kind that the caller may see.
func page[T any](s *Sessions, ctx *fasthttp.RequestCtx, who *auth.Principal, list paging.Kind, kind webhook.GrantKind, show func(*webhook.Grant) T) error {
	limit, err := exchange.Limit(ctx)
	if err != nil {
		return err
	}
	of, after := exchange.Listing(list, who), ""
	if cursor := exchange.Parameter(ctx, "cursor"); cursor != "" {
		place, err := s.Cursors.Read(of, cursor)
		if err != nil {
			return err
		}
		after = string(place)
	}
	call, cancel := s.Call()
	defer cancel()
	all, err := s.Grants.Store().Grants(call)
	if err != nil {
		return err
	}
	out, last, now := exchange.Page[T]{Data: []T{}}, "", time.Now()
	for i := range all {
		g := &all[i]
		if g.Kind != kind || g.ID <= after || !who.Sees(g.ClientID) || !s.Grants.Works(g, now) {
			continue
		}
		if len(out.Data) == limit {
			out.NextCursor = s.Cursors.Write(of, []byte(last))
			break
		}
		out.Data, last = append(out.Data, show(g)), g.ID
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// revoke removes a grant of a kind that the caller may see; ErrNotFound.
func (s *Sessions) revoke(ctx *fasthttp.RequestCtx, who *auth.Principal, kind webhook.GrantKind) error {
	call, cancel := s.Call()
	defer cancel()
	g, err := s.Grants.Store().Grant(call, exchange.Path(ctx, "id"))
	if err != nil {
		return err
	}
	if g.Kind != kind || !who.Sees(g.ClientID) {
		return fmt.Errorf("grant of another kind or client: %w", webhook.ErrNotFound)
	}
	if err := s.Grants.Store().DeleteGrant(call, g.ID); err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
