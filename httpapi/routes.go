package httpapi

import (
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/console"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/stream"
)

// route is one call of the API. openapi.yaml describes each; a test compares the two.
type route struct {
	method, path string
	need         auth.Need
	// query names the parameters that the call takes, apart from client_id.
	query  []string
	handle func(*fasthttp.RequestCtx, *auth.Principal) error
}

// anyMethod takes the place of the method where no call was found.
const anyMethod = "any"

// Parameters of lists: of those that are listed whole, and of those that can be filtered.
// checkQuery refuses all others, as a misspelt filter must not list everything.
var (
	pageQuery    = []string{"limit", "cursor"}
	filterQuery  = []string{"limit", "cursor", "status", "event_type", "since", "until", "reason", "code", "min_attempts"}
	webhookQuery = []string{"limit", "cursor", "status", "health", "event_type", "q", "sort"}
	eventQuery   = []string{"limit", "cursor", "event_type", "since", "until", "matched"}
)

// routes is the table of all calls on the public listener. A path parameter is {id} or
// {name}; the handler reads it with pathParameter.
func (s *Server) routes() []route {
	const get, post, put, patch, del = "GET", "POST", "PUT", "PATCH", "DELETE"
	return append([]route{
		{post, "/api/events", auth.NeedPublish, nil, s.publish},
		{post, "/api/events/batch", auth.NeedPublish, nil, s.publishBatch},
		{get, "/api/events", auth.NeedToken, eventQuery, s.listEvents},
		{get, "/api/events/{id}", auth.NeedToken, pageQuery, s.getEvent},

		{post, "/api/webhooks", auth.NeedManage, nil, s.createWebhook},
		{get, "/api/webhooks", auth.NeedManage, webhookQuery, s.listWebhooks},
		{get, "/api/webhooks/{id}", auth.NeedManage, nil, s.getWebhook},
		{put, "/api/webhooks/{id}", auth.NeedManage, nil, s.replaceWebhook},
		{patch, "/api/webhooks/{id}", auth.NeedManage, nil, s.changeWebhook},
		{del, "/api/webhooks/{id}", auth.NeedManage, nil, s.deleteWebhook},
		{post, "/api/webhooks/{id}/pause", auth.NeedManage, nil, s.pauseWebhook},
		{post, "/api/webhooks/{id}/resume", auth.NeedManage, nil, s.resumeWebhook},
		{post, "/api/webhooks/{id}/rotate-secret", auth.NeedManage, nil, s.rotateSecret},
		{post, "/api/webhooks/{id}/end-rotation", auth.NeedManage, nil, s.endRotation},
		{post, "/api/webhooks/{id}/test", auth.NeedManage, []string{"wait"}, s.testWebhook},
		{post, "/api/webhooks/{id}/replay", auth.NeedManage, nil, s.replay},
		{get, "/api/webhooks/{id}/health", auth.NeedManage, nil, s.webhookHealth},
		{get, "/api/webhooks/{id}/deliveries", auth.NeedManage, filterQuery, s.listWebhookDeliveries},

		{get, "/api/deliveries", auth.NeedManage, slices.Concat(filterQuery, []string{"webhook_id"}), s.listDeliveries},
		{get, "/api/deliveries/{id}", auth.NeedManage, nil, s.getDelivery},
		{get, "/api/deliveries/{id}/attempts/{number}", auth.NeedManage, nil, s.getAttempt},
		{post, "/api/deliveries/{id}/retry", auth.NeedManage, nil, s.retryDelivery},
		{del, "/api/deliveries/{id}", auth.NeedManage, nil, s.cancelDelivery},

		{post, "/api/jobs", auth.NeedManage, nil, s.jobs.Create},
		{get, "/api/jobs", auth.NeedManage, []string{"limit", "cursor", "status", "webhook_id"}, s.jobs.List},
		{get, "/api/jobs/{id}", auth.NeedManage, nil, s.jobs.Get},
		{post, "/api/jobs/{id}/pause", auth.NeedManage, nil, s.jobs.Pause},
		{post, "/api/jobs/{id}/resume", auth.NeedManage, nil, s.jobs.Resume},
		{post, "/api/jobs/{id}/cancel", auth.NeedManage, nil, s.jobs.Cancel},

		{get, "/api/event-types", auth.NeedToken, pageQuery, s.listEventTypes},
		{post, "/api/event-types", auth.NeedAdmin, nil, s.createEventType},
		{get, "/api/event-types/{name}", auth.NeedToken, nil, s.getEventType},
		{put, "/api/event-types/{name}", auth.NeedAdmin, nil, s.updateEventType},
		{del, "/api/event-types/{name}", auth.NeedAdmin, nil, s.deleteEventType},
	}, s.serverRoutes()...)
}

// serverRoutes is the part of the table that is about the server, and about who calls it.
func (s *Server) serverRoutes() []route {
	const get, post, del = "GET", "POST", "DELETE"
	return []route{
		{get, "/api/overview", auth.NeedAdmin, []string{"sort", "series"}, s.overview},
		{get, "/api/secret-keys", auth.NeedAdmin, nil, s.listSecretKeys},
		{post, "/api/secret-keys/reencrypt", auth.NeedAdmin, nil, s.reencrypt},
		{get, "/api/stream", auth.NeedManage, stream.Query, s.openStream},
		{get, "/api/audit", auth.NeedManage, audit.Query, s.listAudit},
		{get, "/api/nodes", auth.NeedAdmin, nil, s.listNodes},
		{get, "/api/backup", auth.NeedSecrets, nil, s.backup},

		{post, "/api/keys", auth.NeedAdmin, nil, s.createAPIKey},
		{get, "/api/keys", auth.NeedAdmin, pageQuery, s.listAPIKeys},
		{del, "/api/keys/{id}", auth.NeedAdmin, nil, s.deleteAPIKey},

		{post, "/api/session", auth.NeedSignIn, nil, s.sessions.SignIn},
		{get, "/api/session", auth.NeedCaller, nil, s.sessions.Show},
		{del, "/api/session", auth.NeedCaller, nil, s.sessions.SignOut},
		{post, "/api/sign-in-links", auth.NeedSignIn, nil, s.sessions.MakeSignIn},
		{get, "/api/sessions", auth.NeedAdmin, pageQuery, s.sessions.List},
		{del, "/api/sessions/{id}", auth.NeedAdmin, nil, s.sessions.Revoke},
		{post, "/api/portal-links", auth.NeedDelegate, nil, s.sessions.MakeLink},
		{get, "/api/portal-links", auth.NeedDelegate, pageQuery, s.sessions.ListLinks},
		{del, "/api/portal-links/{id}", auth.NeedDelegate, nil, s.sessions.RevokeLink},
		{post, "/api/portal-session", auth.NeedSignIn, nil, s.sessions.Redeem},

		{get, "/", auth.NeedNothing, nil, s.front},
		{get, "/healthz", auth.NeedNothing, nil, s.healthz},
		{get, "/readyz", auth.NeedNothing, nil, s.readyz},
		{get, "/openapi.yaml", auth.NeedNothing, nil, s.openAPI},
		{get, "/.well-known/jwks.json", auth.NeedNothing, []string{"webhook"}, s.getKeySet},
	}
}

// pageRoutes is the table of what people open in a browser on the public listener. These
// are no calls of the API, so openapi.yaml does not describe them.
func (s *Server) pageRoutes() []route {
	return []route{
		{"GET", "/ui/{path:*}", auth.NeedNothing, nil, func(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
			return s.site.Serve(ctx, exchange.Path(ctx, "path"))
		}},
		{"GET", "/portal", auth.NeedNothing, nil, func(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
			s.site.ServePortal(ctx)
			return nil
		}},
	}
}

// newRouter returns a handler of these routes. It matches a path as it was sent: a path
// that needs cleaning, or has one slash too many, is no route, so that the path that
// is authorised is the path that is handled.
func (s *Server) newRouter(table []route) fasthttp.RequestHandler {
	m := router.New()
	m.RedirectTrailingSlash, m.RedirectFixedPath = false, false
	for _, r := range table {
		h := s.handler(&r) // r is a new variable in each round
		m.Handle(r.method, r.path, h)
		if r.method == fasthttp.MethodGet {
			m.Handle(fasthttp.MethodHead, r.path, h) // fasthttp leaves the body out (RFC 9110, section 9.3.2)
		}
	}
	// OPTIONS says which methods a path has, and needs no token: openapi.yaml says the same.
	m.GlobalOPTIONS = s.handler(&route{method: "OPTIONS", path: "*", handle: func(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	}})
	// Requests that find no route are counted together: their paths are anybody's choice,
	// and would make a label without bound.
	m.NotFound = s.handler(&route{method: anyMethod, path: "unknown", handle: func(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
		if string(ctx.Path()) == "/ui" { // the router cannot have it beside /ui/{path:*}
			console.Redirect(ctx, "ui/")
			return nil
		}
		return problem.New(problem.NotFound, "there is no such path")
	}})
	m.MethodNotAllowed = s.handler(&route{method: anyMethod, path: "wrong-method", handle: func(*fasthttp.RequestCtx, *auth.Principal) error {
		return problem.New(problem.Method, "the path does not have this method; the header Allow lists those it has")
	}})
	return m.Handler
}

// handler returns a route's fasthttp handler. It looks up the route's counters once, not
// for each request.
func (s *Server) handler(r *route) fasthttp.RequestHandler {
	counters := s.metrics.route(r.method, r.path)
	return func(ctx *fasthttp.RequestCtx) {
		defer s.finish(ctx, r, counters, time.Now())
		if err := s.serve(ctx, r); err != nil {
			s.fail(ctx, r, err)
		}
	}
}

// serve takes a request through its stations: framing, shutdown, caller, share of the
// server, query, body, and the route's own work. Each station costs more than the one
// before, so that what is refused is refused cheaply.
func (s *Server) serve(ctx *fasthttp.RequestCtx, r *route) error {
	if err := inbound.Begin(ctx); err != nil {
		return err
	}
	// A load balancer may not have noticed yet that readyz fails.
	if s.draining.Load() {
		ctx.SetConnectionClose()
		if r.need != auth.NeedNothing {
			p := problem.New(problem.ShuttingDown, "the server is stopping")
			p.RetryAfter = problem.DefaultRetryAfter
			return p
		}
	}
	if r.need != auth.NeedNothing {
		if err := s.unserved(); err != nil {
			return err
		}
	}
	who, err := s.authorise(ctx, r)
	if err != nil {
		return err
	}
	if who != nil { // a call that needs no token is charged to nobody
		if err := s.underWay.begin(who); err != nil {
			return err
		}
		defer s.underWay.end(who)
	}
	if err := checkQuery(ctx, r); err != nil {
		return err
	}
	if r.takesBody() {
		body, err := s.bodies.Read(ctx, who.Account)
		if err != nil {
			return err
		}
		if body != nil {
			defer s.bodies.Release(body)
		}
	}
	return s.audited(ctx, r, who)
}

// takesBody reports whether a body has a meaning for the call. Bodies of other calls
// are not read. Every call that takes one needs a caller.
func (r *route) takesBody() bool {
	return r.method == fasthttp.MethodPost || r.method == fasthttp.MethodPut || r.method == fasthttp.MethodPatch
}

// finish counts a request, and turns a panic of the handler into an answer. A panic is
// a bug that concerns this request only, and fasthttp would end the process.
func (s *Server) finish(ctx *fasthttp.RequestCtx, r *route, counters *routeMetrics, began time.Time) {
	if cause := recover(); cause != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "request handler panicked",
			slog.String("method", r.method), slog.String("route", r.path),
			slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
		problem.New(problem.Internal, "something went wrong inside the server").Write(ctx)
	}
	inbound.Conclude(ctx) // also after a panic: its body may be half read
	status := ctx.Response.StatusCode()
	counters.count(status)
	if s.log.Enabled(ctx, slog.LevelDebug) {
		s.log.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("method", r.method), slog.String("route", r.path),
			slog.Int("status", status), slog.Duration("took", time.Since(began)))
	}
}

// checkQuery refuses parameters that the route does not know, and those given twice: a
// misspelt filter must not list everything. Routes without a token have no filters, so
// monitors and caches may add parameters of their own there. A route that matches every
// method answers that there is no such call, whatever the query.
func checkQuery(ctx *fasthttp.RequestCtx, r *route) error {
	if len(ctx.URI().QueryString()) == 0 || r.method == anyMethod {
		return nil
	}
	var seen []string
	for key := range ctx.QueryArgs().All() {
		name := string(key)
		known := slices.Contains(r.query, name) || name == "client_id" && r.need.Acts()
		switch {
		case r.need == auth.NeedNothing && (!known || strings.HasSuffix(name, "[]")):
			continue // a list's parameter is given once for each entry
		case !known:
			return problem.OfField(jsonbody.Clip(name, jsonbody.MaxField), "is not a known query parameter")
		case slices.Contains(seen, name):
			return problem.OfField(name, "is given twice")
		}
		seen = append(seen, name)
	}
	return nil
}
