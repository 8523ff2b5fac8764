package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// maxSetKeys bounds the keys of a set: every token that names no key tries them all.
const maxSetKeys = 100

var errNoKeys = errors.New("no key in it is a public one for RS256, ES256 or EdDSA signatures")

// parseKeySet returns the usable keys of a JWK Set. Keys for other purposes or
// algorithms are skipped (RFC 7517, section 5), but a set without a usable key is an
// error: it is more likely a mistake of the issuer than its wish to lock everybody out.
func parseKeySet(text []byte) ([]Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	if len(set.Keys) > maxSetKeys {
		return nil, fmt.Errorf("the JWK Set has %d keys, more than %d", len(set.Keys), maxSetKeys)
	}
	var keys []Key
	for _, raw := range set.Keys {
		if key, ok := parseJWK(raw); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parseJWK reads a public key for signatures. The key's kind decides its algorithm; an
// "alg" that says otherwise makes the key unusable.
func parseJWK(raw []byte) (Key, bool) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return Key{}, false
	}
	if m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) {
		return Key{}, false
	}
	m.X5U = "" // it points to one more document, which nothing here needs
	public, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return Key{}, false
	}
	alg, err := algorithm(public.Key())
	if err != nil || m.ALG != "" && string(m.ALG) != alg {
		return Key{}, false
	}
	return Key{id: m.KID, alg: alg, key: public.Key()}, true
}

// documentHash returns a hash that is equal for two documents that are equal as JSON:
// an issuer may write the members of an unchanged set in another order each
// time, and a change of the set empties the token cache. A text that Canonical
// refuses is compared byte by byte.
func documentHash(text []byte) [sha256.Size]byte {
	canonical, err := canonicaljson.Append(nil, text)
	if err != nil {
		return sha256.Sum256(text)
	}
	document := webhook.Event{Data: canonical}
	identity := document.Identity()
	return sha256.Sum256(identity[:])
}
