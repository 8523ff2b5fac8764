package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Prefixes of the secrets of grants. Each continues with the grant's ID, "_", 43
// characters of chance and 22 that authenticate all before them. The last ones let a
// server refuse what it never issued without a look into its store.
const (
	SessionPrefix = "ahs_"
	LinkPrefix    = "ahl_"
	SignInPrefix  = "ahi_"
)

// Lengths in the secret of a grant.
const (
	grantID     = 16 // characters of base32
	grantChance = 43 // characters of base64url: 32 bytes
	grantSum    = 22 // characters of base64url: 16 bytes
)

// GrantStore keeps sessions and links. Its methods are those of storage.Store.
type GrantStore interface {
	Grants(ctx context.Context) ([]webhook.Grant, error)
	Grant(ctx context.Context, id string) (webhook.Grant, error)
	CreateGrant(ctx context.Context, g webhook.Grant) error
	RedeemGrant(ctx context.Context, link string, session webhook.Grant) error
	DeleteGrant(ctx context.Context, id string) error
	CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error)
}

// Grants judges the secrets of sessions and links, and makes them. It reads the store for
// each good secret, so that a session works on every node, and nowhere any more once it is
// revoked. It is safe for concurrent use.
type Grants struct {
	store GrantStore
	keys  *APIKeys
	key   [sha256.Size]byte // authenticates secrets
}

// openGrants returns the grants of a store. keys are those that sessions can come from.
func openGrants(store GrantStore, keys *APIKeys) (*Grants, error) {
	var offered [32]byte
	rand.Read(offered[:]) // never fails, see crypto/rand
	cursors, err := store.CursorKey(context.Background(), offered)
	if err != nil {
		return nil, fmt.Errorf("read the key of sessions: %w", err)
	}
	g := &Grants{store: store, keys: keys}
	derived := hmac.New(sha256.New, cursors[:]) // one stored key serves two purposes apart
	derived.Write([]byte("grants"))
	derived.Sum(g.key[:0])
	return g, nil
}

// Reasons to refuse a session or a link. errGrant is the same for a wrong secret, for one
// that was revoked, and for one that never existed.
var (
	errGrant        = errors.New("no such session or link")
	errGrantExpired = errors.New("the session or link has expired")
)

// Issue fills in the ID and the hash of a new grant, and returns its secret.
func (g *Grants) Issue(grant *webhook.Grant) (secret string) {
	var chance [32]byte
	rand.Read(chance[:])
	grant.ID = strings.ToLower(rand.Text()[:grantID])
	text := prefixOf(grant.Kind) + grant.ID + "_" + base64.RawURLEncoding.EncodeToString(chance[:])
	text += g.sum(text)
	grant.Hash = sha256.Sum256([]byte(text))
	return text
}

func prefixOf(kind webhook.GrantKind) string {
	switch kind {
	case webhook.GrantLink:
		return LinkPrefix
	case webhook.GrantSignIn:
		return SignInPrefix
	}
	return SessionPrefix
}

// sum authenticates the beginning of a secret.
func (g *Grants) sum(text string) string {
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// idOf returns the ID in a secret of this kind that was issued here.
func (g *Grants) idOf(secret string, kind webhook.GrantKind) (id string, ok bool) {
	prefix := prefixOf(kind)
	if len(secret) != len(prefix)+grantID+1+grantChance+grantSum || !strings.HasPrefix(secret, prefix) {
		return "", false
	}
	text, sum := secret[:len(secret)-grantSum], secret[len(secret)-grantSum:]
	if subtle.ConstantTimeCompare([]byte(g.sum(text)), []byte(sum)) != 1 {
		return "", false
	}
	return secret[len(prefix) : len(prefix)+grantID], true
}

// verify returns the grant of a secret that is good at the time now. An error that is
// neither errGrant nor errGrantExpired is the store's.
func (g *Grants) verify(ctx context.Context, secret string, kind webhook.GrantKind, now time.Time) (webhook.Grant, error) {
	id, ok := g.idOf(secret, kind)
	if !ok {
		return webhook.Grant{}, errGrant
	}
	grant, err := g.store.Grant(ctx, id)
	if errors.Is(err, webhook.ErrNotFound) {
		return grant, errGrant
	}
	if err != nil {
		return grant, err
	}
	hash := sha256.Sum256([]byte(secret))
	if grant.Kind != kind || subtle.ConstantTimeCompare(hash[:], grant.Hash[:]) != 1 {
		return grant, errGrant
	}
	if !now.Before(grant.ExpiresAt) {
		return grant, errGrantExpired
	}
	return grant, nil
}

// Link returns the link of a secret and a kind that can still be exchanged at the time now.
// An error for which IsRefusal holds means that the secret is refused.
func (g *Grants) Link(ctx context.Context, kind webhook.GrantKind, secret string, now time.Time) (webhook.Grant, error) {
	link, err := g.verify(ctx, secret, kind, now)
	if err == nil && link.UsedBy != "" {
		err = errGrant
	}
	if err == nil {
		_, err = g.keyOf(&link, now)
	}
	return link, err
}

// session returns who has the session of a secret.
func (g *Grants) session(ctx context.Context, secret string, now time.Time) (*Principal, error) {
	grant, err := g.verify(ctx, secret, webhook.GrantSession, now)
	if err != nil {
		return nil, err
	}
	return g.Holder(&grant, now)
}

// Holder returns the principal of a session at the time now. One that came from an API key
// does what that key may.
func (g *Grants) Holder(session *webhook.Grant, now time.Time) (*Principal, error) {
	key, err := g.keyOf(session, now)
	if err != nil {
		return nil, err
	}
	if key != nil && session.Parent == "" {
		return key.who.in(session), nil
	}
	who, err := newPrincipal(session.ClientID, session.Scopes, session.Subject)
	if err != nil {
		return nil, err
	}
	return who.in(session), nil
}

// keyOf returns the API key that a grant came from, and with which it ends; nil for none.
func (g *Grants) keyOf(grant *webhook.Grant, now time.Time) (*HeldKey, error) {
	if grant.KeyID == "" {
		return nil, nil
	}
	key, known := g.keys.state.Load().byID[grant.KeyID]
	if !known {
		return nil, errGrant
	}
	if key.expired(now) {
		return nil, errGrantExpired
	}
	return key, nil
}

// expired reports whether the key is refused at the time now.
func (k *HeldKey) expired(now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
}

// Works reports whether a listed grant has an effect at the time now: it has not ended, and
// neither has the API key that it came from.
func (g *Grants) Works(grant *webhook.Grant, now time.Time) bool {
	_, err := g.keyOf(grant, now)
	return err == nil && now.Before(grant.Ends())
}

// Store returns where the grants are.
func (g *Grants) Store() GrantStore { return g.store }
