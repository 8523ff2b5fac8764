package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// SecretKeys returns none: without package sealed in front, values are in the clear,
// and nothing is on disk.
func (s *Store) SecretKeys(_ context.Context) ([]webhook.SecretKey, error) {
	return view(s, "read secret keys", func() ([]webhook.SecretKey, error) { return nil, nil })
}

// Reencrypt finds nothing to do.
func (s *Store) Reencrypt(ctx context.Context, _ int) (int, error) {
	return 0, s.update(ctx, "reencrypt webhooks", func() error { return nil })
}

// KeyUses counts the endpoints under each key. It takes a key's check from the first
// of them.
func (s *Store) KeyUses(_ context.Context) ([]storage.KeyUse, error) {
	return view(s, "read secret keys", func() ([]storage.KeyUse, error) {
		// Counted each time. There are few endpoints where memory is all there is.
		byKey := map[string]storage.KeyUse{}
		for _, n := range slices.Sorted(maps.Keys(s.endpoints)) {
			sealed := s.endpoints[n].Sealed
			use := byKey[sealed.KeyID]
			use.KeyID, use.Endpoints = sealed.KeyID, use.Endpoints+1
			if use.Check == nil {
				use.Check = sealed.Check
			}
			byKey[sealed.KeyID] = use
		}
		delete(byKey, "") // endpoints without values
		byID := func(a, b storage.KeyUse) int { return cmp.Compare(a.KeyID, b.KeyID) }
		return slices.SortedFunc(maps.Values(byKey), byID), nil
	})
}

// Reseal replaces the sealed values of endpoints that another key encrypts: all that
// it found, or none.
func (s *Store) Reseal(ctx context.Context, r storage.Resealing) (int, webhook.EndpointNumber, error) {
	var done int
	var next webhook.EndpointNumber
	err := s.update(ctx, "reencrypt webhooks", func() error {
		resealed := map[webhook.EndpointNumber]webhook.Endpoint{}
		for _, n := range slices.Sorted(maps.Keys(s.endpoints)) {
			e := s.endpoints[n]
			// Endpoints without values have nothing to encrypt.
			if n < r.From || e.Sealed.KeyID == "" || e.Sealed.KeyID == r.KeyID {
				continue
			}
			if len(resealed) == r.Limit {
				next = n
				break
			}
			now, err := r.Seal(e)
			if err != nil {
				return err
			}
			// Neither revision nor times change: to clients, nothing has happened.
			e.Sealed = now
			resealed[n] = e
		}
		// Only now: an error above must store nothing of the step.
		maps.Copy(s.endpoints, resealed)
		done = len(resealed)
		return nil
	})
	if err != nil { // the write may not have ended yet
		return 0, 0, err
	}
	return done, next, nil
}
