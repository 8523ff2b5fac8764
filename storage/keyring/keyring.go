// Package keyring encrypts texts with AES-256-GCM, under one of several named keys,
// bound to what they belong to. It knows nothing of webhooks: package sealed decides
// what is encrypted. It does no I/O, and takes randomness as an argument where it makes keys.
//
// AES-GCM is in the standard library, and fast on processors with AES instructions.
// Its nonces are 96 random bits, which is safe for 2³² texts under one key (NIST SP
// 800-38D, section 8.3). A registration is encrypted once per change, so no key comes
// near that. Longer nonces (XChaCha20-Poly1305) would be worth a library if texts
// were many.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// The errors of Open.
var (
	// ErrUnknownKey: the ring has no key of that id.
	ErrUnknownKey = errors.New("the key is not configured")
	// ErrWrongKey: the ring's key of that id is not the one that sealed.
	ErrWrongKey = errors.New("another key of the same id is configured")
	// ErrChanged: the key is right, but the text, or what it is bound to, is not
	// what was sealed.
	ErrChanged = errors.New("what was sealed has been changed")
)

// A sealed text is the fingerprint of its key, a nonce, and AES-GCM's ciphertext and
// tag. The fingerprint distinguishes a wrong key from a changed text.
const (
	fingerprintSize = 8
	nonceSize       = 12
	tagSize         = 16
)

// Overhead is by how many bytes a sealed text is longer than the plain one.
const Overhead = fingerprintSize + nonceSize + tagSize

// Keyring holds keys: the first one seals, all of them open. It does not change, and
// is safe for concurrent use. Printed, it shows ids only.
type Keyring struct {
	keys []sealer // the one that seals first
}

type sealer struct {
	id          string
	fingerprint [fingerprintSize]byte
	aead        cipher.AEAD
}

// New returns a ring of keys with different ids; the first one seals.
func New(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key")
	}
	ring := &Keyring{}
	for _, key := range keys {
		if ring.find(key.id) != nil {
			return nil, fmt.Errorf("there are two keys with the id %q", key.id)
		}
		s, err := newSealer(key)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key.id, err)
		}
		ring.keys = append(ring.keys, s)
	}
	return ring, nil
}

func newSealer(key Key) (sealer, error) {
	block, err := aes.NewCipher(key.bytes[:])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, err
	}
	mac := hmac.New(sha256.New, key.bytes[:])
	mac.Write([]byte("astrohook key fingerprint"))
	return sealer{id: key.id, fingerprint: [fingerprintSize]byte(mac.Sum(nil)), aead: aead}, nil
}

// find returns the key of an id; nil if there is none.
func (r *Keyring) find(id string) *sealer {
	for i := range r.keys {
		if r.keys[i].id == id {
			return &r.keys[i]
		}
	}
	return nil
}

// Writing returns the id of the key that seals.
func (r *Keyring) Writing() string { return r.keys[0].id }

// IDs returns those of all keys, the one that seals first.
func (r *Keyring) IDs() []string {
	ids := make([]string, len(r.keys))
	for i := range r.keys {
		ids[i] = r.keys[i].id
	}
	return ids
}

// String returns the ids, never the keys.
func (r *Keyring) String() string { return "keys " + strings.Join(r.IDs(), ", ") }

// Seal encrypts and authenticates plain, and authenticates associated with it. It
// returns the id of the key, which Open needs. Each call seals differently, because
// the nonce is random.
func (r *Keyring) Seal(plain, associated []byte) (keyID string, sealed []byte) {
	key := &r.keys[0]
	sealed = append(make([]byte, 0, Overhead+len(plain)), key.fingerprint[:]...)
	return key.id, key.aead.Seal(sealed, nil, plain, associated)
}

// Open returns the text that was sealed with the key of that id and the same
// associated data. Its errors are ErrUnknownKey, ErrWrongKey and ErrChanged, with
// the id.
func (r *Keyring) Open(keyID string, sealed, associated []byte) ([]byte, error) {
	key := r.find(keyID)
	if key == nil {
		return nil, fmt.Errorf("key %q: %w", keyID, ErrUnknownKey)
	}
	if len(sealed) < Overhead {
		return nil, fmt.Errorf("key %q: %w", keyID, ErrChanged)
	}
	ours := subtle.ConstantTimeCompare(sealed[:fingerprintSize], key.fingerprint[:]) == 1
	plain, err := key.aead.Open(nil, nil, sealed[fingerprintSize:], associated)
	switch {
	case err == nil && ours:
		return plain, nil
	case err != nil && !ours:
		return nil, fmt.Errorf("key %q: %w", keyID, ErrWrongKey)
	}
	return nil, fmt.Errorf("key %q: %w", keyID, ErrChanged)
}
