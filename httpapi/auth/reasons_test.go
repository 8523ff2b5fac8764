package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
)

// TestRefusalReasons: the reason is a label of a metric, so each error has one of a
// closed set.
func TestRefusalReasons(t *testing.T) {
	wrap := func(errs ...error) error { return fmt.Errorf("verify token: %w", errors.Join(errs...)) }
	for _, c := range []struct {
		err  error
		want string
	}{
		{errAPIKey, "api_key_unknown"},
		{errGrant, "session_unknown"},
		{errGrantExpired, "session_expired"},
		{errAPIKeyExpired, "api_key_expired"},
		{&webhook.RetryAfterError{Err: ErrIssuerKeys, After: time.Second}, "issuer_keys_not_read"},
		{wrap(errTokenLength), "too_long"},
		{wrap(jwt.ErrTokenUnverifiable, errCritical), "critical_header"},
		{wrap(jwt.ErrTokenUnverifiable, errKeyID), "bad_kid"},
		{wrap(jwt.ErrTokenUnverifiable, errNoKey), "unknown_key"},
		{wrap(jwt.ErrTokenInvalidClaims, jwt.ErrTokenExpired), "expired"},
		{wrap(jwt.ErrTokenInvalidClaims, jwt.ErrTokenRequiredClaimMissing), "claim_missing"},
		{wrap(jwt.ErrTokenInvalidClaims, jwt.ErrTokenNotValidYet), "not_valid_yet"},
		{wrap(jwt.ErrTokenInvalidClaims, jwt.ErrTokenInvalidIssuer), "wrong_issuer"},
		{wrap(jwt.ErrTokenInvalidClaims, jwt.ErrTokenInvalidAudience), "wrong_audience"},
		{wrap(jwt.ErrTokenSignatureInvalid), "bad_signature"},
		{wrap(jwt.ErrTokenUnverifiable), "unknown_algorithm"},
		{wrap(jwt.ErrTokenMalformed, &claimError{"scope", "is not text"}), "bad_claim_scope"},
		{wrap(jwt.ErrTokenMalformed), "malformed"},
		{wrap(errLineEnd), "malformed"},
		{errors.New("something else"), "malformed"},
	} {
		if got := refusalReason(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

// TestValidScope goes through the characters of a scope's name (RFC 6749, section 3.3).
func TestValidScope(t *testing.T) {
	for scope, valid := range map[string]bool{
		"admin": true, "events:write:all": true, "https://example.com/x": true, "!#[]~": true,
		"": false, " ": false, "a b": false, "a\tb": false, `a"b`: false, `a\b`: false, "a\x7f": false, "ä": false,
	} {
		if ValidScope(scope) != valid {
			t.Errorf("%q: valid is %v", scope, !valid)
		}
	}
}

// TestKeySetAge: the metric shows how old the issuer's keys are, also when they were
// never read.
func TestKeySetAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, registry := authtest.NewIssuer(t, "2025"), prometheus.NewRegistry()
		issuer.Set("", errors.New("no answer"))
		set := NewKeySet(KeySetOptions{Fetch: issuer.Fetch})
		if err := set.register(registry); err != nil {
			t.Fatal(err)
		}
		want := func(seconds int) {
			t.Helper()
			text := fmt.Sprintf("# HELP astrohook_token_keys_age_seconds Time since the token issuer's keys were last read; under 360 while that works.\n"+
				"# TYPE astrohook_token_keys_age_seconds gauge\nastrohook_token_keys_age_seconds %d\n", seconds)
			if err := testutil.GatherAndCompare(registry, strings.NewReader(text)); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(90 * time.Second)
		set.refresh(t.Context())
		want(90)
		issuer.Publish("2025")
		time.Sleep(keySetGap)
		set.refresh(t.Context())
		want(0)
		time.Sleep(time.Second)
		want(1)
		if err := set.register(registry); err == nil {
			t.Error("two sets have one metric")
		}
	})
}

// TestRunWaitsForItsReading: when ctx ends, Run returns only after the reading that a
// request has started, so that nothing of the set outlives the server.
func TestRunWaitsForItsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.NewIssuer(t, "2025")
		set := NewKeySet(KeySetOptions{Fetch: issuer.Fetch})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan time.Time, 1)
		go func() {
			set.Run(ctx)
			ended <- time.Now()
		}()
		synctest.Wait()
		time.Sleep(keySetGap)
		issuer.SetDelay(10 * time.Second)
		began := time.Now()
		set.refresh(ctx) // waits for keySetWait only
		if waited := time.Since(began); waited != keySetWait {
			t.Errorf("a request waited for %v", waited)
		}
		cancel()
		if took := (<-ended).Sub(began); took != 10*time.Second {
			t.Errorf("Run returned %v after the reading had begun", took)
		}
		if n := issuer.Reads(); n != 2 {
			t.Errorf("%d readings", n)
		}
	})
}

// TestFewReadings: however many callers ask, they share a reading, and the next one
// comes a minute later at the earliest.
func TestFewReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.NewIssuer(t, "2025")
		set := NewKeySet(KeySetOptions{Fetch: issuer.Fetch})
		for range 100 {
			set.refresh(t.Context())
			time.Sleep(time.Second)
		}
		if n := issuer.Reads(); n != 2 {
			t.Errorf("%d readings in 100 s", n)
		}
	})
}
