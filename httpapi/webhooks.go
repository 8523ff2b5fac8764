package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// createWebhook registers an endpoint.
func (s *Server) createWebhook(ctx *fasthttp.RequestCtx, who *Principal) error {
	var in webhookInput
	if err := decode(ctx, &in); err != nil {
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
	registered, err := s.reserve(call, client, webhook.Footprint{Webhooks: 1, Patterns: len(e.EventTypes)})
	if err != nil {
		return err
	}
	defer registered()
	secret := e.Secrets[0]
	if e, err = s.store.CreateEndpoint(call, e); err != nil {
		return fmt.Errorf("create webhook: %w", err)
	}
	s.owners.remember(e.Number(), e.ClientID)
	s.dispatcher.EndpointChanged(e)
	out := s.showWebhook(&e)
	out.reveal(secret)
	ctx.Response.Header.Set(fasthttp.HeaderLocation, "/api/webhooks/"+out.ID)
	return answer(ctx, fasthttp.StatusCreated, out)
}

// ownerOf returns the client of a new endpoint: the caller's, or the one that an
// administrator names in the query or in the body, else in the token.
func ownerOf(in *webhookInput, who *Principal) (string, error) {
	named := in.ClientID.Value
	switch {
	case in.ClientID.Given() && !validClientID(named):
		return "", invalid("client_id", clientIDRule)
	case who.ClientID == "" && named == "" && who.home != "":
		return who.home, nil
	case who.ClientID == "" && named == "":
		return "", invalid("client_id", "is missing: an administrator names the client in the body, in the query or in the token")
	case who.ClientID == "":
		return named, nil
	case named != "" && named != who.ClientID:
		return "", notYourClient()
	}
	return who.ClientID, nil
}

// newEndpoint makes an endpoint of the input, for the store to number.
func (s *Server) newEndpoint(call context.Context, in *webhookInput, client string) (webhook.Endpoint, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := webhook.Endpoint{
		ID:       webhook.ID{Seq: s.sequence.Next(now), Nonce: mathrand.Uint32()},
		ClientID: client, Status: webhook.EndpointActive, CreatedAt: now, UpdatedAt: now,
	}
	in.ClientID = optional[string]{} // judged by ownerOf
	var f faults
	in.required(&f)
	in.check(s.types, s.ceilings.Load(), nil, &f)
	in.checkConnection(s.headerPrefix, &f)
	in.checkSecret(&f)
	secret, err := in.newSecret(webhook.SchemeHMAC)
	f.add(err)
	e.Secrets = []webhook.Secret{secret}
	in.change(&e, *s.defaults.Load(), s.ceilings.Load(), &f)
	if in.TargetURL.Given() {
		e.TargetURL, err = s.target(call, in.TargetURL.Value)
		f.add(err)
	}
	return e, f.err()
}

// target has the address guard judge a target URL.
func (s *Server) target(call context.Context, raw string) (string, error) {
	canonical, err := s.checkTarget(call, raw)
	if err != nil {
		return "", fmt.Errorf("check target_url: %w", err)
	}
	return canonical, nil
}

// listWebhooks lists endpoints, newest first.
func (s *Server) listWebhooks(ctx *fasthttp.RequestCtx, who *Principal) error {
	limit, err := limitOf(ctx)
	if err != nil {
		return err
	}
	of := listingOf(cursorEndpoint, who)
	before, err := s.cursors.readNumber(of, parameter(ctx, "cursor"))
	if err != nil {
		return err
	}
	list, err := s.store.ListEndpoints(who.ClientID, before, limit+1)
	if err != nil {
		return fmt.Errorf("list webhooks: %w", err)
	}
	out := page[webhookResource]{Data: []webhookResource{}}
	for i := range list[:min(limit, len(list))] {
		shown := s.showWebhook(&list[i])
		shown.CABundle = "" // too large for a list
		out.Data = append(out.Data, shown)
	}
	if len(list) > limit {
		out.NextCursor = s.cursors.writeNumber(of, list[limit-1].Number())
	}
	return answer(ctx, fasthttp.StatusOK, out)
}

// getWebhook reads one.
func (s *Server) getWebhook(ctx *fasthttp.RequestCtx, who *Principal) error {
	e, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// replaceWebhook replaces all that a client can set, but for the secret and, if
// it is absent, the status. What getWebhook shows changes nothing.
func (s *Server) replaceWebhook(ctx *fasthttp.RequestCtx, who *Principal) error {
	return s.editWebhook(ctx, who, true)
}

// changeWebhook changes what the body names (RFC 7396).
func (s *Server) changeWebhook(ctx *fasthttp.RequestCtx, who *Principal) error {
	return s.editWebhook(ctx, who, false)
}

func (s *Server) editWebhook(ctx *fasthttp.RequestCtx, who *Principal, replace bool) error {
	old, err := s.liveEndpoint(ctx, who)
	if err != nil {
		return err
	}
	var in webhookInput
	shown, err := decodeShown[webhookResource](ctx, &in)
	if err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	target, err := s.checkEdit(call, &in, old.EventTypes, replace)
	if err != nil {
		return err
	}
	changed, err := s.reserve(call, old.ClientID, webhook.Footprint{Patterns: in.patterns(&old) - len(old.EventTypes)})
	if err != nil {
		return err
	}
	defer changed()
	e, err := s.update(call, old.ID, func(e *webhook.Endpoint) error {
		var f faults
		now := s.showWebhook(e)
		if in.checkSameSecret(e, &f) {
			now.reveal(e.Secrets[0])
		}
		shown.check(now, &f)
		if replace {
			e.Settings, e.Description, e.CABundle = webhook.Settings{}, "", ""
			if _, named := shown["header_names"]; !named { // their values were not shown
				e.Headers = nil
			}
		}
		if in.TargetURL.Given() {
			e.TargetURL = target
		}
		in.change(e, *s.defaults.Load(), s.ceilings.Load(), &f)
		if in.SignatureScheme.Set && webhook.Scheme(in.SignatureScheme.Value) != e.Scheme() {
			f.add(invalid("signature_scheme", "is changed by rotate-secret only"))
		}
		return f.err()
	})
	if err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, s.showWebhook(&e))
}

// checkEdit refuses what can be judged without the endpoint, except its patterns,
// and gives the target URL, if there is one, as it is to be stored.
func (s *Server) checkEdit(call context.Context, in *webhookInput, patterns []string, replace bool) (target string, err error) {
	var f faults
	if replace {
		in.required(&f)
	}
	in.check(s.types, s.ceilings.Load(), patterns, &f)
	in.checkConnection(s.headerPrefix, &f)
	if in.TargetURL.Given() {
		target, err = s.target(call, in.TargetURL.Value)
		f.add(err)
	}
	return target, f.err()
}

// deleteWebhook deletes an endpoint: it gets nothing more, what is pending is
// cancelled, and its deliveries stay listed until they expire.
func (s *Server) deleteWebhook(ctx *fasthttp.RequestCtx, who *Principal) error {
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

// liveEndpoint reads the endpoint in the path, if it is not deleted.
func (s *Server) liveEndpoint(ctx *fasthttp.RequestCtx, who *Principal) (webhook.Endpoint, error) {
	e, err := s.endpoint(ctx, who)
	if err == nil && e.Deleted() {
		err = fmt.Errorf("webhook is deleted: %w", webhook.ErrNotFound)
	}
	return e, err
}

// endpoint reads the endpoint in the path, deleted or not. One of another client
// is ErrNotFound.
func (s *Server) endpoint(ctx *fasthttp.RequestCtx, who *Principal) (webhook.Endpoint, error) {
	id, err := webhook.EndpointID.Parse(pathParameter(ctx, "id"))
	if err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := s.store.Endpoint(id.Endpoint)
	switch {
	case err != nil:
		return e, fmt.Errorf("read webhook: %w", err)
	case e.ID != id || !who.sees(e.ClientID):
		return e, fmt.Errorf("webhook of another client: %w", webhook.ErrNotFound)
	}
	return e, nil
}
