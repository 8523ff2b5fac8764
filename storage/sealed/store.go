package sealed

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

var _ storage.Store = (*Store)(nil)

var errNoKeys = errors.New("there are no keys to encrypt secrets with")

// Store is a storage.Store whose backend never sees the values of secrets and
// headers. All other methods are the backend's. New makes it.
type Store struct {
	storage.Backend
	keys Keys

	reencryption sync.Mutex // one call at a time; guards next
	// next is where Reencrypt continues. A restart begins at 0 again, and skips what
	// is done.
	next webhook.EndpointNumber
}

// New returns a store that keeps its records in a backend. It fails with a KeyError
// if the backend holds values of a key that the ring lacks or has wrong: it is better
// not to start than to fail at each delivery. The caller still owns the backend then.
func New(b storage.Backend, ring *keyring.Keyring) (*Store, error) {
	if ring == nil {
		return nil, errNoKeys
	}
	s := &Store{Backend: b, keys: NewKeys(ring)}
	uses, err := b.KeyUses(context.Background())
	if err == nil {
		err = s.keys.CheckUses(uses)
	}
	if err != nil {
		return nil, fmt.Errorf("check secret keys: %w", err)
	}
	return s, nil
}

// CreateEndpoint stores a new endpoint under the next number.
func (s *Store) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	return s.CreateNumbered(ctx, e, func(*webhook.Endpoint) error { return nil })
}

// CreateNumbered stores a new endpoint, after finish has changed it.
func (s *Store) CreateNumbered(
	ctx context.Context, e webhook.Endpoint, finish func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var plain webhook.Endpoint
	_, err := s.Backend.CreateNumbered(ctx, e, func(e *webhook.Endpoint) error {
		if err := finish(e); err != nil {
			return err
		}
		plain, *e = *e, s.keys.Seal(*e)
		return nil
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return plain, nil
}

// UpdateEndpoint applies change to the stored endpoint, in one step.
func (s *Store) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var plain webhook.Endpoint
	stored, err := s.Backend.UpdateEndpoint(ctx, n, func(e *webhook.Endpoint) (err error) {
		if plain, err = s.keys.Open(*e); err != nil {
			return err
		}
		if err := change(&plain); err != nil {
			return err
		}
		plain.ID = e.ID // values are bound to it
		*e = s.keys.Seal(plain)
		return nil
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	plain.Revision = stored.Revision
	return plain, nil
}

// Endpoint returns one endpoint, deleted or not.
func (s *Store) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	e, err := s.Backend.Endpoint(ctx, n)
	if err == nil {
		e, err = s.keys.Open(e)
	}
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return e, nil
}

// ListEndpoints returns endpoints that are not deleted, newest first.
func (s *Store) ListEndpoints(ctx context.Context, clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	all, err := s.Backend.ListEndpoints(ctx, clientID, before, limit)
	for i := range all {
		if err == nil {
			all[i], err = s.keys.Open(all[i])
		}
	}
	return all, err
}

// EachEndpoint calls visit for every endpoint, without values: nothing is decrypted.
func (s *Store) EachEndpoint(ctx context.Context, visit func(webhook.Endpoint) error) error {
	return s.Backend.EachEndpoint(ctx, func(e webhook.Endpoint) error {
		e.Sealed = webhook.SealedValues{}
		return visit(e)
	})
}

// SecretKeys returns the ring's keys, the one that encrypts first.
func (s *Store) SecretKeys(ctx context.Context) ([]webhook.SecretKey, error) {
	uses, err := s.KeyUses(ctx)
	if err != nil {
		return nil, err
	}
	endpoints := map[string]int64{}
	for _, use := range uses {
		endpoints[use.KeyID] = use.Endpoints
	}
	var keys []webhook.SecretKey
	for _, id := range s.keys.ring.IDs() {
		keys = append(keys, webhook.SecretKey{ID: id, Writes: id == s.keys.ring.Writing(), Endpoints: endpoints[id]})
	}
	return keys, nil
}

// Reencrypt encrypts up to limit endpoints again that an older key encrypts,
// continuing after those of the last call. It can be interrupted at any time.
func (s *Store) Reencrypt(ctx context.Context, limit int) (int, error) {
	s.reencryption.Lock()
	defer s.reencryption.Unlock()
	if left, err := s.underOlderKeys(ctx); err != nil || left == 0 {
		return 0, err
	}
	done, next, err := s.Reseal(ctx, storage.Resealing{
		KeyID: s.keys.ring.Writing(), From: s.next, Limit: limit, Seal: s.reseal,
	})
	if err != nil {
		return 0, err
	}
	s.next = next
	return done, nil
}

// underOlderKeys returns how many endpoints another key than the first encrypts.
func (s *Store) underOlderKeys(ctx context.Context) (left int64, err error) {
	keys, err := s.SecretKeys(ctx)
	for _, k := range keys {
		if !k.Writes {
			left += k.Endpoints
		}
	}
	return left, err
}

// reseal encrypts a stored endpoint's values with the first key.
func (s *Store) reseal(stored webhook.Endpoint) (webhook.SealedValues, error) {
	e, err := s.keys.Open(stored)
	if err != nil {
		return webhook.SealedValues{}, err
	}
	return s.keys.Seal(e).Sealed, nil
}
