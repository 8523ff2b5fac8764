package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
)

// Bounds on the key of a new secret that is written in base64, in bytes (Standard
// Webhooks 1.0.0).
const (
	MinSecretKey = 24
	MaxSecretKey = 64
)

// whsec begins a shared secret whose key is written in base64.
const whsec = "whsec_"

// hmacSHA256 is the scheme v1: HMAC-SHA256 (RFC 2104) with a key that the receiver
// has too. The key is the decoded rest of a whsec_ secret, else the text.
type hmacSHA256 struct{}

// generate returns whsec_ and the base64 of 32 bytes, as many as the hash has: a
// longer key makes HMAC no stronger (RFC 2104, section 3).
func (hmacSHA256) generate(random io.Reader) (string, error) {
	var key [sha256.Size]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return "", err
	}
	return whsec + encoding.EncodeToString(key[:]), nil
}

// checkNew holds the key of a whsec_ secret to the bounds of the standard, which came
// after the first secrets. A text without prefix has bounds of its own, in characters.
func (hmacSHA256) checkNew(secret string) error {
	if !strings.HasPrefix(secret, whsec) {
		return nil
	}
	if key, _ := sharedKey(secret); len(key) < MinSecretKey || len(key) > MaxSecretKey {
		return fmt.Errorf("has %d bytes after %s, not %d to %d", len(key), whsec, MinSecretKey, MaxSecretKey)
	}
	return nil
}

func (hmacSHA256) signingKey(secret string) (signingKey, error) {
	key, err := sharedKey(secret)
	if err != nil {
		return nil, err
	}
	return &hmacKey{text: keyedHash([]byte(secret)), standard: keyedHash(key)}, nil
}

func (hmacSHA256) verifyingKey(text string) (verifyingKey, error) {
	key, err := sharedKey(text)
	if err != nil {
		return nil, err
	}
	return hmacVerifyingKey(key), nil
}

// publicKey returns nil: receivers verify with the secret.
func (hmacSHA256) publicKey(string) publicKey { return nil }

// sharedKey returns the key of a shared secret.
func sharedKey(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, whsec)
	if !ok {
		return []byte(text), nil
	}
	key, err := encoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errors.New("is not base64 after " + whsec)
	}
	return key, nil
}

// hmacKey signs with a shared secret. It keeps keyed hashes for use again, so that a
// signature costs no allocation and no key schedule, and nothing else of the secret.
type hmacKey struct {
	mu       sync.Mutex // held while one hash is made: about a microsecond for each KB
	text     hash.Hash  // keyed with the secret's text, for the signature in hex
	standard hash.Hash  // keyed with the secret's key, for Standard Webhooks
}

// keyedHash returns a hash that is ready to use. After Reset it holds states of the
// hash in place of the key.
func keyedHash(key []byte) hash.Hash {
	h := hmac.New(sha256.New, key)
	h.Reset()
	return h
}

func (k *hmacKey) appendSignature(dst []byte, m *message) []byte {
	return base64.StdEncoding.AppendEncode(dst, k.sum(m, k.standard, m.head()))
}

// appendHex appends the HMAC of the body alone, keyed with the secret's text, in
// lower-case hex.
func (k *hmacKey) appendHex(dst []byte, m *message) []byte {
	return hex.AppendEncode(dst, k.sum(m, k.text, nil))
}

// sum returns the keyed hash of the head and m's body, in m's memory: it is valid
// until the next sum of m.
func (k *hmacKey) sum(m *message, keyed hash.Hash, head []byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	keyed.Reset()
	keyed.Write(head)
	keyed.Write(m.body)
	return keyed.Sum(m.sum[:0])
}

// hmacVerifyingKey is the key of a shared secret.
type hmacVerifyingKey []byte

// matchesAny compares in constant time, so that the time that an answer takes shows
// nothing of the right signature.
func (k hmacVerifyingKey) matchesAny(signed []byte, signatures []string) bool {
	expected := base64.StdEncoding.AppendEncode(nil, hmacSum(k, signed))
	for _, signature := range signatures {
		if hmac.Equal([]byte(signature), expected) {
			return true
		}
	}
	return false
}

// hmacSum returns the HMAC-SHA256 of a message.
func hmacSum(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
