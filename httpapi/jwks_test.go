package httpapi

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/webhook"
)

const keySetPath = "/.well-known/jwks.json"

// TestThumbprint has the key of RFC 8037, appendices A.2 and A.3.
func TestThumbprint(t *testing.T) {
	raw, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	want := jsonWebKey{"OKP", "Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "sig", "EdDSA"}
	if got := newJSONWebKey(raw); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// keySet gives the keys, x by x, of an answer without a token.
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

// signing registers a webhook that signs with a new private key, and gives its id and its key's x.
func (f *fixture) signing(t testing.TB, caller string) (id, x string) {
	t.Helper()
	r := f.want(t, 201, caller, "POST", "/api/webhooks", registering(`,"signature_scheme":"v1a"`))
	return r.text(t, "id"), xOf(r.publicKeys(t)[0])
}

// xOf gives a public key as a key set has it.
func xOf(text string) string {
	return strings.NewReplacer("whpk_", "", "+", "-", "/", "_", "=", "").Replace(text)
}

// TestKeySetVerifies: what is signed is verified with a key from the set by a
// library for JSON Web Tokens.
func TestKeySetVerifies(t *testing.T) {
	f := newFixture(t)
	id, _ := f.signing(t, acme)
	signer, err := webhook.NewSigner(f.dispatcher.lastChange().Secrets)
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

// TestKeySets follows the sets of one webhook and of all through changes.
func TestKeySets(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		expect := func(why, query string, want ...string) {
			t.Helper()
			if got := f.keySet(t, query); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", why, got, want)
			}
		}
		expect("before the first webhook", "")
		shared := f.register(t, acme)
		one, x := f.signing(t, acme)
		two, y := f.signing(t, globex)
		expect("all, the newest first", "", y, x)
		expect("one", "?webhook="+one, x)
		f.want(t, 200, globex, "POST", "/api/webhooks/"+two+"/pause", "")
		expect("one that is paused", "?webhook="+two, y)

		r := f.want(t, 200, acme, "POST", "/api/webhooks/"+one+"/rotate-secret", `{"overlap_seconds":60}`)
		z := xOf(r.publicKeys(t)[0])
		expect("within the overlap", "?webhook="+one, z, x)
		expect("all within the overlap", "", y, z, x)
		time.Sleep(time.Minute - time.Nanosecond)
		expect("at its last moment", "", y, z, x)
		time.Sleep(time.Nanosecond)
		expect("after the overlap", "?webhook="+one, z)
		expect("all after the overlap", "", y, z)

		f.want(t, 200, acme, "POST", "/api/webhooks/"+one+"/rotate-secret", `{"signature_scheme":"v1","overlap_seconds":0}`)
		expect("back to v1", "?webhook="+one)
		expect("all when one is back to v1", "", y)
		f.want(t, 200, acme, "POST", "/api/webhooks/"+shared+"/rotate-secret", `{"secret":"`+testPrivateKey+`"}`)
		expect("a given key", "?webhook="+shared, testKeyX)
		f.want(t, 201, acme, "POST", "/api/webhooks", registering(`,"secret":"`+testPrivateKey+`"`))
		expect("the same key twice", "", testKeyX, y)

		f.want(t, 204, globex, "DELETE", "/api/webhooks/"+two, "")
		expect("one that is deleted", "?webhook="+two)
		expect("all when one is deleted", "", testKeyX)
	})
}

// TestKeySetTellsNothing: a webhook that does not exist looks like one that has no
// public keys, to the byte.
func TestKeySetTellsNothing(t *testing.T) {
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
		if string(r.body) != `{"keys":[]}` {
			t.Errorf("%s: %s", why, r.body)
		}
	}
	r := f.want(t, 422, nobody, "GET", keySetPath+"?webhook="+private+"&webhook="+shared, "")
	if got := r.text(t, "field"); got != "webhook" {
		t.Errorf("two webhooks: field %q", got)
	}
}

// countingStore counts the endpoints that are read one by one, and all together.
type countingStore struct {
	Store
	single, all atomic.Int64
}

func (c *countingStore) Endpoint(n webhook.EndpointNumber) (webhook.Endpoint, error) {
	c.single.Add(1)
	return c.Store.Endpoint(n)
}

func (c *countingStore) EachEndpoint(visit func(webhook.Endpoint) error) error {
	c.all.Add(1)
	return c.Store.EachEndpoint(visit)
}

// TestKeySetIsBounded: the set of all reads endpoints after changes only, and then
// at most 1,000 of those that sign with private keys; the others are read at start.
func TestKeySetIsBounded(t *testing.T) {
	const others, private = 5000, maxSetKeys + 200
	fill := newFixture(t)
	create := func(secrets ...webhook.Secret) string {
		e, err := fill.store.CreateEndpoint(t.Context(), webhook.Endpoint{
			ID: webhook.ID{Seq: 1}, ClientID: "acme", EventTypes: []string{"*"}, TargetURL: "https://example.com/", Secrets: secrets, Status: webhook.EndpointActive,
		})
		if err != nil {
			t.Fatal(err)
		}
		return webhook.EndpointID.Format(e.ID)
	}
	key := func(seed string) webhook.Secret {
		text, err := webhook.GeneratePrivateKey(bytes.NewReader(fmt.Appendf(nil, "%32s", seed)))
		if err != nil {
			t.Fatal(err)
		}
		return webhook.Secret{Value: text}
	}
	var newest string
	for i := range others + private {
		if i >= others/2 && i < others/2+private {
			newest = create(key(fmt.Sprint(i)))
		} else {
			create(webhook.Secret{Value: "a secret of sixteen"})
		}
	}
	var store *countingStore
	f := newFixture(t, func(o *Options) {
		store = &countingStore{Store: fill.store}
		o.Store = store
	})
	expect := func(why string, keys int, reads int64) {
		t.Helper()
		before := store.single.Load()
		if n := len(f.keySet(t, "")); n != keys {
			t.Errorf("%s: %d keys, want %d", why, n, keys)
		}
		if n := store.single.Load() - before; n != reads {
			t.Errorf("%s: %d endpoints were read, want %d", why, n, reads)
		}
	}
	expect("first", maxSetKeys, maxSetKeys)
	expect("again", maxSetKeys, 0)
	f.register(t, acme)
	expect("after a webhook that signs v1", maxSetKeys, 0)
	f.want(t, 200, acme, "POST", "/api/webhooks/"+newest+"/rotate-secret", "")
	expect("after a rotation", maxSetKeys, maxSetKeys-1) // one gives two keys
	for i := range 500 {
		e, err := fill.store.UpdateEndpoint(t.Context(), webhook.EndpointNumber(others/2+private-i), func(e *webhook.Endpoint) error {
			e.Secrets = []webhook.Secret{{Value: "a secret of sixteen"}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f.keyring.note(&e)
	}
	expect("after 500 went back to v1", maxSetKeys-500, maxSetKeys)
	expect("and those are forgotten", maxSetKeys-500, 0)
	f.signing(t, acme)
	expect("so the older ones come up", private-500+1, private-500+1)
	if n := store.all.Load(); n != 1 {
		t.Errorf("all endpoints were read %d times", n)
	}
}

// TestLateNote: changes of one endpoint may be noted in another order than they were made in.
func TestLateNote(t *testing.T) {
	f := newFixture(t)
	id, x := f.signing(t, acme)
	with := f.dispatcher.lastChange()
	without := with
	without.Secrets, without.Revision = []webhook.Secret{{Value: "a secret of sixteen"}}, with.Revision-1
	f.keyring.note(&without)
	if got := f.keySet(t, ""); !slices.Equal(got, []string{x}) {
		t.Errorf("after a late note: %q", got)
	}
	f.want(t, 204, acme, "DELETE", "/api/webhooks/"+id, "")
	f.keyring.note(&with)
	if got := f.keySet(t, ""); len(got) != 0 {
		t.Errorf("after a late note of a deleted one: %q", got)
	}
}
