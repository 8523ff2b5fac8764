package auth

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
)

// temporary reports whether a token was refused for a time only, and for how long.
func temporary(err error) (time.Duration, bool) {
	later, ok := errors.AsType[*webhook.RetryAfterError](err)
	if !ok || !errors.Is(err, ErrIssuerKeys) {
		return 0, false
	}
	return later.After, true
}

// TestHangingIssuer: an issuer that never answers holds up nobody for long, and its
// tokens are refused for a time, not as bad ones, until its keys have come.
func TestHangingIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := authtest.NewIssuer(t, "2025")
		i.SetDelay(10 * time.Second)
		verifier := verifierOf(t, i, io.Discard)
		verifier.keys = []Key{secretKeyNamed(t, "", authtest.Secret)}
		text := i.Text()
		i.Set("", errors.New("no answer"))
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			verifier.set.Run(ctx)
			close(stopped)
		}()
		synctest.Wait()
		unnamed := []byte(authtest.Sign(t, jwt.SigningMethodEdDSA, i.Keys["2025"], someClaims()))
		for _, token := range [][]byte{i.Token("2025"), unnamed} {
			began := time.Now()
			_, err := verifier.Verify(ctx, token, began)
			if later, is := temporary(err); !is || later != readingRetryAfter || time.Since(began) > 2*time.Second {
				t.Errorf("while it hangs, after %v: %v, again in %v", time.Since(began), err, later)
			}
		}
		began := time.Now()
		named := jwt.NewWithClaims(jwt.SigningMethodHS256, someClaims())
		named.Header["kid"] = "2024"
		secretToken, err := named.SignedString(authtest.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(ctx, []byte(secretToken), began); err != nil || time.Since(began) != 0 {
			t.Errorf("a token of a secret waits %v for the issuer: %v", time.Since(began), err)
		}
		time.Sleep(20 * time.Second) // that reading has failed, and the next one is not due
		_, err = verifier.Verify(ctx, i.Token("2025"), time.Now())
		if later, is := temporary(err); !is || later <= 0 || later > keySetGap {
			t.Errorf("after a failure: %v, again in %v", err, later)
		}
		i.Set(text, nil)
		i.SetDelay(0)
		time.Sleep(keySetGap)
		if _, err := verifier.Verify(ctx, i.Token("2025"), time.Now()); err != nil {
			t.Errorf("when its keys have come: %v", err)
		}
		i.Keys["other"] = i.Keys["2025"]
		time.Sleep(2 * keySetGap)
		if _, err := verifier.Verify(ctx, i.Token("other"), time.Now()); err == nil {
			t.Error("a key that the issuer does not have was accepted")
		} else if _, is := temporary(err); is {
			t.Errorf("a key that the issuer does not have: %v", err)
		}
		i.Set("", errors.New("no answer"))
		time.Sleep(keySetAge + time.Second)
		if _, err := verifier.Verify(ctx, i.Token("2025"), time.Now()); err != nil {
			t.Errorf("the last good set does not hold: %v", err)
		}
		if _, is := temporary(second(verifier.Verify(ctx, i.Token("other"), time.Now()))); !is {
			t.Error("a key that the issuer may have by now is refused for good")
		}
		cancel()
		<-stopped
	})
}

func second[T any](_ T, err error) error { return err }
