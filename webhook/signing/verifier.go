package signing

import (
	"cmp"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Errors of a Verifier.
var (
	// ErrNoSignature reports that a header is missing that verification needs.
	ErrNoSignature = errors.New("not signed")
	// ErrMalformedSignature reports a header that does not have the form it must have.
	ErrMalformedSignature = errors.New("malformed signature")
	// ErrBadSignature reports that no signature was made over this body with one of
	// the secrets or private keys.
	ErrBadSignature = errors.New("signature does not match")
	// ErrStaleTimestamp reports a signed time too far from now. The request may be a
	// repetition of an old one.
	ErrStaleTimestamp = errors.New("timestamp is out of tolerance")
	// ErrNoSecret reports that the Verifier has no secret, and no public key where
	// one would do.
	ErrNoSecret = errors.New("no secret or public key to verify with")
)

// DefaultTolerance is how far a signed time may lie from now, either way.
const DefaultTolerance = 5 * time.Minute

// Verifier verifies the signatures of deliveries; a receiver needs nothing else of
// this module. Set Secrets or PublicKeys; the other fields have defaults. A Verifier
// is safe for concurrent use.
type Verifier struct {
	// Secrets are the texts of the shared secrets that may have signed (v1): one, or
	// several during a rotation.
	Secrets []string
	// PublicKeys are the texts (whpk_…) of the keys whose private halves may have
	// signed (v1a). Use those of the receiver's own endpoint only: the owner of
	// another endpoint could sign for this one with a key of his.
	PublicKeys []string
	// Tolerance is how far the signed time may lie from now, either way; 0 means
	// DefaultTolerance.
	Tolerance time.Duration
	// SignatureHeader is the name of the header that VerifyHex reads, beside the one
	// with NextSuffix at its end; "" means DefaultHexHeader.
	SignatureHeader string
}

// Message is what a verified request says about itself.
type Message struct {
	// ID is the delivery's id. Every attempt of a delivery has the same one: a
	// receiver that remembers ids handles no delivery twice.
	ID string
	// SentAt is when the attempt was made, in UTC, to the second.
	SentAt time.Time
}

// Verify verifies the signature of Standard Webhooks 1.0.0 over a request's id, time
// and body. header returns a request header by name in any casing, "" if there is
// none, as http.Header.Get does; body is the raw body.
//
// The errors are ErrNoSignature, ErrMalformedSignature, ErrStaleTimestamp,
// ErrBadSignature and ErrNoSecret; another one says which secret or public key is
// not valid.
func (v *Verifier) Verify(header func(name string) string, body []byte, now time.Time) (Message, error) {
	id, seconds, signatures := header(HeaderID), header(HeaderTimestamp), header(HeaderSignature)
	for _, h := range [...]struct{ name, value string }{
		{HeaderID, id}, {HeaderTimestamp, seconds}, {HeaderSignature, signatures},
	} {
		if h.value == "" {
			return Message{}, fmt.Errorf("verify: no %s header: %w", h.name, ErrNoSignature)
		}
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Message{}, fmt.Errorf("verify: %s %q: %w", HeaderTimestamp, seconds, ErrMalformedSignature)
	}
	sentAt := time.Unix(unix, 0).UTC()
	if err := v.checkAge(now.Sub(sentAt)); err != nil {
		return Message{}, err
	}
	signed := append(appendHead(nil, id, unix), body...)
	if err := v.match(signatures, signed); err != nil {
		return Message{}, err
	}
	return Message{ID: id, SentAt: sentAt}, nil
}

// checkAge refuses a time too long ago, or too far ahead.
func (v *Verifier) checkAge(age time.Duration) error {
	tolerance := cmp.Or(v.Tolerance, DefaultTolerance)
	if age > tolerance || age < -tolerance {
		return fmt.Errorf("verify: sent %v before now: %w", age, ErrStaleTimestamp)
	}
	return nil
}

// match looks for a signature, of several separated by spaces, that one of the
// secrets or private keys made over the signed message. It ignores signatures of
// schemes that the Verifier has no keys for.
func (v *Verifier) match(header string, signed []byte) error {
	if len(v.Secrets) == 0 && len(v.PublicKeys) == 0 {
		return fmt.Errorf("verify: %w", ErrNoSecret)
	}
	shared, private := v.parseSignatures(header)
	switch {
	case len(shared) == 0 && len(private) == 0:
		return fmt.Errorf("verify: no signature of a scheme that there is a key for in %s: %w", HeaderSignature, ErrMalformedSignature)
	case len(private) > MaxSecrets: // verifying one is costly, and anybody can send many
		return fmt.Errorf("verify: more than %d signatures in %s: %w", MaxSecrets, HeaderSignature, ErrMalformedSignature)
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

// signature is one of a header.
type signature struct {
	scheme *scheme
	text   string // without the scheme's mark
}

// parseSignatures returns the signatures in a header: those that secrets verify, and
// those that public keys verify, as far as the Verifier has such keys.
func (v *Verifier) parseSignatures(header string) (shared, private []signature) {
	for text := range strings.FieldsSeq(header) {
		name, encoded, _ := strings.Cut(text, ",")
		switch scheme := Scheme(name).find(); {
		case scheme == nil || name == text:
		case scheme.asymmetric() && len(v.PublicKeys) > 0:
			private = append(private, signature{scheme, encoded})
		case !scheme.asymmetric() && len(v.Secrets) > 0:
			shared = append(shared, signature{scheme, encoded})
		}
	}
	return shared, private
}

// textsOf returns the texts of the signatures of one scheme.
func textsOf(s *scheme, given []signature) (texts []string) {
	for _, g := range given {
		if g.scheme == s {
			texts = append(texts, g.text)
		}
	}
	return texts
}

// matchShared reports whether one of the given signatures is that of a secret.
func (v *Verifier) matchShared(given []signature, signed []byte) (bool, error) {
	for i, secret := range v.Secrets {
		scheme, key, err := parseShared(secret)
		if err != nil {
			return false, v.secretError(i, err)
		}
		if key.matchesAny(signed, textsOf(scheme, given)) {
			return true, nil
		}
	}
	return false, nil
}

func (v *Verifier) secretError(i int, err error) error {
	return fmt.Errorf("verify: secret %d of %d %w", i+1, len(v.Secrets), err)
}

// matchPrivate reports whether one of the given signatures is that of a private key.
func (v *Verifier) matchPrivate(given []signature, signed []byte) (bool, error) {
	for i, text := range v.PublicKeys {
		scheme, key, err := parsePublic(text)
		if err != nil {
			return false, fmt.Errorf("verify: public key %d of %d %w", i+1, len(v.PublicKeys), err)
		}
		if key.matchesAny(signed, textsOf(scheme, given)) {
			return true, nil
		}
	}
	return false, nil
}

// VerifyHex verifies the signature in hex: the body's HMAC-SHA256 in the header
// SignatureHeader. The headers and the age of the request are not signed; trust the
// id and the time in the body. During a rotation that header is made with the oldest
// shared secret that is valid, and the one with NextSuffix with the newest; VerifyHex
// accepts either. An endpoint without a shared secret sends neither. header, body and
// errors are as in Verify.
func (v *Verifier) VerifyHex(header func(name string) string, body []byte) error {
	name := cmp.Or(v.SignatureHeader, DefaultHexHeader)
	err := v.verifyHex(name, header(name), body)
	if err == nil {
		return nil
	}
	if next := header(name + NextSuffix); next != "" && v.verifyHex(name+NextSuffix, next, body) == nil {
		return nil
	}
	return err
}

// verifyHex verifies the signature in one header.
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
		if _, _, err := parseShared(secret); err != nil {
			return v.secretError(i, err)
		}
		if hmac.Equal(sum, hmacSum([]byte(secret), body)) {
			return nil
		}
	}
	return fmt.Errorf("verify: %w", ErrBadSignature)
}
