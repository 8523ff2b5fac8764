package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// cloneGrant copies what a caller could change.
func cloneGrant(g webhook.Grant) webhook.Grant {
	g.Scopes = slices.Clone(g.Scopes)
	return g
}

// Grants returns all, in order of their IDs, without logos.
func (s *Store) Grants(_ context.Context) ([]webhook.Grant, error) {
	return view(s, "read grants", func() (out []webhook.Grant, err error) {
		for _, g := range slices.SortedFunc(maps.Values(s.grants), func(a, b webhook.Grant) int { return cmp.Compare(a.ID, b.ID) }) {
			g = cloneGrant(g)
			g.Brand.LogoURL = "" // as large as all the rest, and lists do not show it
			out = append(out, g)
		}
		return out, nil
	})
}

// Grant returns one; ErrNotFound.
func (s *Store) Grant(_ context.Context, id string) (webhook.Grant, error) {
	return view(s, "read grant "+id, func() (webhook.Grant, error) {
		g, ok := s.grants[id]
		if !ok {
			return g, webhook.ErrNotFound
		}
		return cloneGrant(g), nil
	})
}

// CreateGrant adds one; ErrExists if the ID is taken.
func (s *Store) CreateGrant(ctx context.Context, g webhook.Grant) error {
	return s.update(ctx, "create grant "+g.ID, func() error {
		if _, ok := s.grants[g.ID]; ok {
			return webhook.ErrExists
		}
		s.forgetGrants(g.CreatedAt)
		s.grants[g.ID] = cloneGrant(g)
		return nil
	})
}

// forgetGrants removes those that have ended: nothing else does.
func (s *Store) forgetGrants(now time.Time) {
	maps.DeleteFunc(s.grants, func(_ string, g webhook.Grant) bool { return g.Ends().Before(now) })
}

// RedeemGrant exchanges a link for a session; ErrNotFound, ErrConflict.
func (s *Store) RedeemGrant(ctx context.Context, id string, session webhook.Grant) error {
	return s.update(ctx, "redeem grant "+id, func() error {
		link, ok := s.grants[id]
		if !ok {
			return webhook.ErrNotFound
		}
		if err := link.Redeem(&session); err != nil {
			return err
		}
		s.grants[id], s.grants[session.ID] = link, cloneGrant(session)
		return nil
	})
}

// DeleteGrant removes one, and the session that came from it; ErrNotFound.
func (s *Store) DeleteGrant(ctx context.Context, id string) error {
	return s.update(ctx, "delete grant "+id, func() error {
		g, ok := s.grants[id]
		if !ok {
			return webhook.ErrNotFound
		}
		delete(s.grants, id)
		delete(s.grants, g.UsedBy)
		return nil
	})
}
