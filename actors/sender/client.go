package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
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
	c, err := assemble(o)
	if err != nil {
		return nil, fmt.Errorf("new sender: %w", err)
	}
	c.running, c.abort = context.WithCancel(context.Background())
	c.startJanitor()
	return c, nil
}

// assemble returns a client whose goroutine was not started yet.
func assemble(o Options) (*Client, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	head, err := newHeadOptions(o.HeaderPrefix, o.Version)
	if err != nil {
		return nil, err
	}
	names, err := newResolver(o.Resolve)
	if err != nil {
		return nil, err
	}
	notices, err := newNotices(o.Log)
	if err != nil {
		return nil, err
	}
	c := &Client{
		notices: notices, resolver: names, dial: o.Dial, proxy: o.Proxy, dialProxy: o.Dial, head: head,
		excerpt: o.ExcerptBytes, idle: newIdlePool(o.MaxConnections), conns: map[*conn]struct{}{}, swept: make(chan struct{}),
		extra: make(chan struct{}, max(o.MaxConnections/extraShare, 1)), tls: tlsRules(o.RootCAs),
	}
	c.guard.Store(o.Guard)
	if c.dial == nil {
		c.dial, c.dialProxy = c.dialTCP, dialProxyTCP
	}
	return c, nil
}

// tlsRules returns the rules of TLS for origins without a CA bundle. ALPN offers
// HTTP/1.1 only: a receiver that could speak HTTP/2 as well must not choose it.
func tlsRules(roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: roots, NextProtos: []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(tlsSessions),
	}
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
func (t *Target) prepare(e *webhook.Endpoint) error {
	if err := t.compose(e); err != nil {
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
