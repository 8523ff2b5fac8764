package memstore

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// cloneAPIKey copies what a caller could change.
func cloneAPIKey(k webhook.APIKey) webhook.APIKey {
	k.Scopes = slices.Clone(k.Scopes)
	return k
}

// APIKeys returns all, in order of their IDs.
func (s *Store) APIKeys(_ context.Context) ([]webhook.APIKey, error) {
	return view(s, "read API keys", func() (out []webhook.APIKey, err error) {
		// A map has no order, and people page through this list.
		for _, k := range slices.SortedFunc(maps.Values(s.apiKeys), func(a, b webhook.APIKey) int { return cmp.Compare(a.ID, b.ID) }) {
			out = append(out, cloneAPIKey(k))
		}
		return out, nil
	})
}

// CreateAPIKey adds a key; ErrExists if the ID is taken.
func (s *Store) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	return s.update(ctx, "create API key "+k.ID, func() error {
		// IDs are random; a taken one means that the caller repeats itself.
		if _, ok := s.apiKeys[k.ID]; ok {
			return webhook.ErrExists
		}
		s.apiKeys[k.ID] = cloneAPIKey(k)
		return nil
	})
}

// DeleteAPIKey removes a key; ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id string) error {
	// An unknown ID is an error: whoever revokes a key must learn that nothing was revoked.
	return s.update(ctx, "delete API key "+id, func() error {
		if _, ok := s.apiKeys[id]; !ok {
			return webhook.ErrNotFound
		}
		delete(s.apiKeys, id)
		return nil
	})
}

// CursorKey returns the stored key. The first call stores the one offered.
func (s *Store) CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error) {
	var kept [32]byte
	err := s.update(ctx, "keep cursor key", func() error {
		// As on disk: the first offer wins, whoever makes it.
		if s.cursorKey == nil {
			s.cursorKey = &offered
		}
		kept = *s.cursorKey
		return nil
	})
	if err != nil { // the write may not have ended yet
		return [32]byte{}, err
	}
	return kept, nil
}

// SaveFigures stores what a server has counted; an empty value removes it.
func (s *Store) SaveFigures(ctx context.Context, name string, value []byte) error {
	kept := bytes.Clone(value)
	return s.update(ctx, "save figures", func() error {
		if len(kept) == 0 {
			delete(s.figures, name)
		} else {
			s.figures[name] = kept
		}
		return nil
	})
}

// Figures returns what servers have counted under names with a prefix.
func (s *Store) Figures(_ context.Context, prefix string) (map[string][]byte, error) {
	return view(s, "read figures", func() (map[string][]byte, error) {
		found := map[string][]byte{}
		for name, value := range s.figures {
			if strings.HasPrefix(name, prefix) {
				found[name] = bytes.Clone(value)
			}
		}
		return found, nil
	})
}
