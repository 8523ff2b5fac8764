package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/console"
	"github.com/corpastro/astrohook/httpapi/eventtypes"
	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/jobs"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/session"
	"github.com/corpastro/astrohook/httpapi/stream"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// Server is the HTTP API on its two listeners: the public one, and the
// operator's with the metrics.
type Server struct {
	store       Store
	dispatcher  Dispatcher
	peers       Peers      // nil for none
	membership  Membership // nil outside of a cluster
	checkTarget func(ctx context.Context, raw string) (string, error)
	requests    func(webhook.Endpoint, webhook.Due, webhook.Attempt) (string, []byte, bool)
	sequence    *webhook.Sequence
	defaults    atomic.Pointer[webhook.Settings]
	ceilings    atomic.Pointer[webhook.Ceilings]
	// headerPrefix begins the names of the headers that deliveries carry.
	headerPrefix string
	limits       Limits
	version      string
	log          *slog.Logger
	metrics      *metrics
	exposition   fasthttp.RequestHandler
	site         *console.Site
	sessions     *session.Sessions
	// writeBackup is Options.Backup; backingUp is set while one is being sent.
	writeBackup func(ctx context.Context, w io.Writer) error // nil for none
	backingUp   atomic.Bool
	disk        func() view.Disk // nil if nothing is known of it

	callers *auth.Authenticator
	types   *eventtypes.Registry
	clients *clientOf
	cursors *paging.Cursors
	trail   *audit.Trail
	feed    stream.Feed
	streams *stream.Streams

	bodies   *inbound.Bodies
	underWay underWay
	jobs     *jobs.Jobs
	// reserved is what unfinished registrations add to their clients.
	reserved     reservations
	clientLimits func(client string) webhook.ClientLimits
	maxWebhooks  atomic.Int64

	// base ends when Shutdown stops waiting for requests.
	base context.Context
	stop context.CancelFunc
	// ready is what /readyz reports; draining refuses requests from Shutdown on.
	ready    atomic.Bool
	draining atomic.Bool

	public, admin *inbound.Server
	connections   *inbound.Metrics
}

// New returns a Server. It reads the API keys and the registry of event types from the
// store, and fills the registry with Options.EventTypes if it is empty. The
// error names every option that is missing.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	metrics, err := newMetrics(o.Registry)
	if err != nil {
		return nil, err
	}
	connections, err := inbound.NewMetrics(o.Registry)
	if err != nil {
		return nil, err
	}
	log := o.Log.With(slog.String("component", "httpapi"))
	callers, err := auth.New(auth.Options{
		Keys: o.Keys, KeySet: o.KeySet, Rules: auth.Rules{Issuer: o.Issuer, Audiences: o.Audiences},
		CachedTokens: o.Limits.CachedTokens, Store: o.Store, Log: log, Registry: o.Registry,
	})
	if err != nil {
		return nil, err
	}
	types, err := eventtypes.Load(o.Store, !o.AnyEventType, o.EventTypes)
	if err != nil {
		return nil, err
	}
	cursors, err := paging.Open(o.Store)
	if err != nil {
		return nil, err
	}
	s := &Server{
		store: o.Store, dispatcher: o.Dispatcher, peers: o.Peers, membership: o.Membership, checkTarget: o.CheckTarget, requests: o.Request, sequence: o.Sequence,
		headerPrefix: o.HeaderPrefix, limits: o.Limits, version: o.Version,
		log: log, metrics: metrics, exposition: exposition(o.Registry), writeBackup: o.Backup, disk: o.Disk,
		callers: callers, types: types, clients: newClientOf(o.Store), cursors: cursors,
		bodies: inbound.NewBodies(), underWay: newUnderWay(o.Limits.Connections), clientLimits: o.ClientLimits,
		connections: connections, site: console.NewSite(console.Embedded(), console.Policy{FrameOrigins: o.Pages.FrameOrigins, LogoURL: o.Pages.Brand.LogoURL}),
	}
	s.feed, s.trail = o.Feed, audit.New(audit.Options{Store: o.Store, Sequence: o.Sequence, Cursors: cursors, Call: s.call, Log: log})
	s.streams, err = stream.New(stream.Options{
		Feed: o.Feed, Connections: o.Limits.Connections, Write: o.Limits.Write, Webhook: s.ownWebhook, Recheck: s.recheck, Registry: o.Registry,
	})
	if err != nil {
		return nil, err
	}
	s.sessions = session.New(session.Options{
		Grants: callers.Grants(), Cursors: cursors, Authenticate: s.signingIn, Call: s.call, Version: o.Version, Pages: o.Pages,
		Refused: func(ctx *fasthttp.RequestCtx, reason error) { callers.Refused(reason, ctx.RemoteAddr()) },
	})
	s.defaults.Store(&o.Defaults)
	s.ceilings.Store(&o.Ceilings)
	s.maxWebhooks.Store(int64(o.MaxWebhooks))
	s.base, s.stop = context.WithCancel(context.Background())
	s.jobs = jobs.New(s.jobOptions(&o))
	s.public = inbound.NewServer(s.listenerOptions(s.newRouter(slices.Concat(s.routes(), s.pageRoutes())), o.Limits.Connections))
	s.admin = inbound.NewServer(s.listenerOptions(s.newRouter(s.adminRoutes(o.Profiling)), adminConnections))
	return s, nil
}

// listenerOptions returns what the two listeners have in common.
func (s *Server) listenerOptions(handler fasthttp.RequestHandler, connections int) inbound.Options {
	busy := problem.New(problem.Unavailable, "all connections are taken")
	return inbound.Options{
		Handler:     handler,
		Refuse:      func(ctx *fasthttp.RequestCtx, why *inbound.Refusal) { refused(why).Write(ctx) },
		Busy:        inbound.Busy{ContentType: problem.MediaType, Body: busy.Text(), RetryAfter: problem.RetrySeconds(problem.DefaultRetryAfter)},
		Connections: connections,
		Read:        s.limits.Read, Write: s.limits.Write, Idle: s.limits.Idle,
		Metrics: s.connections, Log: s.log,
	}
}

// adminConnections bounds the open connections of the admin listener. A monitor and an
// operator need a few.
const adminConnections = 64

// Handler returns the handler of the public listener.
func (s *Server) Handler() fasthttp.RequestHandler { return s.public.Handler() }

// AdminHandler returns the handler of the operator's listener: /metrics, /healthz,
// /readyz and, if Options.Profiling, /debug/pprof. It asks for no token.
func (s *Server) AdminHandler() fasthttp.RequestHandler { return s.admin.Handler() }

// Serve accepts requests on the public listener until Shutdown.
func (s *Server) Serve(ln net.Listener) error { return s.public.Serve(ln) }

// ServeAdmin accepts requests on the operator's listener until Shutdown.
func (s *Server) ServeAdmin(ln net.Listener) error { return s.admin.Serve(ln) }

// SetReady sets whether /readyz reports the server as ready. A new Server is not.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Shutdown stops both listeners. Requests that arrive from now on get 503, and their
// connections are closed. Shutdown waits until the present requests are answered or
// ctx ends, and then cancels those that are left. It can be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetReady(false)
	s.draining.Store(true)
	s.streams.Close()
	defer s.callers.Close()
	defer s.stop()
	err := s.public.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop the public listener: %w", err)
	}
	if adminErr := s.admin.Shutdown(ctx); adminErr != nil {
		err = errors.Join(err, fmt.Errorf("stop the admin listener: %w", adminErr))
	}
	return err
}

// call returns the context of a call other than publishing. Publishing has no time
// limit of its own: an event that is being stored is stored, and a caller who hears
// nothing would send it again.
func (s *Server) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.base, s.limits.Call)
}
