// Package authtest makes credentials for tests of the API: tokens of a shared secret,
// good or forged, and an issuer that publishes its keys.
//
// It does not import httpapi/auth, so that the tests inside that package can use it.
package authtest

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Secret signs the tokens of Mint and Forge.
var Secret = []byte("0123456789abcdef0123456789abcdef")

// Mint returns a token that Secret has signed. client and scope may be empty.
func Mint(t testing.TB, subject, client, scope string, expires time.Time) string {
	t.Helper()
	c := jwt.MapClaims{"exp": expires.Unix()}
	for name, value := range map[string]string{"sub": subject, "client_id": client, "scope": scope} {
		if value != "" {
			c[name] = value
		}
	}
	return Sign(t, jwt.SigningMethodHS256, Secret, c)
}

// Sign returns a token with these claims. The header has nothing but the algorithm,
// unless kid is given.
func Sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.Claims, kid ...any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	for _, name := range kid {
		token.Header["kid"] = name
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Forge returns a token that Secret has signed, with claims exactly as they are
// written: twice, in another case, or as no library would encode them.
func Forge(t testing.TB, claims string) string {
	t.Helper()
	segment := base64.RawURLEncoding.EncodeToString
	text := segment([]byte(`{"alg":"HS256"}`)) + "." + segment([]byte(claims))
	mac := hmac.New(sha256.New, Secret)
	mac.Write([]byte(text))
	return text + "." + segment(mac.Sum(nil))
}

// Issuer signs tokens and publishes its public keys. It can be slow and unreachable
// on command.
type Issuer struct {
	t testing.TB
	// Keys are the private keys by name.
	Keys map[string]ed25519.PrivateKey

	mu    sync.Mutex
	text  string
	down  error
	slow  time.Duration
	reads int
}

// NewIssuer returns an issuer that publishes new keys of these names.
func NewIssuer(t testing.TB, names ...string) *Issuer {
	i := &Issuer{t: t, Keys: map[string]ed25519.PrivateKey{}}
	i.Publish(names...)
	return i
}

// Publish replaces what the issuer publishes with the keys of these names. Names that
// are new get new keys.
func (i *Issuer) Publish(names ...string) {
	var list []string
	for _, name := range names {
		if i.Keys[name] == nil {
			_, i.Keys[name], _ = ed25519.GenerateKey(rand.Reader)
		}
		public := i.Keys[name].Public().(ed25519.PublicKey)
		list = append(list, fmt.Sprintf(`{"kid":%q,"kty":"OKP","crv":"Ed25519","x":%q}`, name, base64.RawURLEncoding.EncodeToString(public)))
	}
	i.Set(`{"keys":[`+strings.Join(list, ",")+`]}`, nil)
}

// Set replaces the published document, or has Fetch fail with the error.
func (i *Issuer) Set(text string, down error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.text, i.down = text, down
}

// SetDelay makes each later Fetch take this time.
func (i *Issuer) SetDelay(slow time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.slow = slow
}

// Text returns the published document.
func (i *Issuer) Text() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.text
}

// Fetch returns the published document, in place of the sender's Fetch.
func (i *Issuer) Fetch(context.Context, string, int) ([]byte, error) {
	i.mu.Lock()
	i.reads++
	text, down, slow := i.text, i.down, i.slow
	i.mu.Unlock()
	time.Sleep(slow)
	return []byte(text), down
}

// Reads returns how often Fetch was called.
func (i *Issuer) Reads() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

// Token returns a token for the client acme that the key of this name has signed. It
// is good for a day.
func (i *Issuer) Token(name string) []byte {
	c := jwt.MapClaims{"client_id": "acme", "exp": time.Now().Add(24 * time.Hour).Unix()}
	return []byte(Sign(i.t, jwt.SigningMethodEdDSA, i.Keys[name], c, name))
}
