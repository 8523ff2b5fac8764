package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// The key pair of Svix's vector for v1a, and its public key in a key set.
const (
	testPrivateKey = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	testPublicKey  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	testKeyX       = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4"
)

// publicKeys returns the webhook's public keys in an answer.
func (r *reply) publicKeys(t testing.TB) []string {
	t.Helper()
	var keys []string
	list, _ := r.object(t)["public_keys"].([]any)
	for _, key := range list {
		keys = append(keys, fmt.Sprint(key))
	}
	return keys
}

// registering is the body that registers a webhook with these members besides.
func registering(members string) string {
	return `{"event_type":"*","target_url":"https://example.com/"` + members + `}`
}

// TestSignatureSchemes registers with each choice of scheme and secret.
func TestSignatureSchemes(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		why, members string
		scheme       signing.Scheme
		shown        bool   // the secret
		public       string // if it is known before
	}{
		{"nothing chosen", ``, "v1", true, ""},
		{"v1", `,"signature_scheme":"v1"`, "v1", true, ""},
		{"v1 and a secret", `,"signature_scheme":"v1","secret":"my own secret 123"`, "v1", true, ""},
		{"v1a", `,"signature_scheme":"v1a"`, "v1a", false, ""},
		{"v1a and no secret", `,"signature_scheme":"v1a","secret":null`, "v1a", false, ""},
		{"a private key determines the scheme", `,"secret":"` + testPrivateKey + `"`, "v1a", false, testPublicKey},
		{"v1a and a private key", `,"signature_scheme":"v1a","secret":"` + testPrivateKey + `"`, "v1a", false, testPublicKey},
	} {
		r := f.want(t, 201, acme, "POST", "/api/webhooks", registering(c.members))
		stored, keys := f.dispatcher.lastChange().Secrets[0], r.publicKeys(t)
		if r.text(t, "signature_scheme") != string(c.scheme) || stored.Scheme() != c.scheme {
			t.Errorf("%s: %s", c.why, r.body)
		}
		if want := map[bool]string{true: stored.Value}[c.shown]; r.text(t, "secret") != want || strings.Contains(string(r.body), "whsk_") {
			t.Errorf("%s: secret %q is shown", c.why, r.text(t, "secret"))
		}
		var want []string
		if c.scheme == signing.SchemeEd25519 {
			want = []string{stored.PublicKey()}
		}
		if !slices.Equal(keys, want) || c.public != "" && keys[0] != c.public {
			t.Errorf("%s: public keys %q, want %q", c.why, keys, want)
		}
		path := "/api/webhooks/" + r.text(t, "id")
		if read := f.want(t, 200, acme, "GET", path, ""); !slices.Equal(read.publicKeys(t), want) || read.text(t, "secret") != "" {
			t.Errorf("%s: read again as %s", c.why, read.body)
		}
		same := fmt.Sprintf(`{"signature_scheme":"%s"}`, c.scheme)
		f.want(t, 200, acme, "PATCH", path, same)
		other := map[signing.Scheme]string{"v1": `"v1a"`, "v1a": `"v1"`}[c.scheme]
		for _, scheme := range []string{other, "null"} {
			if got := f.want(t, 422, acme, "PATCH", path, `{"signature_scheme":`+scheme+`}`).text(t, "field"); got != "signature_scheme" {
				t.Errorf("%s: changed to %s: field %q", c.why, scheme, got)
			}
		}
		if kept := f.want(t, 200, acme, "PUT", path, registering("")); !slices.Equal(kept.publicKeys(t), want) {
			t.Errorf("%s: replaced, it is %s", c.why, kept.body)
		}
	}
}

// TestBadSecrets: what cannot sign is refused, where a webhook is registered and where its secret is rotated.
func TestBadSecrets(t *testing.T) {
	f := newFixture(t)
	rotate := "/api/webhooks/" + f.register(t, acme) + "/rotate-secret"
	mixed := "whsk_" + strings.Repeat("A", 43) + testPrivateKey[48:] // the seed of another
	for _, c := range []struct{ why, members, field, detail string }{
		{"an unknown scheme", `"signature_scheme":"v2"`, "signature_scheme", "must be v1 or v1a"},
		{"no scheme", `"signature_scheme":null`, "signature_scheme", "must be v1 or v1a"},
		{"a scheme in capitals", `"signature_scheme":"V1A"`, "signature_scheme", "must be v1 or v1a"},
		{"a scheme that is a number", `"signature_scheme":1`, "signature_scheme", "must be a string"},
		{"a shared secret for v1a", `"signature_scheme":"v1a","secret":"my own secret 123"`, "secret", "is for the signature_scheme v1, not v1a"},
		{"a private key for v1", `"signature_scheme":"v1","secret":"` + testPrivateKey + `"`, "secret", "is for the signature_scheme v1a, not v1"},
		{"a public key", `"secret":"` + testPublicKey + `"`, "secret", "is a public key"},
		{"a public key for v1a", `"signature_scheme":"v1a","secret":"` + testPublicKey + `"`, "secret", "is a public key"},
		{"half of a private key", `"secret":"` + testPrivateKey[:48] + `="`, "secret", "64 bytes"},
		{"a private key that is not base64", `"secret":"whsk_` + strings.Repeat("!", 88) + `"`, "secret", "64 bytes"},
		{"a seed with the public key of another", `"secret":"` + mixed + `"`, "secret", "do not belong together"},
	} {
		for path, body := range map[string]string{"/api/webhooks": registering("," + c.members), rotate: "{" + c.members + "}"} {
			r := f.want(t, 422, acme, "POST", path, body)
			if r.text(t, "field") != c.field || !strings.Contains(r.text(t, "detail"), c.detail) || r.object(t)["errors"] != nil {
				t.Errorf("%s: POST %s: %s", c.why, path, r.body)
			}
			if strings.Contains(string(r.body), testPrivateKey[10:30]) {
				t.Errorf("%s: the answer repeats the key: %s", c.why, r.body)
			}
		}
	}
	if n := len(f.want(t, 200, acme, "GET", "/api/webhooks", "").data(t)); n != 1 {
		t.Errorf("%d webhooks", n)
	}
}

// TestSchemeRotation changes the scheme there and back, in virtual time.
func TestSchemeRotation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		path := "/api/webhooks/" + f.register(t, acme)
		keys := func() []string { return f.want(t, 200, acme, "GET", path, "").publicKeys(t) }

		private := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"signature_scheme":"v1a","overlap_seconds":60}`)
		first := private.publicKeys(t)
		if len(first) != 1 || private.text(t, "secret") != "" || private.text(t, "previous_secret_expires_at") == "" {
			t.Fatalf("%s", private.body)
		}
		again := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"overlap_seconds":120}`) // the scheme stays
		both := again.publicKeys(t)
		if len(both) != 2 || both[1] != first[0] || again.text(t, "secret") != "" || again.text(t, "signature_scheme") != "v1a" {
			t.Fatalf("%s", again.body)
		}
		back := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"signature_scheme":"v1","overlap_seconds":180}`)
		if !slices.Equal(back.publicKeys(t), both) || !strings.HasPrefix(back.text(t, "secret"), "whsec_") {
			t.Fatalf("%s", back.body)
		}
		for _, c := range []struct {
			wait time.Duration
			want []string
		}{
			{119 * time.Second, both},
			{time.Second, both[:1]}, // an expiry is the first moment without
			{59 * time.Second, both[:1]},
			{time.Second, nil},
		} {
			time.Sleep(c.wait)
			if got := keys(); !slices.Equal(got, c.want) {
				t.Errorf("at %v: %q, want %q", time.Now(), got, c.want)
			}
		}
		r := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"secret":"`+testPrivateKey+`"}`)
		if got := r.publicKeys(t); !slices.Equal(got, []string{testPublicKey}) || r.text(t, "signature_scheme") != "v1a" {
			t.Errorf("%s", r.body)
		}
		if got := f.want(t, 422, acme, "POST", path+"/rotate-secret", `{"secret":"`+testPrivateKey+`"}`).text(t, "field"); got != "secret" {
			t.Errorf("the same key again: field %q", got)
		}
	})
}

// TestEleventhSecret: ten are valid at a time. The eleventh is refused, until one
// has expired, or at once without an overlap.
func TestEleventhSecret(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		path := "/api/webhooks/" + f.register(t, acme) + "/rotate-secret"
		for i := range signing.MaxSecrets - 1 { // the second is the first to expire
			f.want(t, 200, acme, "POST", path, fmt.Sprintf(`{"overlap_seconds":%d}`, 600+abs(i-1)*60))
		}
		firstEnd := time.Now().Add(10 * time.Minute)
		before := f.dispatcher.lastChange()
		r := f.want(t, 409, acme, "POST", path, `{"overlap_seconds":1}`)
		if want := "10 secrets are valid still; rotate again when the first has expired, at " + webhook.FormatTime(firstEnd); r.text(t, "detail") != want {
			t.Errorf("got %s, want %s", r.body, want)
		}
		if now := f.dispatcher.lastChange(); now.Revision != before.Revision || len(now.Secrets) != signing.MaxSecrets {
			t.Errorf("after the refusal there are %d secrets", len(now.Secrets))
		}
		time.Sleep(10*time.Minute - time.Millisecond)
		f.want(t, 409, acme, "POST", path, "")
		time.Sleep(time.Millisecond)
		f.want(t, 200, acme, "POST", path, "")
		if n := len(f.dispatcher.lastChange().Secrets); n != signing.MaxSecrets {
			t.Errorf("%d secrets", n)
		}
		f.want(t, 409, acme, "POST", path, "")
		f.want(t, 200, acme, "POST", path, `{"overlap_seconds":0}`)
		if n := len(f.dispatcher.lastChange().Secrets); n != 1 {
			t.Errorf("%d secrets after an overlap of 0", n)
		}
	})
}

func abs(n int) int { return max(n, -n) }

// TestPastedSecrets refuses what no receiver could verify with, wherever a secret
// is set, and says what was pasted.
func TestPastedSecrets(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	for secret, want := range map[string]string{
		"v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "v1,", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "casing",
		"whsec_AAAAAAAAAAAAAA==": "24 to 64", " whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "other text before whsec_",
	} {
		for _, r := range []*reply{
			f.want(t, 422, acme, "POST", "/api/webhooks", registering(`,"secret":"`+secret+`"`)),
			f.want(t, 422, acme, "POST", path+"/rotate-secret", `{"secret":"`+secret+`"}`),
		} {
			if r.text(t, "field") != "secret" || !strings.Contains(r.text(t, "detail"), want) {
				t.Errorf("%s: %s", secret, r.body)
			}
		}
	}
}

// TestStandardSecretIsShown: a plain secret is shown beside its whsec_ form, when
// it is made and when it is rotated, and at no other time.
func TestStandardSecretIsShown(t *testing.T) {
	f := newFixture(t)
	const plain, standard = "a plain secret, not in base64", "whsec_YSBwbGFpbiBzZWNyZXQsIG5vdCBpbiBiYXNlNjQ="
	made := f.want(t, 201, acme, "POST", "/api/webhooks", registering(`,"secret":"`+plain+`"`))
	if made.text(t, "secret") != plain || made.text(t, "standard_secret") != standard {
		t.Errorf("registered: %s", made.body)
	}
	path := "/api/webhooks/" + made.text(t, "id")
	if read := f.want(t, 200, acme, "GET", path, ""); strings.Contains(string(read.body), "_secret\"") {
		t.Errorf("read: %s", read.body)
	}
	for secret, want := range map[string]string{"null": "", `"another plain secret"`: "whsec_YW5vdGhlciBwbGFpbiBzZWNyZXQ=", `"` + testPrivateKey + `"`: ""} {
		if r := f.want(t, 200, acme, "POST", path+"/rotate-secret", `{"secret":`+secret+`}`); r.text(t, "standard_secret") != want {
			t.Errorf("%s: %s", secret, r.body)
		}
	}
}
