package httpapi

import (
	_ "embed"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"
)

//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI serves the description of the API.
func (s *Server) openAPI(ctx *fasthttp.RequestCtx, _ *Principal) error {
	ctx.SetContentType("application/yaml")
	ctx.Response.SetBodyRaw(openAPIDocument)
	return nil
}

// probe is the answer of /healthz and /readyz.
type probe struct {
	Status  string `json:"status"`
	Version string `json:"version,omitzero"`
}

// healthz tells that the process answers.
func (s *Server) healthz(ctx *fasthttp.RequestCtx, _ *Principal) error {
	return answer(ctx, fasthttp.StatusOK, probe{Status: "ok", Version: s.version})
}

// readyz tells whether requests are served: not before the start is complete,
// and not while stopping.
func (s *Server) readyz(ctx *fasthttp.RequestCtx, _ *Principal) error {
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
		{"GET", "/metrics", needNothing, []string{"name[]"}, (*Server).showMetrics},
		{"GET", "/healthz", needNothing, nil, (*Server).healthz},
		{"GET", "/readyz", needNothing, nil, (*Server).readyz},
	}
	if profiling {
		profile := func(_ *Server, ctx *fasthttp.RequestCtx, _ *Principal) error {
			pprofhandler.PprofHandler(ctx)
			return nil
		}
		query := []string{"debug", "gc", "seconds"}
		table = append(table,
			route{"GET", "/debug/pprof", needNothing, query, profile},
			route{"GET", "/debug/pprof/{profile}", needNothing, query, profile})
	}
	return table
}

// exposition makes the handler that writes the metrics.
func exposition(g prometheus.Gatherer) fasthttp.RequestHandler {
	return fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
}

// showMetrics serves the metrics, in the format that Prometheus reads.
func (s *Server) showMetrics(ctx *fasthttp.RequestCtx, _ *Principal) error {
	s.exposition(ctx)
	return nil
}
