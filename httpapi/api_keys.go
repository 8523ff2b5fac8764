package httpapi

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

// An API key's text is apiKeyPrefix, ID, "_", secret. No token begins like that:
// its first byte encodes a brace.
const (
	apiKeyPrefix = "ahk_"
	apiKeyID     = 10 // characters of base32, which has no "_"
	apiKeySecret = 43 // characters of base64url: 32 bytes
)

// maxAPIKeys bounds the keys that there can be, since all are in memory.
const maxAPIKeys = 10_000

// apiKeys are the store's API keys in memory: they are asked with every request,
// and one that was deleted is refused from the next on. Readers see one whole
// state; changes go through here only.
type apiKeys struct {
	store AccessStore
	mu    sync.Mutex // held by changes
	state atomic.Pointer[knownKeys]
}

// knownKeys is a state of the API keys; it is never written to.
type knownKeys struct {
	byID   map[string]*knownKey
	sorted []*knownKey // by ID
}

// knownKey is an API key and the caller who has it.
type knownKey struct {
	webhook.APIKey
	who *Principal
}

func loadAPIKeys(store AccessStore) (*apiKeys, error) {
	list, err := store.APIKeys()
	if err != nil {
		return nil, fmt.Errorf("read the API keys: %w", err)
	}
	known := make([]*knownKey, 0, len(list))
	for _, k := range list {
		who, err := keyHolder(&k)
		if err != nil {
			return nil, fmt.Errorf("API key %s: %w", k.ID, err)
		}
		known = append(known, &knownKey{k, who})
	}
	keys := &apiKeys{store: store}
	keys.replace(known)
	return keys, nil
}

// warnUseless names the keys that allow nothing: those made for publishers to every
// client before that was a scope of its own.
func (a *apiKeys) warnUseless(log *slog.Logger) {
	for _, k := range a.list() {
		if !k.who.manages() && !k.who.publishes() {
			log.Warn("API key allows nothing: to publish to every client it needs the scope events:write:all; make a new one",
				slog.String("key", k.ID), slog.String("name", k.Name))
		}
	}
}

// keyHolder is the caller who has a key.
func keyHolder(k *webhook.APIKey) (*Principal, error) {
	return newPrincipal(k.ClientID, k.Scopes, "key:"+k.ID)
}

func (a *apiKeys) replace(list []*knownKey) {
	s := &knownKeys{byID: make(map[string]*knownKey, len(list)), sorted: list}
	slices.SortFunc(s.sorted, func(x, y *knownKey) int { return cmp.Compare(x.ID, y.ID) })
	for _, k := range list {
		s.byID[k.ID] = k
	}
	a.state.Store(s)
}

// errAPIKey does not tell a wrong secret from a key that never was.
var (
	errAPIKey        = errors.New("no such API key")
	errAPIKeyExpired = errors.New("the API key has expired")
)

// apiKeyIDOf returns the id in the text of an API key, which is no secret; false if
// the text does not have the form of one.
func apiKeyIDOf(text []byte) (id []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(apiKeyPrefix))
	if !ok || len(text) != apiKeyID+1+apiKeySecret || text[apiKeyID] != '_' {
		return nil, false
	}
	return text[:apiKeyID], true
}

// principal tells whose API key a text is, at the time now.
func (a *apiKeys) principal(text []byte, now time.Time) (*Principal, error) {
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
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return nil, errAPIKeyExpired
	}
	return k.who, nil
}

// list gives all keys, by ID; "" of all clients.
func (a *apiKeys) list() []*knownKey { return a.state.Load().sorted }

// get gives one that the caller may manage. ErrNotFound.
func (a *apiKeys) get(id string, who *Principal) (*knownKey, error) {
	k, ok := a.state.Load().byID[id]
	if !ok || !who.sees(k.ClientID) {
		return nil, fmt.Errorf("API key %q: %w", clip(id, apiKeyID), webhook.ErrNotFound)
	}
	return k, nil
}

// create keeps a new key, for which it makes an ID and a secret, and gives the
// key's text. Nobody can find it out again.
func (a *apiKeys) create(ctx context.Context, k webhook.APIKey) (webhook.APIKey, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list()
	if len(list) >= maxAPIKeys {
		return k, "", conflict(fmt.Sprintf("there are %d API keys already: delete some", maxAPIKeys))
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
	a.replace(append(slices.Clone(list), &knownKey{k, who}))
	return k, apiKeyPrefix + k.ID + "_" + text, nil
}

// remove makes a key useless, from now on and for ever.
func (a *apiKeys) remove(ctx context.Context, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	// One that is not stored any more was deleted by a call that gave up waiting.
	if err := a.store.DeleteAPIKey(ctx, id); err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return fmt.Errorf("delete API key: %w", err)
	}
	a.replace(slices.DeleteFunc(slices.Clone(a.list()), func(k *knownKey) bool { return k.ID == id }))
	return nil
}
