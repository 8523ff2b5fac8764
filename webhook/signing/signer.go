package signing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Signer signs the deliveries of one endpoint. It is built once and is safe for
// concurrent use. Each signature judges by the attempt's time which of the secrets
// sign, so nothing has to happen when one expires.
type Signer struct {
	keys []signerKey // as the secrets: the newest first
}

// signerKey is one secret of a Signer.
type signerKey struct {
	expires Secret // without its value
	scheme  Scheme
	key     signingKey
	shared  *hmacKey // key, if the secret is a shared one and so signs in hex too
}

// NewSigner returns a signer for an endpoint's secrets, the newest first. It refuses
// an empty list and a secret that cannot sign.
func NewSigner(secrets []Secret) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("new signer: no secret")
	}
	s := &Signer{keys: make([]signerKey, len(secrets))}
	for i, secret := range secrets {
		key, err := parseSecret(secret.Value)
		if err != nil {
			return nil, fmt.Errorf("new signer: secret %d of %d: the value %w", i+1, len(secrets), err)
		}
		shared, _ := key.(*hmacKey)
		s.keys[i] = signerKey{Secret{ExpiresAt: secret.ExpiresAt}, secret.Scheme(), key, shared}
	}
	return s, nil
}

// SignsHex reports whether an attempt made at the given time has a signature in hex:
// whether a shared secret is valid then.
func (s *Signer) SignsHex(at time.Time) bool {
	oldest, _ := s.sharedAt(at)
	return oldest != nil
}

// SignsNext reports whether an attempt made at the given time has a second signature
// in hex, see AppendHexNext: whether several shared secrets are valid then.
func (s *Signer) SignsNext(at time.Time) bool {
	oldest, newest := s.sharedAt(at)
	return oldest != newest
}

// sharedAt returns the oldest and the newest of the shared secrets that are valid at
// the given time: the same one twice if there is one, and nil if there is none.
func (s *Signer) sharedAt(at time.Time) (oldest, newest *hmacKey) {
	for i := range s.keys {
		if k := &s.keys[i]; k.shared != nil && k.expires.Valid(at) {
			if newest == nil {
				newest = k.shared
			}
			oldest = k.shared
		}
	}
	return oldest, newest
}

// AppendHex appends the signature in hex for an attempt made at the given time: the
// body's HMAC-SHA256, keyed with the text, as UTF-8, of the oldest shared secret that
// is valid then. During a rotation the receiver surely has that one. AppendHex
// appends nothing if there is none, see SignsHex.
func (s *Signer) AppendHex(dst []byte, at time.Time, body []byte) []byte {
	oldest, _ := s.sharedAt(at)
	return appendHex(dst, oldest, body)
}

// AppendHexNext is AppendHex with the newest shared secret that is valid: the one
// that AppendHex will sign with when the rotation is over. SignsNext reports whether
// the two differ.
func (s *Signer) AppendHexNext(dst []byte, at time.Time, body []byte) []byte {
	_, newest := s.sharedAt(at)
	return appendHex(dst, newest, body)
}

func appendHex(dst []byte, k *hmacKey, body []byte) []byte {
	if k == nil {
		return dst
	}
	m := newMessage(body)
	defer m.release()
	return k.appendHex(dst, m)
}

// AppendStandard appends the value of HeaderSignature for an attempt made at the
// given time: for each secret that is valid then, the newest first, the scheme's
// name, a comma and the base64 of a signature over "id.seconds.body", separated by
// spaces. HeaderID must carry id, and HeaderTimestamp the time in Unix seconds.
func (s *Signer) AppendStandard(dst []byte, at time.Time, id string, body []byte) []byte {
	m := newMessage(body)
	defer m.release()
	m.setHead(id, at.Unix())
	start := len(dst)
	for i := range s.keys {
		k := &s.keys[i]
		if !k.expires.Valid(at) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, k.scheme...), ',')
		dst = k.key.appendSignature(dst, m)
	}
	return dst
}

// message is what signatures are made over, and the memory that they are made in.
type message struct {
	text     []byte // the head, and once whole was called the body after it
	headSize int
	body     []byte // the caller's; release drops it
	sum      [sha256.Size]byte
}

// messages pools messages, so that a signature allocates nothing.
var messages = sync.Pool{New: func() any { return new(message) }}

// maxPooledMessage bounds the memory, in bytes, of a message that returns to the pool.
const maxPooledMessage = 64 << 10

func newMessage(body []byte) *message {
	m := messages.Get().(*message)
	m.text, m.headSize, m.body = m.text[:0], 0, body
	return m
}

func (m *message) release() {
	m.body = nil
	if cap(m.text) <= maxPooledMessage {
		messages.Put(m)
	}
}

// setHead sets what precedes the body in the signatures of Standard Webhooks.
func (m *message) setHead(id string, seconds int64) {
	m.text = appendHead(m.text[:0], id, seconds)
	m.headSize = len(m.text)
}

// head returns what precedes the body.
func (m *message) head() []byte { return m.text[:m.headSize] }

// whole returns head and body in one piece. It copies the body once, whatever the
// number of keys that ask.
func (m *message) whole() []byte {
	if len(m.text) == m.headSize {
		m.text = append(m.text, m.body...)
	}
	return m.text
}

// appendHead appends what precedes the body in a message that is signed.
func appendHead(dst []byte, id string, seconds int64) []byte {
	dst = append(append(dst, id...), '.')
	return append(strconv.AppendInt(dst, seconds, 10), '.')
}
