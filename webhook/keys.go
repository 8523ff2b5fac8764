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

// GrantKind says what a Grant is.
type GrantKind uint8

// The kinds of grants. Stored records have their numbers.
const (
	// GrantSession lets a browser call the API until it ends.
	GrantSession GrantKind = 1
	// GrantLink is exchanged, once, for a session of one client.
	GrantLink GrantKind = 2
	// GrantSignIn is exchanged, once, for a session that may do what whoever made the link
	// may.
	GrantSignIn GrantKind = 3
)

// Grant is access to the API for a time, which can be revoked: a session, or a link that
// becomes one. Whoever has its secret has the access; only a hash of the secret is kept.
type Grant struct {
	ID   string // 16 lower-case letters and digits; not secret
	Kind GrantKind
	Hash [32]byte // SHA-256 of the secret
	// Parent is the portal link that a session came from; "" for a session of somebody who
	// signed in.
	Parent string
	// KeyID is the API key with which somebody signed in: the session does what the key
	// may, for as long as the key does. "" if it was a token.
	KeyID string
	// ClientID, Scopes and Subject are those of the token, or of the client that a portal link
	// is for. Subject names the holder as its publisher.
	ClientID string
	Scopes   []string
	Subject  string
	// Brand is what the pages of a link look like; its sessions read it there.
	Brand Brand
	// MadeBy names whoever made the grant, as the audit does.
	MadeBy    string
	CreatedAt time.Time
	ExpiresAt time.Time // it is good until then
	// SessionLifetime is how long a session lasts that a link is exchanged for: from the
	// exchange of a portal link, and from the making of a sign-in link.
	SessionLifetime time.Duration
	// UsedBy is the session that a link was exchanged for; "" while it was not. UsedAt is
	// when, and KeptUntil the end of a portal's session, so that the link can be found and
	// revoked until then.
	UsedBy    string
	UsedAt    time.Time
	KeptUntil time.Time
}

// Ends returns when the grant has no effect any more, and may be removed.
func (g *Grant) Ends() time.Time {
	if g.KeptUntil.After(g.ExpiresAt) {
		return g.KeptUntil
	}
	return g.ExpiresAt
}

// Redeem marks a link as exchanged for a session. ErrConflict if it was exchanged for
// another one, or is no link.
func (g *Grant) Redeem(session *Grant) error {
	if g.UsedBy == session.ID { // the same call again, after an answer was lost
		return nil
	}
	if g.Kind != GrantLink && g.Kind != GrantSignIn || g.UsedBy != "" {
		return ErrConflict
	}
	g.UsedBy, g.UsedAt = session.ID, session.CreatedAt
	if g.Kind == GrantLink {
		g.KeptUntil = session.ExpiresAt
	}
	return nil
}

// Brand is what pages for a client's people show in place of this product's name and
// colour. Each field may be empty.
type Brand struct {
	Name  string
	Color string // #rrggbb
	// LogoURL is an https URL, or a data URL of an image.
	LogoURL string
}
