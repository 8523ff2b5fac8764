package webhook

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Scheme is a way to sign, by its name in Standard Webhooks 1.0.0.
type Scheme string

// The schemes.
const (
	SchemeHMAC    Scheme = "v1"  // HMAC-SHA256, with a secret that the receiver has too
	SchemeEd25519 Scheme = "v1a" // Ed25519, with a private key of which the receiver has the public one
)

// signature begins each signature of the scheme.
func (s Scheme) signature() string { return string(s) + "," }

// What the texts of keys begin with (Standard Webhooks 1.0.0). The base64 of 64
// bytes follows, the key's seed and its public key, or of the public key's 32.
const (
	privateKeyPrefix = "whsk_"
	publicKeyPrefix  = "whpk_"
)

// GeneratePrivateKey makes a new private key in the form of a secret's text,
// whsk_ and base64. It reads 32 bytes from random, which is crypto/rand.Reader
// outside of tests.
func GeneratePrivateKey(random io.Reader) (string, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return "", fmt.Errorf("generate private key: %w", err)
	}
	return privateKeyPrefix + secretEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed[:])), nil
}

// FormatPublicKey gives a public key's text: whpk_ and base64.
func FormatPublicKey(key ed25519.PublicKey) string {
	return publicKeyPrefix + secretEncoding.EncodeToString(key)
}

// parsePublicKey reads the text that FormatPublicKey gives.
func parsePublicKey(text string) (ed25519.PublicKey, error) {
	encoded, ok := strings.CutPrefix(text, publicKeyPrefix)
	if !ok {
		return nil, errors.New("does not begin with " + publicKeyPrefix)
	}
	key, err := secretEncoding.DecodeString(encoded)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("is not the base64 of %d bytes after %s", ed25519.PublicKeySize, publicKeyPrefix)
	}
	return key, nil
}

// parsePrivateKey reads a private key, and refuses one whose public key is not
// its own: no receiver could verify with it, and two signatures of one message
// under different public keys give the private key away.
func parsePrivateKey(text string) (ed25519.PrivateKey, error) {
	key, err := decodePrivateKey(text)
	if err != nil {
		return nil, err
	}
	if !ed25519.NewKeyFromSeed(key.Seed()).Equal(key) {
		return nil, errors.New("has a seed and a public key that do not belong together")
	}
	return key, nil
}

// decodePrivateKey is parsePrivateKey for a key that was judged before.
func decodePrivateKey(text string) (ed25519.PrivateKey, error) {
	key, err := secretEncoding.DecodeString(strings.TrimPrefix(text, privateKeyPrefix))
	if err != nil || len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("is not the base64 of %d bytes, a seed and its public key, after %s", ed25519.PrivateKeySize, privateKeyPrefix)
	}
	return key, nil
}
