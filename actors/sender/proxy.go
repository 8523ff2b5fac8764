package sender

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/corpastro/astrohook/actors/sender/detail"
	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
)

// Proxy is an HTTP proxy that opens every connection (CONNECT, RFC 9110, section
// 9.3.6), for targets of http and of https. It alone resolves their names.
type Proxy struct {
	at guard.TargetURL // its host, and its address if the host is one
	// authorization is the value of Proxy-Authorization; "" for none.
	authorization string
}

// ParseProxy reads a proxy's URL: http://host:port, with user:password@ before the
// host if the proxy asks for them. The error quotes nothing of the text, because
// that holds a password.
func ParseProxy(raw string) (*Proxy, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("is not a valid URL")
	}
	p := &Proxy{}
	if u.User != nil {
		password, _ := u.User.Password()
		p.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
		u.User = nil
	}
	p.at, err = guard.ParseTarget(u.String())
	if field, ok := errors.AsType[*webhook.FieldError](err); ok {
		return nil, errors.New(field.Reason)
	}
	if p.at.Secure || p.at.RequestURI != "/" {
		return nil, errors.New("is not of the form http://host:port")
	}
	return p, err
}

// toProxy returns the route to the proxy. The operator chose its address, so the
// guard does not judge it.
func (c *Client) toProxy(ctx context.Context) (route, error) {
	r := route{dial: c.dialProxy, addrs: []netip.Addr{c.proxy.at.Addr}, port: c.proxy.at.Port}
	if c.proxy.at.Addr.IsValid() {
		return r, nil
	}
	addrs, err := c.resolver.resolve(ctx, c.proxy.at.Host)
	if unresolved, ok := errors.AsType[*unresolvedError](err); ok { // it says nothing about the target's name
		return route{}, &proxyError{errors.New("its name does not resolve: " + unresolved.cause.Error())}
	}
	r.addrs = addrs
	return r, err
}

// proxyError is why the egress proxy opened no connection. Its text is for the
// operator's log only.
type proxyError struct{ cause error }

func (e *proxyError) Error() string { return "egress proxy: " + e.cause.Error() }

func (e *proxyError) Unwrap() error { return e.cause }

// viaProxy opens the tunnel to a target. It removes the words of a failure, because
// they would be about the proxy, which is not the webhook owner's.
func (c *Client) viaProxy(cn *conn, t guard.TargetURL, deadline time.Time) error {
	if err := c.tunnel(cn, t, deadline); err != nil {
		return detail.Explain(&proxyError{err}, "")
	}
	return nil
}

// tunnel asks the proxy at the other end for a connection to the target.
func (c *Client) tunnel(cn *conn, t guard.TargetURL, deadline time.Time) error {
	if err := cn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("%w: set deadline: %w", http1.ErrEnded, err)
	}
	if _, err := cn.Write(c.connectRequest(t)); err != nil {
		return fmt.Errorf("%w: write: %w", http1.ErrEnded, err)
	}
	response := http1.NewResponseReader(cn)
	defer response.Release()
	h, err := response.ReadHead()
	switch {
	case err != nil:
		return fmt.Errorf("ask the egress proxy: %w", err)
	case h.Status < 200 || h.Status > 299:
		return fmt.Errorf("the egress proxy answered %d", h.Status)
	case h.Cut != nil: // nobody knows where the target's bytes begin
		return fmt.Errorf("the egress proxy's answer was cut off: %w", h.Cut)
	case !response.Empty(): // a target speaks only after a request, or after TLS's first message
		return fmt.Errorf("the egress proxy sent more than its answer: %w", http1.ErrProtocol)
	}
	return nil
}

// connectRequest returns the request for a tunnel. Its target always has a port
// (RFC 9110, section 9.3.6).
func (c *Client) connectRequest(t guard.TargetURL) []byte {
	host := t.Host
	if t.Addr.Is6() {
		host = "[" + host + "]"
	}
	host += ":" + strconv.Itoa(int(t.Port))
	request := http1.RequestStart("CONNECT", host, host) + http1.FieldStart("User-Agent") + c.head.userAgent
	if c.proxy.authorization != "" {
		request += http1.FieldStart("Proxy-Authorization") + c.proxy.authorization
	}
	return []byte(request + http1.HeadEnd)
}
