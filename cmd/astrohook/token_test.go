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

// TestTokenRefused: tokens that the server would refuse, or that would allow nothing,
// are not made. The secret is never shown.
func TestTokenRefused(t *testing.T) {
	for _, c := range []struct {
		secret string
		args   []string
		want   string
	}{
		{"", []string{"--client=acme"}, "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set"},
		{testSecret[:31], []string{"--client=acme"}, "--jwt-secret (ASTROHOOK_JWT_SECRET) is 31 bytes long, less than 32"},
		{testSecret, nil, "a token needs --client, --scope or both"},
		{testSecret, []string{"--scope=events:write"}, "give --client too, or --scope=events:write:all"},
		{testSecret, []string{"--client=acme", "--scope=a\tb"}, "--scope holds a name that is empty or has other characters"},
		{testSecret, []string{"--client=acme", `--scope=a"b`}, "--scope holds a name that is empty or has other characters"},
		{testSecret, []string{"--client=acme", "--lifetime=999ms"}, "--lifetime is less than 1s"},
		{testSecret, []string{"--client=acme", "--lifetime=-1h"}, "--lifetime is less than 1s"},
	} {
		t.Setenv("ASTROHOOK_JWT_SECRET", c.secret)
		got := runCommand(t, "", append([]string{"token"}, c.args...)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, c.want) {
			t.Errorf("%q: %+v, want an error with %q", c.args, got, c.want)
		}
		if c.secret != "" && strings.Contains(got.err, c.secret) {
			t.Errorf("%q: the secret is shown: %s", c.args, got.err)
		}
	}
}

// TestClaims: empty claims are left out, and times are whole seconds.
func TestClaims(t *testing.T) {
	now := time.Unix(1_700_000_000, 999_999_999)
	for _, c := range []struct {
		claims claims
		want   string
	}{
		{claims{lifetime: time.Minute}, `map[exp:1.70000006e+09 iat:1.7e+09]`},
		{claims{client: "acme", scopes: []string{"admin", "events:write"}, lifetime: time.Second}, `map[client_id:acme exp:1.700000001e+09 iat:1.7e+09 scope:admin events:write]`},
		{claims{issuer: "i", subject: "s", audience: []string{"a", "b"}, lifetime: time.Second}, `map[aud:[a b] exp:1.700000001e+09 iat:1.7e+09 iss:i sub:s]`},
	} {
		text, err := c.claims.sign(testSecret, now)
		if err != nil {
			t.Fatal(err)
		}
		found, err := readToken(t, text, testSecret, now)
		if got := fmt.Sprint(map[string]any(found)); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v; want %s", c.claims, got, err, c.want)
		}
	}
}
