package httpapi

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

const keySetPath = "/.well-known/jwks.json"

// keySet returns the x of each key in an answer to a caller without a token.
func (f *fixture) keySet(t testing.TB, query string) []string {
	t.Helper()
	r := f.want(t, 200, nobody, "GET", keySetPath+query, "")
	if media, caching := r.header.Get("Content-Type"), r.header.Get("Cache-Control"); media != "application/jwk-set+json" || caching != "public, max-age=60" {
		t.Errorf("content type %q, caching %q", media, caching)
	}
	var all []string
	for _, key := range r.object(t)["keys"].([]any) {
		all = append(all, key.(map[string]any)["x"].(string))
	}
	return all
}

// signing registers a webhook that signs with a new private key, and returns its id and
// the x of its key.
func (f *fixture) signing(t testing.TB, caller string) (id, x string) {
	t.Helper()
	r := f.want(t, 201, caller, "POST", "/api/webhooks", registering(`,"signature_scheme":"v1a"`))
	return r.text(t, "id"), xOf(r.publicKeys(t)[0])
}

// xOf returns a public key as a key set has it.
func xOf(text string) string {
	return strings.NewReplacer("whpk_", "", "+", "-", "/", "_", "=", "").Replace(text)
}

// TestKeySetVerifies: a library for JSON Web Tokens verifies a signature with a key from
// the set.
func TestKeySetVerifies(t *testing.T) {
	f := newFixture(t)
	id, _ := f.signing(t, acme)
	signer, err := signing.NewSigner(f.dispatcher.lastChange().Secrets)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	text := string(signer.AppendStandard(nil, at, "whd_1", []byte("body")))
	signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "v1a,"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(f.keySet(t, "?webhook="+id)[0])
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.PublicKey(raw)
	if err := jwt.SigningMethodEdDSA.Verify("whd_1.1614265330.body", signature, key); err != nil {
		t.Error(err)
	}
	if err := jwt.SigningMethodEdDSA.Verify("whd_1.1614265331.body", signature, key); err == nil {
		t.Error("a signature of something else was verified")
	}
}

// TestKeySets follows the sets of webhooks through changes.
func TestKeySets(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		expect := func(why, id string, want ...string) {
			t.Helper()
			if got := f.keySet(t, "?webhook="+id); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", why, got, want)
			}
		}
		shared := f.register(t, acme)
		one, x := f.signing(t, acme)
		two, y := f.signing(t, globex)
		expect("one", one, x)
		f.want(t, 200, globex, "POST", "/api/webhooks/"+two+"/pause", "")
		expect("one that is paused", two, y)

		r := f.want(t, 200, acme, "POST", "/api/webhooks/"+one+"/rotate-secret", `{"overlap_seconds":60}`)
		z := xOf(r.publicKeys(t)[0])
		expect("within the overlap", one, z, x)
		time.Sleep(time.Minute - time.Nanosecond)
		expect("at its last moment", one, z, x)
		time.Sleep(time.Nanosecond)
		expect("after the overlap", one, z)

		f.want(t, 200, acme, "POST", "/api/webhooks/"+one+"/rotate-secret", `{"signature_scheme":"v1","overlap_seconds":0}`)
		expect("back to v1", one)
		f.want(t, 200, acme, "POST", "/api/webhooks/"+shared+"/rotate-secret", `{"secret":"`+testPrivateKey+`"}`)
		expect("a given key", shared, testKeyX)
		f.want(t, 204, globex, "DELETE", "/api/webhooks/"+two, "")
		expect("one that is deleted", two)
	})
}

// TestKeySetRevealsNothing: a webhook that does not exist looks like one that has no
// public keys, to the byte.
func TestKeySetRevealsNothing(t *testing.T) {
	f := newFixture(t)
	shared := f.register(t, acme)
	gone, _ := f.signing(t, acme)
	f.want(t, 204, acme, "DELETE", "/api/webhooks/"+gone, "")
	id, err := webhook.EndpointID.Parse(shared)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := f.signing(t, acme)
	otherNonce, err := webhook.EndpointID.Parse(private)
	if err != nil {
		t.Fatal(err)
	}
	otherNonce.Nonce++
	id.Endpoint = 999
	for why, name := range map[string]string{
		"v1": shared, "deleted": gone, "unknown": webhook.EndpointID.Format(id), "not quite its id": webhook.EndpointID.Format(otherNonce),
		"not an id": "wh_x", "of another kind": "evt_" + shared[3:], "empty": "",
	} {
		r := f.want(t, 200, nobody, "GET", keySetPath+"?webhook="+name, "")
		if string(r.body) != `{"keys":[]}`+"\n" {
			t.Errorf("%s: %s", why, r.body)
		}
	}
	for why, query := range map[string]string{"two webhooks": "?webhook=" + private + "&webhook=" + shared, "none": ""} {
		r := f.want(t, 422, nobody, "GET", keySetPath+query, "")
		if got := r.text(t, "field"); got != "webhook" {
			t.Errorf("%s: field %q", why, got)
		}
	}
}
