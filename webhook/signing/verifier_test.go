package signing

import (
	"cmp"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	sent := time.Unix(vectorSeconds, 0)
	right := map[string]string{
		HeaderID: vectorID, HeaderTimestamp: "1614265330", HeaderSignature: vectorSignature,
	}
	other := newSigner(t, Secret{Value: plainSecret}).AppendStandard(nil, sent, vectorID, []byte(vectorBody))
	secrets := []string{vectorSecret}
	for _, c := range []struct {
		why     string
		change  map[string]string
		body    string
		now     time.Time
		v       Verifier
		refusal error
	}{
		{why: "as it was signed"},
		{why: "just young enough", now: sent.Add(DefaultTolerance)},
		{why: "too old", now: sent.Add(DefaultTolerance + 1), refusal: ErrStaleTimestamp},
		{why: "clocks differ", now: sent.Add(-DefaultTolerance)},
		{why: "too far ahead", now: sent.Add(-DefaultTolerance - 1), refusal: ErrStaleTimestamp},
		{why: "a tolerance of one's own", now: sent.Add(2 * time.Second), v: Verifier{Secrets: secrets, Tolerance: time.Second}, refusal: ErrStaleTimestamp},
		{why: "the body was changed", body: vectorBody + " ", refusal: ErrBadSignature},
		{why: "the id was changed", change: map[string]string{HeaderID: "msg_other"}, refusal: ErrBadSignature},
		{why: "the time was changed", change: map[string]string{HeaderTimestamp: "1614265331"}, refusal: ErrBadSignature},
		{why: "the time is not a number", change: map[string]string{HeaderTimestamp: "now"}, refusal: ErrMalformedSignature},
		{why: "the time is absurd", change: map[string]string{HeaderTimestamp: "9223372036854775807"}, refusal: ErrStaleTimestamp},
		{why: "the time is absurd too", change: map[string]string{HeaderTimestamp: "-9223372036854775808"}, refusal: ErrStaleTimestamp},
		{why: "no id", change: map[string]string{HeaderID: ""}, refusal: ErrNoSignature},
		{why: "no time", change: map[string]string{HeaderTimestamp: ""}, refusal: ErrNoSignature},
		{why: "no signature", change: map[string]string{HeaderSignature: ""}, refusal: ErrNoSignature},
		{why: "of another secret", change: map[string]string{HeaderSignature: string(other)}, refusal: ErrBadSignature},
		{why: "one of several signatures", change: map[string]string{HeaderSignature: "v2,abc " + string(other) + " " + vectorSignature}},
		{why: "one of several secrets", v: Verifier{Secrets: []string{plainSecret, vectorSecret}}},
		{why: "of another version only", change: map[string]string{HeaderSignature: strings.Replace(vectorSignature, "v1", "v1a", 1)}, refusal: ErrMalformedSignature},
		{why: "part of a signature", change: map[string]string{HeaderSignature: vectorSignature[:20]}, refusal: ErrBadSignature},
		{why: "an empty signature", change: map[string]string{HeaderSignature: "v1,"}, refusal: ErrBadSignature},
		{why: "no secret", v: Verifier{Tolerance: time.Minute}, refusal: ErrNoSecret},
	} {
		headers := maps.Clone(right)
		maps.Copy(headers, c.change)
		if c.v.Tolerance == 0 && c.v.Secrets == nil {
			c.v.Secrets = secrets
		}
		if c.body == "" {
			c.body = vectorBody
		}
		if c.now.IsZero() {
			c.now = sent
		}
		m, err := c.v.Verify(func(name string) string { return headers[name] }, []byte(c.body), c.now)
		if !errors.Is(err, c.refusal) || c.refusal == nil && err != nil {
			t.Errorf("%s: got %v, want %v", c.why, err, c.refusal)
		}
		if want := (Message{ID: vectorID, SentAt: sent.UTC()}); err == nil && m != want || err != nil && m != (Message{}) {
			t.Errorf("%s: message %+v", c.why, m)
		}
	}
}

func TestVerifyNamesTheBadSecret(t *testing.T) {
	header := http.Header{}
	header.Set(HeaderID, vectorID)
	header.Set(HeaderTimestamp, "1614265330")
	header.Set(HeaderSignature, vectorSignature)
	v := Verifier{Secrets: []string{plainSecret, "whsec_?"}}
	_, err := v.Verify(header.Get, []byte(vectorBody), time.Unix(vectorSeconds, 0))
	if err == nil || !strings.Contains(err.Error(), "secret 2 of 2 is not base64") || strings.Contains(err.Error(), "?") {
		t.Errorf("got %v", err)
	}
}

func TestVerifyHex(t *testing.T) {
	right := string(newSigner(t, Secret{Value: vectorSecret}).AppendHex(nil, time.Unix(vectorSeconds, 0), []byte(vectorBody)))
	raw, err := hex.DecodeString(right)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, name, value, body string
		v                      Verifier
		refusal                error
	}{
		{"as it was signed", "X-Corp-Astro-Signature", right, vectorBody, Verifier{Secrets: []string{vectorSecret}}, nil},
		{"one of several secrets", "X-Corp-Astro-Signature", right, vectorBody, Verifier{Secrets: []string{plainSecret, vectorSecret}}, nil},
		{"another prefix", "X-Mine-Signature", right, vectorBody, Verifier{Secrets: []string{vectorSecret}, SignatureHeader: "X-Mine-Signature"}, nil},
		{"no header of that name", "X-Mine-Signature", right, vectorBody, Verifier{Secrets: []string{vectorSecret}}, ErrNoSignature},
		{"not hex", "X-Corp-Astro-Signature", "sha256=" + right, vectorBody, Verifier{Secrets: []string{vectorSecret}}, ErrMalformedSignature},
		{"cut off", "X-Corp-Astro-Signature", right[:62], vectorBody, Verifier{Secrets: []string{vectorSecret}}, ErrBadSignature},
		{"the body was changed", "X-Corp-Astro-Signature", right, vectorBody + "\n", Verifier{Secrets: []string{vectorSecret}}, ErrBadSignature},
		{"of another secret", "X-Corp-Astro-Signature", right, vectorBody, Verifier{Secrets: []string{plainSecret}}, ErrBadSignature},
		{"bytes that are not hex", "X-Corp-Astro-Signature", string(raw), vectorBody, Verifier{Secrets: []string{vectorSecret}}, ErrMalformedSignature},
		{"no secret", "X-Corp-Astro-Signature", right, vectorBody, Verifier{}, ErrNoSecret},
	} {
		header := func(name string) string { return map[string]string{c.name: c.value}[name] }
		if err := c.v.VerifyHex(header, []byte(c.body)); !errors.Is(err, c.refusal) || c.refusal == nil && err != nil {
			t.Errorf("%s: got %v, want %v", c.why, err, c.refusal)
		}
	}
}

// TestVerifyEitherHex: while a secret is being rotated, a receiver with the one before
// or with the new one accepts, and one with neither does not.
func TestVerifyEitherHex(t *testing.T) {
	at, end := time.Unix(vectorSeconds, 0), time.Unix(vectorSeconds, 1)
	s := newSigner(t, Secret{Value: vectorSecret}, Secret{Value: plainSecret, ExpiresAt: end})
	for _, name := range []string{"", "X-Mine-Signature"} {
		v := Verifier{SignatureHeader: name}
		sent := cmp.Or(name, DefaultHexHeader)
		headers := map[string]string{
			sent:              string(s.AppendHex(nil, at, []byte(vectorBody))),
			sent + NextSuffix: string(s.AppendHexNext(nil, at, []byte(vectorBody))),
		}
		header := func(name string) string { return headers[name] }
		for _, secret := range []string{vectorSecret, plainSecret} {
			v.Secrets = []string{secret}
			if err := v.VerifyHex(header, []byte(vectorBody)); err != nil {
				t.Errorf("%q, %s: %v", name, secret, err)
			}
		}
		v.Secrets = []string{"a secret that signed nothing here"}
		if err := v.VerifyHex(header, []byte(vectorBody)); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%q: a secret that signed nothing: %v", name, err)
		}
	}
}
