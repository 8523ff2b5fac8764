package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The errors of a Verifier.
var (
	// ErrNoSignature: a header that verification needs is missing.
	ErrNoSignature = errors.New("not signed")
	// ErrMalformedSignature: a header is not in the form that it has to have.
	ErrMalformedSignature = errors.New("malformed signature")
	// ErrBadSignature: no signature was made over this body with one of the secrets
	// or private keys.
	ErrBadSignature = errors.New("signature does not match")
	// ErrStaleTimestamp: the signed time is too far from now; perhaps the request is a repetition.
	ErrStaleTimestamp = errors.New("timestamp is out of tolerance")
	// ErrNoSecret: the Verifier has no secret, and where it would do no public key either.
	ErrNoSecret = errors.New("no secret or public key to verify with")
)

// DefaultTolerance is how far a signed time may lie from now, either way.
const DefaultTolerance = 5 * time.Minute

// Verifier checks the signatures of deliveries; it is what a receiver needs.
// Only Secrets or PublicKeys must be set. It is safe for concurrent use.
type Verifier struct {
	// Secrets are the texts of the shared secrets that may have signed (v1): one, or
	// several while a secret is being rotated.
	Secrets []string
	// PublicKeys are the texts (whpk_…) of the keys whose private halves may have
	// signed (v1a). They are to be those of the receiver's own endpoint: with the
	// key of another one, its owner could sign for this one.
	PublicKeys []string
	// Tolerance is how far the signed time may lie from now, either way; 0 for DefaultTolerance.
	Tolerance time.Duration
	// SignatureHeader is the name of the header that VerifyHex reads, beside the one
	// with -Next at its end; "" for X-Corp-Astro-Signature.
	SignatureHeader string
}

// Message is what a verified request says of itself.
type Message struct {
	// ID is the delivery's id. It is the same each time that the delivery is
	// sent: a receiver that remembers it handles no delivery twice.
	ID string
	// SentAt is when the attempt was made, in UTC, to the second.
	SentAt time.Time
}

// Verify checks the signature of Standard Webhooks 1.0.0 over a request's id,
// time and body. header gives a request header by name, "" if there is none, in
// any casing of the name, as http.Header.Get does; body is the raw body.
//
// The errors are ErrNoSignature, ErrMalformedSignature, ErrStaleTimestamp,
// ErrBadSignature and ErrNoSecret; another one says which secret or public key is
// not valid.
func (v *Verifier) Verify(header func(name string) string, body []byte, now time.Time) (Message, error) {
	id, seconds, signatures := header(HeaderWebhookID), header(HeaderWebhookTimestamp), header(HeaderWebhookSignature)
	for _, h := range [...]struct{ name, value string }{
		{HeaderWebhookID, id}, {HeaderWebhookTimestamp, seconds}, {HeaderWebhookSignature, signatures},
	} {
		if h.value == "" {
			return Message{}, fmt.Errorf("verify: no %s header: %w", h.name, ErrNoSignature)
		}
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Message{}, fmt.Errorf("verify: %s %q: %w", HeaderWebhookTimestamp, seconds, ErrMalformedSignature)
	}
	sentAt := time.Unix(unix, 0).UTC()
	if err := v.checkAge(now.Sub(sentAt)); err != nil {
		return Message{}, err
	}
	signed := append(appendSigned(nil, id, unix), body...)
	if err := v.matchAny(signatures, signed); err != nil {
		return Message{}, err
	}
	return Message{ID: id, SentAt: sentAt}, nil
}

// checkAge refuses a time too long ago, or too far ahead.
func (v *Verifier) checkAge(age time.Duration) error {
	tolerance := v.Tolerance
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	if age > tolerance || age < -tolerance {
		return fmt.Errorf("verify: sent %v before now: %w", age, ErrStaleTimestamp)
	}
	return nil
}

// matchAny looks for a signature, of several separated by spaces, that one of the
// secrets or private keys makes over the signed message. Those of other schemes
// than the Verifier has keys for are passed over.
func (v *Verifier) matchAny(signatures string, signed []byte) error {
	if len(v.Secrets) == 0 && len(v.PublicKeys) == 0 {
		return fmt.Errorf("verify: %w", ErrNoSecret)
	}
	var shared, private []string
	if len(v.Secrets) > 0 {
		shared = ofScheme(SchemeHMAC, signatures)
	}
	if len(v.PublicKeys) > 0 {
		private = ofScheme(SchemeEd25519, signatures)
	}
	switch {
	case len(shared) == 0 && len(private) == 0:
		return fmt.Errorf("verify: no signature of a scheme that there is a key for in %s: %w", HeaderWebhookSignature, ErrMalformedSignature)
	case len(private) > MaxSecrets: // each takes time to look at
		return fmt.Errorf("verify: more than %d signatures in %s: %w", MaxSecrets, HeaderWebhookSignature, ErrMalformedSignature)
	}
	found, err := v.matchShared(shared, signed)
	if err == nil && !found {
		found, err = v.matchPrivate(private, signed)
	}
	if err == nil && !found {
		err = fmt.Errorf("verify: %w", ErrBadSignature)
	}
	return err
}

// ofScheme gives the signatures of a scheme, without what begins them.
func ofScheme(s Scheme, signatures string) (given []string) {
	for text := range strings.FieldsSeq(signatures) {
		if encoded, ok := strings.CutPrefix(text, s.signature()); ok {
			given = append(given, encoded)
		}
	}
	return given
}

// matchShared tells whether one of the given signatures is that of a secret.
func (v *Verifier) matchShared(given []string, signed []byte) (bool, error) {
	for i, secret := range v.Secrets {
		key, err := sharedKey(secret)
		if err != nil {
			return false, v.badSecret(i, err)
		}
		expected := base64.StdEncoding.AppendEncode(nil, hmacSum(key, signed))
		for _, encoded := range given {
			if hmac.Equal([]byte(encoded), expected) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (v *Verifier) badSecret(i int, err error) error {
	return fmt.Errorf("verify: secret %d of %d %w", i+1, len(v.Secrets), err)
}

// matchPrivate tells whether one of the given signatures is that of a private key.
func (v *Verifier) matchPrivate(given []string, signed []byte) (bool, error) {
	for i, text := range v.PublicKeys {
		key, err := parsePublicKey(text)
		if err != nil {
			return false, fmt.Errorf("verify: public key %d of %d %w", i+1, len(v.PublicKeys), err)
		}
		for _, encoded := range given {
			signature, err := secretEncoding.DecodeString(encoded)
			if err == nil && ed25519.Verify(key, signed, signature) {
				return true, nil
			}
		}
	}
	return false, nil
}

// VerifyHex checks the signature in the X-Corp-Astro-Signature header: the body's
// HMAC-SHA256 in hex. It says nothing of the request's headers or age: the id and
// the time to trust are those in the body. While a secret is being rotated that
// header is made with the oldest shared secret that is valid, and
// X-Corp-Astro-Signature-Next with the newest; either will do. An endpoint without a
// shared secret sends neither. header, body and errors are as in Verify.
func (v *Verifier) VerifyHex(header func(name string) string, body []byte) error {
	name := v.SignatureHeader
	if name == "" {
		name = HeadersFor(DefaultHeaderPrefix).Signature
	}
	err := v.verifyHex(name, header(name), body)
	if err == nil {
		return nil
	}
	if next := header(name + nextSuffix); next != "" && v.verifyHex(name+nextSuffix, next, body) == nil {
		return nil
	}
	return err
}

// verifyHex checks the signature in one header.
func (v *Verifier) verifyHex(name, value string, body []byte) error {
	if value == "" {
		return fmt.Errorf("verify: no %s header: %w", name, ErrNoSignature)
	}
	sum, err := hex.DecodeString(value)
	if err != nil {
		return fmt.Errorf("verify: %s: %w: %w", name, ErrMalformedSignature, err)
	}
	if len(v.Secrets) == 0 {
		return fmt.Errorf("verify: %w", ErrNoSecret)
	}
	for i, secret := range v.Secrets {
		if _, err := sharedKey(secret); err != nil {
			return v.badSecret(i, err)
		}
		if hmac.Equal(sum, hmacSum([]byte(secret), body)) {
			return nil
		}
	}
	return fmt.Errorf("verify: %w", ErrBadSignature)
}

// hmacSum is the HMAC-SHA256 of a message.
func hmacSum(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
