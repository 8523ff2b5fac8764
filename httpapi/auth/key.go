package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/webhook"
)

// MinSecret is the least length of a token secret, in bytes: that of the hash's
// output (RFC 7518, section 3.2).
const MinSecret = 32

// minRSA is the least length of an RSA key, in bits (RFC 7518, section 3.3).
const minRSA = 2048

// Key verifies tokens. It has exactly one algorithm: were the token to choose, a
// forger could sign with HS256 and the text of a public key.
type Key struct {
	id  string // the kid by which tokens name it; may be empty
	alg string
	key any
}

// algorithms are the ones that keys can have. The list also keeps out "none".
var algorithms = []string{
	jwt.SigningMethodHS256.Alg(), jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg(),
}

// SecretKey returns a key made from a secret that is shared with the issuer of HS256
// tokens. A key with an id verifies tokens that name it by kid, and tokens that name
// none; a key without an id also verifies tokens that name an unknown key.
func SecretKey(id string, secret []byte) (Key, error) {
	if len(secret) < MinSecret {
		return Key{}, fmt.Errorf("token secret has %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	return Key{id: id, alg: jwt.SigningMethodHS256.Alg(), key: bytes.Clone(secret)}, nil
}

// PublicKey returns a key made from a public key in PEM ("PUBLIC KEY", RFC 7468): RSA of
// 2048 bits or more for RS256, P-256 for ES256, Ed25519 for EdDSA. id is as in SecretKey.
func PublicKey(id string, text []byte) (Key, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return Key{}, errors.New("token key is not PEM")
	case block.Type != "PUBLIC KEY":
		return Key{}, fmt.Errorf("token key is a PEM block of type %q, not PUBLIC KEY", block.Type)
	case len(bytes.TrimSpace(rest)) > 0:
		return Key{}, errors.New("token key is followed by more text")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("parse token key: %w", err)
	}
	alg, err := algorithm(public)
	return Key{id: id, alg: alg, key: public}, err
}

// algorithm returns the one algorithm that a public key is used with.
func algorithm(public crypto.PublicKey) (string, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return "", fmt.Errorf("token key has %d bits, at least %d are needed", k.N.BitLen(), minRSA)
		}
		return jwt.SigningMethodRS256.Alg(), nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", fmt.Errorf("token key is on the curve %s, not P-256", k.Curve.Params().Name)
		}
		return jwt.SigningMethodES256.Alg(), nil
	case ed25519.PublicKey:
		return jwt.SigningMethodEdDSA.Alg(), nil
	}
	return "", fmt.Errorf("token key is a %T, not RSA, ECDSA or Ed25519", public)
}

func hasKey(keys []Key, name string) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.id == name })
}

// keyHolder returns the principal who holds a key.
func keyHolder(k *webhook.APIKey) (*Principal, error) {
	who, err := newPrincipal(k.ClientID, k.Scopes, "key:"+k.ID)
	if err == nil {
		who.KeyID, who.Until = k.ID, k.ExpiresAt
	}
	return who, err
}

// apiKeyIDOf returns the ID in the text of an API key, which is not secret; false if
// the text does not have the form of an API key.
func apiKeyIDOf(text []byte) (id []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(APIKeyPrefix))
	if !ok || len(text) != apiKeyID+1+apiKeySecret || text[apiKeyID] != '_' {
		return nil, false
	}
	return text[:apiKeyID], true
}
