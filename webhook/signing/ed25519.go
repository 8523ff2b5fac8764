package signing

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Prefixes of a key pair's texts (Standard Webhooks 1.0.0). The base64 of 64 bytes
// follows, the key's seed and its public key, or of the public key's 32.
const (
	whsk = "whsk_"
	whpk = "whpk_"
)

// ed25519Pair is the scheme v1a: Ed25519 (RFC 8032) with a private key that only the
// server has. Receivers verify with the public key.
type ed25519Pair struct{}

// generate returns whsk_ and the base64 of a new key's seed and public key.
func (ed25519Pair) generate(random io.Reader) (string, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return "", err
	}
	return whsk + encoding.EncodeToString(ed25519.NewKeyFromSeed(seed[:])), nil
}

// checkNew accepts every key: all that sign have one form.
func (ed25519Pair) checkNew(string) error { return nil }

// signingKey refuses a private key whose public key is not its own: no receiver
// could verify with it, and two signatures of one message under different public
// keys reveal the private key.
func (ed25519Pair) signingKey(secret string) (signingKey, error) {
	key, err := decodePrivateKey(secret)
	if err != nil {
		return nil, err
	}
	if !ed25519.NewKeyFromSeed(key.Seed()).Equal(key) {
		return nil, errors.New("has a seed and a public key that do not belong together")
	}
	return ed25519Key(key), nil
}

func (ed25519Pair) verifyingKey(text string) (verifyingKey, error) {
	key, err := encoding.DecodeString(strings.TrimPrefix(text, whpk))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("is not the base64 of %d bytes after %s", ed25519.PublicKeySize, whpk)
	}
	return ed25519PublicKey(key), nil
}

// publicKey returns nil for a text that is not a private key.
func (ed25519Pair) publicKey(secret string) publicKey {
	key, err := decodePrivateKey(secret)
	if err != nil {
		return nil
	}
	return ed25519PublicKey(key[ed25519.SeedSize:])
}

// decodePrivateKey decodes a private key without judging whether its halves belong
// together, for which it would have to derive the public key.
func decodePrivateKey(text string) (ed25519.PrivateKey, error) {
	key, err := encoding.DecodeString(strings.TrimPrefix(text, whsk))
	if err != nil || len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("is not the base64 of %d bytes, a seed and its public key, after %s", ed25519.PrivateKeySize, whsk)
	}
	return key, nil
}

// ed25519Key signs with a private key.
type ed25519Key ed25519.PrivateKey

// appendSignature signs head and body in one piece: Ed25519 reads a message twice.
func (k ed25519Key) appendSignature(dst []byte, m *message) []byte {
	return base64.StdEncoding.AppendEncode(dst, ed25519.Sign(ed25519.PrivateKey(k), m.whole()))
}

// ed25519PublicKey verifies with a public key.
type ed25519PublicKey ed25519.PublicKey

func (k ed25519PublicKey) matchesAny(signed []byte, signatures []string) bool {
	for _, text := range signatures {
		signature, err := encoding.DecodeString(text)
		if err == nil && ed25519.Verify(ed25519.PublicKey(k), signed, signature) {
			return true
		}
	}
	return false
}

func (k ed25519PublicKey) text() string { return whpk + encoding.EncodeToString(k) }

// jwk returns the key as RFC 8037, section 2, writes it. Its id is the thumbprint
// (RFC 7638, section 3.2: the required members in the order of their names), so that
// a key has the same id wherever it is listed.
func (k ed25519PublicKey) jwk() JSONWebKey {
	x := base64.RawURLEncoding.EncodeToString(k)
	thumbprint := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return JSONWebKey{
		KeyType: "OKP", Curve: "Ed25519", X: x, KeyID: base64.RawURLEncoding.EncodeToString(thumbprint[:]), Use: "sig", Algorithm: "EdDSA",
	}
}
