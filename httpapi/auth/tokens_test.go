package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
)

func farFuture() time.Time { return time.Now().Add(time.Hour) }

func testTokens(t testing.TB, cached int, keys ...Key) *Tokens {
	t.Helper()
	verifier, err := NewTokens(keys, nil, Rules{}, cached)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func secretKeyNamed(t testing.TB, id string, secret []byte) Key {
	t.Helper()
	key, err := SecretKey(id, secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publicPEM writes a public key as an operator would configure it.
func publicPEM(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// someClaims are good ones.
func someClaims() claims {
	return claims{ClientID: "acme", RegisteredClaims: jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(farFuture())}}
}

// TestPublicKeys verifies tokens of each algorithm, and refuses those that use
// a key with another.
func TestPublicKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		pem    []byte
		method jwt.SigningMethod
		key    any
		others []jwt.SigningMethod
	}{
		{"RS256", publicPEM(t, &rsaKey.PublicKey), jwt.SigningMethodRS256, rsaKey, []jwt.SigningMethod{jwt.SigningMethodRS384, jwt.SigningMethodRS512, jwt.SigningMethodPS256}},
		{"ES256", publicPEM(t, &ecKey.PublicKey), jwt.SigningMethodES256, ecKey, nil},
		{"EdDSA", publicPEM(t, edPublic), jwt.SigningMethodEdDSA, edKey, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			key, err := PublicKey("", c.pem)
			if err != nil {
				t.Fatal(err)
			}
			verifier := testTokens(t, 10, key)
			who, err := verifier.Verify(t.Context(), []byte(authtest.Sign(t, c.method, c.key, someClaims())), time.Now())
			if err != nil || who.ClientID != "acme" {
				t.Fatalf("got %v, %v", who, err)
			}
			// The classic confusion: the public key's text as an HMAC secret.
			if _, err := verifier.Verify(t.Context(), []byte(authtest.Sign(t, jwt.SigningMethodHS256, c.pem, someClaims())), time.Now()); err == nil {
				t.Error("a token signed with the public key's text was accepted")
			}
			for _, other := range c.others {
				if _, err := verifier.Verify(t.Context(), []byte(authtest.Sign(t, other, c.key, someClaims())), time.Now()); err == nil {
					t.Errorf("a token with %s was accepted", other.Alg())
				}
			}
		})
	}
}

// TestRefusedTokens has tokens that must not pass.
func TestRefusedTokens(t *testing.T) {
	verifier := testTokens(t, 10, secretKeyNamed(t, "2025", authtest.Secret))
	hs := jwt.SigningMethodHS256
	with := func(change func(*claims)) string {
		c := someClaims()
		change(&c)
		return authtest.Sign(t, hs, authtest.Secret, c)
	}
	headed := func(extra map[string]any) string {
		token := jwt.NewWithClaims(hs, someClaims())
		maps.Copy(token.Header, extra)
		text, err := token.SignedString(authtest.Secret)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	good := authtest.Sign(t, hs, authtest.Secret, someClaims())
	if _, err := verifier.Verify(t.Context(), []byte(good), time.Now()); err != nil {
		t.Fatal(err)
	}
	segment := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	cases := map[string]string{
		"another secret":             authtest.Sign(t, hs, []byte("another secret, also 32 bytes long"), someClaims()),
		"another name of the key":    headed(map[string]any{"kid": "2024"}),
		"HS512 instead of HS256":     authtest.Sign(t, jwt.SigningMethodHS512, authtest.Secret, someClaims()),
		"no signature":               authtest.Sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, someClaims()),
		"no expiry":                  with(func(c *claims) { c.ExpiresAt = nil }),
		"expired":                    with(func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute)) }),
		"not valid yet":              with(func(c *claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Minute)) }),
		"a client with a space":      with(func(c *claims) { c.ClientID = "ac me" }),
		"a client with a NUL":        with(func(c *claims) { c.ClientID = "ac\x00me" }),
		"a signature with more bits": good[:len(good)-1] + string(base64url[strings.IndexByte(base64url, good[len(good)-1])^1]),
		"a scope that is a list":     authtest.Sign(t, hs, authtest.Secret, jwt.MapClaims{"exp": farFuture().Unix(), "scope": []string{"admin"}}),
		"an expiry that is text":     authtest.Sign(t, hs, authtest.Secret, jwt.MapClaims{"exp": "never"}),
		"two segments":               segment(`{"alg":"HS256"}`) + "." + segment(`{}`),
		"an empty segment":           "..",
		"not a token":                "secret",
		"critical headers":           headed(map[string]any{"crit": []string{"exp"}}),
		"no critical header":         headed(map[string]any{"crit": nil}),
		"a name that is a number":    headed(map[string]any{"kid": 2025}),
		"a name that is null":        headed(map[string]any{"kid": nil}),
		"an empty name":              headed(map[string]any{"kid": ""}),
		"EXP for exp":                authtest.Sign(t, hs, authtest.Secret, jwt.MapClaims{"EXP": farFuture().Unix()}),
		"over 8 KiB":                 with(func(c *claims) { c.Subject = strings.Repeat("x", 8<<10) }),
		"a claim twice":              authtest.Forge(t, `{"exp":4102444800,"scope":"","scope":"admin"}`),
		"invalid UTF-8":              authtest.Forge(t, "{\"exp\":4102444800,\"client_id\":\"a\xff\"}"),
		"padding":                    good + "=",
		"a line break":               good[:10] + "\n" + good[10:],
		"a line break at the end":    good + "\n",
		"the standard alphabet":      strings.NewReplacer("-", "+", "_", "/").Replace(authtest.Forge(t, `{"exp":4102444800,"sub":"Ã¿Ã¿Ã¿???>>>"}`)),
		"a fourth segment":           good + ".",
	}
	for name, token := range cases {
		if who, err := verifier.Verify(t.Context(), []byte(token), time.Now()); err == nil {
			t.Errorf("%s: accepted as %+v", name, who)
		}
	}
}

// TestKeysByName has a map of keys: a token gets the one that it names, with that
// one's algorithm only.
func TestKeysByName(t *testing.T) {
	old, plain := []byte("the secret of last year, 32 bytes"), []byte("a secret without a name, 32 bytes")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edKey, err := PublicKey("ed", publicPEM(t, public))
	if err != nil {
		t.Fatal(err)
	}
	verifier := testTokens(t, 10, secretKeyNamed(t, "new", authtest.Secret), secretKeyNamed(t, "old", old), secretKeyNamed(t, "", plain), edKey)
	for _, c := range []struct {
		why    string
		kid    any
		method jwt.SigningMethod
		key    any
		good   bool
	}{
		{"its own name", "new", jwt.SigningMethodHS256, authtest.Secret, true},
		{"its own name", "old", jwt.SigningMethodHS256, old, true},
		{"its own name", "ed", jwt.SigningMethodEdDSA, private, true},
		{"no name", nil, jwt.SigningMethodHS256, old, true},
		{"no name", nil, jwt.SigningMethodEdDSA, private, true},
		{"an unknown name goes with keys without one", "2023", jwt.SigningMethodHS256, plain, true},
		{"an unknown name does not go with a named key", "2023", jwt.SigningMethodHS256, old, false},
		{"another's name", "new", jwt.SigningMethodHS256, old, false},
		{"another's name, which a key without one does not help", "new", jwt.SigningMethodHS256, plain, false},
		{"the name of a key with another algorithm", "ed", jwt.SigningMethodHS256, plain, false},
		{"a name in another case", "NEW", jwt.SigningMethodHS256, authtest.Secret, false},
	} {
		token := jwt.NewWithClaims(c.method, someClaims())
		if c.kid != nil {
			token.Header["kid"] = c.kid
		}
		text, err := token.SignedString(c.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(t.Context(), []byte(text), time.Now()); (err == nil) != c.good {
			t.Errorf("%s: kid %v, %s: %v", c.why, c.kid, c.method.Alg(), err)
		}
	}
}

// TestIssuerAndAudience holds tokens against what was configured.
func TestIssuerAndAudience(t *testing.T) {
	verifier, err := NewTokens([]Key{secretKeyNamed(t, "", authtest.Secret)}, nil, Rules{Issuer: "https://id.example", Audiences: []string{"hooks", "events"}}, 10)
	if err != nil {
		t.Fatal(err)
	}
	for content, good := range map[string]bool{
		`"iss":"https://id.example","aud":"hooks"`:             true,
		`"iss":"https://id.example","aud":["crm","events"]`:    true,
		`"iss":"https://id.example"`:                           false,
		`"aud":"hooks"`:                                        false,
		`"iss":"https://id.example/","aud":"hooks"`:            false,
		`"iss":"https://id.example","aud":"Hooks"`:             false,
		`"iss":"https://id.example","aud":[]`:                  false,
		`"iss":"https://id.example","aud":["crm"]`:             false,
		`"iss":["https://id.example"],"aud":"hooks"`:           false,
		`"iss":"https://id.example","aud":{"hooks":1}`:         false,
		`"ISS":"https://id.example","AUD":"hooks"`:             false,
		`"iss":"","aud":""`:                                    false,
		`"iss":"https://id.example","aud":"hooks","scope":"x"`: true,
	} {
		if _, err := verifier.Verify(t.Context(), []byte(authtest.Forge(t, `{"exp":4102444800,`+content+`}`)), time.Now()); (err == nil) != good {
			t.Errorf("%s: %v", content, err)
		}
	}
}

// FuzzToken: what is accepted was signed with the one key, its one algorithm, in
// the one spelling, and has not expired.
func FuzzToken(f *testing.F) {
	verifier := testTokens(f, 100, secretKeyNamed(f, "", authtest.Secret))
	good := authtest.Sign(f, jwt.SigningMethodHS256, authtest.Secret, someClaims())
	f.Add(good)
	f.Add(good + "=")
	f.Add(good + "\n")
	f.Add(good[:len(good)-1])
	f.Add(authtest.Forge(f, `{"exp":4102444800,"scope":"admin"}`))
	f.Add(authtest.Forge(f, `{"exp":1}`))
	f.Add(authtest.Sign(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, someClaims()))
	f.Add("..")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := verifier.Verify(t.Context(), []byte(text), time.Now()); err != nil {
			return
		}
		parts := strings.Split(text, ".")
		mac := hmac.New(sha256.New, authtest.Secret)
		mac.Write([]byte(parts[0] + "." + parts[1]))
		if len(parts) != 3 || parts[2] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("accepted: %q", text)
		}
	})
}

// TestBadKeys has keys that an operator must not be able to configure.
func TestBadKeys(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(small)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]byte{
		"no PEM":        []byte("hello"),
		"a private key": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
		"P-224":         publicPEM(t, &small.PublicKey),
		"two keys":      append(publicPEM(t, &small.PublicKey), publicPEM(t, &small.PublicKey)...),
		"nonsense":      pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
	}
	for name, text := range cases {
		if _, err := PublicKey("", text); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := SecretKey("", authtest.Secret[:31]); err == nil {
		t.Error("a secret of 31 bytes was accepted")
	}
}

// TestTokenCache follows a cached token to its end, in virtual time.
func TestTokenCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier := testTokens(t, 10, secretKeyNamed(t, "", authtest.Secret))
		token := []byte(authtest.Mint(t, "", "acme", "", time.Now().Add(time.Minute)))
		first, err := verifier.Verify(t.Context(), token, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		verifier.keys = nil // what is accepted from now on comes from the cache
		time.Sleep(time.Minute - time.Nanosecond)
		if again, err := verifier.Verify(t.Context(), token, time.Now()); err != nil || again != first {
			t.Fatalf("just before its end: %v, %v", again, err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := verifier.Verify(t.Context(), token, time.Now()); err == nil {
			t.Fatal("the cache let an expired token through")
		}
		if verifier.cache.Len() != 0 {
			t.Error("the expired token is still in the cache")
		}
	})
}

// TestTokenLeeway lets a token live a little longer for clocks that differ.
func TestTokenLeeway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier := testTokens(t, 10, secretKeyNamed(t, "", authtest.Secret))
		token := []byte(authtest.Mint(t, "", "acme", "", time.Now().Add(time.Minute)))
		time.Sleep(time.Minute + tokenLeeway - time.Second)
		if _, err := verifier.Verify(t.Context(), token, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := verifier.Verify(t.Context(), token, time.Now()); err == nil {
			t.Fatal("accepted after the leeway")
		}
	})
}

// TestTokenCacheBounded fills the cache from many goroutines.
func TestTokenCacheBounded(t *testing.T) {
	verifier := testTokens(t, 8, secretKeyNamed(t, "", authtest.Secret))
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 50 {
				client := fmt.Sprintf("c%d", (worker+i)%20)
				who, err := verifier.Verify(t.Context(), []byte(authtest.Mint(t, "", client, "", farFuture())), time.Now())
				if err != nil || who.ClientID != client {
					t.Errorf("%s: got %v, %v", client, who, err)
				}
			}
		})
	}
	wait.Wait()
	if n := verifier.cache.Len(); n > 8 {
		t.Errorf("%d tokens are cached, at most 8 may be", n)
	}
}
