package sender

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	// maxDials bounds how many of a name's addresses one attempt tries.
	maxDials = 4
	// minDialTime is what an address gets of the time left, while others follow it.
	minDialTime = 2 * time.Second
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
	raw, err := c.dialAny(ctx, w, deadline)
	if err != nil {
		return nil, err
	}
	cn := newConn(raw, t.origin)
	cn.epoch = epoch
	if !c.track(cn) {
		cn.close()
		return nil, errAborted
	}
	c.dropAll(c.idle.opened())
	if err := c.greet(cn, t, deadline); err != nil {
		c.hangUp(cn)
		return nil, err
	}
	return cn, nil
}

// greet does what comes before the first request.
func (c *Client) greet(cn *conn, t *Target, deadline time.Time) error {
	if c.proxy != nil {
		if err := c.tunnel(cn, t, deadline); err != nil {
			return err
		}
	}
	if !t.url.Secure {
		return nil
	}
	return c.handshake(cn, t, deadline)
}

// way is where to connect to.
type way struct {
	dial  func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	addrs []netip.Addr
	port  uint16
}

// dialAny tries addresses one after the other, and gives each a share of the
// time, so that one that stays silent leaves some for the next.
func (c *Client) dialAny(ctx context.Context, w way, deadline time.Time) (net.Conn, error) {
	var failure error
	addrs := w.addrs[:min(len(w.addrs), maxDials)]
	for i, addr := range addrs {
		until := deadline
		if following := len(addrs) - i - 1; following > 0 {
			now := time.Now()
			share := max(deadline.Sub(now)/time.Duration(following+1), minDialTime)
			until = now.Add(min(share, deadline.Sub(now)))
		}
		shared, cancel := context.WithDeadline(ctx, until)
		raw, err := w.dial(shared, "tcp", netip.AddrPortFrom(addr.Unmap(), w.port))
		cancel()
		if err == nil {
			return raw, nil
		}
		failure = fmt.Errorf("dial: %w", err)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, failure
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

func (c *Client) handshake(cn *conn, t *Target, deadline time.Time) error {
	config := t.origin.tls.Clone()
	config.ServerName = t.url.Host
	secure := tls.Client(cn.raw, config)
	if err := secure.SetDeadline(deadline); err != nil {
		return &handshakeError{err}
	}
	if err := secure.Handshake(); err != nil {
		return &handshakeError{err}
	}
	cn.Conn, cn.buffers = secure, true
	return nil
}

// handshakeError is why a TLS handshake failed.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }

func (e *handshakeError) Unwrap() error { return e.err }
