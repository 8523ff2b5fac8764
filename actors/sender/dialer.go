package sender

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// connect opens a connection to a target that nothing was sent on yet: it
// resolves, checks, dials and, if need be, does the TLS handshake, until the
// deadline or until ctx ends. Errors are for classify.
func (c *Client) connect(ctx context.Context, t *Target, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	epoch := c.idle.now()
	addrs, err := c.admit(ctx, t.url)
	if err == nil && t.allowedOnly {
		err = c.guard.Load().checkAllowed(addrs)
	}
	if err != nil {
		return nil, err
	}
	w := way{dial: c.dial, addrs: addrs, port: t.url.Port}
	if c.proxy != nil {
		if w, err = c.toProxy(ctx); err != nil {
			return nil, err
		}
	}
	c.dropAll(c.idle.opened()) // a connection that is being opened counts, too
	raw, err := c.dialAny(ctx, w, t.origin)
	if err != nil {
		c.idle.closed()
		if c.proxy != nil {
			err = &proxyError{err}
		}
		return nil, err
	}
	cn := newConn(raw, t.origin)
	cn.epoch = epoch
	if !c.track(cn) {
		cn.close()
		c.idle.closed()
		return nil, errAborted
	}
	if err := c.greet(cn, t, deadline); err != nil {
		c.hangUp(cn)
		return nil, err
	}
	return cn, nil
}

// greet does what comes before the first request.
func (c *Client) greet(cn *conn, t *Target, deadline time.Time) error {
	if c.proxy != nil {
		if err := c.viaProxy(cn, t, deadline); err != nil {
			return err
		}
	}
	if !t.url.Secure {
		return nil
	}
	return cn.handshake(t, deadline)
}

// dialTCP is the dialer of a Client that was given none.
func (c *Client) dialTCP(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: c.control, KeepAlive: -1}
	return d.DialContext(ctx, network, addr.String())
}

// dialFreely connects to the proxy, which the guard has no say in.
func dialFreely(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, network, addr.String())
}

// control checks the address and the port that the socket is about to connect to.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address to connect to: %w", err)
	}
	guard := c.guard.Load()
	if err := guard.checkPort(addr.Port()); err != nil {
		return err
	}
	return guard.Check(addr.Addr())
}

// handshake agrees on TLS with a target.
func (cn *conn) handshake(t *Target, deadline time.Time) error {
	config := t.origin.tls.Clone()
	config.ServerName = t.url.Host
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
