package httpapi

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// maxSetKeys bounds the keys of a key set, and the webhooks that are read for it.
const maxSetKeys = 1000

const (
	contentKeySet = "application/jwk-set+json" // RFC 7517, section 8.5.2
	// keySetCaching is what others may do with a key set. A new key signs at once,
	// so whoever meets an unknown one has to ask again.
	keySetCaching = "public, max-age=60"
)

// jsonWebKey is a public key as RFC 8037 writes it.
type jsonWebKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid"` // the thumbprint of RFC 7638
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

func newJSONWebKey(key ed25519.PublicKey) jsonWebKey {
	x := base64.RawURLEncoding.EncodeToString(key)
	thumbprint := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return jsonWebKey{
		KeyType: "OKP", Curve: "Ed25519", X: x, KeyID: base64.RawURLEncoding.EncodeToString(thumbprint[:]), Use: "sig", Algorithm: "EdDSA",
	}
}

// getKeySet shows the public keys of one webhook, or of all. It asks for no token:
// a webhook that is not known looks like one that has no keys.
func (s *Server) getKeySet(ctx *fasthttp.RequestCtx, _ *Principal) error {
	var body []byte
	var err error
	if ctx.QueryArgs().Has("webhook") {
		body, err = s.webhookKeySet(parameter(ctx, "webhook"))
	} else {
		body, err = s.keyring.keySet(time.Now())
	}
	if err != nil {
		return err
	}
	ctx.SetContentType(contentKeySet)
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, keySetCaching)
	ctx.Response.SetBodyRaw(body)
	return nil
}

func (s *Server) webhookKeySet(name string) ([]byte, error) {
	var set keySet
	id, err := webhook.EndpointID.Parse(name)
	if err == nil {
		var e webhook.Endpoint
		if e, err = s.store.Endpoint(id.Endpoint); err == nil && e.ID == id {
			set.add(&e, time.Now())
		}
	}
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return nil, fmt.Errorf("read webhook: %w", err)
	}
	return set.encode()
}

// keySet is a key set in the making: different keys, at most maxSetKeys.
type keySet struct {
	keys []jsonWebKey
	has  map[string]bool // by key id
	// until is when the first of the keys expires; zero if none does.
	until time.Time
}

// add adds the public keys with which an endpoint's signatures are verified now,
// and tells whether there are any.
func (k *keySet) add(e *webhook.Endpoint, now time.Time) bool {
	if e.Deleted() {
		return false
	}
	signs := false
	for _, secret := range e.Secrets {
		public := secret.PublicKey()
		if public == nil || !secret.Valid(now) {
			continue
		}
		signs = true
		key := newJSONWebKey(public)
		if len(k.keys) == maxSetKeys || k.has[key.KeyID] {
			continue
		}
		if k.has == nil {
			k.has = map[string]bool{}
		}
		k.keys, k.has[key.KeyID] = append(k.keys, key), true
		if at := secret.ExpiresAt; !at.IsZero() && (k.until.IsZero() || at.Before(k.until)) {
			k.until = at
		}
	}
	return signs
}

// encode gives the document of RFC 7517, section 5.
func (k *keySet) encode() ([]byte, error) {
	set := struct {
		Keys []jsonWebKey `json:"keys"`
	}{k.keys}
	body, err := json.Marshal(set) // no keys are [], not null
	if err != nil {
		return nil, fmt.Errorf("encode the key set: %w", err)
	}
	return body, nil
}
