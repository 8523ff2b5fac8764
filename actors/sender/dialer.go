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
// deadline or with ctx, and notes in met how far it came. Its errors are for classify.
func (c *Client) connect(ctx context.Context, to *destination, deadline time.Time, met *webhook.Connection) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	epoch := c.idle.now() // before admit: a guard set in between makes the connection outdated
	r, err := c.resolve(ctx, to, met)
	if err != nil {
		return nil, err
	}
	raw, err := c.open(ctx, r, to, met)
	if err != nil {
		return nil, err
	}
	cn := newConn(raw, to.origin)
	cn.epoch, cn.ends = epoch, webhook.Connection{From: met.From, To: met.To, Proxied: met.Proxied, Reused: true}
	if !c.track(cn) {
		cn.close()
		c.idle.closed()
		return nil, errAborted
	}
	if err := c.setUp(cn, to, deadline, met); err != nil {
		c.closeInUse(cn)
		return nil, err
	}
	return cn, nil
}

// resolve is route, with the time that a name took.
func (c *Client) resolve(ctx context.Context, to *destination, met *webhook.Connection) (route, error) {
	began, name := time.Now(), !to.url.Addr.IsValid()
	if met.Proxied = c.proxy != nil; met.Proxied {
		name = !c.proxy.at.Addr.IsValid()
	}
	r, err := c.route(ctx, to)
	if name {
		met.DNS = time.Since(began)
	}
	return r, err
}

// open dials. A connection counts from the start of its dial.
func (c *Client) open(ctx context.Context, r route, to *destination, met *webhook.Connection) (net.Conn, error) {
	c.closeAllIdle(c.idle.opened())
	began := time.Now()
	raw, addr, err := c.dialAny(ctx, r, to.origin)
	met.Connect = time.Since(began)
	if addr.IsValid() {
		met.To = netip.AddrPortFrom(addr.Unmap().WithZone(""), r.port)
	}
	if err != nil {
		c.idle.closed()
		if c.proxy != nil {
			err = &proxyError{err}
		}
		return nil, err
	}
	met.From = localOf(raw)
	return raw, nil
}

// localOf returns this end of a connection; zero for one that is not TCP.
func localOf(raw net.Conn) netip.AddrPort {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return netip.AddrPort{}
	}
	local, _ := tcp.LocalAddr().(*net.TCPAddr)
	at := local.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
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
func (c *Client) setUp(cn *conn, to *destination, deadline time.Time, met *webhook.Connection) error {
	began := time.Now()
	if c.proxy != nil {
		err := c.viaProxy(cn, to.url, deadline)
		met.Connect += time.Since(began)
		if err != nil {
			return err
		}
		began = time.Now()
	}
	if !to.url.Secure {
		return nil
	}
	err := cn.handshake(to, deadline)
	met.TLS = time.Since(began)
	return err
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
