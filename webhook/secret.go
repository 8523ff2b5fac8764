package webhook

import (
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

// secretPrefix marks a secret whose key is written in base64 (Standard Webhooks 1.0.0).
const secretPrefix = "whsec_"

// secretBytes is the size of a generated secret's key.
const secretBytes = 32

// secretEncoding is strict: other libraries refuse what it refuses.
var secretEncoding = base64.StdEncoding.Strict()

// Secret is a signing secret.
type Secret struct {
	// Value is the secret's text: 16 to 256 characters, see ValidateSecret.
	Value string
	// ExpiresAt is when a rotated secret stops to sign; zero for the newest.
	ExpiresAt time.Time
}

// Valid tells whether the secret still signs at the given time.
func (s Secret) Valid(at time.Time) bool { return s.ExpiresAt.IsZero() || at.Before(s.ExpiresAt) }

// ValidateSecret refuses a text that cannot be a secret: shorter than
// MinSecretLength or longer than MaxSecretLength characters, with control
// characters or invalid UTF-8, or with whsec_ before what is not base64. The
// error is a *FieldError with an empty Field; it does not repeat the text.
func ValidateSecret(text string) error {
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
	if _, err := secretKey(text); err != nil {
		return &FieldError{Reason: err.Error()}
	}
	return nil
}

// GenerateSecret makes a new secret, whsec_ and the base64 of 32 bytes read from
// random, which is crypto/rand.Reader outside of tests.
func GenerateSecret(random io.Reader) (string, error) {
	var key [secretBytes]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return "", fmt.Errorf("generate secret: %w", err)
	}
	return secretPrefix + secretEncoding.EncodeToString(key[:]), nil
}

// secretKey gives the key that a secret stands for in the Standard Webhooks
// signature: the decoded rest of a whsec_ secret, else the text.
func secretKey(text string) ([]byte, error) {
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
