package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
)

// replaceWebhook replaces everything that a client can set, except the secret and, where it is
// absent, the status. Sending back what getWebhook shows changes nothing.
func (s *Server) replaceWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.editWebhook(ctx, who, true)
}

// changeWebhook changes the members that the body names (RFC 7396).
func (s *Server) changeWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.editWebhook(ctx, who, false)
}

// editWebhook is both of them. The endpoint is read twice: before the transaction, for what
// takes time to judge, and inside of it, for what must be judged as it is stored.
func (s *Server) editWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal, replace bool) error {
	old, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	body, err := exchange.Body(ctx)
	if err != nil {
		return err
	}
	// The body is read after the endpoint was found: a foreign one is 404, whatever was sent.
	in, err := registration.DecodeChange(body, replace)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	target, err := s.checkChange(call, in, old.EventTypes)
	if err != nil {
		return err
	}
	// Fewer patterns than before reserve nothing: the difference is then negative.
	changed, err := s.reserve(call, old.ClientID, webhook.Footprint{Patterns: in.Patterns(&old) - len(old.EventTypes)})
	if err != nil {
		return err
	}
	defer changed()
	e, err := s.update(call, ctx, old.ID, func(e *webhook.Endpoint) error {
		rules := s.rules()
		return in.Apply(e, &rules, target, time.Now())
	})
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// checkChange refuses what can be judged without the endpoint as it is stored; patterns are
// the event types that it had when it was read. It returns the target URL in the form in
// which it is stored, if the input has one.
func (s *Server) checkChange(call context.Context, in *registration.Change, patterns []string) (target string, err error) {
	rules := s.rules()
	var f jsonbody.Faults
	in.Check(&rules, patterns, &f)
	if in.TargetURL.Given() {
		target, err = s.target(call, in.TargetURL.Value)
		f.Add(err)
	}
	return target, f.Err()
}

// deleteWebhook deletes an endpoint: it gets no more deliveries, pending ones are cancelled,
// and all of them stay listed until they expire.
func (s *Server) deleteWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	_, err = s.update(call, ctx, e.ID, func(e *webhook.Endpoint) error {
		e.Delete(time.Now().UTC().Truncate(time.Millisecond))
		return nil
	})
	if err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// pauseWebhook holds an endpoint's deliveries. Events are still accepted for it, and wait.
func (s *Server) pauseWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.actOnWebhook(ctx, who, func(e *webhook.Endpoint) error { return registration.SetStatus(e, string(webhook.EndpointPaused)) })
}

// resumeWebhook continues the deliveries of an endpoint that was paused or disabled, or that
// is active and waits for its breaker or a hold: both end.
func (s *Server) resumeWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.actOnWebhook(ctx, who, func(e *webhook.Endpoint) error {
		e.Resume()
		return nil
	})
}

// actOnWebhook changes the endpoint in the path, and answers with it.
func (s *Server) actOnWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal, change func(*webhook.Endpoint) error) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	e, err = s.update(call, ctx, e.ID, change)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// update changes an endpoint that is not deleted, and puts the change into force before it
// returns, on all nodes: what is published next sees it. change runs inside the store's
// transaction, so it must be quick and must not call the store.
func (s *Server) update(call context.Context, ctx *fasthttp.RequestCtx, id webhook.ID, change func(*webhook.Endpoint) error) (webhook.Endpoint, error) {
	var was webhook.Endpoint
	e, err := s.store.UpdateEndpoint(call, id.Endpoint, func(e *webhook.Endpoint) error {
		if e.ID != id || e.Deleted() { // since the caller read it
			return webhook.ErrNotFound
		}
		was = *e
		if err := change(e); err != nil {
			return err
		}
		e.ChangedFrom(&was)
		e.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
		return nil
	})
	if err != nil {
		return e, fmt.Errorf("update webhook: %w", err)
	}
	s.noteWebhook(ctx, &was, &e)
	s.dispatcher.EndpointChanged(e)
	return e, s.inForce(call)
}
