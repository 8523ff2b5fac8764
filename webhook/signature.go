package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"sync"
	"time"
)

// Signer signs the deliveries of one endpoint. It is built once and safe for
// concurrent use. Which of the secrets sign is judged at each signature, by the
// attempt's time: nothing has to happen when one expires. Keyed hashes are kept
// for use again, so that signing with a shared secret costs no allocation and no
// key schedule. Of shared secrets it keeps nothing else.
type Signer struct {
	keys []signingKey
	mu   sync.Mutex // one hash at a time is made, about a microsecond for each KB
}

// signingKey is what one secret signs with: a private key, or two keyed hashes.
type signingKey struct {
	expires  Secret // without its value
	private  ed25519.PrivateKey
	text     hash.Hash // keyed with the secret's text
	standard hash.Hash // keyed with the secret's Standard Webhooks key
}

// signing is the memory that a signature is made in.
type signing struct {
	message []byte // what is signed, or what precedes the body in it
	sum     [sha256.Size]byte
}

var signings = sync.Pool{New: func() any { return new(signing) }}

// maxKeptMessage is the size up to which a message's memory is used again.
const maxKeptMessage = 64 << 10

func (g *signing) free() {
	if cap(g.message) <= maxKeptMessage {
		signings.Put(g)
	}
}

// NewSigner makes a signer with an endpoint's secrets, the newest first. It
// refuses an empty list and what cannot sign.
func NewSigner(secrets []Secret) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("new signer: no secret")
	}
	s := &Signer{keys: make([]signingKey, len(secrets))}
	for i, secret := range secrets {
		if err := checkUsable(secret.Value); err != nil {
			return nil, fmt.Errorf("new signer: secret %d of %d: %w", i+1, len(secrets), err)
		}
		s.keys[i] = newSigningKey(secret)
	}
	return s, nil
}

// newSigningKey takes what a secret signs with; it was validated.
func newSigningKey(secret Secret) signingKey {
	k := signingKey{expires: Secret{ExpiresAt: secret.ExpiresAt}}
	if secret.Scheme() == SchemeEd25519 {
		k.private, _ = decodePrivateKey(secret.Value)
		return k
	}
	key, _ := sharedKey(secret.Value) // the errors are among checkUsable's
	k.text, k.standard = keyHash([]byte(secret.Value)), keyHash(key)
	return k
}

// keyHash gives a hash that is ready to use. After Reset it holds states of the
// hash in place of the key.
func keyHash(key []byte) hash.Hash {
	h := hmac.New(sha256.New, key)
	h.Reset()
	return h
}

// SignsHex reports whether an attempt made at the given time has the prefix's
// Signature header: whether a shared secret is valid then.
func (s *Signer) SignsHex(at time.Time) bool {
	oldest, _ := s.sharedAt(at)
	return oldest != nil
}

// SignsNext reports whether an attempt made at the given time has the prefix's
// SignatureNext header too: whether several shared secrets are valid then.
func (s *Signer) SignsNext(at time.Time) bool {
	oldest, newest := s.sharedAt(at)
	return oldest != newest
}

// sharedAt returns the oldest and the newest of the shared secrets that are valid
// then: the same if there is one, and nil if there is none.
func (s *Signer) sharedAt(at time.Time) (oldest, newest *signingKey) {
	for i := range s.keys {
		if k := &s.keys[i]; k.private == nil && k.expires.Valid(at) {
			if newest == nil {
				newest = k
			}
			oldest = k
		}
	}
	return oldest, newest
}

// AppendHex appends the value of the prefix's Signature header for an attempt made
// at the given time: the body's HMAC-SHA256 in lower-case hex, keyed with the text,
// as UTF-8, of the oldest shared secret that is valid then. While a secret is being
// rotated that is the one which the receiver surely has. If there is none it appends
// nothing, see SignsHex.
func (s *Signer) AppendHex(dst []byte, at time.Time, body []byte) []byte {
	oldest, _ := s.sharedAt(at)
	return s.appendHex(dst, oldest, body)
}

// AppendHexNext appends the value of the prefix's SignatureNext header for an
// attempt made at the given time. It is as AppendHex, but with the newest shared
// secret that is valid then. See SignsNext for whether there is such a header.
func (s *Signer) AppendHexNext(dst []byte, at time.Time, body []byte) []byte {
	_, newest := s.sharedAt(at)
	return s.appendHex(dst, newest, body)
}

func (s *Signer) appendHex(dst []byte, k *signingKey, body []byte) []byte {
	if k == nil {
		return dst
	}
	g := signings.Get().(*signing)
	defer g.free()
	return hex.AppendEncode(dst, s.sum(g, k.text, nil, body))
}

// AppendStandard appends the value of the webhook-signature header for an attempt
// made at the given time: a signature over "id.seconds.body" for each secret that is
// valid then, the newest first, separated by spaces. It is "v1," and the base64 of the
// HMAC-SHA256, or for a private key "v1a," and the base64 of the Ed25519 signature.
// webhook-id is id, and webhook-timestamp is at in Unix seconds.
func (s *Signer) AppendStandard(dst []byte, at time.Time, id string, body []byte) []byte {
	g := signings.Get().(*signing)
	defer g.free()
	g.message = appendSigned(g.message[:0], id, at.Unix())
	head, start := len(g.message), len(dst)
	for i := range s.keys {
		k := &s.keys[i]
		if !k.expires.Valid(at) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if k.private != nil {
			dst = append(dst, SchemeEd25519.signature()...)
			if len(g.message) == head {
				g.message = append(g.message, body...)
			}
			dst = base64.StdEncoding.AppendEncode(dst, ed25519.Sign(k.private, g.message))
			continue
		}
		dst = append(dst, SchemeHMAC.signature()...)
		dst = base64.StdEncoding.AppendEncode(dst, s.sum(g, k.standard, g.message[:head], body))
	}
	return dst
}

// sum gives the keyed hash of a message in two parts; it is good until g's next.
func (s *Signer) sum(g *signing, keyed hash.Hash, head, body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	keyed.Reset()
	keyed.Write(head)
	keyed.Write(body)
	return keyed.Sum(g.sum[:0])
}

// appendSigned appends what precedes the body in a message that is signed.
func appendSigned(dst []byte, id string, seconds int64) []byte {
	dst = append(append(dst, id...), '.')
	return append(strconv.AppendInt(dst, seconds, 10), '.')
}
