package webhook

import (
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
	// ErrBadSignature: no signature was made over this body with one of the secrets.
	ErrBadSignature = errors.New("signature does not match")
	// ErrStaleTimestamp: the signed time is too far from now; perhaps the request is a repetition.
	ErrStaleTimestamp = errors.New("timestamp is out of tolerance")
	// ErrNoSecret: the Verifier has no secret.
	ErrNoSecret = errors.New("no secret to verify with")
)

// DefaultTolerance is how far a signed time may lie from now, either way.
const DefaultTolerance = 5 * time.Minute

// Verifier checks the signatures of deliveries; it is what a receiver needs.
// Only Secrets must be set. It is safe for concurrent use.
type Verifier struct {
	// Secrets are the texts of the secrets that may have signed: one, or several
	// while a secret is being rotated.
	Secrets []string
	// Tolerance is how far the signed time may lie from now, either way; 0 for DefaultTolerance.
	Tolerance time.Duration
	// SignatureHeader is the name of the header that VerifyHex reads; "" for X-Corp-Astro-Signature.
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
// ErrBadSignature and ErrNoSecret; another one says which secret is not valid.
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
// secrets makes over the signed message. Those of other versions are passed over.
func (v *Verifier) matchAny(signatures string, signed []byte) error {
	var given []string
	for text := range strings.FieldsSeq(signatures) {
		if encoded, ok := strings.CutPrefix(text, signatureVersion); ok {
			given = append(given, encoded)
		}
	}
	switch {
	case len(given) == 0:
		return fmt.Errorf("verify: no version 1 in %s: %w", HeaderWebhookSignature, ErrMalformedSignature)
	case len(v.Secrets) == 0:
		return fmt.Errorf("verify: %w", ErrNoSecret)
	}
	for i, secret := range v.Secrets {
		key, err := secretKey(secret)
		if err != nil {
			return fmt.Errorf("verify: secret %d of %d %w", i+1, len(v.Secrets), err)
		}
		expected := base64.StdEncoding.AppendEncode(nil, hmacSum(key, signed))
		for _, encoded := range given {
			if hmac.Equal([]byte(encoded), expected) {
				return nil
			}
		}
	}
	return fmt.Errorf("verify: %w", ErrBadSignature)
}

// VerifyHex checks the signature in the X-Corp-Astro-Signature header: the body's
// HMAC-SHA256 in hex. It says nothing of the request's headers or age: the id and
// the time to trust are those in the body. While a secret is being rotated it is
// made with the newest one only. header, body and errors are as in Verify.
func (v *Verifier) VerifyHex(header func(name string) string, body []byte) error {
	name := v.SignatureHeader
	if name == "" {
		name = HeadersFor(DefaultHeaderPrefix).Signature
	}
	value := header(name)
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
	for _, secret := range v.Secrets {
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
