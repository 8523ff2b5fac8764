package httpapi

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
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer makes tokens, and publishes its keys as long as it is not down.
type issuer struct {
	t    testing.TB
	keys map[string]ed25519.PrivateKey

	mu    sync.Mutex
	text  string
	down  error
	slow  time.Duration
	reads int
}

func newIssuer(t testing.TB, names ...string) *issuer {
	i := &issuer{t: t, keys: map[string]ed25519.PrivateKey{}}
	i.publish(names...)
	return i
}

// publish puts keys of these names, made if they are new, in place of all others.
func (i *issuer) publish(names ...string) {
	var list []string
	for _, name := range names {
		if i.keys[name] == nil {
			_, i.keys[name], _ = ed25519.GenerateKey(rand.Reader)
		}
		list = append(list, edJWK(i.keys[name].Public().(ed25519.PublicKey), `"kid":"`+name+`"`))
	}
	i.set(`{"keys":[`+strings.Join(list, ",")+`]}`, nil)
}

func (i *issuer) set(text string, down error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.text, i.down = text, down
}

// fetch stands for the sender's.
func (i *issuer) fetch(context.Context, string, int) ([]byte, error) {
	i.mu.Lock()
	i.reads++
	text, down, slow := i.text, i.down, i.slow
	i.mu.Unlock()
	time.Sleep(slow)
	return []byte(text), down
}

func (i *issuer) read() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

// token makes a good one for acme, by the key of that name.
func (i *issuer) token(name string) []byte {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		ClientID: "acme", RegisteredClaims: jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(time.Now().Add(24 * time.Hour))},
	})
	token.Header["kid"] = name
	text, err := token.SignedString(i.keys[name])
	if err != nil {
		i.t.Fatal(err)
	}
	return []byte(text)
}

// verifier makes what verifies the issuer's tokens, with no keys beside the set.
func (i *issuer) verifier(log *logBuffer) *tokens {
	set := NewKeySet(KeySetOptions{URL: "https://id.example/keys", Fetch: i.fetch, Log: log.logger()})
	verifier, err := newTokens(nil, set, tokenRules{}, 100)
	if err != nil {
		i.t.Fatal(err)
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
		{"a secret", jwk(`"kty":"oct","alg":"HS256","k":"` + base64.RawURLEncoding.EncodeToString(testSecret) + `"`), ""},
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
	i := newIssuer(f, "a", "b")
	f.Add([]byte(i.text))
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
		i, log := newIssuer(t, "2025"), &logBuffer{}
		text := i.text
		i.set("", errors.New("no such host"))
		verifier := i.verifier(log)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go verifier.set.Run(ctx)
		verify := func(name string) error {
			t.Helper()
			who, err := verifier.principal(ctx, i.token(name), time.Now())
			if err == nil && who.ClientID != "acme" {
				t.Errorf("%+v", who)
			}
			return err
		}
		synctest.Wait()
		if err := verify("2025"); err == nil || i.read() != 1 {
			t.Fatalf("before the issuer can be reached: %v, read %d times", err, i.read())
		}
		i.set(text, nil)
		time.Sleep(keySetGap)
		synctest.Wait()
		if i.read() != 2 {
			t.Fatalf("a minute after: read %d times", i.read())
		}
		old := i.token("2025")
		if _, err := verifier.principal(ctx, old, time.Now()); err != nil || i.read() != 2 {
			t.Fatalf("a minute after: %v, read %d times", err, i.read())
		}
		// A new key is read when a token names it, but not within a minute of the last time.
		i.publish("2025", "2026")
		if err := verify("2026"); err == nil || i.read() != 2 {
			t.Fatalf("at once: %v, read %d times", err, i.read())
		}
		time.Sleep(keySetGap)
		if err := verify("2026"); err != nil || i.read() != 3 {
			t.Fatalf("a minute later: %v, read %d times", err, i.read())
		}
		// One that is withdrawn holds for keySetAge and keySetGap at most, although its token is remembered.
		i.publish("2026")
		time.Sleep(keySetAge + keySetGap)
		synctest.Wait()
		if _, err := verifier.principal(ctx, old, time.Now()); err == nil || verify("2026") != nil {
			t.Errorf("a withdrawn key: %v", err)
		}
		// The last good set is kept, however long there is no better one.
		for _, bad := range []string{"<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
			i.set(bad, nil)
			time.Sleep(3 * keySetAge)
			if err := verify("2026"); err != nil {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if age := verifier.set.age(); age < 9*keySetAge || age > 10*keySetAge {
			t.Errorf("a set that cannot be read: %v old", age)
		}
		i.publish("2027")
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
		i := newIssuer(t, "known")
		i.slow = keySetWait / 2
		verifier := i.verifier(&logBuffer{})
		began := time.Now()
		var wait sync.WaitGroup
		for n := range 100 {
			token := i.token("known")
			if n%2 == 1 {
				i.keys[fmt.Sprint(n)] = i.keys["known"]
				token = i.token(fmt.Sprint(n))
			}
			wait.Go(func() {
				if _, err := verifier.principal(t.Context(), token, time.Now()); (err == nil) != (n%2 == 0) {
					t.Errorf("%d: %v", n, err)
				}
				if took := time.Since(began); took != i.slow {
					t.Errorf("%d waited for %v", n, took)
				}
			})
		}
		wait.Wait()
		unknown := i.token("1")
		for range 600 { // one a second
			_, _ = verifier.principal(t.Context(), unknown, time.Now())
			time.Sleep(time.Second)
		}
		if n := i.read(); n > 11 {
			t.Errorf("read %d times in ten minutes", n)
		}
		// One who gives up waiting does not hold the others up.
		time.Sleep(keySetGap)
		ctx, cancel := context.WithTimeout(t.Context(), keySetWait/4)
		defer cancel()
		go func() { _, _ = verifier.principal(t.Context(), unknown, time.Now()) }()
		synctest.Wait()
		began = time.Now()
		if _, err := verifier.principal(ctx, unknown, time.Now()); err == nil || time.Since(began) != keySetWait/4 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(i.slow)
	})
}

// TestKeySetBesideKeys: keys of the configuration and of the issuer do not mix.
func TestKeySetBesideKeys(t *testing.T) {
	i := newIssuer(t, "a")
	set := NewKeySet(KeySetOptions{Fetch: i.fetch})
	verifier, err := newTokens([]Key{secretKeyNamed(t, "", testSecret)}, set, tokenRules{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.principal(t.Context(), i.token("a"), time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := verifier.principal(t.Context(), []byte(mint(t, "", "acme", "", farFuture())), time.Now()); err != nil {
		t.Error(err)
	}
	confused := jwt.NewWithClaims(jwt.SigningMethodHS256, someClaims())
	confused.Header["kid"] = "a" // the name of a key of another algorithm
	text, err := confused.SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.principal(t.Context(), []byte(text), time.Now()); err == nil {
		t.Error("a token with the name of another key was accepted")
	}
}
