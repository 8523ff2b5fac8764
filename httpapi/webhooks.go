package httpapi

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
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

// ownerOf tells whose a new endpoint is: the caller's client, or the one that an
// administrator names in the query or in the body.
func ownerOf(in *webhookInput, who *Principal) (string, error) {
	named := in.ClientID.Value
	switch {
	case in.ClientID.given() && !validClientID(named):
		return "", invalid("client_id", clientIDRule)
	case who.ClientID == "" && named == "":
		return "", invalid("client_id", "is missing: an administrator names the client in the query or in the body")
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
	in.check(s.types, &f)
	in.checkConnection(s.headerPrefix, &f)
	in.checkSecret(&f)
	secret, err := in.newSecret(webhook.SchemeHMAC)
	f.add(err)
	e.Secrets = []webhook.Secret{secret}
	in.change(&e, *s.defaults.Load(), &f)
	if in.TargetURL.given() {
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
// it is absent, the status.
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
	if err := decode(ctx, &in); err != nil {
		return err
	}
	call, cancel := s.call()
	defer cancel()
	target, err := s.checkEdit(call, &in, replace)
	if err != nil {
		return err
	}
	e, err := s.update(call, old.ID, func(e *webhook.Endpoint) error {
		if replace {
			e.Settings, e.Description, e.Headers, e.CABundle = webhook.Settings{}, "", nil, ""
		}
		if in.TargetURL.given() {
			e.TargetURL = target
		}
		var f faults
		in.change(e, *s.defaults.Load(), &f)
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

// checkEdit refuses what can be judged without the endpoint, and gives the
// target URL, if there is one, as it is to be stored.
func (s *Server) checkEdit(call context.Context, in *webhookInput, replace bool) (target string, err error) {
	var f faults
	if replace {
		in.required(&f)
	}
	in.check(s.types, &f)
	in.checkConnection(s.headerPrefix, &f)
	if in.Secret.Set {
		f.add(invalid("secret", "is changed by rotate-secret only"))
	}
	if in.TargetURL.given() {
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
	e, err := s.store.UpdateEndpoint(call, id.Endpoint, func(e *webhook.Endpoint) error {
		if e.ID != id || e.Deleted() {
			return webhook.ErrNotFound
		}
		if err := change(e); err != nil {
			return err
		}
		e.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
		return nil
	})
	if err != nil {
		return e, fmt.Errorf("update webhook: %w", err)
	}
	s.dispatcher.EndpointChanged(e)
	return e, nil
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
