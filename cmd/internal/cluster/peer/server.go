package peer

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/corpastro/astrohook/storage"
)

// Bounds of what comes in.
const (
	maxConnections = 256
	maxHeader      = 4 << 10
	maxRequest     = maxMissed        // bytes of a body
	readTimeout    = 10 * time.Second // of a whole request
	answerTimeout  = 10 * time.Second // of a handler
)

// Handler answers a request of another node. The body is its own. An error crosses
// by its name; see codes.
type Handler func(ctx context.Context, from storage.Incarnation, body []byte) ([]byte, error)

// ServerOptions are the parts of a Server. All but TLS are required.
type ServerOptions struct {
	Self   storage.Incarnation
	Secret string
	// Known reports whether a node is one of the cluster, as far as this node knows.
	Known    func(storage.Incarnation) bool
	Handlers map[string]Handler // by path
	TLS      *tls.Config        // nil for none
	Log      *slog.Logger
}

// Server answers the other nodes on one listener.
type Server struct {
	options ServerOptions
	secret  secret
	http    *http.Server

	mu      sync.Mutex
	windows map[storage.Incarnation]*window // of known nodes
}

// NewServer returns a Server, to be started with Serve.
func NewServer(o ServerOptions) *Server {
	s := &Server{options: o, secret: secret(o.Secret), windows: make(map[storage.Incarnation]*window)}
	s.http = &http.Server{
		Handler:        http.HandlerFunc(s.answer),
		ReadTimeout:    readTimeout,
		WriteTimeout:   readTimeout + answerTimeout,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve accepts connections until Shutdown. The limit is below TLS: net/http sees connections
// of TLS as such, bounds their handshakes, and answers who speaks without it.
func (s *Server) Serve(listener net.Listener) error {
	listener = netutil.LimitListener(listener, maxConnections)
	if s.options.TLS != nil {
		listener = tls.NewListener(listener, s.options.TLS)
	}
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown answers what is under way and closes everything, at the latest when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	return errors.Join(err, s.http.Close())
}

// answer authenticates a request before it reads the body, and passes it to its handler.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	f, err := s.secret.authenticate(r)
	if err != nil {
		s.options.Log.Warn("request without the cluster's secret", slog.String("from", r.RemoteAddr))
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := s.handle(r, f)
	code := codeOf(err)
	w.Header().Set(headerMac, s.secret.answer(r.Header.Get(headerMac), code, body))
	if code != "" {
		s.options.Log.Debug("request of a node failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		w.Header().Set(headerError, code)
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	_, _ = w.Write(body) // the other side finds out
}

// handle returns the answer to an authenticated request.
func (s *Server) handle(r *http.Request, f frame) ([]byte, error) {
	handler := s.options.Handlers[r.URL.EscapedPath()]
	switch {
	case f.to != s.options.Self, !s.options.Known(f.from):
		return nil, errStranger
	case r.Method != http.MethodPost || handler == nil:
		return nil, errNoSuchPath
	case !s.fresh(f):
		return nil, errRepeated
	case r.ContentLength < 0 || r.ContentLength > maxRequest:
		return nil, errTooLarge
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return nil, errBody
	}
	if sha256.Sum256(body) != f.digest {
		return nil, errBody
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	return handler(ctx, f.from, body)
}

// fresh reports whether a request comes for the first time. The numbers of nodes that are
// gone are forgotten: whoever is not known is not heard.
func (s *Server) fresh(f frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.windows[f.from]
	if w == nil {
		for known := range s.windows {
			if !s.options.Known(known) {
				delete(s.windows, known)
			}
		}
		w = new(window)
		s.windows[f.from] = w
	}
	return w.take(f.number)
}
