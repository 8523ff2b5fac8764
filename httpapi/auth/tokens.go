package auth

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
	// tokenLeeway is the difference that is tolerated between the issuer's clock and
	// this server's.
	tokenLeeway = 5 * time.Second
	// maxToken bounds a token's length in bytes. MaxHeader of httpapi/inbound bounds it
	// too, but twice as high; parsing costs time before anything is verified.
	maxToken = 8 << 10
)

// Tokens verifies bearer tokens and remembers the good ones until they expire: a
// verification costs tens of microseconds, and publishers send the same token with
// every event. It is safe for concurrent use.
type Tokens struct {
	keys   []Key
	set    *KeySet // nil if the issuer publishes no keys
	parser *jwt.Parser
	cache  *lru.Cache[tokenHash, verifiedToken]
}

// tokenHash stands for a token in the cache, so that a dump of the memory shows no
// usable tokens.
type tokenHash [sha256.Size]byte

// verifiedToken is what the cache keeps of a good token.
type verifiedToken struct {
	who     *Principal
	expires time.Time
	// set is the issuer's set that the token was verified with. When the set has
	// changed, the token's key may have been withdrawn, and the token is verified again.
	set *setKeys
}

// Rules are what tokens must have beside a good signature and an expiry.
type Rules struct {
	// Issuer is what the claim iss must be; empty admits every issuer.
	Issuer string
	// Audiences admit a token whose claim aud names one of them; none admits every
	// audience.
	Audiences []string
}

// NewTokens returns a verifier with these keys, and with those of set unless it is
// nil. It remembers up to cached tokens.
func NewTokens(keys []Key, set *KeySet, rules Rules, cached int) (*Tokens, error) {
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
	if rules.Issuer != "" {
		options = append(options, jwt.WithIssuer(rules.Issuer))
	}
	if len(rules.Audiences) > 0 {
		options = append(options, jwt.WithAudience(rules.Audiences...))
	}
	return &Tokens{keys: keys, set: set, parser: jwt.NewParser(options...), cache: cache}, nil
}

// Reasons to refuse a token before its signature is verified.
var (
	errTokenLength = fmt.Errorf("token is longer than %d bytes", maxToken)
	errLineEnd     = errors.New("token has a line end")
	errCritical    = errors.New("token has critical header parameters, of which none is known here")
	errKeyID       = errors.New("token names its key by something that is not text")
	errNoKey       = errors.New("token is signed with a key or an algorithm that is not known")
)

// ErrIssuerKeys means that a token cannot be judged now: its key may be one that the
// issuer has published, and the issuer cannot be reached.
var ErrIssuerKeys = errors.New("the token issuer's keys cannot be read")

// Verify returns the principal of a token at the time now. If the token names an
// unknown key, Verify has the issuer's keys read again and waits for them, at most
// keySetWait and until ctx ends. ErrIssuerKeys, in a *webhook.RetryAfterError, means
// that the token is refused for a time; every other error, for good.
func (t *Tokens) Verify(ctx context.Context, token []byte, now time.Time) (*Principal, error) {
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
			err = &webhook.RetryAfterError{Err: ErrIssuerKeys, After: found.later}
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
	who.Until = c.ExpiresAt.Time
	t.cache.Add(hash, verifiedToken{who: who, expires: c.ExpiresAt.Time, set: found.set})
	return who, nil
}

// issued returns the issuer's keys as they are now; nil if no set is configured.
func (t *Tokens) issued() *setKeys {
	if t.set == nil {
		return nil
	}
	return t.set.keys.Load()
}

// candidates are the keys that may have signed a token.
type candidates struct {
	keys jwt.VerificationKeySet
	set  *setKeys // the issuer's keys that were searched
	// later is the wait after which another try is worthwhile, if the issuer may have
	// a key that is not known here; otherwise zero.
	later time.Duration
}

// candidates returns the keys that may have signed a token. All have exactly the
// token's algorithm, or a public key could be abused as an HMAC secret. A token that
// names its key (kid) gets the keys of that name or, if there are none, those
// without a name; a token without kid gets all.
func (t *Tokens) candidates(ctx context.Context, token *jwt.Token) (found candidates, err error) {
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

// asksIssuer reports whether the issuer's set can have a key of that algorithm. A set
// has public keys only, so a token of a secret never waits for the issuer.
func (t *Tokens) asksIssuer(alg string) bool {
	return t.set != nil && alg != jwt.SigningMethodHS256.Alg()
}

// known returns all keys that are known now: the configured ones and the issuer's.
func (t *Tokens) known() ([]Key, *setKeys) {
	set := t.issued()
	if set == nil {
		return t.keys, nil
	}
	return slices.Concat(t.keys, set.keys), set
}

func hasKey(keys []Key, name string) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.id == name })
}
