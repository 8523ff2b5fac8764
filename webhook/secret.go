package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds on the length of a secret, in characters.
const (
	MinSecretLength = 16
	MaxSecretLength = 256
)

// Bounds on the key of a new secret that is written in base64, in bytes (Standard
// Webhooks 1.0.0).
const (
	MinSecretKey = 24
	MaxSecretKey = 64
)

// MaxSecrets bounds the secrets of an endpoint that are valid at a time, and so
// the signatures of one request.
const MaxSecrets = 10

// secretPrefix marks a secret whose key is written in base64 (Standard Webhooks 1.0.0).
const secretPrefix = "whsec_"

// secretBytes is the size of a generated secret's key.
const secretBytes = 32

// secretEncoding is strict: other libraries refuse what it refuses.
var secretEncoding = base64.StdEncoding.Strict()

// Secret is what signs: a text shared with the receiver, or a private key.
type Secret struct {
	// Value is the secret's text, 16 to 256 characters, see ValidateSecret. One
	// that begins with whsk_ is a private key.
	Value string
	// ExpiresAt is when a rotated secret stops to sign; zero for the newest.
	ExpiresAt time.Time
}

// Valid tells whether the secret still signs at the given time.
func (s Secret) Valid(at time.Time) bool { return s.ExpiresAt.IsZero() || at.Before(s.ExpiresAt) }

// Scheme tells what the secret signs with.
func (s Secret) Scheme() Scheme {
	if strings.HasPrefix(s.Value, privateKeyPrefix) {
		return SchemeEd25519
	}
	return SchemeHMAC
}

// PublicKey is what the secret's signatures are verified with; nil for a secret
// that is shared. The secret has to be one that ValidateSecret lets through.
func (s Secret) PublicKey() ed25519.PublicKey {
	if s.Scheme() != SchemeEd25519 {
		return nil
	}
	key, err := decodePrivateKey(s.Value)
	if err != nil {
		return nil
	}
	public, _ := key.Public().(ed25519.PublicKey)
	return public
}

// ValidateSecret refuses a text that cannot be a new secret: shorter than
// MinSecretLength or longer than MaxSecretLength characters, with control
// characters or invalid UTF-8, with whsec_ before what is not the base64 of
// MinSecretKey to MaxSecretKey bytes, with whsk_ before what is not a private key,
// or a public key (whpk_), which anybody may know. It also refuses what was
// most likely pasted wrong, since no receiver could verify with it: a prefix in
// another casing or behind other text, and the name of a scheme (v1,) before the
// secret. The error is a *FieldError with an empty Field; it does not repeat the text.
func ValidateSecret(text string) error {
	if err := checkUsable(text); err != nil {
		return err
	}
	if reason := mispasted(text); reason != "" {
		return &FieldError{Reason: reason}
	}
	if !strings.HasPrefix(text, secretPrefix) {
		return nil
	}
	if key, _ := sharedKey(text); len(key) < MinSecretKey || len(key) > MaxSecretKey {
		return &FieldError{Reason: fmt.Sprintf("has %d bytes after %s, not %d to %d", len(key), secretPrefix, MinSecretKey, MaxSecretKey)}
	}
	return nil
}

// mispasted says what is wrong with a text that was meant to be another one; "" if
// nothing seems to be.
func mispasted(text string) string {
	lower := strings.ToLower(text)
	for _, scheme := range []Scheme{SchemeHMAC, SchemeEd25519} {
		if strings.HasPrefix(lower, scheme.signature()) {
			return fmt.Sprintf("begins with %q, which is no part of a secret: give what follows it, from %s on", scheme.signature(), secretPrefix)
		}
	}
	for _, prefix := range []string{secretPrefix, privateKeyPrefix, publicKeyPrefix} {
		switch at := strings.Index(lower, prefix); {
		case at > 0:
			return "has other text before " + prefix
		case at == 0 && !strings.HasPrefix(text, prefix):
			return "begins with " + prefix + " in another casing"
		}
	}
	return ""
}

// checkUsable refuses what cannot sign. Secrets from before the other rules of
// ValidateSecret go on.
func checkUsable(text string) error {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return &FieldError{Reason: "is not valid UTF-8", Cause: ErrInvalidUTF8}
	case n < MinSecretLength:
		return &FieldError{Reason: fmt.Sprintf("is shorter than %d characters", MinSecretLength)}
	case n > MaxSecretLength:
		return &FieldError{Reason: fmt.Sprintf("is longer than %d characters", MaxSecretLength)}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &FieldError{Reason: "contains control characters"}
	}
	var err error
	if (Secret{Value: text}).Scheme() == SchemeEd25519 {
		_, err = parsePrivateKey(text)
	} else {
		_, err = sharedKey(text)
	}
	if err != nil {
		return &FieldError{Reason: err.Error()}
	}
	return nil
}

// Standard returns the form of a shared secret that every Standard Webhooks
// library takes: whsec_ and the base64 of its key; "" for a private key.
func (s Secret) Standard() string {
	switch {
	case s.Scheme() != SchemeHMAC:
		return ""
	case strings.HasPrefix(s.Value, secretPrefix):
		return s.Value
	}
	return secretPrefix + secretEncoding.EncodeToString([]byte(s.Value))
}

// GenerateSecret makes a new secret to share, whsec_ and the base64 of 32 bytes read
// from random, which is crypto/rand.Reader outside of tests.
func GenerateSecret(random io.Reader) (string, error) {
	var key [secretBytes]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return "", fmt.Errorf("generate secret: %w", err)
	}
	return secretPrefix + secretEncoding.EncodeToString(key[:]), nil
}

// sharedKey gives the key that a shared secret stands for in the Standard Webhooks
// signature: the decoded rest of a whsec_ secret, else the text. The text of half a
// key pair stands for none: with a public key as secret, everybody could sign.
func sharedKey(text string) ([]byte, error) {
	switch {
	case strings.HasPrefix(text, publicKeyPrefix):
		return nil, errors.New("is a public key (" + publicKeyPrefix + ")")
	case strings.HasPrefix(text, privateKeyPrefix):
		return nil, errors.New("is a private key (" + privateKeyPrefix + ")")
	}
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return []byte(text), nil
	}
	key, err := secretEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errors.New("is not base64 after " + secretPrefix)
	}
	return key, nil
}
