package signing

import (
	"fmt"
	"io"
	"strings"
)

// Scheme is the name of a way to sign in Standard Webhooks 1.0.0. Every signature
// begins with the name and a comma.
type Scheme string

// Schemes that an endpoint can sign with.
const (
	SchemeHMAC    Scheme = "v1"  // HMAC-SHA256, with a secret that the receiver has too
	SchemeEd25519 Scheme = "v1a" // Ed25519, with a private key; the receiver has the public key
)

// DefaultScheme is the scheme of an endpoint whose client chooses none: every
// Standard Webhooks library verifies it.
const DefaultScheme = SchemeHMAC

// schemes is the table of all schemes. A new scheme is a row here, a file with its
// algorithm, and a value of signature_scheme in openapi.yaml. The first row also
// takes secrets without a prefix.
var schemes = []scheme{
	{name: SchemeHMAC, secretPrefix: whsec, algorithm: hmacSHA256{}},
	{name: SchemeEd25519, secretPrefix: whsk, publicPrefix: whpk, algorithm: ed25519Pair{}},
}

// scheme is a row of the table.
type scheme struct {
	name Scheme
	// secretPrefix begins the text of a secret (Standard Webhooks 1.0.0).
	secretPrefix string
	// publicPrefix begins the text of a public key; "" for a scheme whose receivers
	// verify with the secret itself.
	publicPrefix string
	algorithm
}

// algorithm is what one scheme does. Its errors continue a sentence that begins with
// the name of the text: "is not base64 after whsec_". They never repeat the text,
// because it may be a secret.
type algorithm interface {
	// generate returns the text of a new secret, made of bytes from random.
	generate(random io.Reader) (string, error)
	// checkNew refuses a secret that may go on to sign but must not be set any more.
	// signingKey accepts the secret.
	checkNew(secret string) error
	// signingKey parses a secret.
	signingKey(secret string) (signingKey, error)
	// verifyingKey parses what a receiver has: the secret, or the public key of a
	// scheme that has public keys.
	verifyingKey(text string) (verifyingKey, error)
	// publicKey returns the public key of a secret that signingKey accepts; nil for
	// a scheme without public keys.
	publicKey(secret string) publicKey
}

// signingKey signs messages. It is safe for concurrent use.
type signingKey interface {
	// appendSignature appends the base64 of the message's signature.
	appendSignature(dst []byte, m *message) []byte
}

// verifyingKey verifies signatures.
type verifyingKey interface {
	// matchesAny reports whether one of the signatures, in base64, is the key's over
	// the message. It takes all at once so that it hashes the message once: a sender
	// chooses how many signatures a request carries.
	matchesAny(signed []byte, signatures []string) bool
}

// publicKey is what a receiver verifies the signatures of a private key with.
type publicKey interface {
	text() string
	jwk() JSONWebKey
}

// find returns the row of a scheme; nil if the scheme is not in the table.
func (s Scheme) find() *scheme {
	for i := range schemes {
		if schemes[i].name == s {
			return &schemes[i]
		}
	}
	return nil
}

// schemeOf returns the row that a secret belongs to.
func schemeOf(secret string) *scheme {
	for i := range schemes {
		if strings.HasPrefix(secret, schemes[i].secretPrefix) {
			return &schemes[i]
		}
	}
	return &schemes[0]
}

// schemeOfPublic returns the row that a public key belongs to; nil if the text has
// the prefix of none.
func schemeOfPublic(text string) *scheme {
	for i := range schemes {
		if schemes[i].asymmetric() && strings.HasPrefix(text, schemes[i].publicPrefix) {
			return &schemes[i]
		}
	}
	return nil
}

// asymmetric reports whether receivers verify with a public key.
func (s *scheme) asymmetric() bool { return s.publicPrefix != "" }

// mark begins each signature of the scheme.
func (s *scheme) mark() string { return string(s.name) + "," }

// Known reports whether the scheme is one that an endpoint can sign with.
func (s Scheme) Known() bool { return s.find() != nil }

// Schemes returns the names of all schemes, the default one first.
func Schemes() []Scheme {
	names := make([]Scheme, len(schemes))
	for i := range schemes {
		names[i] = schemes[i].name
	}
	return names
}

// Generate returns the text of a new secret of the scheme, made of bytes from
// random. Pass crypto/rand.Reader outside of tests.
func (s Scheme) Generate(random io.Reader) (string, error) {
	found := s.find()
	if found == nil {
		return "", fmt.Errorf("generate secret: unknown scheme %q", s)
	}
	text, err := found.generate(random)
	if err != nil {
		return "", fmt.Errorf("generate secret: %w", err)
	}
	return text, nil
}
