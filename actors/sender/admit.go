package sender

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// checkBudget bounds how long a registration waits for DNS.
const checkBudget = 2 * time.Second

// CheckTarget judges a target URL for registration, and gives the form in which
// it is to be stored. It fails with a *webhook.FieldError, which is also a
// webhook.ErrBlockedAddress if the address is what is wrong. A public name that
// does not resolve now is let through: each connection is checked again.
func (c *Client) CheckTarget(ctx context.Context, raw string) (canonical string, err error) {
	target, err := ParseTarget(raw)
	if field, ok := errors.AsType[*webhook.FieldError](err); ok && field.Reason == hasUser {
		return "", wrong(hasUser + ": credentials belong into headers.Authorization")
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkBudget)
	defer cancel()
	_, err = c.admit(ctx, target)
	refused := errors.Is(err, webhook.ErrBlockedAddress) || err != nil && target.local()
	if err != nil {
		c.notices.unregistered(target, err, refused)
	}
	// A local name that does not resolve gets the same answer as one that does:
	// registering must not be a way to find out what is inside.
	switch {
	case errors.Is(err, errBlockedPort):
		return "", fmt.Errorf("%w: %w", wrong("has a port that is not allowed"), webhook.ErrBlockedAddress)
	case refused:
		field := wrong("points to an address that is not allowed")
		return "", fmt.Errorf("%w: %w", field, webhook.ErrBlockedAddress)
	}
	return target.Canonical, nil
}

// admit gives the addresses that a target may be reached at, at least one; none
// for a name that the proxy resolves. It fails with webhook.ErrBlockedAddress, errUnresolved, or ctx's error.
func (c *Client) admit(ctx context.Context, t TargetURL) ([]netip.Addr, error) {
	guard := c.guard.Load()
	if err := guard.checkURL(t); err != nil {
		return nil, err
	}
	switch {
	case t.Addr.IsValid():
		return []netip.Addr{t.Addr}, guard.Check(t.Addr)
	case c.proxy != nil:
		return nil, guard.admitByName(t)
	case isLocalhost(t.Host):
		return guard.admitLocalhost()
	case t.local() && !guard.allowsAny():
		return nil, refuseHost(t.Host, adviceLocal)
	}
	addrs, err := c.resolver.resolve(ctx, t.Host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		if err := guard.Check(addr); err != nil {
			return nil, err
		}
		if t.local() && !guard.Allowed(addr) {
			return nil, refuseAddr(addr, adviceLocalAddr)
		}
	}
	return addrs, nil
}

// admitLocalhost gives those of the machine's two loopback addresses that the
// guard lets through.
func (g *Guard) admitLocalhost() ([]netip.Addr, error) {
	loopback := [...]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	var addrs []netip.Addr
	var refused error
	for _, addr := range loopback {
		if err := g.Check(addr); err != nil {
			refused = err
		} else {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, refused
	}
	return addrs, nil
}

func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") // RFC 6761, section 6.3
}

// local tells whether the host is a name of the kind that machines of one's own network have.
func (t TargetURL) local() bool {
	if t.Addr.IsValid() {
		return false
	}
	if !strings.Contains(t.Host, ".") {
		return true
	}
	for _, suffix := range [...]string{".local", ".internal", ".home.arpa"} {
		if strings.HasSuffix(t.Host, suffix) {
			return true
		}
	}
	return false
}
