package httpapi

import (
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/registration"
	"github.com/corpastro/astrohook/httpapi/session"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// actions are the calls that change something, or take everything out of the server, by
// method and path, with the names under which the audit has them. A call that changes
// something is either here or in unaudited.
var actions = map[string]string{
	"POST /api/webhooks":                    "webhook.create",
	"PUT /api/webhooks/{id}":                "webhook.update",
	"PATCH /api/webhooks/{id}":              "webhook.update",
	"DELETE /api/webhooks/{id}":             "webhook.delete",
	"POST /api/webhooks/{id}/pause":         "webhook.pause",
	"POST /api/webhooks/{id}/resume":        "webhook.resume",
	"POST /api/webhooks/{id}/rotate-secret": "webhook.rotate_secret",
	"POST /api/webhooks/{id}/end-rotation":  "webhook.end_rotation",
	"POST /api/webhooks/{id}/test":          "webhook.test",
	"POST /api/webhooks/{id}/replay":        "replay.run",
	"POST /api/deliveries/{id}/retry":       "delivery.retry",
	"DELETE /api/deliveries/{id}":           "delivery.cancel",
	"POST /api/event-types":                 "event_type.create",
	"PUT /api/event-types/{name}":           "event_type.update",
	"DELETE /api/event-types/{name}":        "event_type.delete",
	"POST /api/keys":                        "key.create",
	"DELETE /api/keys/{id}":                 "key.delete",
	"POST /api/jobs":                        "job.create",
	"POST /api/jobs/{id}/pause":             "job.pause",
	"POST /api/jobs/{id}/resume":            "job.resume",
	"POST /api/jobs/{id}/cancel":            "job.cancel",
	"POST /api/session":                     "session.create",
	"DELETE /api/session":                   "session.delete",
	"DELETE /api/sessions/{id}":             "session.delete",
	"POST /api/sign-in-links":               "sign_in_link.create",
	"POST /api/portal-links":                "portal_link.create",
	"DELETE /api/portal-links/{id}":         "portal_link.revoke",
	"POST /api/portal-session":              "session.create",
	"POST /api/secret-keys/reencrypt":       "secret_key.reencrypt",
	"GET /api/backup":                       "backup.read",
}

// unaudited are the calls that change something and have no entry, with the reason.
var unaudited = map[string]string{
	"POST /api/events":       "an event is its own record",
	"POST /api/events/batch": "an event is its own record",
}

// audited runs a call's own work. If the call is a change, its entry is stored before the
// answer is sent, or the call fails.
func (s *Server) audited(ctx *fasthttp.RequestCtx, r *route, who *auth.Principal) error {
	action := actions[r.method+" "+r.path]
	if action == "" || ctx.IsHead() {
		return r.handle(ctx, who)
	}
	audit.Begin(ctx).About(exchange.Path(ctx, "id"), who.ClientID) // a handler may know better
	if err := r.handle(ctx, who); err != nil {
		return err
	}
	return s.trail.Record(ctx, who, action)
}

// noteWebhook notes what a change has made of an endpoint, and shows it to whoever watches.
// was is nil for a new one.
func (s *Server) noteWebhook(ctx *fasthttp.RequestCtx, was, e *webhook.Endpoint) {
	n := audit.Of(ctx).About(webhook.EndpointID.Format(e.ID), e.ClientID)
	rules, now := s.rules(), time.Now()
	show := func(e *webhook.Endpoint) any {
		if e == nil || e.Deleted() {
			return nil
		}
		return registration.Show(e, &rules, now)
	}
	n.Compare(show(was), show(e))
	if was != nil && !e.Deleted() {
		if was.Secrets[0].Value != e.Secrets[0].Value {
			n.Hidden("secret")
		}
		for _, h := range e.Headers {
			if slices.ContainsFunc(was.Headers, func(o webhook.CustomHeader) bool { return o.Name == h.Name && o.Value != h.Value }) {
				n.Hidden("headers." + h.Name)
			}
		}
	}
	s.feed.Publish(live.Item{
		Kind: live.Webhook, At: now, Webhook: e.ID, ClientID: e.ClientID, Status: string(e.Status), Change: changeOf(was, e),
	})
}

// changeOf returns the word for a change of an endpoint; was is nil for a new one.
func changeOf(was, e *webhook.Endpoint) string {
	switch {
	case was == nil:
		return "created"
	case e.Deleted():
		return "deleted"
	case was.Status != e.Status && e.Status == webhook.EndpointPaused:
		return "paused"
	case was.Status != e.Status && e.Status == webhook.EndpointDisabled:
		return "disabled"
	case was.Secrets[0].Value != e.Secrets[0].Value:
		return "rotated"
	case was.Status != e.Status, was.GateSince != e.GateSince && was.ReceiverSince == e.ReceiverSince:
		return "resumed" // also of one that was active: its gate was reset, and not because the receiver is another one
	}
	return "changed"
}

// recheck returns a function that returns an error once the credential of a request does not
// admit its caller any more.
func (s *Server) recheck(ctx *fasthttp.RequestCtx) func() error {
	from := ctx.RemoteAddr()
	if secret, ok := session.Cookie(ctx); ok && len(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization)) == 0 {
		secret = slices.Clone(secret)
		return func() error {
			_, err := s.callers.Session(s.base, secret, from, time.Now())
			return err
		}
	}
	found, _ := bearer(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization))
	credential := slices.Clone(found)
	return func() error {
		_, err := s.callers.Principal(s.base, credential, from, time.Now())
		return err
	}
}

// ownWebhook returns the number of the endpoint with an ID, deleted or not, if the caller
// sees it.
func (s *Server) ownWebhook(who *auth.Principal, text string) (webhook.EndpointNumber, error) {
	e, err := s.endpointByID(who, text)
	return e.Number(), err
}

// openStream answers with a stream of what happens.
func (s *Server) openStream(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.streams.Open(ctx, who)
}

// listAudit answers with a page of who changed what.
func (s *Server) listAudit(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.trail.List(ctx, who)
}
