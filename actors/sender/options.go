package sender

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/corpastro/astrohook/actors/sender/guard"
)

// DefaultMaxConnections is how many connections, idle ones included, are open
// before idle ones are closed for new ones.
const DefaultMaxConnections = 8192

// Bounds of Options.ExcerptBytes.
const (
	DefaultExcerptBytes = 4 << 10
	MaxExcerptBytes     = 64 << 10
)

// Options configure a Client. Guard is required; the zero values of all other
// fields have defaults.
type Options struct {
	// Log gets a line when the settings, or names that do not resolve, keep a request
	// from leaving: at most one per webhook and minute. Nothing is logged if nil.
	Log *slog.Logger
	// Guard decides which targets requests may reach. Required.
	Guard *guard.Guard
	// Version is Astrohook's version in the User-Agent header; "dev" if empty.
	Version string
	// HeaderPrefix begins the names of Astrohook's own headers; webhook.DefaultHeaderPrefix if empty.
	HeaderPrefix string
	// RootCAs verify the receivers' certificates; the system's roots if nil.
	RootCAs *x509.CertPool
	// ExcerptBytes is how many bytes of a response's body are kept, up to
	// MaxExcerptBytes; DefaultExcerptBytes if 0.
	ExcerptBytes int
	// MaxConnections is how many connections may be open before idle ones are closed
	// for new ones; DefaultMaxConnections if 0. It does not bound the connections in
	// use: the callers of Send bound those.
	MaxConnections int
	// Proxy opens all connections, and then resolves names in place of the guard; no
	// proxy if nil. The proxy variables of the environment are ignored, because they
	// would lead around the guard.
	Proxy *Proxy
	// Dial opens a connection to an address that the guard admitted, or to the Proxy;
	// TCP if nil. It must return when ctx ends. Only the default checks the address a
	// second time when the socket connects.
	Dial func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)
	// Resolve returns the addresses of a host name; DNS if nil.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// complete checks the options and fills in the defaults of numbers.
func (o *Options) complete() error {
	if o.Guard == nil {
		return errors.New("the option Guard is missing")
	}
	if o.ExcerptBytes < 0 || o.ExcerptBytes > MaxExcerptBytes {
		return fmt.Errorf("ExcerptBytes is %d, not within 0 to %d", o.ExcerptBytes, MaxExcerptBytes)
	}
	o.ExcerptBytes = cmp.Or(o.ExcerptBytes, DefaultExcerptBytes)
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	return nil
}
