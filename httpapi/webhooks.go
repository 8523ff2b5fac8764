package httpapi

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// createWebhook registers an endpoint. The answer is the only one that shows its secret.
func (s *Server) createWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	var in registration.Input
	if err := exchange.Decode(ctx, &in); err != nil {
		return err
	}
	client, err := ownerOf(&in, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	e, err := s.newEndpoint(call, &in, client)
	if err != nil {
		return err
	}
	// The client's limits are checked with what other registrations under way will add, so
	// that many at the same time do not pass together.
	registered, err := s.reserve(call, client, webhook.Footprint{Webhooks: 1, Patterns: len(e.EventTypes)})
	if err != nil {
		return err
	}
	defer registered()
	if e, err = s.store.CreateEndpoint(call, e); err != nil {
		return fmt.Errorf("create webhook: %w", err)
	}
	s.clients.remember(e.Number(), e.ClientID)
	s.noteWebhook(ctx, nil, &e)
	s.dispatcher.EndpointChanged(e) // only now: what the dispatcher knows is stored
	out := s.showWebhook(&e)
	out.Reveal(e.Secrets[0])
	ctx.Response.Header.Set(fasthttp.HeaderLocation, "/api/webhooks/"+out.ID)
	return exchange.Answer(ctx, fasthttp.StatusCreated, out)
}

// ownerOf returns the client of a new endpoint: the caller's own, or for an administrator the
// one that it names in the query or in the body, otherwise the one in its token.
func ownerOf(in *registration.Input, who *auth.Principal) (string, error) {
	named := in.ClientID.Value
	switch {
	case in.ClientID.Given() && !auth.ValidClientID(named):
		return "", problem.OfField("client_id", auth.ClientIDRule)
	case who.ClientID == "" && named == "" && who.Home != "":
		return who.Home, nil
	case who.ClientID == "" && named == "":
		return "", problem.OfField("client_id", "is missing: an administrator names the client in the body, in the query or in the token")
	case who.ClientID == "":
		return named, nil
	case named != "" && named != who.ClientID:
		return "", notYourClient()
	}
	return who.ClientID, nil
}

// newEndpoint makes an endpoint of the input. The store gives it its number. The nonce keeps
// IDs from being guessed from one another; it is no secret.
func (s *Server) newEndpoint(call context.Context, in *registration.Input, client string) (webhook.Endpoint, error) {
	now := time.Now().UTC().Truncate(time.Millisecond) // as storage keeps it
	e := webhook.Endpoint{
		ID:       webhook.ID{Seq: s.sequence.Next(now), Nonce: mathrand.Uint32()},
		ClientID: client, Status: webhook.EndpointActive, CreatedAt: now, UpdatedAt: now,
	}
	in.ClientID = jsonbody.Optional[string]{} // judged by ownerOf
	rules := s.rules()
	var f jsonbody.Faults
	in.CheckNew(&rules, &f)
	secret, err := in.NewSecret(signing.DefaultScheme)
	f.Add(err)
	e.Secrets = []signing.Secret{secret}
	in.Apply(&e, &rules, now, &f)
	if in.TargetURL.Given() {
		e.TargetURL, err = s.target(call, in.TargetURL.Value)
		f.Add(err)
	}
	return e, f.Err()
}

// rules returns what registrations are judged by now. A reload of the configuration may
// change them between two calls.
func (s *Server) rules() registration.Rules {
	return registration.Rules{
		Types: s.types, Defaults: *s.defaults.Load(), Ceilings: s.ceilings.Load(), HeaderPrefix: s.headerPrefix,
	}
}

// showWebhook returns an endpoint as the API shows it.
func (s *Server) showWebhook(e *webhook.Endpoint) registration.Resource {
	rules := s.rules()
	return registration.Show(e, &rules, time.Now())
}

// target returns a target URL in the form in which it is stored, if the address guard lets it
// through. It resolves the name, which can take as long as the call may.
func (s *Server) target(call context.Context, raw string) (string, error) {
	canonical, err := s.checkTarget(call, raw)
	if err != nil {
		return "", fmt.Errorf("check target_url: %w", err)
	}
	return canonical, nil
}

// getWebhook answers with one endpoint.
func (s *Server) getWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// liveEndpoint reads the endpoint in the path. A deleted one is ErrNotFound.
func (s *Server) liveEndpoint(ctx *fasthttp.RequestCtx, who *auth.Principal) (webhook.Endpoint, error) {
	e, err := s.endpoint(ctx, who)
	if err == nil && e.Deleted() {
		err = fmt.Errorf("webhook is deleted: %w", webhook.ErrNotFound)
	}
	return e, err
}

// endpoint reads the endpoint in the path, deleted or not. An endpoint of another client is
// ErrNotFound, and so is a number whose ID has another nonce.
func (s *Server) endpoint(ctx *fasthttp.RequestCtx, who *auth.Principal) (webhook.Endpoint, error) {
	return s.endpointByID(who, exchange.Path(ctx, "id"))
}

// endpointByID reads the endpoint with an ID, as endpoint does.
func (s *Server) endpointByID(who *auth.Principal, text string) (webhook.Endpoint, error) {
	id, err := webhook.EndpointID.Parse(text)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	call, cancel := s.call()
	defer cancel()
	e, err := s.store.Endpoint(call, id.Endpoint)
	switch {
	case err != nil:
		return e, fmt.Errorf("read webhook: %w", err)
	// Both are the same to the caller, so that nobody learns which numbers exist.
	case e.ID != id || !who.Sees(e.ClientID):
		return e, fmt.Errorf("webhook of another client: %w", webhook.ErrNotFound)
	}
	return e, nil
}

// webhookHealth answers how an endpoint is doing.
func (s *Server) webhookHealth(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	h, err := s.dispatcher.Health(call, e.Number())
	if err != nil {
		return fmt.Errorf("health of webhook: %w", err)
	}
	// What holds now, not what was stored: the operator may have lowered a ceiling since.
	limits := e.Settings.Effective(*s.defaults.Load(), *s.ceilings.Load())
	return exchange.Answer(ctx, fasthttp.StatusOK, view.NewHealth(&e, &h, limits, time.Now()))
}
