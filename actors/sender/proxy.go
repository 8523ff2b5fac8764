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

	"github.com/corpastro/astrohook/webhook"
)

// Proxy is an HTTP proxy that opens every connection (CONNECT, RFC 9110, section
// 9.3.6), be the target http or https. Names are resolved by it alone.
type Proxy struct {
	at TargetURL
	// authorization is the value of Proxy-Authorization; "" for none.
	authorization string
}

// ParseProxy reads a proxy's URL: http://host:port, with user:password@ before the
// host if it asks for them. The error holds nothing of the text.
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
	p.at, err = ParseTarget(u.String())
	if field, ok := errors.AsType[*webhook.FieldError](err); ok {
		return nil, errors.New(field.Reason)
	}
	if p.at.Secure || p.at.RequestURI != "/" {
		return nil, errors.New("is not of the form http://host:port")
	}
	return p, err
}

// admitByName judges a name that a proxy is going to resolve: local ones are
// refused, unless the operator's AllowHosts has them.
func (g *Guard) admitByName(t TargetURL) error {
	if (t.local() || isLocalhost(t.Host)) && len(g.allowHosts) == 0 { // checkURL was passed
		return refuseHost(t.Host, adviceProxyLocal)
	}
	return nil
}

// toProxy gives the way to the proxy. Its address is the operator's word, and is
// not judged.
func (c *Client) toProxy(ctx context.Context) (way, error) {
	w := way{dial: c.dialProxy, addrs: []netip.Addr{c.proxy.at.Addr}, port: c.proxy.at.Port}
	if c.proxy.at.Addr.IsValid() {
		return w, nil
	}
	addrs, err := c.resolver.resolve(ctx, c.proxy.at.Host)
	if unresolved, ok := errors.AsType[*unresolvedError](err); ok { // says nothing of the target's name
		return way{}, &proxyError{errors.New("its name does not resolve: " + unresolved.cause.Error())}
	}
	w.addrs = addrs
	return w, err
}

// proxyError is why the egress proxy opened no connection. What it says is for the
// operator.
type proxyError struct{ cause error }

func (e *proxyError) Error() string { return "egress proxy: " + e.cause.Error() }

func (e *proxyError) Unwrap() error { return e.cause }

// viaProxy opens the tunnel to a target.
func (c *Client) viaProxy(cn *conn, t *Target, deadline time.Time) error {
	if err := c.tunnel(cn, t, deadline); err != nil {
		return explain(&proxyError{err}, "") // not the receiver's words
	}
	return nil
}

// tunnel asks the proxy at the other end for a connection to the target.
func (c *Client) tunnel(cn *conn, t *Target, deadline time.Time) error {
	if err := cn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("%w: set deadline: %w", errEnded, err)
	}
	if _, err := cn.Write(c.connectRequest(t.url)); err != nil {
		return fmt.Errorf("%w: write: %w", errEnded, err)
	}
	in := newInbox(cn)
	defer in.free()
	h, err := in.readHead()
	switch {
	case err != nil:
		return fmt.Errorf("ask the egress proxy: %w", err)
	case h.status < 200 || h.status > 299:
		return fmt.Errorf("the egress proxy answered %d", h.status)
	case h.cut != nil: // where the target's bytes begin cannot be told
		return fmt.Errorf("the egress proxy's answer was cut off: %w", h.cut)
	case !in.empty(): // the target speaks after the request only
		return fmt.Errorf("the egress proxy's answer goes on: %w", errProtocol)
	}
	return nil
}

func (c *Client) connectRequest(t TargetURL) []byte {
	host := t.Host
	if t.Addr.Is6() {
		host = "[" + host + "]"
	}
	host += ":" + strconv.Itoa(int(t.Port))
	b := []byte("CONNECT " + host + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + c.head.userAgent)
	if c.proxy.authorization != "" {
		b = append(b, "\r\nProxy-Authorization: "+c.proxy.authorization...)
	}
	return append(b, headEnd...)
}
