package app

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook/signing"
)

// signedAs returns which of the keys, by name, made each signature of a request: those
// of webhook-signature in their order, then that in hex. It fails for one that none made.
func signedAs(t *testing.T, r *receivertest.Request, keys map[string]signing.Verifier) string {
	t.Helper()
	maker := func(verify func(signing.Verifier) error) string {
		for name, key := range keys {
			if verify(key) == nil {
				return name
			}
		}
		return "nobody"
	}
	var names []string
	for signature := range strings.FieldsSeq(r.Field(signing.HeaderSignature)) {
		only := func(name string) string {
			if name == signing.HeaderSignature {
				return signature
			}
			return r.Field(name)
		}
		names = append(names, maker(func(v signing.Verifier) error {
			_, err := v.Verify(only, r.Body, time.Now())
			return err
		}))
	}
	if r.Field("X-Corp-Astro-Signature") != "" {
		names = append(names, "hex:"+maker(func(v signing.Verifier) error { return v.VerifyHex(r.Field, r.Body) }))
	}
	return strings.Join(names, " ")
}

// TestOverlapIsJudgedWhenSigning: each attempt of one delivery is signed with the secrets
// that are valid at that time, whichever were valid when the delivery was accepted, the
// webhook changed, or its actor started.
func TestOverlapIsJudgedWhenSigning(t *testing.T) {
	for name, restarts := range map[string][]time.Duration{
		"in one run": nil,
		"across restarts": {
			5 * time.Second, 45 * time.Second, 75 * time.Second, 105 * time.Second, 135 * time.Second, 165 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) { rotateWithin(w, restarts) })
		})
	}
}

const (
	rotatedSecret = "the first secret of the webhook"
	lastSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func rotateWithin(w *world, restarts []time.Duration) {
	receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(500) })
	endpoint := w.register(9001, `,"secret":"`+rotatedSecret+`","retry_policy":{"max_attempts":7,"initial_delay_ms":30000,"multiplier":1,"jitter":0}`)
	start, keys := time.Now(), map[string]signing.Verifier{
		"first": {Secrets: []string{rotatedSecret}}, "last": {Secrets: []string{lastSecret}},
	}
	rotate := func(body string) map[string]any {
		return w.call("POST", "/api/webhooks/"+endpoint+"/rotate-secret", body, 200)
	}
	w.publish()
	var at time.Duration
	for at < 181*time.Second {
		time.Sleep(time.Second)
		at += time.Second
		switch at {
		case 10 * time.Second: // the first secret signs until 70 s
			public := rotate(`{"signature_scheme":"v1a","overlap_seconds":60}`)["public_keys"].([]any)[0].(string)
			keys["private"] = signing.Verifier{PublicKeys: []string{public}}
		case 100 * time.Second: // the private key signs until 160 s
			rotate(`{"secret":"` + lastSecret + `","overlap_seconds":60}`)
		}
		if slices.Contains(restarts, at) {
			w.restart()
		}
	}
	var got []string
	for i, r := range receiver.Requests() {
		got = append(got, signedAs(w.t, &r, keys))
		if n := r.Field("X-Corp-Astro-Attempt"); n != strconv.Itoa(i+1) {
			w.t.Errorf("attempt %d calls itself %s", i+1, n)
		}
	}
	want := []string{
		"first hex:first",         // 0 s: before the rotation
		"private first hex:first", // 30 s
		"private first hex:first", // 60 s
		"private",                 // 90 s: the overlap ended at 70 s
		"last private hex:last",   // 120 s
		"last private hex:last",   // 150 s
		"last hex:last",           // 180 s: the overlap ended at 160 s
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("%v after the start:\ngot  %s\nwant %s", time.Since(start), strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestHexHeadersDuringOverlap: the header that the receiver knows stays with the
// secret before until the overlap ends, and another one carries the new secret's
// signature meanwhile.
func TestHexHeadersDuringOverlap(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(500) })
		endpoint := w.register(9001, `,"secret":"`+rotatedSecret+`","retry_policy":{"max_attempts":4,"initial_delay_ms":30000,"multiplier":1,"jitter":0}`)
		w.publish()
		time.Sleep(10 * time.Second)
		w.call("POST", "/api/webhooks/"+endpoint+"/rotate-secret", `{"secret":"`+lastSecret+`","overlap_seconds":60}`, 200)
		time.Sleep(time.Minute + 30*time.Second)
		var got []string
		for _, r := range receiver.Requests() {
			got = append(got, hexMaker(&r, "X-Corp-Astro-Signature")+" "+hexMaker(&r, "X-Corp-Astro-Signature-Next"))
		}
		if want := []string{"first -", "first last", "first last", "last -"}; !slices.Equal(got, want) { // at 0, 30, 60, 90 s
			t.Errorf("signed by %q, want %q", got, want)
		}
	})
}

// hexMaker says which secret signed one of the two headers; "-" if there is none.
func hexMaker(r *receivertest.Request, header string) string {
	only := func(name string) string {
		if name != header {
			return ""
		}
		return r.Field(name)
	}
	for name, secret := range map[string]string{"first": rotatedSecret, "last": lastSecret} {
		v := signing.Verifier{Secrets: []string{secret}, SignatureHeader: header}
		switch err := v.VerifyHex(only, r.Body); {
		case err == nil:
			return name
		case errors.Is(err, signing.ErrNoSignature):
			return "-"
		}
	}
	return "nobody"
}

// TestKeySetSurvivesRestart: the public keys are there after a restart, and only
// for as long as they are valid.
func TestKeySetSurvivesRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		endpoint := w.register(9001, `,"signature_scheme":"v1a"`)
		w.call("POST", "/api/webhooks/"+endpoint+"/rotate-secret", `{"overlap_seconds":60}`, 200)
		for i, want := range []int{2, 1} {
			w.restart()
			keys := w.call("GET", "/.well-known/jwks.json?webhook="+endpoint, "", 200)["keys"].([]any)
			if len(keys) != want {
				t.Errorf("restart %d: %d keys, want %d", i+1, len(keys), want)
			}
			time.Sleep(time.Minute)
		}
	})
}
