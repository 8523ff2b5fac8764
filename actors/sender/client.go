package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// idleTimeout is how long a connection is kept for the next request. Many
	// servers close theirs after a minute.
	idleTimeout = 55 * time.Second
	// sweepInterval is how often connections idle for longer are looked for.
	sweepInterval = 15 * time.Second
	// tlsSessions bounds the TLS sessions kept for resumption.
	tlsSessions = 4096
	// ownSessions are those of an endpoint with certificates of its own: it has one host.
	ownSessions = 2
)

// DefaultMaxConnections is how many connections are open in all as long as any is idle.
const DefaultMaxConnections = 8192

// Bounds of Options.ExcerptBytes.
const (
	DefaultExcerptBytes = 4 << 10
	MaxExcerptBytes     = 64 << 10
)

// Options are what a Client is made of.
type Options struct {
	// Log is where the operator is told why the settings, or names, keep requests from
	// leaving: a line per webhook and minute. None if nil.
	Log *slog.Logger
	// Guard decides where requests may go. Required.
	Guard *Guard
	// Version is Astrohook's, for the User-Agent header; "dev" if empty.
	Version string
	// HeaderPrefix begins the names of Astrohook's own headers; webhook.DefaultHeaderPrefix if empty.
	HeaderPrefix string
	// RootCAs verify the receivers' certificates; the system's if nil.
	RootCAs *x509.CertPool
	// ExcerptBytes is how much of a response's body is kept: up to
	// MaxExcerptBytes, DefaultExcerptBytes if 0.
	ExcerptBytes int
	// MaxConnections bounds the connections of all endpoints: idle ones are closed
	// for new ones. DefaultMaxConnections if 0. It bounds no requests.
	MaxConnections int
	// Proxy opens all connections, and takes over the guard's duty where names are
	// concerned; none if nil. Proxy variables of the environment are ignored.
	Proxy *Proxy
	// Dial opens a connection to an address that the guard let through, or to the Proxy; TCP if nil.
	// It has to return when ctx ends.
	// The address is checked a second time only without it.
	Dial func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	// Resolve finds the addresses of a host name; DNS if nil.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Client makes the requests of all endpoints. It is safe for concurrent use.
type Client struct {
	guard    atomic.Pointer[Guard]
	resolver *resolver
	dial     func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	// proxy opens all connections if it is not nil; dialProxy connects to it.
	proxy     *Proxy
	dialProxy func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	tls       *tls.Config
	head      headOptions
	notices   *notices
	excerpt   int
	idle      *idlePool
	// extra has room for the dials beside the first one of each attempt; racing are
	// the goroutines that make dials.
	extra  chan struct{}
	racing sync.WaitGroup

	running context.Context // ends with Abort
	abort   context.CancelFunc
	swept   chan struct{} // closed when the janitor has ended
	stop    func()        // ends the janitor

	mu      sync.Mutex
	conns   map[*conn]struct{} // open ones, idle or not
	aborted bool
}

// New starts a client; Close ends it.
func New(o Options) (*Client, error) {
	if o.Guard == nil {
		return nil, errors.New("new sender: Guard is missing")
	}
	if o.ExcerptBytes < 0 || o.ExcerptBytes > MaxExcerptBytes {
		return nil, fmt.Errorf("new sender: ExcerptBytes is %d, not within 0 to %d", o.ExcerptBytes, MaxExcerptBytes)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	head, err := newHeadOptions(o.HeaderPrefix, o.Version)
	if err != nil {
		return nil, fmt.Errorf("new sender: %w", err)
	}
	names, err := newResolver(o.Resolve)
	if err != nil {
		return nil, fmt.Errorf("new sender: %w", err)
	}
	notices, err := newNotices(o.Log)
	if err != nil {
		return nil, fmt.Errorf("new sender: %w", err)
	}
	c := &Client{
		notices: notices, resolver: names, dial: o.Dial, proxy: o.Proxy, dialProxy: o.Dial, head: head,
		excerpt: o.ExcerptBytes, idle: newIdlePool(o.MaxConnections), conns: map[*conn]struct{}{}, swept: make(chan struct{}),
		extra: make(chan struct{}, max(o.MaxConnections/extraShare, 1)),
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, NextProtos: []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(tlsSessions),
		},
	}
	c.guard.Store(o.Guard)
	if c.excerpt == 0 {
		c.excerpt = DefaultExcerptBytes
	}
	if c.dial == nil {
		c.dial, c.dialProxy = c.dialTCP, dialFreely
	}
	c.running, c.abort = context.WithCancel(context.Background())
	c.startJanitor()
	return c, nil
}

// Open makes an endpoint ready to be sent to; nothing is connected yet. Fields
// of s that are zero have webhook.DefaultSettings. It fails if the target URL
// breaks the rules of ParseTarget, no secret can sign, or headers or certificates
// are not what the webhook package lets through.
func (c *Client) Open(e webhook.Endpoint, s webhook.Settings) (*Target, error) {
	s = s.Or(webhook.DefaultSettings())
	t := &Target{client: c, id: e.ID, clientID: e.ClientID, timeout: s.Timeout, maxIdle: s.Concurrency}
	if err := t.prepare(&e); err != nil {
		return nil, fmt.Errorf("open webhook %s: %w", webhook.EndpointID.Format(e.ID), err)
	}
	return t, nil
}

// prepare makes what each request needs of an endpoint.
func (t *Target) prepare(e *webhook.Endpoint) (err error) {
	if t.url, err = ParseTarget(e.TargetURL); err != nil {
		return err
	}
	if t.signer, err = webhook.NewSigner(e.Secrets); err != nil {
		return err
	}
	if t.head, err = t.client.head.forTarget(t.url, e.Headers); err != nil {
		return err
	}
	rules, err := t.client.trust(e.CABundle)
	if err != nil {
		return err
	}
	key := originKey{secure: t.url.Secure, host: t.url.Host, port: t.url.Port, caBundle: e.CABundle}
	t.origin = t.client.idle.join(key, rules, e.ClientID, t.maxIdle)
	return nil
}

// SetGuard puts other rules in force. A connection that was opened under the rules
// before is used for no request that begins later.
func (c *Client) SetGuard(g *Guard) {
	c.guard.Store(g)
	c.dropAll(c.idle.renew())
}

// Abort ends all requests in flight at once, with webhook.ReasonReset, and
// makes all later ones fail.
func (c *Client) Abort() {
	c.abort()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	for cn := range c.conns {
		cn.close()
	}
	clear(c.conns)
}

// Close aborts what is in flight and ends the client. It may be called twice.
func (c *Client) Close() error {
	c.Abort()
	c.stop()
	<-c.swept
	c.racing.Wait()
	return nil
}

// track takes a new connection in, unless the client was aborted.
func (c *Client) track(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return false
	}
	c.conns[cn] = struct{}{}
	return true
}

// hangUp closes a connection in use.
func (c *Client) hangUp(cn *conn) {
	c.idle.closed()
	c.drop(cn)
}

// drop closes a connection that is not in use any more.
func (c *Client) drop(cn *conn) {
	cn.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, cn)
}

func (c *Client) dropAll(conns []*conn) {
	for _, cn := range conns {
		c.drop(cn)
	}
}
