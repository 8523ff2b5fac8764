package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// writeKeyUses updates the key records in the transaction that moves the endpoints, so
// that the counts are right after a crash.
func writeKeyUses(tx *badger.Txn, c *change, t *storage.KeyTally) error {
	return t.Each(func(id string, by int64, check []byte) error {
		r, err := readKeyRecord(tx, id)
		if errors.Is(err, webhook.ErrNotFound) && by > 0 { // the key's first endpoints
			r.Check, err = check, nil
		}
		switch now := int64(r.Endpoints) + by; {
		case err != nil:
			return fmt.Errorf("read key %q: %w", id, err)
		case now < 0:
			return fmt.Errorf("count of key %q: %w", id, record.ErrDamaged)
		// A key in no use has no record, so that it can be removed from the settings.
		case now == 0:
			c.remove(layout.SecretKeyKey(id))
		default:
			// The check stays: it is that of the key, not of an endpoint.
			r.Endpoints = uint64(now)
			c.put(layout.SecretKeyKey(id), r.Encode())
		}
		return nil
	})
}

// readKeyRecord returns the count of a key; ErrNotFound while it encrypts nothing.
func readKeyRecord(tx *badger.Txn, id string) (layout.KeyCount, error) {
	return readRecord(tx, layout.SecretKeyKey(id), layout.DecodeKeyCount)
}

// KeyUses returns each key that encrypts the values of any endpoint, by ID.
func (s *Store) KeyUses(_ context.Context) ([]storage.KeyUse, error) {
	return view(s, "read secret keys", func(tx *badger.Txn) (uses []storage.KeyUse, err error) {
		it := forward(tx, layout.SpaceSecretKey.Prefix())
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			r, err := decoded(it, layout.DecodeKeyCount)
			if err != nil {
				return nil, err
			}
			// Keys without endpoints have no record, so each of these is needed.
			uses = append(uses, storage.KeyUse{KeyID: string(it.Item().Key()[1:]), Endpoints: int64(r.Endpoints), Check: r.Check})
		}
		return uses, nil
	})
}

// maxResealScan bounds the endpoints that one call to Reseal reads.
const maxResealScan = 20_000

// Reseal replaces the sealed values of endpoints that another key encrypts: up to
// r.Limit, at most 10,000 and about 1 MiB, in one transaction. It selects them on a
// snapshot outside the committer, which must not wait for a scan, and looks at each
// again inside.
func (s *Store) Reseal(ctx context.Context, r storage.Resealing) (int, webhook.EndpointNumber, error) {
	found, next, err := s.underOtherKeys(r)
	if err != nil || len(found) == 0 {
		return 0, next, err
	}
	done := 0
	err = s.update(ctx, "reencrypt webhooks", func(tx *badger.Txn) (*change, error) {
		c, resealed, stopped, err := planReseal(tx, r, found)
		if done = resealed; stopped != 0 {
			next = stopped
		}
		return c, err
	})
	if err != nil {
		return 0, 0, err
	}
	return done, next, nil
}

// underOtherKeys returns endpoints that Reseal has to change, and the number from
// which to continue: 0 after the last endpoint.
func (s *Store) underOtherKeys(r storage.Resealing) (found []webhook.EndpointNumber, next webhook.EndpointNumber, err error) {
	found, err = view(s, "select webhooks to reencrypt", func(tx *badger.Txn) (found []webhook.EndpointNumber, err error) {
		it := forward(tx, layout.SpaceEndpoint.Prefix())
		defer it.Close()
		// From where the last call stopped, which the caller keeps.
		it.Seek(layout.EndpointKey(layout.SpaceEndpoint, r.From))
		for looked := 0; it.Valid(); it.Next() {
			n := layout.LastNumber(it.Item().Key())
			// Most endpoints may be done already: a call must end although it finds none.
			if looked++; looked > maxResealScan || len(found) >= min(r.Limit, maxBulk) {
				next = n
				return found, nil
			}
			e, err := decoded(it, record.DecodeEndpoint)
			if err != nil {
				return nil, err
			}
			if underOtherKey(&e, r.KeyID) {
				found = append(found, n)
			}
		}
		return found, nil
	})
	return found, next, err
}

// underOtherKey reports whether an endpoint has values that another key encrypts.
func underOtherKey(e *webhook.Endpoint, keyID string) bool {
	return e.Sealed.KeyID != "" && e.Sealed.KeyID != keyID
}

// planReseal reseals those of the found endpoints that still need it. Where the
// change becomes large it stops, and returns the number to continue from, else 0.
func planReseal(
	tx *badger.Txn, r storage.Resealing, found []webhook.EndpointNumber,
) (c *change, done int, stopped webhook.EndpointNumber, err error) {
	c = &change{}
	var tally storage.KeyTally
	for _, n := range found {
		if c.bytes > maxBulkBytes {
			stopped = n
			break
		}
		e, err := readEndpoint(tx, n)
		// A change since the snapshot has encrypted it with the first key, or removed it.
		if errors.Is(err, webhook.ErrNotFound) || err == nil && !underOtherKey(&e, r.KeyID) {
			continue
		}
		if err != nil {
			return nil, 0, 0, err
		}
		now, err := r.Seal(e)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("webhook %s: %w", webhook.EndpointID.Format(e.ID), err)
		}
		tally.Move(e.Sealed, now)
		// Neither its keys in other spaces nor its revision change: only the record is put.
		e.Sealed = now
		c.put(layout.EndpointKey(layout.SpaceEndpoint, n), record.EncodeEndpoint(&e))
		done++
	}
	return c, done, stopped, writeKeyUses(tx, c, &tally)
}

// inTheClear reports whether an endpoint has any value that is not sealed.
func inTheClear(e *webhook.Endpoint) bool {
	return slices.ContainsFunc(e.Secrets, func(s signing.Secret) bool { return s.Value != "" }) ||
		slices.ContainsFunc(e.Headers, func(h webhook.CustomHeader) bool { return h.Value != "" })
}
