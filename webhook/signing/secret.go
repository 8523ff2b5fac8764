package signing

import (
	"encoding/base64"
	"errors"
	"fmt"
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

// MaxSecrets bounds the secrets of an endpoint that are valid at a time, and so
// the signatures of one request.
const MaxSecrets = 10

// encoding reads and writes the keys inside of secrets. It is strict (RFC 4648,
// section 3.5: no stray bits) since other libraries refuse what is not.
var encoding = base64.StdEncoding.Strict()

// Secret signs deliveries: a text shared with the receiver, or a private key.
type Secret struct {
	// Value is the secret's text, 16 to 256 characters, see ValidateSecret. Its
	// prefix names its scheme; a text without one is a shared secret.
	Value string
	// ExpiresAt is when a rotated secret stops signing; zero for the newest.
	ExpiresAt time.Time
}

// Valid reports whether the secret signs at the given time.
func (s Secret) Valid(at time.Time) bool { return s.ExpiresAt.IsZero() || at.Before(s.ExpiresAt) }

// Scheme returns what the secret signs with.
func (s Secret) Scheme() Scheme { return schemeOf(s.Value).name }

// PublicKey returns the text of the key that verifies the secret's signatures
// (whpk_…). It returns "" for a shared secret, and for a text that ValidateSecret
// refuses.
func (s Secret) PublicKey() string {
	if key := schemeOf(s.Value).publicKey(s.Value); key != nil {
		return key.text()
	}
	return ""
}

// JSONWebKey returns the public key in the form of RFC 7517. It reports false where
// PublicKey returns "".
func (s Secret) JSONWebKey() (JSONWebKey, bool) {
	if key := schemeOf(s.Value).publicKey(s.Value); key != nil {
		return key.jwk(), true
	}
	return JSONWebKey{}, false
}

// JSONWebKey is a public key as a JWK Set lists it (RFC 7517), with the members of
// an octet key pair (RFC 8037).
type JSONWebKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid"` // the thumbprint of RFC 7638
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// Standard returns the form of a shared secret that every Standard Webhooks library
// takes: whsec_ and the base64 of its key. It returns "" for a private key, which no
// receiver needs.
func (s Secret) Standard() string {
	scheme := schemeOf(s.Value)
	switch {
	case scheme.asymmetric():
		return ""
	case strings.HasPrefix(s.Value, scheme.secretPrefix):
		return s.Value
	}
	return scheme.secretPrefix + encoding.EncodeToString([]byte(s.Value))
}

// ValidateSecret refuses a text that cannot be a new secret:
//
//   - one shorter than MinSecretLength or longer than MaxSecretLength characters,
//     with control characters or invalid UTF-8;
//   - whsec_ before text that is not the base64 of MinSecretKey to MaxSecretKey
//     bytes, and whsk_ before text that is not a private key;
//   - a public key (whpk_), which anybody may know;
//   - a text that was most likely pasted wrong, since no receiver could verify with
//     it: a prefix in another casing or behind other text, and the name of a scheme
//     (v1,) before the secret.
//
// The error continues a sentence that begins with the name of the secret. It does
// not repeat the text.
func ValidateSecret(text string) error {
	if _, err := parseSecret(text); err != nil {
		return err
	}
	if err := checkPasted(text); err != nil {
		return err
	}
	return schemeOf(text).checkNew(text)
}

// checkPasted refuses a text that was meant to be another one.
func checkPasted(text string) error {
	lower := strings.ToLower(text)
	for i := range schemes {
		if mark := schemes[i].mark(); strings.HasPrefix(lower, mark) {
			return fmt.Errorf("begins with %q, which is no part of a secret: give what follows it, from %s on", mark, schemes[0].secretPrefix)
		}
	}
	for i := range schemes {
		for _, prefix := range []string{schemes[i].secretPrefix, schemes[i].publicPrefix} {
			switch at := strings.Index(lower, prefix); {
			case prefix == "":
			case at > 0:
				return errors.New("has other text before " + prefix)
			case at == 0 && !strings.HasPrefix(text, prefix):
				return errors.New("begins with " + prefix + " in another casing")
			}
		}
	}
	return nil
}

// parseSecret refuses a text that cannot sign. It accepts secrets that were stored
// before the other rules of ValidateSecret: their receivers verify with them.
func parseSecret(text string) (signingKey, error) {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return nil, errors.New("is not valid UTF-8")
	case n < MinSecretLength:
		return nil, fmt.Errorf("is shorter than %d characters", MinSecretLength)
	case n > MaxSecretLength:
		return nil, fmt.Errorf("is longer than %d characters", MaxSecretLength)
	case strings.ContainsFunc(text, unicode.IsControl):
		return nil, errors.New("contains control characters")
	}
	if err := checkNotPublic(text); err != nil {
		return nil, err
	}
	return schemeOf(text).signingKey(text)
}

// parseShared parses a secret that a receiver has. It refuses both halves of a key
// pair: with a public key as secret, everybody could sign, and a private key belongs
// to the server alone.
func parseShared(text string) (*scheme, verifyingKey, error) {
	if err := checkNotPublic(text); err != nil {
		return nil, nil, err
	}
	scheme := schemeOf(text)
	if scheme.asymmetric() {
		return nil, nil, errors.New("is a private key (" + scheme.secretPrefix + ")")
	}
	key, err := scheme.verifyingKey(text)
	return scheme, key, err
}

// parsePublic parses a public key that a receiver has.
func parsePublic(text string) (*scheme, verifyingKey, error) {
	scheme := schemeOfPublic(text)
	if scheme == nil {
		return nil, nil, errors.New("does not begin with " + publicPrefixes())
	}
	key, err := scheme.verifyingKey(text)
	return scheme, key, err
}

// publicPrefixes returns the prefixes of public keys for an error.
func publicPrefixes() string {
	var prefixes []string
	for i := range schemes {
		if schemes[i].asymmetric() {
			prefixes = append(prefixes, schemes[i].publicPrefix)
		}
	}
	return strings.Join(prefixes, " or ")
}

// checkNotPublic refuses a public key in a secret's place.
func checkNotPublic(text string) error {
	if scheme := schemeOfPublic(text); scheme != nil {
		return errors.New("is a public key (" + scheme.publicPrefix + ")")
	}
	return nil
}
