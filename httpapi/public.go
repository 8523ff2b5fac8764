package httpapi

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/console"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
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

// front leads browsers to the console. It serves a page to all others, which says what the
// server is and where to continue. It is the same for everybody and needs no token.
func (s *Server) front(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderAccept)
	if bytes.Contains(ctx.Request.Header.Peek(fasthttp.HeaderAccept), []byte("text/html")) {
		console.Redirect(ctx, "ui/")
		return nil
	}
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
	return exchange.Answer(ctx, fasthttp.StatusOK, probe{Status: "ok", Version: s.version})
}

// readyz reports whether requests are served: not before the start is complete, not while
// the server stops, and in a cluster not without a lease or with a wrong clock, so that a
// load balancer sends them elsewhere.
func (s *Server) readyz(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	if err := s.unready(); err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, probe{Status: "ready"})
}

// adminRoutes is the table of all calls on the operator's listener.
func (s *Server) adminRoutes(profiling bool) []route {
	table := []route{
		{"GET", "/metrics", auth.NeedNothing, []string{"name[]"}, s.showMetrics},
		{"GET", "/healthz", auth.NeedNothing, nil, s.healthz},
		{"GET", "/readyz", auth.NeedNothing, nil, s.readyz},
	}
	if profiling {
		profile := func(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
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

const (
	contentKeySet = "application/jwk-set+json" // RFC 7517, section 8.5.2
	// keySetCaching says how long others may keep a key set. A new key signs at once, so
	// a receiver that meets an unknown one must ask again.
	keySetCaching = "public, max-age=60"
)

// getKeySet serves the public keys that verify a webhook's signatures now. It needs no
// token, so a webhook that does not exist looks like one that has no keys. There is no
// set for all webhooks: clients may bring private keys, and a receiver that trusted all
// of them would take one client's deliveries for another's.
func (s *Server) getKeySet(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	if !ctx.QueryArgs().Has("webhook") {
		return problem.OfField("webhook", "is required: each webhook has keys of its own")
	}
	keys, err := s.publicKeys(exchange.Parameter(ctx, "webhook"))
	if err != nil {
		return err
	}
	body, err := json.Marshal(keySet{keys}) // no keys are [], not null
	if err != nil {
		return fmt.Errorf("encode the key set: %w", err)
	}
	ctx.SetContentType(contentKeySet)
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, keySetCaching)
	ctx.Response.SetBodyRaw(append(body, '\n'))
	return nil
}

// keySet is the document of RFC 7517, section 5.
type keySet struct {
	Keys []signing.JSONWebKey `json:"keys"`
}

// publicKeys returns the public keys of a webhook that are valid now; none if there is
// no such webhook.
func (s *Server) publicKeys(name string) (keys []signing.JSONWebKey, err error) {
	id, err := webhook.EndpointID.Parse(name)
	if err != nil {
		return nil, nil
	}
	call, cancel := s.call()
	defer cancel()
	e, err := s.store.Endpoint(call, id.Endpoint)
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return nil, fmt.Errorf("read webhook: %w", err)
	}
	if err != nil || e.ID != id || e.Deleted() {
		return nil, nil
	}
	for _, secret := range e.Secrets {
		if key, ok := secret.JSONWebKey(); ok && secret.Valid(time.Now()) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
