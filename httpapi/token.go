package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// tokenLeeway is how far the issuer's clock may be off.
	tokenLeeway = 5 * time.Second
	// maxToken bounds a token's length in bytes.
	maxToken = 8 << 10
)

// tokens verifies bearer tokens and remembers the good ones until they expire:
// a verification costs microseconds, and publishers send the same token with
// every event. It is safe for concurrent use.
type tokens struct {
	keys   []Key
	set    *KeySet // nil if there is none
	parser *jwt.Parser
	cache  *lru.Cache[tokenHash, verifiedToken]
}

// tokenHash stands for a token in the cache, so that memory holds no tokens.
type tokenHash [sha256.Size]byte

type verifiedToken struct {
	who     *Principal
	expires time.Time
	set     *setKeys // as it was: a key may have been withdrawn since
}

// tokenRules are what tokens must have beside a good signature and an expiry.
type tokenRules struct {
	issuer    string   // "" for any
	audiences []string // one of them; none for any
}

func newTokens(keys []Key, set *KeySet, rules tokenRules, cached int) (*tokens, error) {
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
	return &tokens{keys: keys, set: set, parser: jwt.NewParser(options...), cache: cache}, nil
}

// Why a token is refused before its signature is looked at.
var (
	errTokenLength = fmt.Errorf("token is longer than %d bytes", maxToken)
	errLineEnd     = errors.New("token has a line end")
	errCritical    = errors.New("token has critical header parameters, of which none is known here")
	errKeyID       = errors.New("token names its key by something that is not text")
	errNoKey       = errors.New("token is signed with a key or an algorithm that is not known")
)

// errIssuerKeys is why a token is refused for a time only: its key may be one that
// the issuer has published, and the issuer cannot be reached.
var errIssuerKeys = errors.New("the token issuer's keys cannot be read")

// principal tells whose token this is at the time now. If the token names a key
// that is not known, it may wait, until ctx ends, for the issuer's keys to be read anew.
func (t *tokens) principal(ctx context.Context, token []byte, now time.Time) (*Principal, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("verify token: %w", errTokenLength)
	}
	hash := tokenHash(sha256.Sum256(token))
	if v, ok := t.cache.Get(hash); ok && now.Before(v.expires) && v.set == t.issued() {
		return v.who, nil
	}
	if bytes.ContainsAny(token, "\r\n") {
		return nil, fmt.Errorf("verify token: %w", errLineEnd)
	}
	var c claims
	var found candidates
	_, err := t.parser.ParseWithClaims(string(token), &c, func(token *jwt.Token) (keys any, err error) {
		found, err = t.candidates(ctx, token)
		return found.keys, err
	})
	if err != nil {
		t.cache.Remove(hash)
		if found.later > 0 && !errors.Is(err, jwt.ErrTokenInvalidClaims) {
			err = &webhook.RetryAfterError{Err: errIssuerKeys, After: found.later}
		}
		return nil, fmt.Errorf("verify token: %w", err)
	}
	var scopes []string
	if c.Scope != "" {
		scopes = strings.Split(c.Scope, " ") // checked with the claims
	}
	who, err := newPrincipal(c.ClientID, scopes, "subject:"+c.Subject)
	if err != nil {
		return nil, fmt.Errorf("verify token: %w", err)
	}
	t.cache.Add(hash, verifiedToken{who: who, expires: c.ExpiresAt.Time, set: found.set})
	return who, nil
}

// issued gives the issuer's keys as they are now; nil if no set is configured.
func (t *tokens) issued() *setKeys {
	if t.set == nil {
		return nil
	}
	return t.set.keys.Load()
}

// candidates are the keys that may have signed a token.
type candidates struct {
	keys jwt.VerificationKeySet
	set  *setKeys // the issuer's, as it was looked at
	// later is when it is worth asking again, if the issuer may have a key that is not
	// known here; else zero.
	later time.Duration
}

// candidates finds the keys that may have signed a token, all of its very
// algorithm: those of the name that it gives, else those without a name; all, if
// it gives none.
func (t *tokens) candidates(ctx context.Context, token *jwt.Token) (found candidates, err error) {
	if _, critical := token.Header["crit"]; critical { // RFC 7515, section 4.1.11
		return found, errCritical
	}
	kid, named := token.Header["kid"]
	name, isText := kid.(string)
	if named && !isText {
		return found, errKeyID
	}
	alg := token.Method.Alg()
	keys, set := t.known()
	if named && t.asksIssuer(alg) && !hasKey(keys, name) {
		t.set.refresh(ctx)
		keys, set = t.known()
	}
	found.set = set
	if t.asksIssuer(alg) && (named && !hasKey(keys, name) || !t.set.everRead()) {
		if later, unsure := t.set.unsure(); unsure {
			found.later = later
		}
	}
	if !hasKey(keys, name) {
		name = ""
	}
	for _, k := range keys {
		if k.alg == alg && (!named || k.id == name) {
			found.keys.Keys = append(found.keys.Keys, k.key)
		}
	}
	if len(found.keys.Keys) == 0 {
		return found, errNoKey
	}
	return found, nil
}

// asksIssuer reports whether the issuer's set can have a key of that algorithm: it
// has public ones only.
func (t *tokens) asksIssuer(alg string) bool {
	return t.set != nil && alg != jwt.SigningMethodHS256.Alg()
}

// known gives all keys that are known now: the configured ones, and the issuer's.
func (t *tokens) known() ([]Key, *setKeys) {
	set := t.issued()
	if set == nil {
		return t.keys, nil
	}
	return slices.Concat(t.keys, set.keys), set
}

func hasKey(keys []Key, name string) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.id == name })
}
