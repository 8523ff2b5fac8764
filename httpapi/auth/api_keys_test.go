package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// fakeStore keeps API keys in memory. It fails on command: before it does anything,
// or after it has.
type fakeStore struct {
	GrantStore    // nil in tests without sessions
	mu            sync.Mutex
	keys          []webhook.APIKey
	before, after error
}

func (s *fakeStore) APIKeys(_ context.Context) ([]webhook.APIKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys), s.before
}

func (s *fakeStore) CreateAPIKey(_ context.Context, k webhook.APIKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		return s.before
	}
	s.keys = append(s.keys, k)
	return s.after
}

func (s *fakeStore) DeleteAPIKey(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		return s.before
	}
	n := len(s.keys)
	s.keys = slices.DeleteFunc(s.keys, func(k webhook.APIKey) bool { return k.ID == id })
	if len(s.keys) == n {
		return webhook.ErrNotFound
	}
	return s.after
}

func (s *fakeStore) CursorKey(_ context.Context, offered [32]byte) ([32]byte, error) {
	return offered, nil
}

func newAPIKeys(t testing.TB, stored ...webhook.APIKey) *APIKeys {
	t.Helper()
	keys, err := LoadAPIKeys(&fakeStore{keys: stored})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func createKey(t testing.TB, keys *APIKeys, k webhook.APIKey) (id, text string) {
	t.Helper()
	made, text, err := keys.Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, text
}

// TestRefusedAPIKeys changes a good key's text in every place.
func TestRefusedAPIKeys(t *testing.T) {
	keys := newAPIKeys(t)
	end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	id, text := createKey(t, keys, webhook.APIKey{Name: "erp", Scopes: []string{ScopePublishAll}, ExpiresAt: end})
	_, other := createKey(t, keys, webhook.APIKey{Name: "shop", Scopes: []string{ScopePublishAll}})
	now := time.Now()
	if who, err := keys.Verify([]byte(text), now); err != nil || who.Publisher != "key:"+id {
		t.Fatalf("%+v, %v", who, err)
	}
	refused := []string{
		"", APIKeyPrefix, APIKeyPrefix + id, APIKeyPrefix + id + "_", text + "A", text[:len(text)-1], text + "\n", text + "=",
		APIKeyPrefix + strings.Repeat("_", apiKeyID+1+apiKeySecret), strings.ToUpper(text),
		other[:len(other)-apiKeySecret] + text[len(text)-apiKeySecret:], // the ID of one and the secret of the other
	}
	for i := range len(text) {
		changed := []byte(text)
		changed[i] ^= 1 // also in the secret's last character, whose low bits encode nothing
		refused = append(refused, string(changed))
	}
	for _, text := range refused {
		if who, err := keys.Verify([]byte(text), now); !errors.Is(err, errAPIKey) {
			t.Errorf("%q: got %+v, %v", text, who, err)
		}
	}
	if _, err := keys.Verify([]byte(text), end.Add(-1)); err != nil {
		t.Error(err)
	}
	if _, err := keys.Verify([]byte(text), end); !errors.Is(err, errAPIKeyExpired) {
		t.Errorf("at its end: %v", err)
	}
}

// TestAPIKeyHash pins what is stored: the SHA-256 of the secret's text, and the secret
// nowhere.
func TestAPIKeyHash(t *testing.T) {
	store := &fakeStore{}
	keys, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	id, text := createKey(t, keys, webhook.APIKey{Name: "x", ClientID: "acme"})
	secret := text[len(text)-apiKeySecret:]
	stored := store.keys[0]
	if stored.ID != id || stored.Hash != sha256.Sum256([]byte(secret)) {
		t.Errorf("%+v", stored)
	}
	if strings.Contains(fmt.Sprint(stored), secret) {
		t.Errorf("the secret is stored: %+v", stored)
	}
}

// TestAPIKeysAreReadAtStart loads the keys that another process has stored.
func TestAPIKeysAreReadAtStart(t *testing.T) {
	store := &fakeStore{}
	first, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	_, text := createKey(t, first, webhook.APIKey{ClientID: "acme", Scopes: []string{ScopePublish}})
	second, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	who, err := second.Verify([]byte(text), time.Now())
	if err != nil || who.ClientID != "acme" || !who.Publishes() {
		t.Errorf("%+v, %v", who, err)
	}
	store.before = errors.New("the disk cannot be read")
	if _, err := LoadAPIKeys(store); !errors.Is(err, store.before) {
		t.Errorf("got %v", err)
	}
	store.before, store.keys = nil, []webhook.APIKey{{ID: "aaaaaaaaaa", ClientID: "a b"}}
	if _, err := LoadAPIKeys(store); err == nil || !strings.Contains(err.Error(), "aaaaaaaaaa") {
		t.Errorf("a key of a client that cannot be: %v", err)
	}
}

// TestAPIKeysAreBounded has as many keys as there may be.
func TestAPIKeysAreBounded(t *testing.T) {
	stored := make([]webhook.APIKey, MaxAPIKeys)
	for i := range stored {
		stored[i] = webhook.APIKey{ID: fmt.Sprintf("%010d", i)}
	}
	keys := newAPIKeys(t, stored...)
	if _, _, err := keys.Create(t.Context(), webhook.APIKey{ClientID: "acme"}); !errors.Is(err, ErrTooManyAPIKeys) {
		t.Errorf("one more: %v", err)
	}
	if err := keys.Remove(t.Context(), "0000000000"); err != nil {
		t.Fatal(err)
	}
	createKey(t, keys, webhook.APIKey{ClientID: "acme"})
	if n := len(keys.List()); n != MaxAPIKeys {
		t.Errorf("%d keys", n)
	}
}

// TestRemovedAPIKey: a key is refused as soon as Remove has returned without an error,
// and holds until then, whatever the store did.
func TestRemovedAPIKey(t *testing.T) {
	store := &fakeStore{}
	keys, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	id, text := createKey(t, keys, webhook.APIKey{ClientID: "acme"})
	holds := func() bool { _, err := keys.Verify([]byte(text), time.Now()); return err == nil }
	store.before = errors.New("refused")
	if err := keys.Remove(t.Context(), id); !errors.Is(err, store.before) || !holds() {
		t.Errorf("a deletion that failed: %v, holds %v", err, holds())
	}
	store.before, store.after = nil, context.DeadlineExceeded
	if err := keys.Remove(t.Context(), id); !errors.Is(err, context.DeadlineExceeded) || !holds() {
		t.Errorf("a deletion whose answer is lost: %v, holds %v", err, holds())
	}
	store.after = nil
	if err := keys.Remove(t.Context(), id); err != nil || holds() {
		t.Errorf("a key that the store has deleted already: %v, holds %v", err, holds())
	}
	if _, err := keys.Get(id, &Principal{admin: true}); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestCreateThatFails: a key that may not be stored is not accepted.
func TestCreateThatFails(t *testing.T) {
	store := &fakeStore{after: context.DeadlineExceeded}
	keys, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	if _, text, err := keys.Create(t.Context(), webhook.APIKey{ClientID: "acme"}); err == nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	if n := len(keys.List()); n != 0 {
		t.Errorf("%d keys", n)
	}
}

// TestWhoseAPIKeys shows keys to those who may manage them.
func TestWhoseAPIKeys(t *testing.T) {
	keys := newAPIKeys(t, webhook.APIKey{ID: "ofacme0000", ClientID: "acme"}, webhook.APIKey{ID: "ofnobody00", Scopes: []string{ScopeAdmin}})
	root := &Principal{admin: true}
	for _, c := range []struct {
		why, id string
		who     *Principal
		found   bool
	}{
		{"an administrator sees all", "ofacme0000", root, true},
		{"an administrator sees all", "ofnobody00", root, true},
		{"an administrator who acts for the client", "ofacme0000", root.as("acme"), true},
		{"an administrator who acts for another client", "ofacme0000", root.as("globex"), false},
		{"a key of no client, acting for one", "ofnobody00", root.as("acme"), false},
		{"a key that never was", "never00000", root, false},
		{"a text that is no ID", strings.Repeat("x", 1000), root, false},
	} {
		k, err := keys.Get(c.id, c.who)
		if c.found != (err == nil) || !c.found && !errors.Is(err, webhook.ErrNotFound) || c.found && k.ID != c.id {
			t.Errorf("%s: %.20s: %v, %v", c.why, c.id, k, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("%s: an error of %d bytes", c.why, len(err.Error()))
		}
	}
	if list := keys.List(); len(list) != 2 || list[0].ID > list[1].ID {
		t.Errorf("%v", list)
	}
}

// TestUselessKeysAreLogged names the keys that allow nothing.
func TestUselessKeysAreLogged(t *testing.T) {
	keys := newAPIKeys(t,
		webhook.APIKey{ID: "useless000", Name: "of old", Scopes: []string{ScopePublish}},
		webhook.APIKey{ID: "good000000", Scopes: []string{ScopePublishAll}})
	var log bytes.Buffer
	keys.warnUseless(slog.New(slog.NewTextHandler(&log, nil)))
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "key=useless000") {
		t.Errorf("log:\n%s", text)
	}
}

// TestRefreshAPIKeys: another process makes and deletes keys in the same store. They are
// read again; holders of keys that are still there stay the same, because what they have
// under way is counted by holder. If the store does not answer, all stays as it was.
func TestRefreshAPIKeys(t *testing.T) {
	store := &fakeStore{}
	keys, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	_, kept := createKey(t, keys, webhook.APIKey{Name: "kept", ClientID: "acme"})
	gone, deleted := createKey(t, keys, webhook.APIKey{Name: "deleted", ClientID: "acme"})
	before, err := keys.Verify([]byte(kept), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := LoadAPIKeys(store)
	if err != nil {
		t.Fatal(err)
	}
	_, made := createKey(t, other, webhook.APIKey{Name: "made", ClientID: "acme"})
	if err := other.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	good := func(text string) bool {
		_, err := keys.Verify([]byte(text), time.Now())
		return err == nil
	}
	store.before = webhook.ErrUnavailable
	if err := keys.Refresh(t.Context()); !errors.Is(err, webhook.ErrUnavailable) || !good(deleted) || good(made) {
		t.Errorf("without storage: %v", err)
	}
	store.before = nil
	if err := keys.Refresh(t.Context()); err != nil || good(deleted) || !good(made) {
		t.Errorf("%v; the deleted key is good: %v, the new one: %v", err, good(deleted), good(made))
	}
	if after, err := keys.Verify([]byte(kept), time.Now()); err != nil || after != before {
		t.Errorf("the holder of a key is another one: %v", err)
	}
}
