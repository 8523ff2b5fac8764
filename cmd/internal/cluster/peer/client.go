package peer

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/corpastro/astrohook/storage"
)

const (
	callTimeout = 2 * time.Second
	maxAnswer   = 4 << 20
)

// ClientOptions are the parts of a Client.
type ClientOptions struct {
	Self   storage.Incarnation
	Secret string
	TLS    *tls.Config // nil for none
}

// Client sends requests to other nodes. Its methods are safe for concurrent use.
type Client struct {
	self   storage.Incarnation
	secret secret
	scheme string
	http   *http.Client

	mu      sync.Mutex
	numbers map[storage.Incarnation]uint64 // of the last request to each node
}

// NewClient returns a Client. It follows no redirects, uses no proxy, and keeps a few
// connections to each node.
func NewClient(o ClientOptions) *Client {
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	return &Client{
		self: o.Self, secret: secret(o.Secret), scheme: scheme, numbers: make(map[storage.Incarnation]uint64),
		http: &http.Client{
			Timeout:       callTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: callTimeout, KeepAlive: 5 * time.Second}).DialContext,
				TLSClientConfig:     o.TLS,
				TLSHandshakeTimeout: callTimeout,
				MaxConnsPerHost:     32,
				MaxIdleConnsPerHost: 8,
				IdleConnTimeout:     30 * time.Second,
				DisableCompression:  true,
			},
		},
	}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call sends a request to a node and returns its answer, within 2 s. ErrAway if there is
// none; what the node could not do is the error that it had.
func (c *Client) Call(ctx context.Context, to storage.Node, path string, body []byte) ([]byte, error) {
	f := frame{from: c.self, to: to.Incarnation, number: c.next(to.Incarnation), digest: sha256.Sum256(body)}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.scheme+"://"+to.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	mac := c.secret.request(request.Method, request.URL.EscapedPath(), f)
	request.Header.Set(headerFrame, f.String())
	request.Header.Set(headerMac, mac)
	// A request that may have arrived must not be sent a second time by the library: it
	// would be refused as a repetition.
	request.GetBody = nil
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, away(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end, or is given up
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	code := answer.Header.Get(headerError)
	want := c.secret.answer(mac, code, content)
	if !hmac.Equal([]byte(want), []byte(answer.Header.Get(headerMac))) {
		if wantsTLS(answer.StatusCode, content) {
			return nil, away(errWantsTLS)
		}
		return nil, fmt.Errorf("%w: its answer, status %d, is not authenticated", ErrAway, answer.StatusCode)
	}
	return content, errorOf(code)
}

// away returns ErrAway with its cause, and with the reason that lasts, if there is one.
func away(err error) error {
	if reason := misfit(err); reason != nil {
		return fmt.Errorf("%w: %w: %w", ErrAway, reason, err)
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// Reach returns ErrDistrust if a node and this one do not accept each other's certificates,
// ErrOneSided if only one of them talks over TLS, each with ErrAway and the node's name, and
// ErrAway alone if the node does not answer. What it answers does not matter.
func (c *Client) Reach(ctx context.Context, to storage.Node) error {
	_, err := c.Call(ctx, to, pathLook, nil)
	if errors.Is(err, ErrAway) {
		return fmt.Errorf("node %s at %s: %w", to.Name, to.Address, err)
	}
	return nil
}

// next returns the number of the next request to a node.
func (c *Client) next(to storage.Incarnation) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.numbers[to]++
	return c.numbers[to]
}

// Forget drops what is kept about nodes that are gone.
func (c *Client) Forget(gone func(storage.Incarnation) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.numbers {
		if gone(n) {
			delete(c.numbers, n)
		}
	}
}
