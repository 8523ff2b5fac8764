package sender

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/webhook"
)

// fetchTimeout bounds how long Fetch takes in all.
const fetchTimeout = 10 * time.Second

// errNotFetched means that the response was not a whole document within the limit.
var errNotFetched = errors.New("no document")

// Fetch reads a document that the operator named, such as the keys of a token
// issuer: by GET, with the guard, the proxy and the certificates of deliveries, on
// a connection of its own. It ends after 10 s, or with ctx. It accepts only a 200
// with fewer than limit bytes, and does not follow redirects. Anyone between here
// and there could change a document that came without TLS, so a target of http must
// be at addresses that the operator's Allow list has.
func (c *Client) Fetch(ctx context.Context, raw string, limit int) ([]byte, error) {
	url, err := guard.ParseTarget(raw)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	body, err := c.fetch(ctx, url, limit)
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", url.Authority, err)
	}
	return body, nil
}

func (c *Client) fetch(ctx context.Context, url guard.TargetURL, limit int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	defer context.AfterFunc(c.running, cancel)()
	deadline, _ := ctx.Deadline()
	to := destination{url: url, origin: &origin{site: newSite(originKey{}, c.tls)}, onlyListed: !url.Secure}
	cn, err := c.connect(ctx, &to, deadline, new(webhook.Connection))
	if err != nil {
		return nil, err
	}
	defer c.closeInUse(cn)
	defer context.AfterFunc(ctx, cn.close)()
	return c.get(cn, url, limit, deadline)
}

// get reads a document over a new connection, which it uses for nothing else.
func (c *Client) get(cn *conn, url guard.TargetURL, limit int, deadline time.Time) ([]byte, error) {
	if err := cn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	request := http1.RequestStart("GET", url.RequestURI, url.Authority) + http1.FieldStart("User-Agent") + c.head.userAgent +
		"\r\nAccept: application/jwk-set+json, application/json\r\nConnection: close" + http1.HeadEnd
	if _, err := cn.Write([]byte(request)); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	response := http1.NewResponseReader(cn)
	defer response.Release()
	h, err := response.ReadHead()
	if err != nil {
		return nil, err
	}
	if h.Status != 200 {
		return nil, fmt.Errorf("%w: status %s", errNotFetched, strconv.Itoa(h.Status))
	}
	part := response.ReadBody(&h, limit, deadline)
	switch {
	case h.Note != "":
		return nil, fmt.Errorf("%w: %s", errNotFetched, h.Note)
	case len(part.Excerpt) >= limit:
		return nil, fmt.Errorf("%w: %d bytes or more", errNotFetched, limit)
	case !part.Clean:
		return nil, fmt.Errorf("%w: it was cut off, or its length not told", errNotFetched)
	}
	return part.Excerpt, nil
}
