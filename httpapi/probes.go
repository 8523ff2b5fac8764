package httpapi

import (
	_ "embed"
	"html"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"

	"github.com/corpastro/astrohook/httpapi/auth"
)

//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI serves the description of the API.
func (s *Server) openAPI(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	ctx.SetContentType("application/yaml")
	ctx.Response.SetBodyRaw(openAPIDocument)
	return nil
}

//go:embed front.html
var frontPage string

// frontPolicy forbids a browser to load or run anything for the page, and to show it
// inside another page.
const frontPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// front serves a page for those who open the server in a browser: it says what the
// server is and where to continue. It is the same for everybody and needs no token.
func (s *Server) front(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, frontPolicy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.Response.SetBodyString(strings.Replace(frontPage, "VERSION", html.EscapeString(s.version), 1))
	return nil
}

// probe is the answer of /healthz and /readyz.
type probe struct {
	Status  string `json:"status"`
	Version string `json:"version,omitzero"`
}

// healthz answers as long as the process can. It must not depend on anything else: a
// supervisor restarts a process whose health fails.
func (s *Server) healthz(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	return answer(ctx, fasthttp.StatusOK, probe{Status: "ok", Version: s.version})
}

// readyz reports whether requests are served: not before the start is complete, and
// not while the server stops, so that a load balancer sends them elsewhere.
func (s *Server) readyz(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	if !s.ready.Load() {
		p := newProblem(codeUnavailable, "the server is starting or stopping")
		p.retryAfter = defaultRetryAfter
		return p
	}
	return answer(ctx, fasthttp.StatusOK, probe{Status: "ready"})
}

// adminRoutes is the table of all calls on the operator's listener.
func adminRoutes(profiling bool) []route {
	table := []route{
		{"GET", "/metrics", auth.NeedNothing, []string{"name[]"}, (*Server).showMetrics},
		{"GET", "/healthz", auth.NeedNothing, nil, (*Server).healthz},
		{"GET", "/readyz", auth.NeedNothing, nil, (*Server).readyz},
	}
	if profiling {
		profile := func(_ *Server, ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
			pprofhandler.PprofHandler(ctx)
			return nil
		}
		query := []string{"debug", "gc", "seconds"}
		table = append(table,
			route{"GET", "/debug/pprof", auth.NeedNothing, query, profile},
			route{"GET", "/debug/pprof/{profile}", auth.NeedNothing, query, profile})
	}
	return table
}

// exposition returns the handler that writes the metrics.
func exposition(g prometheus.Gatherer) fasthttp.RequestHandler {
	return fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
}

// showMetrics serves the metrics, in the format that Prometheus reads.
func (s *Server) showMetrics(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	s.exposition(ctx)
	return nil
}
