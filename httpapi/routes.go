package httpapi

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/fasthttp/router"
	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/console"
	"github.com/corpastro/astrohook/httpapi/inbound"
)

// route is one call of the API. openapi.yaml describes each; a test compares the two.
type route struct {
	method, path string
	need         auth.Need
	// query names the parameters that the call takes, apart from client_id.
	query  []string
	handle func(*Server, *fasthttp.RequestCtx, *auth.Principal) error
}

// anyMethod takes the place of the method where no call was found.
const anyMethod = "any"

// Parameters of lists: of those that are listed whole, and of those that can be filtered.
// checkQuery refuses all others, as a misspelt filter must not list everything.
var (
	pageQuery   = []string{"limit", "cursor"}
	filterQuery = []string{"limit", "cursor", "status", "event_type", "since", "until"}
)

// routes is the table of all calls on the public listener. A path parameter is {id} or
// {name}; the handler reads it with pathParameter.
func routes() []route {
	const get, post, put, patch, del = "GET", "POST", "PUT", "PATCH", "DELETE"
	return []route{
		{post, "/api/events", auth.NeedPublish, nil, (*Server).publish},
		{post, "/api/events/batch", auth.NeedPublish, nil, (*Server).publishBatch},
		{get, "/api/events/{id}", auth.NeedToken, pageQuery, (*Server).getEvent},

		{post, "/api/webhooks", auth.NeedManage, nil, (*Server).createWebhook},
		{get, "/api/webhooks", auth.NeedManage, pageQuery, (*Server).listWebhooks},
		{get, "/api/webhooks/{id}", auth.NeedManage, nil, (*Server).getWebhook},
		{put, "/api/webhooks/{id}", auth.NeedManage, nil, (*Server).replaceWebhook},
		{patch, "/api/webhooks/{id}", auth.NeedManage, nil, (*Server).changeWebhook},
		{del, "/api/webhooks/{id}", auth.NeedManage, nil, (*Server).deleteWebhook},
		{post, "/api/webhooks/{id}/pause", auth.NeedManage, nil, (*Server).pauseWebhook},
		{post, "/api/webhooks/{id}/resume", auth.NeedManage, nil, (*Server).resumeWebhook},
		{post, "/api/webhooks/{id}/rotate-secret", auth.NeedManage, nil, (*Server).rotateSecret},
		{post, "/api/webhooks/{id}/end-rotation", auth.NeedManage, nil, (*Server).endRotation},
		{post, "/api/webhooks/{id}/test", auth.NeedManage, []string{"wait"}, (*Server).testWebhook},
		{post, "/api/webhooks/{id}/replay", auth.NeedManage, nil, (*Server).replay},
		{get, "/api/webhooks/{id}/health", auth.NeedManage, nil, (*Server).webhookHealth},
		{get, "/api/webhooks/{id}/deliveries", auth.NeedManage, filterQuery, (*Server).listWebhookDeliveries},

		{get, "/api/deliveries", auth.NeedManage, filterQuery, (*Server).listDeliveries},
		{get, "/api/deliveries/{id}", auth.NeedManage, nil, (*Server).getDelivery},
		{post, "/api/deliveries/{id}/retry", auth.NeedManage, nil, (*Server).retryDelivery},
		{del, "/api/deliveries/{id}", auth.NeedManage, nil, (*Server).cancelDelivery},

		{get, "/api/event-types", auth.NeedToken, pageQuery, (*Server).listEventTypes},
		{post, "/api/event-types", auth.NeedAdmin, nil, (*Server).createEventType},
		{get, "/api/event-types/{name}", auth.NeedToken, nil, (*Server).getEventType},
		{put, "/api/event-types/{name}", auth.NeedAdmin, nil, (*Server).updateEventType},
		{del, "/api/event-types/{name}", auth.NeedAdmin, nil, (*Server).deleteEventType},

		{get, "/api/overview", auth.NeedAdmin, []string{"sort"}, (*Server).overview},
		{get, "/api/secret-keys", auth.NeedAdmin, nil, (*Server).listSecretKeys},
		{post, "/api/secret-keys/reencrypt", auth.NeedAdmin, nil, (*Server).reencrypt},
		{get, "/api/nodes", auth.NeedAdmin, nil, (*Server).listNodes},
		{get, "/api/backup", auth.NeedAdmin, nil, (*Server).backup},

		{post, "/api/keys", auth.NeedAdmin, nil, (*Server).createAPIKey},
		{get, "/api/keys", auth.NeedAdmin, pageQuery, (*Server).listAPIKeys},
		{del, "/api/keys/{id}", auth.NeedAdmin, nil, (*Server).deleteAPIKey},

		{get, "/", auth.NeedNothing, nil, (*Server).front},
		{get, "/healthz", auth.NeedNothing, nil, (*Server).healthz},
		{get, "/readyz", auth.NeedNothing, nil, (*Server).readyz},
		{get, "/openapi.yaml", auth.NeedNothing, nil, (*Server).openAPI},
		{get, "/.well-known/jwks.json", auth.NeedNothing, []string{"webhook"}, (*Server).getKeySet},
	}
}

// pageRoutes is the table of what people open in a browser on the public listener. These
// are no calls of the API, so openapi.yaml does not describe them.
func pageRoutes() []route {
	return []route{
		{"GET", "/ui/{path:*}", auth.NeedNothing, nil, func(s *Server, ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
			return s.site.Serve(ctx, pathParameter(ctx, "path"))
		}},
		{"GET", "/portal", auth.NeedNothing, nil, func(s *Server, ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
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
	m.GlobalOPTIONS = s.handler(&route{method: "OPTIONS", path: "*", handle: func(_ *Server, ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	}})
	// Requests that find no route are counted together: their paths are anybody's choice,
	// and would make a label without bound.
	m.NotFound = s.handler(&route{method: anyMethod, path: "unknown", handle: func(_ *Server, ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
		if string(ctx.Path()) == "/ui" { // the router cannot have it beside /ui/{path:*}
			console.Redirect(ctx, "ui/")
			return nil
		}
		return newProblem(codeNotFound, "there is no such path")
	}})
	m.MethodNotAllowed = s.handler(&route{method: anyMethod, path: "wrong-method", handle: func(*Server, *fasthttp.RequestCtx, *auth.Principal) error {
		return newProblem(codeMethod, "the path does not have this method; the header Allow lists those it has")
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
			p := newProblem(codeShuttingDown, "the server is stopping")
			p.retryAfter = defaultRetryAfter
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
	return r.handle(s, ctx, who)
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
		newProblem(codeInternal, "something went wrong inside the server").write(ctx)
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

// pathParameter returns the {id} or {name} of the routed path.
func pathParameter(ctx *fasthttp.RequestCtx, name string) string {
	text, _ := ctx.UserValue(name).(string)
	return text
}

// answer sets v as the answer, in JSON. A line end follows, so that a terminal's prompt
// stands on a line of its own.
func answer(ctx *fasthttp.RequestCtx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store") // it may hold a secret
	ctx.Response.SetBodyRaw(append(body, '\n'))
	return nil
}

// page is one page of a list.
type page[T any] struct {
	Data []T `json:"data"`
	// NextCursor continues the list; absent at its end.
	NextCursor string `json:"next_cursor,omitzero"`
}
