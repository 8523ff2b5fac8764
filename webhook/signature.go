package webhook

import (
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

// signatureVersion precedes each signature of Standard Webhooks made with a shared secret.
const signatureVersion = "v1,"

// Signer signs the deliveries of one endpoint. It is built once and safe for
// concurrent use; it keeps keyed hashes for use again, so that signing costs no
// allocation and no key schedule.
type Signer struct {
	secrets []Secret
	keys    [][]byte  // of Standard Webhooks, one for each secret
	hashes  sync.Pool // of *keyedHashes
}

// keyedHashes is what one goroutine signs with.
type keyedHashes struct {
	text     hash.Hash   // keyed with the newest secret's text
	standard []hash.Hash // keyed with the Standard Webhooks key of each secret
	message  []byte      // what precedes the body in the signed message
	sum      [sha256.Size]byte
}

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
		key, _ := secretKey(secret.Value) // its error is one of ValidateSecret's
		s.keys = append(s.keys, key)
	}
	s.hashes.New = func() any { return s.newHashes() }
	return s, nil
}

func (s *Signer) newHashes() *keyedHashes {
	h := &keyedHashes{text: hmac.New(sha256.New, []byte(s.secrets[0].Value))}
	for _, key := range s.keys {
		h.standard = append(h.standard, hmac.New(sha256.New, key))
	}
	return h
}

// AppendHex appends the value of the prefix's Signature header: the body's
// HMAC-SHA256 in lower-case hex, keyed with the newest secret's text as UTF-8.
func (s *Signer) AppendHex(dst, body []byte) []byte {
	h := s.hashes.Get().(*keyedHashes)
	defer s.hashes.Put(h)
	return hex.AppendEncode(dst, h.sign(h.text, nil, body))
}

// AppendStandard appends the value of the webhook-signature header for an attempt
// made at the given time: "v1," and the base64 of the HMAC-SHA256 of "id.seconds.body",
// once for each secret that is valid then, the newest first, separated by spaces.
// webhook-id is id, and webhook-timestamp is at in Unix seconds.
func (s *Signer) AppendStandard(dst []byte, at time.Time, id string, body []byte) []byte {
	h := s.hashes.Get().(*keyedHashes)
	defer s.hashes.Put(h)
	h.message = appendSigned(h.message[:0], id, at.Unix())
	first := true
	for i, secret := range s.secrets {
		if !secret.Valid(at) {
			continue
		}
		if !first {
			dst = append(dst, ' ')
		}
		first = false
		dst = append(dst, signatureVersion...)
		dst = base64.StdEncoding.AppendEncode(dst, h.sign(h.standard[i], h.message, body))
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
