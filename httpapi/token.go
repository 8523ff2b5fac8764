package httpapi

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// tokenLeeway is how far the issuer's clock may be off.
	tokenLeeway = 5 * time.Second
	// maxToken bounds a token's length in bytes.
	maxToken = 8 << 10
)

// claims are what we read of a token.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// UnmarshalJSON reads claims under their exact names, once each (RFC 7519,
// section 4). encoding/json, which the jwt library decodes with, would take "EXP"
// for "exp", and the last of two.
func (c *claims) UnmarshalJSON(text []byte) error {
	type plain claims // without this method
	return json.Unmarshal(text, (*plain)(c))
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

// tokenRules are what tokens must have beside a good signature and an expiry.
type tokenRules struct {
	issuer    string   // "" for any
	audiences []string // one of them; none for any
}

func newTokens(keys []Key, rules tokenRules, cached int) (*tokens, error) {
	for _, k := range keys {
		if k.alg == "" {
			return nil, errors.New("a token key is empty")
		}
	}
	cache, err := lru.New[tokenHash, verifiedToken](cached)
	if err != nil {
		return nil, fmt.Errorf("make the token cache: %w", err)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(tokenLeeway), jwt.WithStrictDecoding(),
	}
	if rules.issuer != "" {
		options = append(options, jwt.WithIssuer(rules.issuer))
	}
	if len(rules.audiences) > 0 {
		options = append(options, jwt.WithAudience(rules.audiences...))
	}
	return &tokens{keys: keys, parser: jwt.NewParser(options...), cache: cache}, nil
}

// Why a token is refused before its signature is looked at.
var (
	errTokenLength = fmt.Errorf("token is longer than %d bytes", maxToken)
	errLineEnd     = errors.New("token has a line end")
	errCritical    = errors.New("token has critical header parameters, of which none is known here")
	errKeyID       = errors.New("token names its key by something that is not text")
)

// principal tells whose token this is at the time now.
func (t *tokens) principal(token []byte, now time.Time) (*Principal, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("verify token: %w", errTokenLength)
	}
	hash := tokenHash(sha256.Sum256(token))
	if v, ok := t.cache.Get(hash); ok && now.Before(v.expires) {
		return v.who, nil
	}
	if bytes.ContainsAny(token, lineEnds) {
		return nil, fmt.Errorf("verify token: %w", errLineEnd)
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(string(token), &c, t.candidates); err != nil {
		t.cache.Remove(hash)
		return nil, fmt.Errorf("verify token: %w", err)
	}
	who, err := newPrincipal(c.ClientID, strings.Fields(c.Scope), "subject:"+c.Subject)
	if err != nil {
		return nil, fmt.Errorf("verify token: %w", err)
	}
	t.cache.Add(hash, verifiedToken{who: who, expires: c.ExpiresAt.Time})
	return who, nil
}

// candidates gives the keys that may have signed a token, all of its very
// algorithm: those of the name that it gives, else those without a name; all, if
// it gives none.
func (t *tokens) candidates(token *jwt.Token) (any, error) {
	if _, critical := token.Header["crit"]; critical { // RFC 7515, section 4.1.11
		return nil, errCritical
	}
	kid, named := token.Header["kid"]
	name, isText := kid.(string)
	if named && !isText {
		return nil, errKeyID
	}
	if !slices.ContainsFunc(t.keys, func(k Key) bool { return k.id == name }) {
		name = ""
	}
	var set jwt.VerificationKeySet
	for _, k := range t.keys {
		if k.alg == token.Method.Alg() && (!named || k.id == name) {
			set.Keys = append(set.Keys, k.key)
		}
	}
	return set, nil
}
