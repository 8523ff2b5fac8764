package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/webhook"
)

// noKeys is a store without API keys.
type noKeys struct{ auth.GrantStore }

func (noKeys) APIKeys(_ context.Context) ([]webhook.APIKey, error) { return nil, nil }
func (noKeys) CreateAPIKey(context.Context, webhook.APIKey) error  { return errors.New("read-only") }
func (noKeys) DeleteAPIKey(context.Context, string) error          { return webhook.ErrNotFound }

func (noKeys) CursorKey(_ context.Context, offered [32]byte) ([32]byte, error) { return offered, nil }

// A token of a secret is verified, and says what its caller may do.
func ExampleAuthenticator() {
	secret := []byte("a secret of at least 32 bytes, shared with the issuer")
	key, err := auth.SecretKey("", secret)
	if err != nil {
		panic(err)
	}
	callers, err := auth.New(auth.Options{
		Keys: []auth.Key{key}, CachedTokens: 100, Store: noKeys{},
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		panic(err)
	}
	defer callers.Close()

	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "billing", "client_id": "acme", "scope": auth.ScopePublish, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(secret)
	if err != nil {
		panic(err)
	}
	who, err := callers.Principal(context.Background(), []byte(token), &net.TCPAddr{}, time.Now())
	if err != nil {
		panic(err)
	}
	fmt.Println(who.Publisher, "publishes:", who.Publishes(), "to all:", who.PublishesToAll())
	ok, _ := auth.NeedAdmin.Permits(who)
	fmt.Println("admitted as an administrator:", ok)
	// Output:
	// client:acme publishes: true to all: false
	// admitted as an administrator: false
}

// A caller may act for itself only, unless it is an administrator.
func ExamplePrincipal_ActingFor() {
	acme := &auth.Principal{ClientID: "acme", Publisher: "client:acme"}
	_, err := acme.ActingFor("globex")
	fmt.Println(errors.Is(err, auth.ErrOtherClient))
	same, err := acme.ActingFor("acme")
	fmt.Println(same.ClientID, err)
	// Output:
	// true
	// acme <nil>
}
