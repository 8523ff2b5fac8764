package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

// Server is the HTTP API on its two listeners: the public one, and the
// operator's with the metrics.
type Server struct {
	store       Store
	dispatcher  Dispatcher
	checkTarget func(ctx context.Context, raw string) (string, error)
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
	writeBackup  func(ctx context.Context, w io.Writer) error // nil for none
	backingUp    atomic.Bool

	tokens atomic.Pointer[tokens]
	keySet *KeySet // nil for none
	// refusals are those of tokens and API keys.
	refusals *refusals
	apiKeys  *apiKeys
	types    *registry
	owners   *owners
	cursors  *paging.Cursors

	bodies   bodies
	underWay underWay
	// reserved is what registrations under way add to their clients.
	reserved     reservations
	clientLimits func(client string) webhook.ClientLimits
	maxWebhooks  atomic.Int64

	// base ends when Shutdown gives up waiting for requests.
	base     context.Context
	stop     context.CancelFunc
	ready    atomic.Bool
	draining atomic.Bool

	public, admin *fasthttp.Server
}

// New makes a Server. It reads the API keys and the registry of event types from
// the store, and fills the latter with Options.EventTypes if it is empty;
// and all endpoints, to find those that sign with private keys. The error names
// every option that is missing.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	tokens, err := newTokens(o.Keys, o.KeySet, tokenRules{issuer: o.Issuer, audiences: o.Audiences}, o.Limits.CachedTokens)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(o.Registry)
	if err != nil {
		return nil, err
	}
	if o.KeySet != nil {
		if err := o.KeySet.register(o.Registry); err != nil {
			return nil, err
		}
	}
	log := o.Log.With(slog.String("component", "httpapi"))
	refusals, err := newRefusals(log, o.Registry)
	if err != nil {
		return nil, err
	}
	types, err := loadRegistry(o.Store, !o.AnyEventType, o.EventTypes)
	if err != nil {
		return nil, err
	}
	apiKeys, err := loadAPIKeys(o.Store)
	if err != nil {
		return nil, err
	}
	apiKeys.warnUseless(log)
	cursors, err := paging.Open(o.Store)
	if err != nil {
		return nil, err
	}
	s := &Server{
		store: o.Store, dispatcher: o.Dispatcher, checkTarget: o.CheckTarget, sequence: o.Sequence,
		headerPrefix: o.HeaderPrefix, limits: o.Limits, version: o.Version,
		log: log, metrics: metrics, exposition: exposition(o.Registry), writeBackup: o.Backup,
		keySet: o.KeySet, refusals: refusals, apiKeys: apiKeys, types: types, owners: newOwners(o.Store), cursors: cursors,
		bodies: newBodies(), underWay: newUnderWay(o.Limits.Connections), clientLimits: o.ClientLimits,
	}
	s.tokens.Store(tokens)
	s.defaults.Store(&o.Defaults)
	s.ceilings.Store(&o.Ceilings)
	s.maxWebhooks.Store(int64(o.MaxWebhooks))
	s.base, s.stop = context.WithCancel(context.Background())
	s.public = s.newServer(s.newRouter(routes()))
	s.admin = s.newServer(s.newRouter(adminRoutes(o.Profiling)))
	return s, nil
}

// newServer makes a fasthttp server: every time and every size has a bound. Bodies
// are left to the handlers, so that they are read for callers with a token only.
func (s *Server) newServer(h fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:        h,
		ErrorHandler:   s.refuse,
		HeaderReceived: headReceived,
		Logger:         serverLog{s.log},
		// The listener bounds the connections; up to half as many are closed and have not ended yet.
		Concurrency:                  2*s.limits.Connections + adminConnections,
		ReadTimeout:                  s.limits.Read,
		WriteTimeout:                 s.limits.Write,
		IdleTimeout:                  s.limits.Idle,
		ReadBufferSize:               MaxHeader,
		MaxRequestBodySize:           MaxBody,
		StreamRequestBody:            true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
	}
}

// adminConnections bounds the open connections of the admin listener.
const adminConnections = 64

// Handler handles the requests of the public listener.
func (s *Server) Handler() fasthttp.RequestHandler { return s.public.Handler }

// AdminHandler handles the requests of the operator's listener: /metrics,
// /healthz, /readyz and, if Options.Profiling, /debug/pprof. It asks for no token.
func (s *Server) AdminHandler() fasthttp.RequestHandler { return s.admin.Handler }

// Serve accepts requests on the public listener until Shutdown.
func (s *Server) Serve(ln net.Listener) error { return s.serveOn(s.public, ln, s.limits.Connections) }

// ServeAdmin accepts requests on the operator's listener until Shutdown.
func (s *Server) ServeAdmin(ln net.Listener) error { return s.serveOn(s.admin, ln, adminConnections) }

func (s *Server) serveOn(server *fasthttp.Server, ln net.Listener, connections int) error {
	err := server.Serve(newListener(ln, connections, s.metrics))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
	}
	return nil
}

// SetReady tells /readyz whether requests can be served. A new Server is not ready.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Shutdown stops both listeners: it refuses what comes now with 503 and closes
// the connections, waits until the requests under way are answered or ctx ends,
// and then gives those up that are left. It can be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetReady(false)
	s.draining.Store(true)
	defer s.refusals.close()
	defer s.stop()
	err := s.public.ShutdownWithContext(ctx)
	if err != nil {
		err = fmt.Errorf("stop the public listener: %w", err)
	}
	if adminErr := s.admin.ShutdownWithContext(ctx); adminErr != nil {
		err = errors.Join(err, fmt.Errorf("stop the admin listener: %w", adminErr))
	}
	return err
}

// call gives the context of a call other than publishing.
func (s *Server) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.base, s.limits.Call)
}

// refuse answers what fasthttp could not read as a request. The connection is closed then.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	if c := connOf(ctx); c != nil {
		c.linger.Store(true)
		err = cmp.Or(c.failed, err)
	}
	unreadable(err).write(ctx)
}

// unreadable explains why a request could not be read.
func unreadable(err error) *problem {
	p := newProblem(codeMalformed, "this is not a valid HTTP request")
	switch {
	case isSmallBuffer(err):
		p = newProblem(codeHeader, "the request line and the headers are larger than 16 KiB")
	case isTimeout(err):
		p = newProblem(codeTimeout, "the request did not arrive in time")
	}
	p.cause = err
	return p
}

func isSmallBuffer(err error) bool {
	_, ok := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	return ok
}

func isTimeout(err error) bool {
	var timeout interface {
		error
		Timeout() bool
	}
	return errors.As(err, &timeout) && timeout.Timeout()
}

// serverLog takes what fasthttp says about connections.
type serverLog struct{ log *slog.Logger }

// Printf logs a line of fasthttp's.
func (l serverLog) Printf(format string, args ...any) {
	l.log.Debug("connection", slog.String("message", strings.TrimSpace(fmt.Sprintf(format, args...))))
}
