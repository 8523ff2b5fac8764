package httpapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

const (
	contentKeySet = "application/jwk-set+json" // RFC 7517, section 8.5.2
	// keySetCaching is what others may do with a key set. A new key signs at once,
	// so whoever meets an unknown one has to ask again.
	keySetCaching = "public, max-age=60"
)

// getKeySet shows the public keys with which a webhook's signatures are verified
// now. It asks for no token: a webhook that is not known looks like one that has
// no keys. There is no set for all of them: clients may bring private keys, so
// that whoever trusted it would take one client's deliveries for another's.
func (s *Server) getKeySet(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	if !ctx.QueryArgs().Has("webhook") {
		return invalid("webhook", "is required: each webhook has keys of its own")
	}
	keys, err := s.publicKeys(parameter(ctx, "webhook"))
	if err != nil {
		return err
	}
	body, err := json.Marshal(keySet{keys}) // no keys are [], not null
	if err != nil {
		return fmt.Errorf("encode the key set: %w", err)
	}
	ctx.SetContentType(contentKeySet)
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, keySetCaching)
	ctx.Response.SetBodyRaw(append(body, '\n'))
	return nil
}

// keySet is the document of RFC 7517, section 5.
type keySet struct {
	Keys []signing.JSONWebKey `json:"keys"`
}

func (s *Server) publicKeys(name string) (keys []signing.JSONWebKey, err error) {
	id, err := webhook.EndpointID.Parse(name)
	if err != nil {
		return nil, nil
	}
	e, err := s.store.Endpoint(id.Endpoint)
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return nil, fmt.Errorf("read webhook: %w", err)
	}
	if err != nil || e.ID != id || e.Deleted() {
		return nil, nil
	}
	for _, secret := range e.Secrets {
		if key, ok := secret.JSONWebKey(); ok && secret.Valid(time.Now()) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
