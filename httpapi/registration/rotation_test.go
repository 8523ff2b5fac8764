package registration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// TestRotationInput: the overlap is a day by default, or as long as the operator allows; a
// bad secret and a bad overlap are both named.
func TestRotationInput(t *testing.T) {
	const own, hour = 0, time.Hour
	for _, c := range []struct {
		body string
		most time.Duration
		want time.Duration
		err  string
	}{
		{`{}`, own, 24 * time.Hour, ""},
		{`{"overlap_seconds":null}`, own, 24 * time.Hour, ""},
		{`{}`, hour, time.Hour, ""},
		{`{"overlap_seconds":0}`, own, 0, ""},
		{`{"overlap_seconds":604800}`, own, 7 * 24 * time.Hour, ""},
		{`{"overlap_seconds":604801}`, own, 0, "overlap_seconds must be a whole number from 0 to 604800"},
		{`{"overlap_seconds":-1}`, own, 0, "overlap_seconds must be a whole number from 0 to 604800"},
		{`{"overlap_seconds":3601}`, hour, 0, "overlap_seconds must be a whole number from 0 to 3600; the operator sets this bound (max-webhook-overlap)"},
		{`{"overlap_seconds":60,"secret":"` + testSecret + `"}`, own, time.Minute, ""},
		{`{"overlap_seconds":-1,"signature_scheme":"v2"}`, own, 0, "overlap_seconds must be a whole number from 0 to 604800; signature_scheme must be "},
	} {
		var in RotationInput
		if err := jsonbody.Decode([]byte(c.body), &in); err != nil {
			t.Fatal(err)
		}
		var f jsonbody.Faults
		got := in.Check(&webhook.Ceilings{Overlap: c.most}, &f)
		if said := texts(f.Err()); !strings.HasPrefix(said, c.err) || c.err == "" && (said != "" || got != c.want) {
			t.Errorf("%s, at most %v: %v, %s; want %v, %s", c.body, c.most, got, said, c.want, c.err)
		}
	}
}

// rotated describes an endpoint's secrets: each with how long it is valid from now, the
// newest first.
func rotated(e *webhook.Endpoint, now time.Time) string {
	var list []string
	for _, secret := range e.Secrets {
		if secret.ExpiresAt.IsZero() {
			list = append(list, secret.Value)
			continue
		}
		list = append(list, fmt.Sprintf("%s for %v", secret.Value, secret.ExpiresAt.Sub(now)))
	}
	return strings.Join(list, ", ")
}

// TestRotate follows an endpoint through rotations; each row builds on those before.
func TestRotate(t *testing.T) {
	e := &webhook.Endpoint{Secrets: []signing.Secret{{Value: "a"}}}
	at := now
	for _, c := range []struct {
		why     string
		after   time.Duration // since the row before
		secret  string
		overlap time.Duration
		most    int // the operator's bound
		want    string
		err     string
	}{
		{"the first rotation", 0, "b", time.Hour, 0, "b, a for 1h0m0s", ""},
		{"a second one within the overlap", 10 * time.Minute, "c", time.Hour, 0, "c, b for 1h0m0s, a for 50m0s", ""},
		{"a secret that is still in use", 0, "a", time.Hour, 0, "c, b for 1h0m0s, a for 50m0s", "secret is in use already"},
		{
			"more than the operator allows", 0, "d", time.Hour, 3, "c, b for 1h0m0s, a for 50m0s",
			"3 secrets are valid still; rotate again when the first has expired, at 2025-05-17T11:30:45.000Z",
		},
		{"when the first has expired", 50 * time.Minute, "d", time.Hour, 3, "d, c for 1h0m0s, b for 10m0s", ""},
		{"without an overlap", time.Minute, "e", 0, 3, "e", ""},
		{"one is not enough to rotate, so it is two", time.Minute, "f", time.Hour, 1, "f, e for 1h0m0s", ""},
		{"and no more than two", time.Minute, "g", time.Hour, 1, "f, e for 59m0s", "2 secrets are valid still"},
		{"a secret that has expired may come back", 2 * time.Hour, "e", time.Hour, 1, "e, f for 1h0m0s", ""},
	} {
		at = at.Add(c.after)
		err := Rotate(e, signing.Secret{Value: c.secret}, at, c.overlap, &webhook.Ceilings{Secrets: c.most})
		if got := rotated(e, at); got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s: %s, %v; want %s, %s", c.why, got, err, c.want, c.err)
		}
	}
}

// TestTooManySecrets: the eleventh secret is refused with the time when there is room again,
// and so is every later one until then.
func TestTooManySecrets(t *testing.T) {
	e := &webhook.Endpoint{Secrets: []signing.Secret{{Value: "0"}}}
	for n := 1; n < signing.MaxSecrets; n++ {
		if err := Rotate(e, signing.Secret{Value: fmt.Sprint(n)}, now.Add(time.Duration(n)*time.Minute), time.Hour, &webhook.Ceilings{}); err != nil {
			t.Fatal(err)
		}
	}
	first := now.Add(time.Minute + time.Hour) // the very first secret expires an hour after the first rotation
	for _, at := range []time.Time{now.Add(10 * time.Minute), first.Add(-time.Millisecond)} {
		err := Rotate(e, signing.Secret{Value: "x"}, at, time.Hour, &webhook.Ceilings{Secrets: 100})
		many, ok := errors.AsType[*TooManySecretsError](err)
		if !ok || many.Valid != signing.MaxSecrets || !many.Until.Equal(first) {
			t.Errorf("at %v: %v, want room at %v", at, err, first)
		}
	}
	if err := Rotate(e, signing.Secret{Value: "x"}, first, time.Hour, &webhook.Ceilings{}); err != nil {
		t.Error(err)
	}
}

// FuzzChange changes an endpoint by whatever JSON: an endpoint that was changed can be shown,
// and what is shown can be sent back and changes nothing.
func FuzzChange(f *testing.F) {
	for _, c := range fields {
		f.Add(`{"`+c.member+`":`+c.value+`}`, false)
		f.Add(`{`+required+`,"`+c.member+`":`+c.value+`}`, true)
		f.Add(`{"`+c.member+`":null}`, false)
	}
	f.Add(`{"headers":{"a":"1","A":"2"}}`, false)
	f.Add(`{"rate_limit":{"per_second":1e-3,"burst":1},"retry_policy":{"jitter":0,"initial_delay_ms":604800000}}`, false)
	f.Fuzz(func(t *testing.T, body string, replace bool) {
		e := registered()
		if change(e, testRules(), body, replace) != nil {
			return
		}
		before := resourceOf(t, e)
		for _, replace := range []bool{true, false} {
			if err := change(e, testRules(), before, replace); err != nil {
				t.Fatalf("%s\nis shown as %s\nsent back: %v", body, before, err)
			}
			if after := resourceOf(t, e); after != before {
				t.Fatalf("%s\nis shown as %s\nand then as %s", body, before, after)
			}
		}
	})
}
