package webhook

import (
	"crypto/sha256"
	"time"
)

// APIKey lets a caller in without a token. Only the answer of the call that makes a key
// shows its secret; the store keeps a hash.
type APIKey struct {
	// ID is what people tell keys apart by. It is not secret and never changes.
	ID string
	// Name says what the key is for.
	Name string
	// ClientID is the client that the caller acts for; "" for none.
	ClientID string
	// Scopes are the names that a token's scope claim has.
	Scopes []string
	// Hash is the SHA-256 of the secret's text. The text is long and random, so nobody
	// can guess it, and a slow hash would gain nothing.
	Hash [sha256.Size]byte
	// CreatedAt is precise to the millisecond.
	CreatedAt time.Time
	// ExpiresAt is the first moment at which the key is refused; zero for never.
	ExpiresAt time.Time
}

// SecretKey describes a key that seals the secrets of endpoints on disk. It does not
// contain the key.
type SecretKey struct {
	// ID names the key.
	ID string
	// Writes reports that the key seals new secrets. Every key opens what it sealed.
	Writes bool
	// Endpoints is how many endpoints have secrets that the key seals.
	Endpoints int64
}

// SealedValues stands for the values of an endpoint's secrets and headers where they
// are encrypted: between package storage/sealed and the store behind it. Everywhere
// else it is zero, and the values are in the clear.
type SealedValues struct {
	// KeyID names the key that encrypted them; "" if there was nothing to encrypt.
	KeyID string
	// Text is the encrypted values.
	Text []byte
	// Check lets a later start find out whether it has the right key of this ID. It
	// is the same for all endpoints of a key, so that a store may keep it once.
	Check []byte
}
