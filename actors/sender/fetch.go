package sender

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// fetchTimeout bounds how long Fetch takes in all.
const fetchTimeout = 10 * time.Second

// errNotFetched: the answer was not a whole document within the limit.
var errNotFetched = errors.New("no document")

// Fetch reads a document that the operator named, such as the keys of a token
// issuer: by GET, with the guard, the proxy and the certificates of deliveries,
// on a connection of its own. It has 10 s, or until ctx ends. Only a 200 with
// fewer than limit bytes will do; redirects are not followed. Without TLS anyone
// on the way could change the document, so http is for addresses only that the
// operator allowed by name.
func (c *Client) Fetch(ctx context.Context, raw string, limit int) ([]byte, error) {
	url, err := ParseTarget(raw)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	defer context.AfterFunc(c.running, cancel)()
	deadline, _ := ctx.Deadline()
	t := &Target{client: c, url: url, origin: &origin{site: newSite(originKey{}, c.tls)}, allowedOnly: !url.Secure}
	cn, err := c.connect(ctx, t, deadline)
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", url.Authority, err)
	}
	defer c.hangUp(cn)
	defer context.AfterFunc(ctx, cn.close)()
	body, err := t.get(cn, limit, deadline)
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", url.Authority, err)
	}
	return body, nil
}

// get asks for the target's document over a new connection.
func (t *Target) get(cn *conn, limit int, deadline time.Time) ([]byte, error) {
	if err := cn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	request := "GET " + t.url.RequestURI + " HTTP/1.1\r\nHost: " + t.url.Authority + "\r\nUser-Agent: " + t.client.head.userAgent +
		"\r\nAccept: application/jwk-set+json, application/json\r\nConnection: close" + headEnd
	if _, err := cn.Write([]byte(request)); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	in := newInbox(cn)
	defer in.free()
	h, err := in.readHead()
	if err != nil {
		return nil, err
	}
	if h.status != 200 {
		return nil, fmt.Errorf("%w: status %s", errNotFetched, strconv.Itoa(h.status))
	}
	part := in.readBody(&h, limit, deadline)
	if h.note != "" {
		return nil, fmt.Errorf("%w: %s", errNotFetched, h.note)
	}
	if len(part.excerpt) >= limit {
		return nil, fmt.Errorf("%w: %d bytes or more", errNotFetched, limit)
	}
	if !part.clean {
		return nil, fmt.Errorf("%w: it was cut off, or its length not told", errNotFetched)
	}
	return part.excerpt, nil
}

// checkAllowed tells whether the operator let all of the addresses through by name.
func (g *Guard) checkAllowed(addrs []netip.Addr) error {
	for _, addr := range addrs {
		if !g.Allowed(addr) {
			return refuseAddr(addr, adviceHTTP)
		}
	}
	if len(addrs) == 0 { // a name that the proxy resolves
		return fmt.Errorf("http through a proxy: %w", webhook.ErrBlockedAddress)
	}
	return nil
}
