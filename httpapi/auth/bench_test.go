package auth

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
)

func BenchmarkVerifyAPIKey(b *testing.B) {
	keys := newAPIKeys(b)
	_, text := createKey(b, keys, webhook.APIKey{Scopes: []string{ScopePublishAll}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Verify([]byte(text), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyToken(b *testing.B) {
	verifier := testTokens(b, 10, secretKeyNamed(b, "", authtest.Secret))
	token := []byte(authtest.Mint(b, "backend", "", "events:write:all", time.Now().Add(24*time.Hour)))
	for _, c := range []struct {
		name   string
		forget bool
	}{{"cached", false}, {"verified again", true}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c.forget {
					verifier.cache.Purge()
				}
				if _, err := verifier.Verify(b.Context(), token, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
