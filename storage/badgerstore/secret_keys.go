package badgerstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// keyRecord is what is kept of a key for as long as it seals anything.
type keyRecord struct {
	endpoints uint64 // how many
	check     []byte // sealed with it: shows at once whether a key is the right one
}

func (r keyRecord) encode() []byte {
	return appendBytes(binary.AppendUvarint([]byte{recordVersion}, r.endpoints), r.check)
}

func decodeKeyRecord(record []byte) (keyRecord, error) {
	d := newDecoder(record)
	r := keyRecord{endpoints: d.uvarint(), check: bytes.Clone(d.bytes())}
	return r, d.err
}

// checkPlain is what the check of a key record opens to.
var checkPlain = []byte("astrohook")

// keyTally is how many endpoints each key seals more than before, by id.
type keyTally map[string]int64

// move takes an endpoint from one key to another; "" stands for none.
func (t keyTally) move(from, to string) {
	if from != to {
		t[from]--
		t[to]++
	}
}

// count takes a tally into the key records.
func (s *Store) count(tx *badger.Txn, c *change, tally keyTally) error {
	for id, more := range tally {
		if id == "" || more == 0 {
			continue
		}
		r, err := readKeyRecord(tx, id)
		if errors.Is(err, webhook.ErrNotFound) && more > 0 { // it begins to seal
			_, r.check = s.keys.Seal(checkPlain, secretKeyKey(id))
			err = nil
		}
		switch now := int64(r.endpoints) + more; {
		case err != nil:
			return fmt.Errorf("read key %q: %w", id, err)
		case now < 0:
			return fmt.Errorf("count of key %q: %w", id, errDamaged)
		case now == 0:
			c.remove(secretKeyKey(id))
		default:
			r.endpoints = uint64(now)
			c.put(secretKeyKey(id), r.encode())
		}
	}
	return nil
}

func readKeyRecord(tx *badger.Txn, id string) (r keyRecord, err error) {
	err = get(tx, secretKeyKey(id), func(record []byte) error {
		r, err = decodeKeyRecord(record)
		return err
	})
	return r, err
}

// eachKeyRecord calls visit for each key that seals something, by id.
func eachKeyRecord(tx *badger.Txn, visit func(id string, r keyRecord) error) error {
	it := forward(tx, []byte{byte(spaceSecretKey)})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		r, err := decoded(it, decodeKeyRecord)
		if err != nil {
			return err
		}
		if err := visit(string(it.Item().Key()[1:]), r); err != nil {
			return err
		}
	}
	return nil
}

// KeyError tells of a key that Options.Keys lack, or have wrong.
type KeyError struct {
	ID        string
	Endpoints int64 // whose secrets it seals
	Cause     error // one of package keyring's
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("the secrets of %d webhooks cannot be read: %v", e.Endpoints, e.Cause)
}

// Unwrap gives the cause.
func (e *KeyError) Unwrap() error { return e.Cause }

// checkKeys refuses to go on when a key that is in use is missing or wrong.
func (s *Store) checkKeys() error {
	if s.keys == nil {
		return nil
	}
	return s.view("check keys", func(tx *badger.Txn) error {
		return eachKeyRecord(tx, func(id string, r keyRecord) error {
			if _, err := s.keys.Open(id, r.check, secretKeyKey(id)); err != nil {
				return &KeyError{ID: id, Endpoints: int64(r.endpoints), Cause: err}
			}
			return nil
		})
	})
}

// SecretKeys tells of the keys and how many endpoints' secrets each seals.
func (s *Store) SecretKeys() (keys []webhook.SecretKey, err error) {
	if s.keys == nil {
		return nil, nil
	}
	err = s.view("read secret keys", func(tx *badger.Txn) error {
		for _, id := range s.keys.IDs() {
			r, err := readKeyRecord(tx, id)
			if err != nil && !errors.Is(err, webhook.ErrNotFound) {
				return err
			}
			keys = append(keys, webhook.SecretKey{ID: id, Writes: id == s.keys.Writing(), Endpoints: int64(r.endpoints)})
		}
		return nil
	})
	return keys, err
}

// rekeying is how far Reencrypt came.
type rekeying struct {
	mu   sync.Mutex // one call at a time
	next webhook.EndpointNumber
}

// maxRekeyScan bounds the endpoints that one Reencrypt looks at.
const maxRekeyScan = 20_000

// Reencrypt seals endpoints anew that another key than the first one seals: up to
// limit of them, at most 10,000, in one transaction, going on after those of the
// last call. It returns how many; less than limit, or 0, does not mean that none
// is left. It changes nothing else of them, and can be broken off at any time.
func (s *Store) Reencrypt(ctx context.Context, limit int) (int, error) {
	s.rekeying.mu.Lock()
	defer s.rekeying.mu.Unlock()
	left, err := s.sealedOtherwise()
	if err != nil || left == 0 {
		return 0, err
	}
	found, next, err := s.selectOtherwise(s.rekeying.next, min(limit, maxBulk))
	if err != nil {
		return 0, err
	}
	done := 0
	if len(found) > 0 {
		err = s.update(ctx, "reencrypt webhooks", func(tx *badger.Txn) (c *change, err error) {
			c, done, next, err = s.planReencrypt(tx, found, next)
			return c, err
		})
		if err != nil {
			return 0, err
		}
	}
	s.rekeying.next = next
	return done, nil
}

// sealedOtherwise counts the endpoints that another key than the first one seals.
func (s *Store) sealedOtherwise() (left int64, err error) {
	keys, err := s.SecretKeys()
	for _, k := range keys {
		if !k.Writes {
			left += k.Endpoints
		}
	}
	return left, err
}

// selectOtherwise gives endpoints from the number from on that another key than
// the first one seals, and where to go on: 0, the beginning, after the last one.
func (s *Store) selectOtherwise(from webhook.EndpointNumber, limit int) (found []webhook.EndpointNumber, next webhook.EndpointNumber, err error) {
	err = s.view("select webhooks to reencrypt", func(tx *badger.Txn) error {
		it := forward(tx, []byte{byte(spaceEndpoint)})
		defer it.Close()
		it.Seek(endpointKey(spaceEndpoint, from))
		for looked := 0; it.Valid(); it.Next() {
			n := lastNumber(it.Item().Key())
			if looked++; looked > maxRekeyScan || len(found) >= limit {
				next = n
				return nil
			}
			e, err := decoded(it, decodeEndpoint)
			if err != nil {
				return err
			}
			if e.keyID != "" && e.keyID != s.keys.Writing() {
				found = append(found, n)
			}
		}
		return nil
	})
	return found, next, err
}

// planReencrypt seals those of the found endpoints anew that nobody has in the
// meantime. It stops where the change becomes large; next is where to go on.
func (s *Store) planReencrypt(
	tx *badger.Txn, found []webhook.EndpointNumber, next webhook.EndpointNumber,
) (c *change, done int, after webhook.EndpointNumber, err error) {
	c, after = &change{}, next
	tally := keyTally{}
	for _, n := range found {
		if c.bytes > maxBulkBytes {
			after = n
			break
		}
		was, err := readEndpoint(tx, n)
		if errors.Is(err, webhook.ErrNotFound) || err == nil && (was.keyID == "" || was.keyID == s.keys.Writing()) {
			continue
		}
		if err != nil {
			return nil, 0, 0, err
		}
		now, err := s.sealAnew(&was)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("webhook %s: %w", webhook.EndpointID.Format(was.ID), err)
		}
		c.put(endpointKey(spaceEndpoint, n), encodeEndpoint(&now))
		tally.move(was.keyID, now.keyID)
		done++
	}
	return c, done, after, s.count(tx, c, tally)
}

func (s *Store) sealAnew(was *endpointRecord) (endpointRecord, error) {
	e, err := was.open(s.keys)
	if err != nil {
		return endpointRecord{}, err
	}
	return seal(s.keys, &e)
}
