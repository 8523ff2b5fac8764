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
	secrets []Secret             // without their values
	private []ed25519.PrivateKey // one for each secret, nil for a shared one
	keyed   *keyedHashes         // what hashes are copies of
	hashes  sync.Pool            // of *keyedHashes
}

// keyedHashes is what one goroutine signs with. Both lists have a place for each
// secret, which is nil for a private key.
type keyedHashes struct {
	text     []hash.Hash // keyed with the secret's text
	standard []hash.Hash // keyed with the secret's Standard Webhooks key
	message  []byte      // what is signed, or what precedes the body in it
	sum      [sha256.Size]byte
}

// maxKeptMessage is the size up to which a message's memory is used again.
const maxKeptMessage = 64 << 10

// NewSigner makes a signer with an endpoint's secrets, the newest first. It
// refuses an empty list and what ValidateSecret refuses.
func NewSigner(secrets []Secret) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("new signer: no secret")
	}
	s := &Signer{keyed: &keyedHashes{}}
	for i, secret := range secrets {
		if err := ValidateSecret(secret.Value); err != nil {
			return nil, fmt.Errorf("new signer: secret %d of %d: %w", i+1, len(secrets), err)
		}
		s.secrets = append(s.secrets, Secret{ExpiresAt: secret.ExpiresAt})
		s.addKey(secret)
	}
	s.hashes.New = func() any { return s.keyed.clone() }
	return s, nil
}

// addKey takes what a secret signs with; it was validated.
func (s *Signer) addKey(secret Secret) {
	var private ed25519.PrivateKey // the errors are among ValidateSecret's
	var text, standard hash.Hash
	if secret.Scheme() == SchemeEd25519 {
		private, _ = decodePrivateKey(secret.Value)
	} else {
		key, _ := sharedKey(secret.Value)
		text, standard = keyHash([]byte(secret.Value)), keyHash(key)
	}
	s.private = append(s.private, private)
	s.keyed.text, s.keyed.standard = append(s.keyed.text, text), append(s.keyed.standard, standard)
}

// keyHash gives a hash that is ready to use. After Reset it holds states of the
// hash in place of the key.
func keyHash(key []byte) hash.Hash {
	h := hmac.New(sha256.New, key)
	h.Reset()
	return h
}

// clone gives hashes under the same keys, for another goroutine.
func (h *keyedHashes) clone() *keyedHashes {
	c := &keyedHashes{text: make([]hash.Hash, len(h.text)), standard: make([]hash.Hash, len(h.standard))}
	for i := range h.text {
		c.text[i], c.standard[i] = cloneHash(h.text[i]), cloneHash(h.standard[i])
	}
	return c
}

func cloneHash(h hash.Hash) hash.Hash {
	if h == nil {
		return nil
	}
	c, err := h.(hash.Cloner).Clone() // HMAC of SHA-256 has it
	if err != nil {
		panic(err)
	}
	return c
}

func (s *Signer) free(h *keyedHashes) {
	if cap(h.message) > maxKeptMessage {
		h.message = nil
	}
	s.hashes.Put(h)
}

// SignsHex tells whether an attempt made at the given time has the prefix's
// Signature header: whether a shared secret is valid then.
func (s *Signer) SignsHex(at time.Time) bool { return s.sharedAt(at) >= 0 }

// sharedAt gives the place of the newest shared secret that is valid then; -1 if there is none.
func (s *Signer) sharedAt(at time.Time) int {
	for i, secret := range s.secrets {
		if s.private[i] == nil && secret.Valid(at) {
			return i
		}
	}
	return -1
}

// AppendHex appends the value of the prefix's Signature header for an attempt made
// at the given time: the body's HMAC-SHA256 in lower-case hex, keyed with the text,
// as UTF-8, of the newest shared secret that is valid then. If there is none it
// appends nothing, see SignsHex.
func (s *Signer) AppendHex(dst []byte, at time.Time, body []byte) []byte {
	i := s.sharedAt(at)
	if i < 0 {
		return dst
	}
	h := s.hashes.Get().(*keyedHashes)
	defer s.free(h)
	return hex.AppendEncode(dst, h.sign(h.text[i], nil, body))
}

// AppendStandard appends the value of the webhook-signature header for an attempt
// made at the given time: a signature over "id.seconds.body" for each secret that is
// valid then, the newest first, separated by spaces. It is "v1," and the base64 of the
// HMAC-SHA256, or for a private key "v1a," and the base64 of the Ed25519 signature.
// webhook-id is id, and webhook-timestamp is at in Unix seconds.
func (s *Signer) AppendStandard(dst []byte, at time.Time, id string, body []byte) []byte {
	h := s.hashes.Get().(*keyedHashes)
	defer s.free(h)
	h.message = appendSigned(h.message[:0], id, at.Unix())
	head, start := len(h.message), len(dst)
	for i, secret := range s.secrets {
		if !secret.Valid(at) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if private := s.private[i]; private != nil {
			dst = append(dst, SchemeEd25519.signature()...)
			if len(h.message) == head {
				h.message = append(h.message, body...)
			}
			dst = base64.StdEncoding.AppendEncode(dst, ed25519.Sign(private, h.message))
			continue
		}
		dst = append(dst, SchemeHMAC.signature()...)
		dst = base64.StdEncoding.AppendEncode(dst, h.sign(h.standard[i], h.message[:head], body))
	}
	return dst
}

// appendSigned appends what precedes the body in a message that is signed.
func appendSigned(dst []byte, id string, seconds int64) []byte {
	dst = append(append(dst, id...), '.')
	return append(strconv.AppendInt(dst, seconds, 10), '.')
}

// sign gives the keyed hash of a message in two parts; the result is valid until
// the next call.
func (h *keyedHashes) sign(keyed hash.Hash, head, body []byte) []byte {
	keyed.Reset()
	keyed.Write(head)
	keyed.Write(body)
	return keyed.Sum(h.sum[:0])
}
