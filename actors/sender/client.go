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

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

const (
	// idleTimeout is how long a connection is kept for the next request. Many servers
	// close theirs after 60 s; the side that closes first never loses a request.
	idleTimeout = 55 * time.Second
	// sweepInterval is how often the janitor looks for connections idle for longer.
	sweepInterval = 15 * time.Second
	// tlsSessions bounds the TLS sessions that are kept for resumption, a few KiB each.
	tlsSessions = 4096
	// ownSessions is the bound for an origin with a CA bundle, which has one host.
	ownSessions = 2
)

// DefaultMaxConnections is how many connections, idle ones included, are open
// before idle ones are closed for new ones.
const DefaultMaxConnections = 8192

// Bounds of Options.ExcerptBytes.
const (
	DefaultExcerptBytes = 4 << 10
	MaxExcerptBytes     = 64 << 10
)

// Options configure a Client. Guard is required; the zero values of all other
// fields have defaults.
type Options struct {
	// Log gets a line when the settings, or names that do not resolve, keep a request
	// from leaving: at most one per webhook and minute. Nothing is logged if nil.
	Log *slog.Logger
	// Guard decides which targets requests may reach. Required.
	Guard *guard.Guard
	// Version is Astrohook's version in the User-Agent header; "dev" if empty.
	Version string
	// HeaderPrefix begins the names of Astrohook's own headers; webhook.DefaultHeaderPrefix if empty.
	HeaderPrefix string
	// RootCAs verify the receivers' certificates; the system's roots if nil.
	RootCAs *x509.CertPool
	// ExcerptBytes is how many bytes of a response's body are kept, up to
	// MaxExcerptBytes; DefaultExcerptBytes if 0.
	ExcerptBytes int
	// MaxConnections is how many connections may be open before idle ones are closed
	// for new ones; DefaultMaxConnections if 0. It does not bound the connections in
	// use: the callers of Send bound those.
	MaxConnections int
	// Proxy opens all connections, and then resolves names in place of the guard; no
	// proxy if nil. The proxy variables of the environment are ignored, because they
	// would lead around the guard.
	Proxy *Proxy
	// Dial opens a connection to an address that the guard admitted, or to the Proxy;
	// TCP if nil. It must return when ctx ends. Only the default checks the address a
	// second time when the socket connects.
	Dial func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	// Resolve returns the addresses of a host name; DNS if nil.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Client makes the requests of all endpoints. It is safe for concurrent use.
type Client struct {
	guard    atomic.Pointer[guard.Guard]
	resolver *resolver
	dial     func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	// proxy opens all connections unless it is nil; dialProxy connects to it.
	proxy     *Proxy
	dialProxy func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	tls       *tls.Config
	head      headOptions
	notices   *notices
	excerpt   int
	idle      *idlePool
	// extra holds one element for each dial that runs beside another one of the same
	// attempt; its capacity bounds them. racing counts the goroutines that dial.
	extra  chan struct{}
	racing sync.WaitGroup

	running context.Context // ends with Abort
	abort   context.CancelFunc
	swept   chan struct{} // closed when the janitor has ended
	stop    func()        // ends the janitor

	mu      sync.Mutex
	conns   map[*conn]struct{} // all open ones, for Abort
	aborted bool
}

// New starts a client, which has one goroutine until Close ends it. It fails if an
// option is out of its bounds.
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
		c.dial, c.dialProxy = c.dialTCP, dialProxyTCP
	}
	c.running, c.abort = context.WithCancel(context.Background())
	c.startJanitor()
	return c, nil
}

// Open returns a target for an endpoint. It connects to nothing. Zero fields of s
// stand for webhook.DefaultSettings. It fails if the target URL breaks the rules of
// guard.ParseTarget, if no secret can sign, or if the webhook package refuses the
// headers or the certificates.
func (c *Client) Open(e webhook.Endpoint, s webhook.Settings) (*Target, error) {
	s = s.Or(webhook.DefaultSettings())
	t := &Target{client: c, id: e.ID, clientID: e.ClientID, timeout: s.Timeout, maxIdle: s.Concurrency}
	if err := t.prepare(&e); err != nil {
		return nil, fmt.Errorf("open webhook %s: %w", webhook.EndpointID.Format(e.ID), err)
	}
	return t, nil
}

// prepare computes once what every request to an endpoint needs, and joins the
// endpoint's origin, which Close leaves again.
func (t *Target) prepare(e *webhook.Endpoint) (err error) {
	if t.url, err = guard.ParseTarget(e.TargetURL); err != nil {
		return err
	}
	if t.signer, err = signing.NewSigner(e.Secrets); err != nil {
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

// SetGuard replaces the rules. No request that begins later uses a connection that
// was opened under the old ones.
func (c *Client) SetGuard(g *guard.Guard) {
	c.guard.Store(g)
	c.closeAllIdle(c.idle.renew())
}

// Abort ends all requests in flight at once, with webhook.ReasonReset, and makes
// all later ones fail. It does not wait for them.
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

// Close aborts all requests, closes all connections, and waits for the goroutines
// of the client. It may be called twice.
func (c *Client) Close() error {
	c.Abort()
	c.stop()
	<-c.swept
	c.racing.Wait()
	return nil
}

// track registers a new connection for Abort. It reports false, and registers
// nothing, if the client was aborted already.
func (c *Client) track(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return false
	}
	c.conns[cn] = struct{}{}
	return true
}

// closeInUse closes a connection that an attempt holds.
func (c *Client) closeInUse(cn *conn) {
	c.idle.closed()
	c.closeIdle(cn)
}

// closeIdle closes a connection that the idle pool has given up.
func (c *Client) closeIdle(cn *conn) {
	cn.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, cn)
}

func (c *Client) closeAllIdle(conns []*conn) {
	for _, cn := range conns {
		c.closeIdle(cn)
	}
}
