package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// readToken verifies a token as a server would.
func readToken(t *testing.T, text, secret string, now time.Time) (jwt.MapClaims, error) {
	t.Helper()
	var found jwt.MapClaims
	_, err := jwt.ParseWithClaims(strings.TrimSpace(text), &found,
		func(*jwt.Token) (any, error) { return []byte(secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	return found, err
}

func TestToken(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		reason        string
		args          []string
		client, scope any
		more          string
	}{
		{"for a server that looks at everything", []string{"--client=a", "--subject=erp", "--jwt-issuer=https://id.example", "--jwt-audience=hooks"}, "a", nil, "erp https://id.example [hooks]"},
		{"a client's own", []string{"--client=acme"}, "acme", nil, "<nil> <nil> <nil>"},
		{"a publisher's", []string{"--scope=events:write:all"}, nil, "events:write:all", "<nil> <nil> <nil>"},
		{"scopes repeated", []string{"--client=acme", "--scope=admin", "--scope=events:write"}, "acme", "admin events:write", "<nil> <nil> <nil>"},
		{"scopes in one word", []string{"--scope=admin events:write"}, nil, "admin events:write", "<nil> <nil> <nil>"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Setenv("ASTROHOOK_JWT_SECRET", testSecret)
			got := runCommand(t, "", append([]string{"token", "--lifetime=2h"}, c.args...)...)
			if got.code != 0 {
				t.Fatalf("%+v", got)
			}
			found, err := readToken(t, got.out, testSecret, now.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if found["client_id"] != c.client || found["scope"] != c.scope {
				t.Errorf("claims %v", found)
			}
			if more := fmt.Sprint(found["sub"], " ", found["iss"], " ", found["aud"]); more != c.more {
				t.Errorf("claims %s, want %s", more, c.more)
			}
			if _, err := readToken(t, got.out, testSecret, now.Add(2*time.Hour+time.Minute)); err == nil {
				t.Error("valid after its lifetime")
			}
			if _, err := readToken(t, got.out, testSecret+"x", now); err == nil {
				t.Error("valid with another secret")
			}
		})
	}
}

// TestUselessTokens refuses to make what the server would not take, or would take
// for nothing.
func TestUselessTokens(t *testing.T) {
	t.Setenv("ASTROHOOK_JWT_SECRET", testSecret)
	for _, args := range [][]string{
		{}, {"--scope=events:write"}, {"--client=acme", "--scope=a\tb"}, {"--client=acme", `--scope=a"b`},
	} {
		if got := runCommand(t, "", append([]string{"token"}, args...)...); got.code != 2 || got.out != "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
}
