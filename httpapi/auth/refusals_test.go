package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/webhook"
)

// scene is an Authenticator with one secret key and one API key, and its log.
type scene struct {
	*Authenticator
	store *fakeStore
	log   logBuffer
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{store: &fakeStore{}}
	var err error
	s.Authenticator, err = New(Options{
		Keys: []Key{secretKeyNamed(t, "", authtest.Secret)}, CachedTokens: 10, Store: s.store,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// logBuffer keeps the log; timers write to it while the test reads it.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// from is the address of the caller in these tests.
var from = &net.UnixAddr{Name: "pipe"}

func (s *scene) principal(t testing.TB, credential string) (*Principal, error) {
	t.Helper()
	return s.Principal(t.Context(), []byte(credential), from, time.Now())
}

// refuse presents credentials that must be refused.
func (s *scene) refuse(t testing.TB, credentials ...string) {
	t.Helper()
	for _, c := range credentials {
		if who, err := s.principal(t, c); err == nil {
			t.Errorf("%.40q: accepted as %+v", c, who)
		}
	}
}

// refusedLines returns the log's lines about refused tokens, without time and level.
func (s *scene) refusedLines() []string {
	var lines []string
	for line := range strings.Lines(s.log.String()) {
		if before, rest, found := strings.Cut(line, `msg="token refused" `); found {
			if !strings.Contains(before, "level=INFO") {
				rest = line
			}
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return lines
}

// TestRefusalsAreLogged: why a credential was refused, and whose it claims to be, is
// in the log, and nothing that could be used.
func TestRefusalsAreLogged(t *testing.T) {
	headed := func(kid any, c jwt.Claims) string {
		return authtest.Sign(t, jwt.SigningMethodHS256, []byte("another secret, also 32 bytes long"), c, kid)
	}
	long := strings.Repeat("x", 8<<10)
	for _, c := range []struct{ token, want string }{
		{authtest.Mint(t, "erp", "acme", "admin", time.Now().Add(-time.Minute)), `reason=expired count=1 address=pipe alg=HS256 sub=erp client_id=acme`},
		{headed("k1", jwt.MapClaims{"exp": 4102444800, "iss": "https://id.example", "sub": "a\x1b[31m\"b\nü"}), `reason=bad_signature count=1 address=pipe alg=HS256 kid=k1 iss=https://id.example sub="a?[31m\"b??"`},
		{headed(strings.Repeat("k", 200), jwt.MapClaims{"exp": 4102444800}), `reason=bad_signature count=1 address=pipe alg=HS256 kid=` + strings.Repeat("k", 64) + "..."},
		{authtest.Forge(t, `{"exp":4102444800,"client_id":null}`), `reason=bad_claim_client_id count=1 address=pipe alg=HS256`},
		{authtest.Forge(t, `{"exp":"4102444800"}`), `reason=bad_claim_exp count=1 address=pipe alg=HS256`},
		{authtest.Forge(t, `{"sub":"x"}`), `reason=claim_missing count=1 address=pipe alg=HS256 sub=x`},
		{authtest.Sign(t, jwt.SigningMethodHS512, authtest.Secret, someClaims()), `reason=bad_signature count=1 address=pipe alg=HS512 client_id=acme`},
		{"x" + long, `reason=too_long count=1 address=pipe`},
		{"secret-" + long[:100], `reason=malformed count=1 address=pipe`},
		{APIKeyPrefix + "aaaaaaaaaa_" + strings.Repeat("A", apiKeySecret), `reason=api_key_unknown count=1 address=pipe key=aaaaaaaaaa`},
		{APIKeyPrefix + "short", `reason=api_key_unknown count=1 address=pipe`},
	} {
		s := newScene(t)
		s.refuse(t, c.token)
		if got := s.refusedLines(); len(got) != 1 || got[0] != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
		parts := strings.Split(c.token, ".")
		if text := s.log.String(); strings.Contains(text, c.token) || len(parts) == 3 && strings.Contains(text, parts[2]) || strings.Contains(text, strings.Repeat("A", apiKeySecret)) {
			t.Errorf("the credential is in the log:\n%s", text)
		}
	}
}

// TestRefusalsAreCounted: each reason is logged once a minute, with a count; what was
// not logged when the server stops is logged then.
func TestRefusalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		expired := authtest.Mint(t, "x", "", "admin", time.Now().Add(-time.Minute))
		forged := authtest.Mint(t, "x", "", "admin", farFuture()) + "x"
		guessed := APIKeyPrefix + "aaaaaaaaaa_" + strings.Repeat("A", apiKeySecret)
		counts := func() []string {
			var all []string
			for _, line := range s.refusedLines() {
				fields := strings.Fields(line)
				all = append(all, strings.TrimPrefix(fields[0], "reason=")+" "+strings.TrimPrefix(fields[1], "count="))
			}
			return all
		}
		for range 50 {
			s.refuse(t, expired, guessed, forged)
		}
		if got, want := counts(), []string{"expired 1", "api_key_unknown 1", "bad_signature 1"}; !slices.Equal(got, want) {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(refusalGap + time.Second)
		synctest.Wait()
		if got := counts(); strings.Count(fmt.Sprint(got), " 49") != 3 || len(got) != 6 {
			t.Errorf("after a minute: %s", got)
		}
		time.Sleep(refusalGap + time.Second)
		synctest.Wait()
		s.refuse(t, expired, expired, expired)
		if got := counts(); len(got) != 7 || got[6] != "expired 1" {
			t.Errorf("after a quiet minute: %q", got)
		}
		s.Close()
		if got := counts(); len(got) != 8 || got[7] != "expired 2" {
			t.Errorf("at the end: %q", got)
		}
		s.Close() // again
		s.refuse(t, expired)
		if got := counts(); len(got) != 9 || got[8] != "expired 1" {
			t.Errorf("after the end: %q", got)
		}
		if _, err := s.principal(t, authtest.Mint(t, "x", "acme", "", farFuture())); err != nil || len(counts()) != 9 {
			t.Errorf("a good token: %v, %q", err, counts())
		}
		for reason, want := range map[string]float64{"expired": 54, "bad_signature": 50, "api_key_unknown": 50} {
			if got := testutil.ToFloat64(s.refusals.counter.WithLabelValues(reason)); got != want {
				t.Errorf("%s: counted %v, want %v", reason, got, want)
			}
		}
	})
}

// TestExpiredAPIKeyIsLogged: the owner of an expired key learns from the log what to do.
func TestExpiredAPIKeyIsLogged(t *testing.T) {
	s := newScene(t)
	id, text := createKey(t, s.APIKeys(), webhook.APIKey{ClientID: "acme", ExpiresAt: time.Now().Add(-time.Millisecond)})
	s.refuse(t, text)
	if got := s.refusedLines(); len(got) != 1 || got[0] != "reason=api_key_expired count=1 address=pipe key="+id {
		t.Errorf("got %q", got)
	}
}

// FuzzDescribe: whatever a credential holds, what is logged of it is short and plain.
func FuzzDescribe(f *testing.F) {
	f.Add(authtest.Forge(f, `{"sub":"x"}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range describe([]byte(text)) {
			value := a.Value.String()
			if len(value) > maxDescribed+3 || a.Value.Kind() != slog.KindString || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
				quoted, _ := json.Marshal(value)
				t.Errorf("%s: %s", a.Key, quoted)
			}
		}
	})
}

// TestRefusalsFromTheStart: each reason has a series before anything is refused, so that a
// rate sees the first refusals, too.
func TestRefusalsFromTheStart(t *testing.T) {
	registry := prometheus.NewRegistry()
	refusals, err := NewRefusals(slog.New(slog.DiscardHandler), registry)
	if err != nil {
		t.Fatal(err)
	}
	defer refusals.Close()
	if n, err := testutil.GatherAndCount(registry, "astrohook_tokens_refused_total"); err != nil || n != len(refusalReasons)+1 {
		t.Errorf("%d series, want %d; %v", n, len(refusalReasons)+1, err)
	}
}
