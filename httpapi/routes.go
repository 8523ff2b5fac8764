package httpapi

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/fasthttp/router"
	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
)

// route is one call of the API.
type route struct {
	method, path string
	need         need
	// query names the parameters that the call takes, apart from client_id.
	query  []string
	handle func(*Server, *fasthttp.RequestCtx, *Principal) error
}

// anyMethod stands in the place of a method where no call was found.
const anyMethod = "any"

// Parameters of lists.
var (
	pageQuery   = []string{"limit", "cursor"}
	filterQuery = []string{"limit", "cursor", "status", "event_type", "since", "until"}
)

// routes is the table of all calls on the public listener.
func routes() []route {
	const get, post, put, patch, del = "GET", "POST", "PUT", "PATCH", "DELETE"
	return []route{
		{post, "/api/events", needPublish, nil, (*Server).publish},
		{post, "/api/events/batch", needPublish, nil, (*Server).publishBatch},
		{get, "/api/events/{id}", needToken, pageQuery, (*Server).getEvent},

		{post, "/api/webhooks", needManage, nil, (*Server).createWebhook},
		{get, "/api/webhooks", needManage, pageQuery, (*Server).listWebhooks},
		{get, "/api/webhooks/{id}", needManage, nil, (*Server).getWebhook},
		{put, "/api/webhooks/{id}", needManage, nil, (*Server).replaceWebhook},
		{patch, "/api/webhooks/{id}", needManage, nil, (*Server).changeWebhook},
		{del, "/api/webhooks/{id}", needManage, nil, (*Server).deleteWebhook},
		{post, "/api/webhooks/{id}/pause", needManage, nil, (*Server).pauseWebhook},
		{post, "/api/webhooks/{id}/resume", needManage, nil, (*Server).resumeWebhook},
		{post, "/api/webhooks/{id}/rotate-secret", needManage, nil, (*Server).rotateSecret},
		{post, "/api/webhooks/{id}/end-rotation", needManage, nil, (*Server).endRotation},
		{post, "/api/webhooks/{id}/test", needManage, []string{"wait"}, (*Server).testWebhook},
		{post, "/api/webhooks/{id}/replay", needManage, nil, (*Server).replay},
		{get, "/api/webhooks/{id}/health", needManage, nil, (*Server).webhookHealth},
		{get, "/api/webhooks/{id}/deliveries", needManage, filterQuery, (*Server).listWebhookDeliveries},

		{get, "/api/deliveries", needManage, filterQuery, (*Server).listDeliveries},
		{get, "/api/deliveries/{id}", needManage, nil, (*Server).getDelivery},
		{post, "/api/deliveries/{id}/retry", needManage, nil, (*Server).retryDelivery},
		{del, "/api/deliveries/{id}", needManage, nil, (*Server).cancelDelivery},

		{get, "/api/event-types", needToken, pageQuery, (*Server).listEventTypes},
		{post, "/api/event-types", needAdmin, nil, (*Server).createEventType},
		{get, "/api/event-types/{name}", needToken, nil, (*Server).getEventType},
		{put, "/api/event-types/{name}", needAdmin, nil, (*Server).updateEventType},
		{del, "/api/event-types/{name}", needAdmin, nil, (*Server).deleteEventType},

		{get, "/api/secret-keys", needAdmin, nil, (*Server).listSecretKeys},
		{post, "/api/secret-keys/reencrypt", needAdmin, nil, (*Server).reencrypt},
		{get, "/api/backup", needAdmin, nil, (*Server).backup},

		{post, "/api/keys", needAdmin, nil, (*Server).createAPIKey},
		{get, "/api/keys", needAdmin, pageQuery, (*Server).listAPIKeys},
		{del, "/api/keys/{id}", needAdmin, nil, (*Server).deleteAPIKey},

		{get, "/", needNothing, nil, (*Server).front},
		{get, "/healthz", needNothing, nil, (*Server).healthz},
		{get, "/readyz", needNothing, nil, (*Server).readyz},
		{get, "/openapi.yaml", needNothing, nil, (*Server).openAPI},
		{get, "/.well-known/jwks.json", needNothing, []string{"webhook"}, (*Server).getKeySet},
	}
}

// newRouter makes a handler of routes. A path is matched as it was sent: one that
// needs cleaning, or has a slash too many, is no route, so that what is authorised
// is what is handled.
func (s *Server) newRouter(table []route) fasthttp.RequestHandler {
	m := router.New()
	m.RedirectTrailingSlash, m.RedirectFixedPath = false, false
	for _, r := range table {
		h := s.handler(&r)
		m.Handle(r.method, r.path, h)
		if r.method == fasthttp.MethodGet {
			m.Handle(fasthttp.MethodHead, r.path, h)
		}
	}
	m.GlobalOPTIONS = s.handler(&route{method: "OPTIONS", path: "*", handle: func(_ *Server, ctx *fasthttp.RequestCtx, _ *Principal) error {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	}})
	m.NotFound = s.handler(&route{method: anyMethod, path: "unknown", handle: func(*Server, *fasthttp.RequestCtx, *Principal) error {
		return newProblem(codeNotFound, "there is no such path")
	}})
	m.MethodNotAllowed = s.handler(&route{method: anyMethod, path: "wrong-method", handle: func(*Server, *fasthttp.RequestCtx, *Principal) error {
		return newProblem(codeMethod, "the path does not have this method; the header Allow lists those it has")
	}})
	return m.Handler
}

// handler makes a route's fasthttp handler.
func (s *Server) handler(r *route) fasthttp.RequestHandler {
	counters := s.metrics.route(r.method, r.path)
	return func(ctx *fasthttp.RequestCtx) {
		defer s.finish(ctx, r, counters, time.Now())
		if err := s.serve(ctx, r); err != nil {
			s.fail(ctx, r, err)
		}
	}
}

func (s *Server) serve(ctx *fasthttp.RequestCtx, r *route) error {
	if err := begin(ctx); err != nil {
		return err
	}
	if s.draining.Load() {
		ctx.SetConnectionClose()
		if r.need != needNothing {
			p := newProblem(codeShuttingDown, "the server is stopping")
			p.retryAfter = defaultRetryAfter
			return p
		}
	}
	who, err := s.authorise(ctx, r)
	if err != nil {
		return err
	}
	if who != nil {
		if err := s.underWay.begin(who); err != nil {
			return err
		}
		defer s.underWay.end(who)
	}
	if err := checkQuery(ctx, r); err != nil {
		return err
	}
	if r.takesBody() {
		room, err := s.bodies.read(ctx, who)
		if err != nil {
			return err
		}
		if room != nil {
			defer s.bodies.giveBack(room)
		}
	}
	return r.handle(s, ctx, who)
}

// takesBody tells whether a body means anything to the call. Another one's is not read.
func (r *route) takesBody() bool {
	return r.method == fasthttp.MethodPost || r.method == fasthttp.MethodPut || r.method == fasthttp.MethodPatch
}

// finish counts a request, and turns a handler's panic into an answer: it is a
// bug, but one of this request, and fasthttp would end the process.
func (s *Server) finish(ctx *fasthttp.RequestCtx, r *route, counters *routeMetrics, began time.Time) {
	if cause := recover(); cause != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "request handler panicked",
			slog.String("method", r.method), slog.String("route", r.path),
			slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
		newProblem(codeInternal, "something went wrong inside the server").write(ctx)
	}
	conclude(ctx)
	status := ctx.Response.StatusCode()
	counters.count(status)
	if s.log.Enabled(ctx, slog.LevelDebug) {
		s.log.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("method", r.method), slog.String("route", r.path),
			slog.Int("status", status), slog.Duration("took", time.Since(began)))
	}
}

// pathParameter gives the {id} or {name} of the routed path.
func pathParameter(ctx *fasthttp.RequestCtx, name string) string {
	text, _ := ctx.UserValue(name).(string)
	return text
}

// answer writes v as JSON, with a line's end for terminals.
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

// page is a part of a list.
type page[T any] struct {
	Data []T `json:"data"`
	// NextCursor continues the list; absent at its end.
	NextCursor string `json:"next_cursor,omitzero"`
}
