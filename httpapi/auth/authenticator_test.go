package auth

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
)

// TestCredentials has an API key, tokens, and texts that are neither.
func TestCredentials(t *testing.T) {
	s := newScene(t)
	id, key := createKey(t, s.APIKeys(), webhook.APIKey{Scopes: []string{ScopePublishAll}})
	for credential, publisher := range map[string]string{
		key: "key:" + id,
		authtest.Mint(t, "erp", "", ScopePublishAll, farFuture()): "subject:erp",
		authtest.Mint(t, "erp", "acme", "", farFuture()):          "client:acme",
	} {
		who, err := s.principal(t, credential)
		if err != nil || who.Publisher != publisher {
			t.Errorf("%+v, %v; want %s", who, err, publisher)
		}
	}
	s.refuse(t, "", "ahk", APIKeyPrefix, "Bearer "+key, strings.TrimPrefix(key, APIKeyPrefix), key+".x.y")
}

// TestPrepare changes keys and rules while the server runs: tokens that were good, and
// remembered, are judged by the new ones.
func TestPrepare(t *testing.T) {
	s := newScene(t)
	_, apiKey := createKey(t, s.APIKeys(), webhook.APIKey{ClientID: "acme"})
	token := authtest.Mint(t, "erp", "acme", "", farFuture())
	good := func() bool { _, err := s.principal(t, token); return err == nil }
	if !good() {
		t.Fatal("the token is refused")
	}
	other := secretKeyNamed(t, "", []byte("another secret, also 32 bytes long"))
	apply, err := s.Prepare([]Key{other}, Rules{})
	if err != nil || !good() {
		t.Fatalf("before apply: %v, good is %v", err, good())
	}
	if apply(); good() {
		t.Error("a token of the old key is accepted")
	}
	apply, err = s.Prepare([]Key{other, secretKeyNamed(t, "", authtest.Secret)}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if apply(); !good() {
		t.Error("a token of a key that is back is refused")
	}
	apply, err = s.Prepare([]Key{secretKeyNamed(t, "", authtest.Secret)}, Rules{Issuer: "https://id.example"})
	if err != nil {
		t.Fatal(err)
	}
	if apply(); good() {
		t.Error("a token without the issuer is accepted")
	}
	if _, err := s.principal(t, apiKey); err != nil {
		t.Errorf("rules of tokens concern an API key: %v", err)
	}
	for why, keys := range map[string][]Key{"no key": nil, "an empty key": {{}}} {
		if _, err := s.Prepare(keys, Rules{}); err == nil {
			t.Errorf("%s is accepted", why)
		}
	}
}

// TestKeySetAlone: an issuer's set is enough, without configured keys.
func TestKeySetAlone(t *testing.T) {
	issuer := authtest.NewIssuer(t, "2025")
	a, err := New(Options{
		KeySet: NewKeySet(KeySetOptions{Fetch: issuer.Fetch}), CachedTokens: 10, Store: &fakeStore{},
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := a.Principal(t.Context(), issuer.Token("2025"), from, time.Now()); err != nil || who.ClientID != "acme" {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := a.Prepare(nil, Rules{}); err != nil {
		t.Errorf("no keys beside the set: %v", err)
	}
}

// TestNewFails: each part that cannot be made stops the start.
func TestNewFails(t *testing.T) {
	good := func() Options {
		return Options{
			Keys: []Key{secretKeyNamed(t, "", authtest.Secret)}, CachedTokens: 10, Store: &fakeStore{},
			Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	for why, change := range map[string]func(*Options){
		"an empty key":            func(o *Options) { o.Keys = []Key{{}} },
		"no room for tokens":      func(o *Options) { o.CachedTokens = 0 },
		"a store that cannot say": func(o *Options) { o.Store = &fakeStore{before: errors.New("no")} },
		"metrics twice":           func(o *Options) { o.Registry = registry; _, _ = New(*o) },
	} {
		o := good()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}
