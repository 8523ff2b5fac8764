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
// key schedule.
type Signer struct {
	secrets []Secret
	keys    []signingKey // one for each secret
	hashes  sync.Pool    // of *keyedHashes
}

// signingKey is what a secret signs with: one of the two.
type signingKey struct {
	shared  []byte // of Standard Webhooks
	private ed25519.PrivateKey
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
	s := &Signer{secrets: append([]Secret(nil), secrets...)}
	for i, secret := range secrets {
		if err := ValidateSecret(secret.Value); err != nil {
			return nil, fmt.Errorf("new signer: secret %d of %d: %w", i+1, len(secrets), err)
		}
		var key signingKey // the errors are among ValidateSecret's
		if secret.Scheme() == SchemeEd25519 {
			key.private, _ = decodePrivateKey(secret.Value)
		} else {
			key.shared, _ = sharedKey(secret.Value)
		}
		s.keys = append(s.keys, key)
	}
	s.hashes.New = func() any { return s.newHashes() }
	return s, nil
}

func (s *Signer) newHashes() *keyedHashes {
	h := &keyedHashes{text: make([]hash.Hash, len(s.keys)), standard: make([]hash.Hash, len(s.keys))}
	for i, key := range s.keys {
		if key.private == nil {
			h.text[i] = hmac.New(sha256.New, []byte(s.secrets[i].Value))
			h.standard[i] = hmac.New(sha256.New, key.shared)
		}
	}
	return h
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
		if s.keys[i].private == nil && secret.Valid(at) {
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
		dst = append(dst, secret.Scheme().signature()...)
		if private := s.keys[i].private; private != nil {
			if len(h.message) == head {
				h.message = append(h.message, body...)
			}
			dst = base64.StdEncoding.AppendEncode(dst, ed25519.Sign(private, h.message))
			continue
		}
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
