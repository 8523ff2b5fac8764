package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/webhook"
)

// replaceWebhook replaces all that a client can set, but for the secret and, if
// it is absent, the status. What getWebhook shows changes nothing.
func (s *Server) replaceWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.editWebhook(ctx, who, true)
}

// changeWebhook changes what the body names (RFC 7396).
func (s *Server) changeWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.editWebhook(ctx, who, false)
}

func (s *Server) editWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal, replace bool) error {
	old, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	body, err := bodyOf(ctx)
	if err != nil {
		return err
	}
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
	changed, err := s.reserve(call, old.ClientID, webhook.Footprint{Patterns: in.Patterns(&old) - len(old.EventTypes)})
	if err != nil {
		return err
	}
	defer changed()
	e, err := s.update(call, old.ID, func(e *webhook.Endpoint) error {
		rules := s.rules()
		return in.Apply(e, &rules, target, time.Now())
	})
	if err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// checkChange refuses what can be judged without the endpoint, except its patterns. It
// returns the target URL in the form in which it is stored, if the input has one.
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

// deleteWebhook deletes an endpoint: it gets nothing more, what is pending is
// cancelled, and its deliveries stay listed until they expire.
func (s *Server) deleteWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	_, err = s.update(call, e.ID, func(e *webhook.Endpoint) error {
		e.Delete(time.Now().UTC().Truncate(time.Millisecond))
		return nil
	})
	if err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// pauseWebhook holds an endpoint's deliveries; events are still accepted for it.
func (s *Server) pauseWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.actOnWebhook(ctx, who, func(e *webhook.Endpoint) error { return registration.SetStatus(e, string(webhook.EndpointPaused)) })
}

// resumeWebhook goes on with an endpoint that was paused or disabled, or whose
// deliveries wait for its breaker or a hold: both end.
func (s *Server) resumeWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.actOnWebhook(ctx, who, func(e *webhook.Endpoint) error {
		e.Resume()
		return nil
	})
}

// actOnWebhook changes the endpoint in the path and answers with it.
func (s *Server) actOnWebhook(ctx *fasthttp.RequestCtx, who *auth.Principal, change func(*webhook.Endpoint) error) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	e, err = s.update(call, e.ID, change)
	if err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// update changes an endpoint that is not deleted, and makes it effective.
func (s *Server) update(call context.Context, id webhook.ID, change func(*webhook.Endpoint) error) (webhook.Endpoint, error) {
	var was webhook.Endpoint
	e, err := s.store.UpdateEndpoint(call, id.Endpoint, func(e *webhook.Endpoint) error {
		if e.ID != id || e.Deleted() {
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
	s.logStatus(&was, &e)
	s.dispatcher.EndpointChanged(e)
	return e, nil
}

// logStatus logs that a call paused, resumed or deleted a webhook, or changed where it delivers.
func (s *Server) logStatus(was, e *webhook.Endpoint) {
	var change string
	switch {
	case e.Deleted():
		change = "deleted"
	case was.Status != e.Status && e.Status == webhook.EndpointPaused:
		change = "paused"
	case was.GateSince != e.GateSince && was.ReceiverSince == e.ReceiverSince:
		change = "resumed"
	case was.TargetURL != e.TargetURL:
		change = "target"
	default:
		return
	}
	host := ""
	if target, err := url.Parse(e.TargetURL); err == nil {
		host = target.Host
	}
	s.log.Info("webhook changed by request", slog.String("change", change), slog.String("status_before", string(was.Status)),
		slog.String("webhook_id", webhook.EndpointID.Format(e.ID)), slog.String("client_id", e.ClientID), slog.String("target_host", host))
}
