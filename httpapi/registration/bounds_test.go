package registration

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// given is a member of an input with a value.
func given[T any](value T) optional[T] { return optional[T]{Value: value, Set: true} }

// TestBounds: the operator's bounds count only where they are narrower, and the error names
// the settings that they come from.
func TestBounds(t *testing.T) {
	own := bounds[int64]{field: "n", low: 10, high: 20}
	for _, c := range []struct {
		reason string
		b      bounds[int64]
		want   string
	}{
		{"no operator", own, "n must be a whole number from 10 to 20"},
		{"no ceiling, no floor", own.most(0, "max").least(0, "min"), "n must be a whole number from 10 to 20"},
		{"wider ones", own.most(21, "max").least(9, "min"), "n must be a whole number from 10 to 20"},
		{"the same ones", own.most(20, "max").least(10, "min"), "n must be a whole number from 10 to 20"},
		{"a ceiling", own.most(15, "max"), "n must be a whole number from 10 to 15; the operator sets this bound (max)"},
		{"a floor", own.least(12, "min"), "n must be a whole number from 12 to 20; the operator sets this bound (min)"},
		{"both", own.least(12, "min").most(15, "max"), "n must be a whole number from 12 to 15; the operator sets this bound (min, max)"},
	} {
		for _, value := range []int64{c.b.low - 1, c.b.high + 1, math.MinInt64, math.MaxInt64} {
			var f jsonbody.Faults
			target := 17
			if whole(&f, given(value), c.b, &target); texts(f.Err()) != c.want || target != 17 {
				t.Errorf("%s: %d becomes %d: %s, want %s", c.reason, value, target, texts(f.Err()), c.want)
			}
		}
		for _, value := range []int64{c.b.low, c.b.high} {
			var f jsonbody.Faults
			var target int
			if whole(&f, given(value), c.b, &target); f.Err() != nil || target != int(value) {
				t.Errorf("%s: %d becomes %d, %v", c.reason, value, target, f.Err())
			}
		}
	}
}

// TestAbsentAndNull: an absent number leaves what is there, and null sets it to the default.
func TestAbsentAndNull(t *testing.T) {
	var f jsonbody.Faults
	n, d, x := 7, 7*time.Second, 0.7
	spans := bounds[time.Duration]{field: "d", low: time.Second, high: time.Minute}
	whole(&f, optional[int64]{}, bounds[int64]{field: "n", low: 1, high: 9}, &n)
	span(&f, optional[int64]{}, spans, &d)
	number(&f, optional[float64]{}, bounds[float64]{field: "x", low: 0, high: 1}, &x)
	if n != 7 || d != 7*time.Second || x != 0.7 {
		t.Errorf("absent: %d, %s, %g", n, d, x)
	}
	whole(&f, optional[int64]{Set: true, Null: true}, bounds[int64]{field: "n", low: 1, high: 9}, &n)
	span(&f, optional[int64]{Set: true, Null: true}, spans, &d)
	number(&f, optional[float64]{Set: true, Null: true}, bounds[float64]{field: "x", low: 0.5, high: 1}, &x)
	if n != 0 || d != 0 || x != 0 || f.Err() != nil {
		t.Errorf("null: %d, %s, %g, %v", n, d, x, f.Err())
	}
}

// TestNumber: numbers with a fraction at their bounds, and what is no number.
func TestNumber(t *testing.T) {
	for value, allowed := range map[float64]bool{
		0.5: true, 0.75: true, 1: true, math.Nextafter(0.5, 0): false,
		math.Nextafter(1, 2): false, math.Inf(1): false, math.Inf(-1): false, math.NaN(): false,
	} {
		var f jsonbody.Faults
		target := 0.6
		number(&f, given(value), bounds[float64]{field: "x", low: 0.5, high: 1}, &target)
		if allowed != (f.Err() == nil) || allowed && target != value || !allowed && target != 0.6 {
			t.Errorf("%g becomes %g, %v", value, target, f.Err())
		}
		if said := texts(f.Err()); !allowed && said != "x must be a number from 0.5 to 1" {
			t.Errorf("%g: %s", value, said)
		}
	}
}

// TestPatternsAreBounded: the operator may allow fewer patterns. Those that an endpoint has
// can stay, whatever the registry and the bound are now; and they count as many as they are.
func TestPatternsAreBounded(t *testing.T) {
	e := registered()
	e.EventTypes = []string{"retired", "user.*", "user.created"}
	const bound = "event_types has more than 2 entries; the operator sets this bound (max-webhook-patterns)"
	for _, c := range []struct {
		body     string
		patterns int
		says     string
	}{
		{`{}`, 3, ""},
		{`{"event_types":["retired","user.*","user.created"]}`, 3, ""},
		{`{"event_types":["user.*","user.created","retired"]}`, 3, bound},
		{`{"event_types":["user.*","user.created","*"]}`, 3, bound},
		{`{"event_types":["user.*","user.created"]}`, 2, ""},
		{`{"event_types":["user.*","retired"]}`, 2, "event_types[1] is unknown"},
		{`{"event_types":["x","user.*"]}`, 2, "event_types[0] is unknown"},
		{`{"event_type":"retired"}`, 1, "event_type is unknown"},
		{`{"event_type":"*","event_types":["*"]}`, 1, ""},
		{`{"event_type":"*","event_types":["*","user.*"]}`, 1, "event_types cannot stand beside event_type, unless it is the same"},
	} {
		r := testRules()
		r.Ceilings = &webhook.Ceilings{Patterns: 2}
		in, err := DecodeChange([]byte(c.body), false)
		if err != nil {
			t.Fatal(err)
		}
		var f jsonbody.Faults
		in.Check(r, e.EventTypes, &f)
		if got := texts(f.Err()); got != c.says || in.Patterns(e) != c.patterns {
			t.Errorf("%s: %q, %d patterns; want %q, %d", c.body, got, in.Patterns(e), c.says, c.patterns)
		}
	}
}

// TestOneRetiredType: an endpoint of one type that the registry no longer has can be sent back
// as it is shown.
func TestOneRetiredType(t *testing.T) {
	e := registered()
	e.EventTypes = []string{"retired"}
	before := resourceOf(t, e)
	if !strings.Contains(before, `"event_type":"retired","event_types":["retired"]`) {
		t.Error(before)
	}
	for _, replace := range []bool{true, false} {
		if err := change(e, testRules(), before, replace); err != nil || resourceOf(t, e) != before {
			t.Errorf("replace %t: %v, now %s", replace, err, resourceOf(t, e))
		}
	}
}

// TestForList leaves the bundle out of lists, and nothing else.
func TestForList(t *testing.T) {
	e := registered()
	e.CABundle, e.Headers = testBundle, []webhook.CustomHeader{{Name: "X-Team", Value: "private"}}
	r := Show(e, testRules(), now)
	if r.CABundle != testBundle {
		t.Error("a single read does not show the bundle")
	}
	want := r
	want.CABundle = ""
	if r.ForList(); fmt.Sprint(r) != fmt.Sprint(want) || len(r.HeaderNames) != 1 {
		t.Errorf("%+v", r)
	}
	if strings.Contains(resourceOf(t, e), "private") {
		t.Error("the value of a header is shown")
	}
}

// TestNewSecret: a secret that is given is taken as it is. Otherwise one is made that its
// scheme lets through, and never the same twice.
func TestNewSecret(t *testing.T) {
	made := map[string]bool{}
	null := optional[string]{Set: true, Null: true}
	for _, c := range []struct {
		reason    string
		in        SecretInput
		otherwise signing.Scheme
		want      signing.Scheme
	}{
		{"nothing chosen", SecretInput{}, "v1", "v1"},
		{"nothing chosen, of a private key", SecretInput{}, "v1a", "v1a"},
		{"a scheme", SecretInput{SignatureScheme: given("v1a")}, "v1", "v1a"},
		{"the other one", SecretInput{SignatureScheme: given("v1")}, "v1a", "v1"},
		{"null for both", SecretInput{SignatureScheme: null, Secret: null}, "v1", "v1"},
	} {
		for range 3 {
			secret, err := c.in.NewSecret(c.otherwise)
			if err != nil || secret.Scheme() != c.want || made[secret.Value] || !secret.ExpiresAt.IsZero() {
				t.Errorf("%s: scheme %s, %v; want %s", c.reason, secret.Scheme(), err, c.want)
			}
			if err := signing.ValidateSecret(secret.Value); err != nil {
				t.Errorf("%s: what is made is refused: %v", c.reason, err)
			}
			made[secret.Value] = true
		}
	}
	in := SecretInput{Secret: given(testSecret)}
	if secret, err := in.NewSecret("v1a"); err != nil || secret != (signing.Secret{Value: testSecret}) {
		t.Errorf("a secret that is given: %+v, %v", secret, err)
	}
}

// TestShowSecrets: secrets that have expired count for nothing, and of the others the last one
// says until when a rotated secret signs.
func TestShowSecrets(t *testing.T) {
	var keys []signing.Secret
	for range 3 {
		key, err := (&SecretInput{}).NewSecret("v1a")
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	until := func(s signing.Secret, after time.Duration) signing.Secret {
		s.ExpiresAt = now.Add(after)
		return s
	}
	for _, c := range []struct {
		reason  string
		secrets []signing.Secret
		keys    []string
		expires string
	}{
		{"one", keys[:1], []string{keys[0].PublicKey()}, ""},
		{"plain text", []signing.Secret{{Value: testSecret}}, nil, ""},
		{
			"two rotated ones",
			[]signing.Secret{keys[0], until(keys[1], time.Hour), until(keys[2], time.Minute)},
			[]string{keys[0].PublicKey(), keys[1].PublicKey(), keys[2].PublicKey()},
			"2025-05-17T11:30:45.000Z",
		},
		{"one has expired", []signing.Secret{keys[0], until(keys[1], -time.Second)}, []string{keys[0].PublicKey()}, ""},
		{
			"of both schemes",
			[]signing.Secret{keys[0], until(signing.Secret{Value: testSecret}, time.Second)},
			[]string{keys[0].PublicKey()},
			"2025-05-17T10:30:46.000Z",
		},
	} {
		r := showSecrets(&webhook.Endpoint{Secrets: c.secrets}, now)
		if fmt.Sprint(r.PublicKeys) != fmt.Sprint(c.keys) || r.PreviousSecretExpiresAt != c.expires || r.Secret != "" || r.StandardSecret != "" {
			t.Errorf("%s: %+v, want %v, %q", c.reason, r, c.keys, c.expires)
		}
	}
}

// TestSettingsMemberByMember: inside of a group each member is set and set back by itself.
func TestSettingsMemberByMember(t *testing.T) {
	e := registered()
	for _, c := range []struct{ body, member, want string }{
		{`{"rate_limit":{"per_second":2}}`, "rate_limit", `{"per_second":2,"burst":1}`},
		{`{"rate_limit":{"burst":5}}`, "rate_limit", `{"per_second":2,"burst":5}`},
		{`{"rate_limit":{"burst":null}}`, "rate_limit", `{"per_second":2,"burst":1}`},
		{`{"rate_limit":{"per_second":null}}`, "rate_limit", `null`},
		{`{"circuit_breaker":{"failures":3}}`, "circuit_breaker", `{"failures":3,"open_ms":30000,"max_open_ms":900000}`},
		{`{"circuit_breaker":{"open_ms":40000}}`, "circuit_breaker", `{"failures":3,"open_ms":40000,"max_open_ms":900000}`},
		{`{"circuit_breaker":{"failures":null}}`, "circuit_breaker", `{"failures":10,"open_ms":40000,"max_open_ms":900000}`},
		{`{"circuit_breaker":{}}`, "circuit_breaker", `{"failures":10,"open_ms":40000,"max_open_ms":900000}`},
		{
			`{"retry_policy":{"jitter":0,"multiplier":1}}`, "retry_policy",
			`{"max_attempts":5,"initial_delay_ms":30000,"multiplier":1,"max_delay_ms":86400000,"jitter":0}`,
		},
		{
			`{"retry_policy":{"jitter":null,"max_attempts":1}}`, "retry_policy",
			`{"max_attempts":1,"initial_delay_ms":30000,"multiplier":1,"max_delay_ms":86400000,"jitter":0.1}`,
		},
	} {
		if err := change(e, testRules(), c.body, false); err != nil {
			t.Errorf("%s: %v", c.body, err)
		}
		if got := shown(t, e, c.member); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
}

// TestLease: the new end counts from now, whatever the end was; its bounds are allowed.
func TestLease(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: `"2025-05-17T10:30:46.000Z"`, `{"lease_seconds":30}`: `"2025-05-17T10:31:15.000Z"`,
		`{"lease_seconds":3600}`: `"2025-05-17T11:30:45.000Z"`, `{"lease_seconds":null}`: "absent",
	} {
		e := registered()
		e.ExpiresAt = now.Add(time.Second)
		if err := change(e, testRules(), body, false); err != nil || shown(t, e, "expires_at") != want {
			t.Errorf("%s: %s, %v; want %s", body, shown(t, e, "expires_at"), err, want)
		}
	}
}
