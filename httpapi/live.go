package httpapi

import (
	"errors"

	"github.com/corpastro/astrohook/webhook"
)

// Live are the options that can change while a Server runs; see Options for what
// they mean.
type Live struct {
	Keys         []Key
	Issuer       string
	Audiences    []string
	Defaults     webhook.Settings
	Ceilings     webhook.Ceilings
	MaxWebhooks  int
	AnyEventType bool
}

// Prepare checks new options. Nothing changes before apply is called, which
// cannot fail. Tokens are judged by the new keys and rules from then on, also those
// that were good before.
func (s *Server) Prepare(o Live) (apply func(), err error) {
	if len(o.Keys) == 0 && s.keySet == nil {
		return nil, errors.New("options of the HTTP API: Keys is missing")
	}
	rules := tokenRules{issuer: o.Issuer, audiences: o.Audiences}
	tokens, err := newTokens(o.Keys, s.keySet, rules, s.limits.CachedTokens)
	if err != nil {
		return nil, err
	}
	defaults := o.Defaults.Or(webhook.DefaultSettings())
	return func() {
		s.tokens.Store(tokens)
		s.defaults.Store(&defaults)
		s.ceilings.Store(&o.Ceilings)
		s.maxWebhooks.Store(int64(o.MaxWebhooks))
		s.types.check.Store(!o.AnyEventType)
	}, nil
}
