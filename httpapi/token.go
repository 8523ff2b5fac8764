package httpapi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"
)

// tokenLeeway is how far the issuer's clock may be off.
const tokenLeeway = 5 * time.Second

// claims are what we read of a token.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// tokens verifies bearer tokens and remembers the good ones until they expire:
// a verification costs microseconds, and publishers send the same token with
// every event. It is safe for concurrent use.
type tokens struct {
	keys   []Key
	parser *jwt.Parser
	cache  *lru.Cache[tokenHash, verifiedToken]
}

// tokenHash stands for a token in the cache, so that memory holds no tokens.
type tokenHash [sha256.Size]byte

type verifiedToken struct {
	who     *Principal
	expires time.Time
}

func newTokens(keys []Key, cached int) (*tokens, error) {
	var algs []string
	for _, k := range keys {
		if k.alg == "" {
			return nil, errors.New("a token key is empty")
		}
		if !slices.Contains(algs, k.alg) {
			algs = append(algs, k.alg)
		}
	}
	cache, err := lru.New[tokenHash, verifiedToken](cached)
	if err != nil {
		return nil, fmt.Errorf("make the token cache: %w", err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods(algs), jwt.WithExpirationRequired(),
		jwt.WithLeeway(tokenLeeway), jwt.WithStrictDecoding())
	return &tokens{keys: keys, parser: parser, cache: cache}, nil
}

// principal tells whose token this is at the time now.
func (t *tokens) principal(token []byte, now time.Time) (*Principal, error) {
	hash := tokenHash(sha256.Sum256(token))
	if v, ok := t.cache.Get(hash); ok && now.Before(v.expires) {
		return v.who, nil
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(string(token), &c, t.candidates); err != nil {
		t.cache.Remove(hash)
		return nil, fmt.Errorf("verify token: %w", err)
	}
	who, err := newPrincipal(&c)
	if err != nil {
		return nil, fmt.Errorf("verify token: %w", err)
	}
	t.cache.Add(hash, verifiedToken{who: who, expires: c.ExpiresAt.Time})
	return who, nil
}

// candidates gives the keys that may have signed a token: those of its very
// algorithm, and of the name it gives if it gives one.
func (t *tokens) candidates(token *jwt.Token) (any, error) {
	name, _ := token.Header["kid"].(string)
	var set jwt.VerificationKeySet
	for _, k := range t.keys {
		if k.alg == token.Method.Alg() && (name == "" || k.id == "" || k.id == name) {
			set.Keys = append(set.Keys, k.key)
		}
	}
	return set, nil
}
