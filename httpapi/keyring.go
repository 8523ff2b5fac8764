package httpapi

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// keyring knows which endpoints sign with private keys, so that nobody can make the
// server read all the others for their key set. It costs four bytes for each of
// them, is filled once at start, and learns of each change.
type keyring struct {
	store EndpointStore

	mu      sync.Mutex
	numbers []webhook.EndpointNumber // ascending; perhaps more than sign still
	// body is the key set; nil if it has to be made. until is when the first of its
	// keys expires, zero if none does.
	body  []byte
	until time.Time
}

func loadKeyring(store EndpointStore) (*keyring, error) {
	k := &keyring{store: store}
	err := store.EachEndpoint(func(e webhook.Endpoint) error {
		k.note(&e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the webhooks that sign with private keys: %w", err)
	}
	return k, nil
}

// note learns of an endpoint, after it was stored. Notes may overtake each other:
// only one of a deleted endpoint, which never comes back, takes a number away.
func (k *keyring) note(e *webhook.Endpoint) {
	signs := !e.Deleted() && slices.ContainsFunc(e.Secrets, func(s webhook.Secret) bool { return s.Scheme() == webhook.SchemeEd25519 })
	k.mu.Lock()
	defer k.mu.Unlock()
	i, known := slices.BinarySearch(k.numbers, e.Number())
	switch {
	case signs && !known:
		k.numbers = slices.Insert(k.numbers, i, e.Number())
	case e.Deleted() && known:
		k.numbers = slices.Delete(k.numbers, i, i+1)
	case !known:
		return
	}
	k.body = nil
}

// keySet gives the encoded key set: the keys of the endpoints registered last
// first, of at most maxSetKeys endpoints. It is made anew after a change only, and
// when one of its keys expires.
func (k *keyring) keySet(now time.Time) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.body != nil && (k.until.IsZero() || now.Before(k.until)) {
		return k.body, nil
	}
	var set keySet
	first := max(0, len(k.numbers)-maxSetKeys)
	for i := len(k.numbers) - 1; i >= first && len(set.keys) < maxSetKeys; i-- {
		e, err := k.store.Endpoint(k.numbers[i])
		if err != nil && !errors.Is(err, webhook.ErrNotFound) {
			return nil, fmt.Errorf("read webhook: %w", err)
		}
		if err != nil || !set.add(&e, now) { // whoever changes it now is yet to note it
			k.numbers = slices.Delete(k.numbers, i, i+1)
		}
	}
	body, err := set.encode()
	if err != nil {
		return nil, err
	}
	k.body, k.until = body, set.until
	return body, nil
}
