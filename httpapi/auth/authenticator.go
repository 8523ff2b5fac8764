package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Store is what an Authenticator reads and writes.
type Store interface {
	KeyStore
	GrantStore
}

// Options are what an Authenticator is made of. Store, Log, Registry, a positive
// CachedTokens, and Keys or KeySet are needed.
type Options struct {
	// Keys verify tokens, and so do those of KeySet, which the caller runs.
	Keys   []Key
	KeySet *KeySet
	// Rules hold tokens to more than a good signature and an expiry.
	Rules Rules
	// CachedTokens bounds the verified tokens that are remembered.
	CachedTokens int
	// Store keeps the API keys, sessions and links.
	Store Store
	Log   *slog.Logger
	// Registry takes the metrics.
	Registry prometheus.Registerer
}

// Authenticator finds out who presents a credential. It is safe for concurrent use.
type Authenticator struct {
	tokens   atomic.Pointer[Tokens]
	keySet   *KeySet // nil if the issuer publishes no keys
	cached   int
	apiKeys  *APIKeys
	grants   *Grants
	refusals *Refusals
}

// New returns an Authenticator. It reads the API keys from the store, registers the
// metrics, and logs the API keys that allow nothing.
func New(o Options) (*Authenticator, error) {
	tokens, err := NewTokens(o.Keys, o.KeySet, o.Rules, o.CachedTokens)
	if err != nil {
		return nil, err
	}
	if o.KeySet != nil {
		if err := o.KeySet.register(o.Registry); err != nil {
			return nil, err
		}
	}
	refusals, err := NewRefusals(o.Log, o.Registry)
	if err != nil {
		return nil, err
	}
	apiKeys, err := LoadAPIKeys(o.Store)
	if err != nil {
		return nil, err
	}
	apiKeys.warnUseless(o.Log)
	grants, err := openGrants(o.Store, apiKeys)
	if err != nil {
		return nil, err
	}
	a := &Authenticator{keySet: o.KeySet, cached: o.CachedTokens, apiKeys: apiKeys, grants: grants, refusals: refusals}
	a.tokens.Store(tokens)
	return a, nil
}

// errNoTokenKeys refuses a configuration with which no token could ever be good. It is
// most likely a mistake, even if all callers have API keys.
var errNoTokenKeys = errors.New("no keys for tokens: Keys is missing")

// APIKeys returns the server's API keys, for the calls that make and revoke them.
func (a *Authenticator) APIKeys() *APIKeys { return a.apiKeys }

// Grants returns the server's sessions and links, for the calls that make and revoke them.
func (a *Authenticator) Grants() *Grants { return a.grants }

// Prepare checks new keys and rules for tokens. Nothing changes before the caller
// calls apply, which cannot fail. From then on all tokens are judged by the new
// keys and rules, also those that were verified before.
func (a *Authenticator) Prepare(keys []Key, rules Rules) (apply func(), err error) {
	if len(keys) == 0 && a.keySet == nil {
		return nil, errNoTokenKeys
	}
	tokens, err := NewTokens(keys, a.keySet, rules, a.cached)
	if err != nil {
		return nil, err
	}
	return func() { a.tokens.Store(tokens) }, nil
}

// Principal returns who presents a token or an API key at the time now. address is
// that of the caller, for the log. ErrIssuerKeys, in a *webhook.RetryAfterError,
// means that the credential cannot be judged yet; every other error, that it is
// refused. ctx bounds the wait for the issuer's keys.
func (a *Authenticator) Principal(ctx context.Context, credential []byte, address fmt.Stringer, now time.Time) (*Principal, error) {
	who, err := a.verify(ctx, credential, now)
	if err != nil {
		a.refusals.Add(err, func() []slog.Attr {
			return append([]slog.Attr{slog.String("address", address.String())}, describe(credential)...)
		})
	}
	return who, err
}

// Session returns who presents the secret of a session at the time now. An error for
// which IsRefusal holds means that it is refused; every other one, that the store cannot
// say now.
func (a *Authenticator) Session(ctx context.Context, secret []byte, address fmt.Stringer, now time.Time) (*Principal, error) {
	who, err := a.grants.session(ctx, string(secret), now)
	if IsRefusal(err) {
		a.Refused(err, address)
	}
	return who, err
}

// Refused counts and logs a session or a link that was refused.
func (a *Authenticator) Refused(err error, address fmt.Stringer) {
	a.refusals.Add(err, func() []slog.Attr { return []slog.Attr{slog.String("address", address.String())} })
}

// IsRefusal reports whether an error says that a session or a link is refused.
func IsRefusal(err error) bool { return errors.Is(err, errGrant) || errors.Is(err, errGrantExpired) }

func (a *Authenticator) verify(ctx context.Context, credential []byte, now time.Time) (*Principal, error) {
	if bytes.HasPrefix(credential, []byte(APIKeyPrefix)) {
		return a.apiKeys.Verify(credential, now)
	}
	return a.tokens.Load().Verify(ctx, credential, now)
}

// Close logs the refusals that were counted and not logged yet.
func (a *Authenticator) Close() { a.refusals.Close() }
