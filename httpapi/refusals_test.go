package httpapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// refusedLines are the log's lines about refused tokens, without time and level.
func (f *fixture) refusedLines() []string {
	var lines []string
	for line := range strings.Lines(f.log.String()) {
		if _, rest, found := strings.Cut(line, `msg="token refused" component=httpapi `); found {
			if !strings.Contains(line, "level=INFO") {
				rest = line
			}
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return lines
}

// TestRefusedTokensAreLogged: why a token was refused, and whose it claims to be, is
// in the log, and nothing that could be used.
func TestRefusedTokensAreLogged(t *testing.T) {
	headed := func(kid any, c jwt.Claims) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
		token.Header["kid"] = kid
		text, err := token.SignedString([]byte("another secret, also 32 bytes long"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	long := strings.Repeat("x", 8<<10)
	for _, c := range []struct{ token, want string }{
		{mint(t, "erp", "acme", "admin", time.Now().Add(-time.Minute)), `reason=expired count=1 address=pipe alg=HS256 sub=erp client_id=acme`},
		{headed("k1", jwt.MapClaims{"exp": 4102444800, "iss": "https://id.example", "sub": "a\x1b[31m\"b\nü"}), `reason=bad_signature count=1 address=pipe alg=HS256 kid=k1 iss=https://id.example sub="a?[31m\"b??"`},
		{headed(strings.Repeat("k", 200), jwt.MapClaims{"exp": 4102444800}), `reason=bad_signature count=1 address=pipe alg=HS256 kid=` + strings.Repeat("k", 64) + "..."},
		{forge(t, `{"exp":4102444800,"client_id":null}`), `reason=bad_claim_client_id count=1 address=pipe alg=HS256`},
		{forge(t, `{"exp":"4102444800"}`), `reason=bad_claim_exp count=1 address=pipe alg=HS256`},
		{forge(t, `{"sub":"x"}`), `reason=claim_missing count=1 address=pipe alg=HS256 sub=x`},
		{sign(t, jwt.SigningMethodHS512, testSecret, someClaims()), `reason=bad_signature count=1 address=pipe alg=HS512 client_id=acme`},
		{"x" + long, `reason=too_long count=1 address=pipe`},
		{"secret-" + long[:100], `reason=malformed count=1 address=pipe`},
		{apiKeyPrefix + "aaaaaaaaaa_" + strings.Repeat("A", apiKeySecret), `reason=api_key_unknown count=1 address=pipe key=aaaaaaaaaa`},
		{apiKeyPrefix + "short", `reason=api_key_unknown count=1 address=pipe`},
	} {
		f := newFixture(t)
		f.tokens["refused"] = c.token
		r := f.want(t, 401, "refused", "GET", "/api/webhooks", "")
		if got := f.refusedLines(); len(got) != 1 || strings.Join(got, "\n") != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
		if detail := r.text(t, "detail"); detail != "the token or API key is not valid, or not any more" {
			t.Errorf("the client learns %q", detail)
		}
		parts := strings.Split(c.token, ".")
		if text := f.log.String(); strings.Contains(text, c.token) || len(parts) == 3 && strings.Contains(text, parts[2]) || strings.Contains(text, strings.Repeat("A", apiKeySecret)) {
			t.Errorf("the token is in the log:\n%s", text)
		}
	}
}

// TestRefusalsAreCounted: one line for each reason and minute, with a count; what
// was not written when the server stops is written then.
func TestRefusalsAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		refuse := func(times int, callers ...string) {
			t.Helper()
			for range times {
				for _, caller := range callers {
					f.want(t, 401, caller, "GET", "/api/webhooks", "")
				}
			}
		}
		counts := func() string {
			var all []string
			for _, line := range f.refusedLines() {
				fields := strings.Fields(line)
				all = append(all, strings.TrimPrefix(fields[0], "reason=")+" "+strings.TrimPrefix(fields[1], "count="))
			}
			return fmt.Sprint(all)
		}
		refuse(50, expired, keyRevoked, badToken)
		want := []string{"expired 1", "api_key_unknown 1", "bad_signature 1"}
		if got := counts(); got != fmt.Sprint(want) {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(refusalGap + time.Second)
		if got := counts(); strings.Count(got, " 49") != 3 || len(f.refusedLines()) != 6 {
			t.Errorf("after a minute: %s", got)
		}
		time.Sleep(refusalGap + time.Second)
		refuse(3, expired)
		if got := f.refusedLines(); len(got) != 7 || !strings.HasPrefix(got[6], "reason=expired count=1 ") {
			t.Errorf("when it was quiet for a minute: %q", got)
		}
		f.refusals.close()
		if got := f.refusedLines(); len(got) != 8 || !strings.HasPrefix(got[7], "reason=expired count=2 ") {
			t.Errorf("at the end: %q", got)
		}
		f.want(t, 200, acme, "GET", "/api/webhooks", "")
		f.want(t, 401, nobody, "GET", "/api/webhooks", "") // no token was refused
		if got := len(f.refusedLines()); got != 8 {
			t.Errorf("%d lines", got)
		}
	})
}

// FuzzDescribeToken: whatever a token holds, what is logged of it is short and plain.
func FuzzDescribeToken(f *testing.F) {
	f.Add(forge(f, `{"sub":"x"}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range describeToken([]byte(text)) {
			value := a.Value.String()
			if len(value) > maxDescribed+3 || a.Value.Kind() != slog.KindString || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
				quoted, _ := json.Marshal(value)
				t.Errorf("%s: %s", a.Key, quoted)
			}
		}
	})
}
