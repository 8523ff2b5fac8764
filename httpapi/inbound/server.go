package inbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// Sizes that requests are held to.
const (
	// MaxBody bounds a request's body, in bytes.
	MaxBody = 1 << 20
	// MaxHead bounds the request line and the headers together, in bytes.
	MaxHead = 16 << 10
)

// Options are what a Server is made of. Handler, Refuse, Metrics, Log and positive
// limits are needed.
type Options struct {
	// Handler handles requests. It must call Begin first and Conclude last.
	Handler fasthttp.RequestHandler
	// Refuse answers bytes that fasthttp cannot read as a request. The connection is
	// closed afterwards.
	Refuse func(ctx *fasthttp.RequestCtx, why *Refusal)
	// Busy answers a connection for which there is no room.
	Busy Busy
	// Connections bounds the open connections.
	Connections int
	// Read bounds the time to read a request, Write the time to write an answer, and
	// Idle the time that a connection waits for its next request.
	Read, Write, Idle time.Duration
	Metrics           *Metrics
	Log               *slog.Logger
}

// Busy is the answer, with status 503, to a connection for which there is no room. It
// is written without a request having been read.
type Busy struct {
	ContentType string
	Body        []byte
	// RetryAfter is the header of that name, in seconds.
	RetryAfter int
}

// bytes returns the answer as it is written.
func (b *Busy) bytes() []byte {
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: %d\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		b.RetryAfter, b.ContentType, len(b.Body), b.Body)
}

// Server accepts connections and reads requests from them.
type Server struct {
	fast        *fasthttp.Server
	connections int
	busy        []byte
	metrics     *Metrics
	refuse      func(ctx *fasthttp.RequestCtx, why *Refusal)
}

// workersToSpare is the number of fasthttp's workers beyond twice the open
// connections. A worker ends a little after its connection has left the listener's
// count, and a new connection without a worker would get a bare 503 of fasthttp's.
const workersToSpare = 64

// NewServer returns a Server on which every time and every size has a bound. Bodies
// are left to the handlers, so that they are read only for callers with a token:
// fasthttp would allocate what is announced.
func NewServer(o Options) *Server {
	s := &Server{connections: o.Connections, busy: o.Busy.bytes(), metrics: o.Metrics, refuse: o.Refuse}
	s.fast = &fasthttp.Server{
		Handler:        o.Handler,
		ErrorHandler:   s.refuseRequest,
		HeaderReceived: headReceived,
		Logger:         serverLog{o.Log},
		// The listener bounds the open connections. Up to half as many were closed for
		// others and have a worker still.
		Concurrency:                  2*o.Connections + workersToSpare,
		ReadTimeout:                  o.Read,
		WriteTimeout:                 o.Write,
		IdleTimeout:                  o.Idle,
		ReadBufferSize:               MaxHead, // a head must fit into it
		MaxRequestBodySize:           MaxBody,
		StreamRequestBody:            true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
	}
	return s
}

// Handler returns the handler of the server's requests.
func (s *Server) Handler() fasthttp.RequestHandler { return s.fast.Handler }

// Serve accepts connections until Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	err := s.fast.Serve(newListener(ln, s.connections, s.busy, s.metrics))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown closes the listener and the idle connections, and waits until the present
// requests are answered or ctx ends. It can be called again.
func (s *Server) Shutdown(ctx context.Context) error { return s.fast.ShutdownWithContext(ctx) }

// refuseRequest has the owner answer what fasthttp could not read as a request.
// fasthttp hides why a connection failed, so the connection's own error goes first.
func (s *Server) refuseRequest(ctx *fasthttp.RequestCtx, err error) {
	if c := connOf(ctx); c != nil {
		c.linger.Store(true)
		err = cmp.Or(c.failed, err)
	}
	s.refuse(ctx, unreadable(err))
}

// serverLog takes what fasthttp logs about connections. It is for debugging only:
// peers that break off are everyday events.
type serverLog struct{ log *slog.Logger }

// Printf logs one message of fasthttp.
func (l serverLog) Printf(format string, args ...any) {
	l.log.Debug("connection", slog.String("message", strings.TrimSpace(fmt.Sprintf(format, args...))))
}
