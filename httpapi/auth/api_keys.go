package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// APIKeyPrefix begins the text of an API key, which continues with the key's ID, "_"
// and the secret. No token begins with it: a token's first byte encodes a brace.
const APIKeyPrefix = "ahk_"

// Lengths in the text of an API key.
const (
	apiKeyID     = 10 // characters of base32, which has no "_"
	apiKeySecret = 43 // characters of base64url: 32 bytes
)

// MaxAPIKeys bounds the API keys of a server, since all are in memory.
const MaxAPIKeys = 10_000

// ErrTooManyAPIKeys means that the server has MaxAPIKeys keys.
var ErrTooManyAPIKeys = fmt.Errorf("there are %d API keys already: delete some", MaxAPIKeys)

// KeyStore keeps the API keys. Its methods are those of storage.Store.
type KeyStore interface {
	APIKeys(ctx context.Context) ([]webhook.APIKey, error)
	CreateAPIKey(ctx context.Context, k webhook.APIKey) error
	DeleteAPIKey(ctx context.Context, id string) error
}

// APIKeys holds the store's API keys in memory, because every request may present
// one, and a revoked key must be refused from the next request on. Within a process only
// this type changes the stored keys; what other processes change is read by Refresh. A
// reader sees one whole state. It is safe for concurrent use.
type APIKeys struct {
	store KeyStore
	mu    sync.Mutex // held by changes
	state atomic.Pointer[knownKeys]
}

// knownKeys is one state of the API keys. It is never changed, but replaced.
type knownKeys struct {
	byID   map[string]*HeldKey
	sorted []*HeldKey // by ID
}

// HeldKey is an API key together with the principal who holds it.
type HeldKey struct {
	webhook.APIKey
	who *Principal
}

// LoadAPIKeys reads the API keys of a store.
func LoadAPIKeys(store KeyStore) (*APIKeys, error) {
	keys := &APIKeys{store: store}
	keys.replace(nil)
	if err := keys.Refresh(context.Background()); err != nil {
		return nil, err
	}
	return keys, nil
}

// Refresh reads the keys again, because another process has changed them. A key that it
// knows already stays as it is: keys are made and deleted, and never changed.
func (a *APIKeys) Refresh(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	list, err := a.store.APIKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the API keys: %w", err)
	}
	had, known := a.state.Load().byID, make([]*HeldKey, 0, len(list))
	for _, k := range list {
		if held := had[k.ID]; held != nil && held.Hash == k.Hash {
			known = append(known, held)
			continue
		}
		who, err := keyHolder(&k)
		if err != nil {
			return fmt.Errorf("API key %s: %w", k.ID, err)
		}
		known = append(known, &HeldKey{k, who})
	}
	a.replace(known)
	return nil
}

// warnUseless logs the keys that allow nothing: those that were made for publishers
// to every client before that had a scope of its own.
func (a *APIKeys) warnUseless(log *slog.Logger) {
	for _, k := range a.List() {
		if !k.who.Manages() && !k.who.Publishes() {
			log.Warn("API key allows nothing: to publish to every client it needs the scope events:write:all; make a new one",
				slog.String("key", k.ID), slog.String("name", k.Name))
		}
	}
}

// keyHolder returns the principal who holds a key.
func keyHolder(k *webhook.APIKey) (*Principal, error) {
	who, err := newPrincipal(k.ClientID, k.Scopes, "key:"+k.ID)
	if err == nil {
		who.KeyID, who.Until = k.ID, k.ExpiresAt
	}
	return who, err
}

func (a *APIKeys) replace(list []*HeldKey) {
	s := &knownKeys{byID: make(map[string]*HeldKey, len(list)), sorted: list}
	slices.SortFunc(s.sorted, func(x, y *HeldKey) int { return cmp.Compare(x.ID, y.ID) })
	for _, k := range list {
		s.byID[k.ID] = k
	}
	a.state.Store(s)
}

// Reasons to refuse an API key. errAPIKey is the same for a wrong secret and for a
// key that never existed, or the log would help to guess IDs.
var (
	errAPIKey        = errors.New("no such API key")
	errAPIKeyExpired = errors.New("the API key has expired")
)

// apiKeyIDOf returns the ID in the text of an API key, which is not secret; false if
// the text does not have the form of an API key.
func apiKeyIDOf(text []byte) (id []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(APIKeyPrefix))
	if !ok || len(text) != apiKeyID+1+apiKeySecret || text[apiKeyID] != '_' {
		return nil, false
	}
	return text[:apiKeyID], true
}

// Verify returns the principal who holds the API key of this text at the time now.
// The secret is random, so that its plain SHA-256 is as good as a slow hash; the
// comparison takes the same time wherever the first difference is.
func (a *APIKeys) Verify(text []byte, now time.Time) (*Principal, error) {
	id, ok := apiKeyIDOf(text)
	if !ok {
		return nil, errAPIKey
	}
	k, known := a.state.Load().byID[string(id)]
	if !known {
		return nil, errAPIKey
	}
	hash := sha256.Sum256(text[len(text)-apiKeySecret:])
	if subtle.ConstantTimeCompare(hash[:], k.Hash[:]) != 1 {
		return nil, errAPIKey
	}
	if k.expired(now) {
		return nil, errAPIKeyExpired
	}
	return k.who, nil
}

// List returns all keys, sorted by ID. The caller must not change the list.
func (a *APIKeys) List() []*HeldKey { return a.state.Load().sorted }

// Get returns the key with this ID, if the caller may manage it; otherwise the error
// is webhook.ErrNotFound.
func (a *APIKeys) Get(id string, who *Principal) (*HeldKey, error) {
	k, ok := a.state.Load().byID[id]
	if !ok || !who.Sees(k.ClientID) {
		return nil, fmt.Errorf("API key %q: %w", printable(id), webhook.ErrNotFound)
	}
	return k, nil
}

// Create stores a new key with an ID and a secret that it generates, and returns the
// key and its text. Only the hash of the secret is kept, so that the text cannot be
// shown a second time. ErrTooManyAPIKeys.
func (a *APIKeys) Create(ctx context.Context, k webhook.APIKey) (webhook.APIKey, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.List()
	if len(list) >= MaxAPIKeys {
		return k, "", ErrTooManyAPIKeys
	}
	var secret [sha256.Size]byte
	rand.Read(secret[:]) // never fails, see crypto/rand
	text := base64.RawURLEncoding.EncodeToString(secret[:])
	k.ID = strings.ToLower(rand.Text()[:apiKeyID])
	k.Hash = sha256.Sum256([]byte(text))
	who, err := keyHolder(&k)
	if err != nil {
		return k, "", err
	}
	if err := a.store.CreateAPIKey(ctx, k); err != nil {
		return k, "", fmt.Errorf("create API key: %w", err)
	}
	a.replace(append(slices.Clone(list), &HeldKey{k, who}))
	return k, APIKeyPrefix + k.ID + "_" + text, nil
}

// Remove revokes a key for good. When it returns an error, the key still works and
// Remove can be called again.
func (a *APIKeys) Remove(ctx context.Context, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	// A key that is no longer stored was deleted by a call that gave up waiting.
	if err := a.store.DeleteAPIKey(ctx, id); err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return fmt.Errorf("delete API key: %w", err)
	}
	a.replace(slices.DeleteFunc(slices.Clone(a.List()), func(k *HeldKey) bool { return k.ID == id }))
	return nil
}
