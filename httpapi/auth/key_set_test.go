package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
)

// verifierOf returns a verifier of the issuer's tokens, with no keys beside the set.
func verifierOf(t testing.TB, i *authtest.Issuer, log io.Writer) *Tokens {
	t.Helper()
	set := NewKeySet(KeySetOptions{URL: "https://id.example/keys", Fetch: i.Fetch, Log: slog.New(slog.NewTextHandler(log, nil))})
	verifier, err := NewTokens(nil, set, Rules{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func base64Int(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

func jwk(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

func edJWK(k ed25519.PublicKey, more ...string) string {
	return jwk(append(more, `"kty":"OKP","crv":"Ed25519","x":"`+base64.RawURLEncoding.EncodeToString(k)+`"`)...)
}

func rsaJWK(k *rsa.PublicKey, more ...string) string {
	return jwk(append(more, `"kty":"RSA","n":"`+base64Int(k.N)+`","e":"AQAB"`)...)
}

func ecJWK(t testing.TB, k *ecdsa.PublicKey, more ...string) string {
	point, err := k.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	size := len(point) / 2
	x, y := base64.RawURLEncoding.EncodeToString(point[1:1+size]), base64.RawURLEncoding.EncodeToString(point[1+size:])
	return jwk(append(more, `"kty":"EC","crv":"`+k.Params().Name+`","x":"`+x+`","y":"`+y+`"`)...)
}

// TestParseKeySet takes the keys that can be used, each with its one algorithm.
func TestParseKeySet(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	widerKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := rsa.PublicKey{N: new(big.Int).Rsh(rsaKey.N, 1024), E: 65537}
	for _, c := range []struct{ why, key, alg string }{
		{"RSA", rsaJWK(&rsaKey.PublicKey, `"kid":"a"`), "RS256"},
		{"RSA that says so", rsaJWK(&rsaKey.PublicKey, `"kid":"a","alg":"RS256","use":"sig"`), "RS256"},
		{"EC", ecJWK(t, &ecKey.PublicKey, `"kid":"a","key_ops":["verify"]`), "ES256"},
		{"Ed25519", edJWK(edKey, `"kid":"a","alg":"EdDSA"`), "EdDSA"},
		{"no name", edJWK(edKey), "EdDSA"},
		{"members that nobody knows", edJWK(edKey, `"kid":"a","iat":1,"x5u":"http://127.0.0.1/"`), "EdDSA"},
		{"another algorithm", rsaJWK(&rsaKey.PublicKey, `"alg":"RS512"`), ""},
		{"an algorithm of secrets", rsaJWK(&rsaKey.PublicKey, `"alg":"HS256"`), ""},
		{"none", edJWK(edKey, `"alg":"none"`), ""},
		{"for encryption", rsaJWK(&rsaKey.PublicKey, `"use":"enc"`), ""},
		{"for signing only", edJWK(edKey, `"key_ops":["sign"]`), ""},
		{"a secret", jwk(`"kty":"oct","alg":"HS256","k":"` + base64.RawURLEncoding.EncodeToString(authtest.Secret) + `"`), ""},
		{"1024 bits", rsaJWK(&short), ""},
		{"an exponent of 1", jwk(`"kty":"RSA","n":"` + base64Int(rsaKey.N) + `","e":"AQ"`), ""},
		{"P-384", ecJWK(t, &widerKey.PublicKey), ""},
		{"not on the curve", jwk(`"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"`), ""},
		{"a kind that nobody knows", jwk(`"kty":"AKP","alg":"ML-DSA-65","pub":"AQ"`), ""},
		{"a member twice", edJWK(edKey, `"kid":"a","kid":"b"`), ""},
		{"a name that is a number", edJWK(edKey, `"kid":1`), ""},
		{"KTY for kty", strings.Replace(edJWK(edKey), "kty", "KTY", 1), ""},
		{"no object", `"key"`, ""},
	} {
		keys, err := parseKeySet([]byte(`{"keys":[{"kty":"other"},` + c.key + `]}`))
		switch {
		case c.alg == "" && err == nil:
			t.Errorf("%s: taken as %+v", c.why, keys)
		case c.alg != "" && (err != nil || len(keys) != 1 || keys[0].alg != c.alg):
			t.Errorf("%s: %+v, %v", c.why, keys, err)
		}
	}
	many := strings.Repeat(edJWK(edKey)+",", maxSetKeys)
	for _, text := range []string{"", "[]", "{}", `{"keys":{}}`, `{"keys":[]}`, `{"keys":[]} {"keys":[]}`, `{"keys":[` + many + edJWK(edKey) + `]}`, "<html>"} {
		if keys, err := parseKeySet([]byte(text)); err == nil {
			t.Errorf("%.40s: %+v", text, keys)
		}
	}
	if keys, err := parseKeySet([]byte(`{"keys":[` + many[:len(many)-1] + `]}`)); err != nil || len(keys) != maxSetKeys {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// FuzzKeySet: whatever an issuer publishes, keys have an algorithm that is known.
func FuzzKeySet(f *testing.F) {
	i := authtest.NewIssuer(f, "a", "b")
	f.Add([]byte(i.Text()))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeySet(text)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if alg, err := algorithm(k.key); err != nil || alg != k.alg {
				t.Errorf("%+v: %s, %v", k, alg, err)
			}
		}
	})
}

// TestKeySetLife follows a set in virtual time: an unreachable issuer, new keys,
// withdrawn ones, nonsense.
func TestKeySetLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := authtest.NewIssuer(t, "2025"), &logBuffer{}
		text := i.Text()
		i.Set("", errors.New("no such host"))
		verifier := verifierOf(t, i, log)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go verifier.set.Run(ctx)
		verify := func(name string) error {
			t.Helper()
			who, err := verifier.Verify(ctx, i.Token(name), time.Now())
			if err == nil && who.ClientID != "acme" {
				t.Errorf("%+v", who)
			}
			return err
		}
		synctest.Wait()
		if err := verify("2025"); err == nil || i.Reads() != 1 {
			t.Fatalf("before the issuer can be reached: %v, read %d times", err, i.Reads())
		}
		i.Set(text, nil)
		time.Sleep(keySetGap)
		synctest.Wait()
		if i.Reads() != 2 {
			t.Fatalf("a minute after: read %d times", i.Reads())
		}
		old := i.Token("2025")
		if _, err := verifier.Verify(ctx, old, time.Now()); err != nil || i.Reads() != 2 {
			t.Fatalf("a minute after: %v, read %d times", err, i.Reads())
		}
		// A new key is read when a token names it, but not within a minute of the last time.
		i.Publish("2025", "2026")
		if err := verify("2026"); err == nil || i.Reads() != 2 {
			t.Fatalf("at once: %v, read %d times", err, i.Reads())
		}
		time.Sleep(keySetGap)
		if err := verify("2026"); err != nil || i.Reads() != 3 {
			t.Fatalf("a minute later: %v, read %d times", err, i.Reads())
		}
		// One that is withdrawn holds for keySetAge and keySetGap at most, although its token is remembered.
		i.Publish("2026")
		time.Sleep(keySetAge + keySetGap)
		synctest.Wait()
		if _, err := verifier.Verify(ctx, old, time.Now()); err == nil || verify("2026") != nil {
			t.Errorf("a withdrawn key: %v", err)
		}
		// The last good set is kept, however long there is no better one.
		for _, bad := range []string{"<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
			i.Set(bad, nil)
			time.Sleep(3 * keySetAge)
			if err := verify("2026"); err != nil {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if age := verifier.set.age(); age < 9*keySetAge || age > 10*keySetAge {
			t.Errorf("a set that cannot be read: %v old", age)
		}
		i.Publish("2027")
		time.Sleep(keySetAge)
		if err := verify("2027"); err != nil || verify("2026") == nil {
			t.Errorf("after all: %v", err)
		}
		if age := verifier.set.age(); age > keySetAge {
			t.Errorf("a set that can be read: %v old", age)
		}
		for line, times := range map[string]int{"token keys were not read": 2, "token keys are read again": 2, "no such host": 1} {
			if n := strings.Count(log.String(), line); n != times {
				t.Errorf("%q was logged %d times, want %d:\n%s", line, n, times, log)
			}
		}
	})
}

// TestKeySetIsReadOncePerMinute: many tokens with names that nobody knows cost
// one reading a minute, for which they wait together.
func TestKeySetIsReadOncePerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := authtest.NewIssuer(t, "known")
		const slow = keySetWait / 2
		i.SetDelay(slow)
		verifier := verifierOf(t, i, io.Discard)
		began := time.Now()
		var wait sync.WaitGroup
		for n := range 100 {
			token := i.Token("known")
			if n%2 == 1 {
				i.Keys[fmt.Sprint(n)] = i.Keys["known"]
				token = i.Token(fmt.Sprint(n))
			}
			wait.Go(func() {
				if _, err := verifier.Verify(t.Context(), token, time.Now()); (err == nil) != (n%2 == 0) {
					t.Errorf("%d: %v", n, err)
				}
				if took := time.Since(began); took != slow {
					t.Errorf("%d waited for %v", n, took)
				}
			})
		}
		wait.Wait()
		unknown := i.Token("1")
		for range 600 { // one a second
			_, _ = verifier.Verify(t.Context(), unknown, time.Now())
			time.Sleep(time.Second)
		}
		if n := i.Reads(); n > 11 {
			t.Errorf("read %d times in ten minutes", n)
		}
		// One who gives up waiting does not hold the others up.
		time.Sleep(keySetGap)
		ctx, cancel := context.WithTimeout(t.Context(), keySetWait/4)
		defer cancel()
		go func() { _, _ = verifier.Verify(t.Context(), unknown, time.Now()) }()
		synctest.Wait()
		began = time.Now()
		if _, err := verifier.Verify(ctx, unknown, time.Now()); err == nil || time.Since(began) != keySetWait/4 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(slow)
	})
}

// TestKeySetBesideKeys: keys of the configuration and of the issuer do not mix.
func TestKeySetBesideKeys(t *testing.T) {
	i := authtest.NewIssuer(t, "a")
	set := NewKeySet(KeySetOptions{Fetch: i.Fetch})
	verifier, err := NewTokens([]Key{secretKeyNamed(t, "", authtest.Secret)}, set, Rules{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), i.Token("a"), time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := verifier.Verify(t.Context(), []byte(authtest.Mint(t, "", "acme", "", farFuture())), time.Now()); err != nil {
		t.Error(err)
	}
	confused := jwt.NewWithClaims(jwt.SigningMethodHS256, someClaims())
	confused.Header["kid"] = "a" // the name of a key of another algorithm
	text, err := confused.SignedString(authtest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), []byte(text), time.Now()); err == nil {
		t.Error("a token with the name of another key was accepted")
	}
}
