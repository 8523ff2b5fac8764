package webhook

import (
	"crypto/sha256"
	"time"
)

// APIKey lets a caller in without a token. Its secret is told once, to the one
// who makes the key; what is kept is a hash.
type APIKey struct {
	// ID is what people tell keys apart by; it is no secret, and never changes.
	ID string
	// Name says what the key is for.
	Name string
	// ClientID is the client that the caller acts for; "" for none.
	ClientID string
	// Scopes are as a token's.
	Scopes []string
	// Hash is the SHA-256 of the secret's text, which is random and long: nobody
	// can guess it, so a slow hash would gain nothing.
	Hash [sha256.Size]byte
	// CreatedAt is to the millisecond.
	CreatedAt time.Time
	// ExpiresAt is from when on the key does not hold; zero for never.
	ExpiresAt time.Time
}
