package sender

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// destination is where a connection leads, and under which rules it may be opened.
type destination struct {
	url    guard.TargetURL
	origin *origin
	// onlyListed restricts the connection to addresses within the operator's Allow
	// list, because what comes back is trusted and not protected by TLS.
	onlyListed bool
}

// connect opens a connection to a destination on which nothing was sent yet: it
// resolves, checks, dials and, for https, does the TLS handshake. It ends at the
// deadline or with ctx. Its errors are for classify.
func (c *Client) connect(ctx context.Context, to *destination, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	epoch := c.idle.now() // before admit: a guard set in between makes the connection outdated
	r, err := c.route(ctx, to)
	if err != nil {
		return nil, err
	}
	c.closeAllIdle(c.idle.opened()) // a connection counts from the start of its dial
	raw, err := c.dialAny(ctx, r, to.origin)
	if err != nil {
		c.idle.closed()
		if c.proxy != nil {
			err = &proxyError{err}
		}
		return nil, err
	}
	cn := newConn(raw, to.origin)
	cn.epoch = epoch
	if !c.track(cn) {
		cn.close()
		c.idle.closed()
		return nil, errAborted
	}
	if err := c.setUp(cn, to, deadline); err != nil {
		c.closeInUse(cn)
		return nil, err
	}
	return cn, nil
}

// route returns where to dial for a destination that the guard admits: its own
// addresses, or the proxy's.
func (c *Client) route(ctx context.Context, to *destination) (route, error) {
	addrs, err := c.admit(ctx, to.url)
	if err == nil && to.onlyListed {
		err = c.guard.Load().CheckListed(addrs)
	}
	switch {
	case err != nil:
		return route{}, err
	case c.proxy != nil:
		return c.toProxy(ctx)
	}
	return route{dial: c.dial, addrs: addrs, port: to.url.Port}, nil
}

// setUp does everything that precedes the first request: the tunnel through the
// proxy, and TLS.
func (c *Client) setUp(cn *conn, to *destination, deadline time.Time) error {
	if c.proxy != nil {
		if err := c.viaProxy(cn, to.url, deadline); err != nil {
			return err
		}
	}
	if !to.url.Secure {
		return nil
	}
	return cn.handshake(to, deadline)
}

// dialTCP is the dialer of a Client whose options have none. Keep-alive probes are
// off: idle connections are closed after idleTimeout, and those in use have a
// deadline.
func (c *Client) dialTCP(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: c.control, KeepAlive: -1}
	return d.DialContext(ctx, network, addr.String())
}

// dialProxyTCP connects to the proxy. The operator chose its address, so the guard
// does not judge it.
func dialProxyTCP(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, network, addr.String())
}

// control checks the address and the port that a socket is about to connect to. It
// is the last line: it holds even if everything before it was wrong.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address to connect to: %w", err)
	}
	return c.guard.Load().CheckConnection(to)
}

// handshake agrees on TLS with a destination.
func (cn *conn) handshake(to *destination, deadline time.Time) error {
	config := to.origin.tls.Clone()
	config.ServerName = to.url.Host
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		cn.asksForCert = true
		return new(tls.Certificate), nil // none
	}
	secure := tls.Client(cn.raw, config)
	if err := secure.SetDeadline(deadline); err != nil {
		return &tlsFailure{webhook.ReasonTLS, err}
	}
	if err := secure.Handshake(); err != nil {
		return cn.judgeHandshake(err)
	}
	cn.Conn, cn.buffers, cn.secure = secure, true, true
	return nil
}
