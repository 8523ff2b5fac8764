package guard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// Lookup returns all addresses of a host name, at least one, or an error.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// Admit returns the addresses that a request to a target may be sent to, at least
// one. It fails with a *Refusal, or with the error of lookup, which Admit calls at
// most once. The order of the rules is in the package's comment.
func (g *Guard) Admit(ctx context.Context, t TargetURL, lookup Lookup) ([]netip.Addr, error) {
	if err := g.checkURL(t); err != nil {
		return nil, err
	}
	switch {
	case t.Addr.IsValid():
		return g.admitAddr(t.Addr)
	case isLocalhost(t.Host):
		return g.admitLocalhost()
	case t.Local() && len(g.allow) == 0:
		return nil, refuseHost(t.Host, adviceLocal) // no answer could be in Allow: do not ask
	}
	addrs, err := lookup(ctx, t.Host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		if err := g.Check(addr); err != nil {
			return nil, err
		}
		if t.Local() && !g.allowed(addr) {
			return nil, refuseAddr(addr, adviceLocalAddr)
		}
	}
	return addrs, nil
}

// AdmitUnresolved admits a target that an egress proxy resolves and connects to.
// It returns the target's address if the host is one, and nothing for a name.
// Names of private networks need the operator's AllowHosts, because the proxy
// stands in such a network and would find them.
func (g *Guard) AdmitUnresolved(t TargetURL) ([]netip.Addr, error) {
	if err := g.checkURL(t); err != nil {
		return nil, err
	}
	if t.Addr.IsValid() {
		return g.admitAddr(t.Addr)
	}
	if (t.Local() || isLocalhost(t.Host)) && len(g.allowHosts) == 0 { // otherwise checkURL found it there
		return nil, refuseHost(t.Host, adviceProxyLocal)
	}
	return nil, nil
}

// CheckConnection judges the address and the port that a socket is about to
// connect to. The dialer calls it last.
func (g *Guard) CheckConnection(to netip.AddrPort) error {
	if err := g.checkPort(to.Port()); err != nil {
		return err
	}
	return g.Check(to.Addr())
}

// CheckListed fails unless the operator's Allow list has all of the addresses, of
// which there is at least one. Requests without TLS that the server itself depends
// on go to such addresses only. A name that a proxy resolves has no addresses, and
// fails.
func (g *Guard) CheckListed(addrs []netip.Addr) error {
	for _, addr := range addrs {
		if !g.allowed(addr) {
			return refuseAddr(addr, adviceHTTP)
		}
	}
	if len(addrs) == 0 {
		return fmt.Errorf("http through a proxy: %w", webhook.ErrBlockedAddress)
	}
	return nil
}

func (g *Guard) admitAddr(addr netip.Addr) ([]netip.Addr, error) {
	if err := g.Check(addr); err != nil {
		return nil, err
	}
	return []netip.Addr{addr}, nil
}

// admitLocalhost returns those of the two loopback addresses that the guard
// admits. One of them is enough: a machine without IPv6 has no ::1.
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

// checkPort judges a port, whatever the host.
func (g *Guard) checkPort(port uint16) error {
	among := func(list []PortRange) bool {
		return slices.ContainsFunc(list, func(r PortRange) bool { return r.contains(port) })
	}
	switch {
	case among(g.denyPorts):
		return refusePort(port, adviceDenyPorts)
	case len(g.allowPorts) > 0 && !among(g.allowPorts):
		return refusePort(port, advicePorts)
	}
	return nil
}

// checkURL judges what needs no resolver: the port, and the name.
func (g *Guard) checkURL(t TargetURL) error {
	if err := g.checkPort(t.Port); err != nil {
		return err
	}
	named := func(list []HostPattern) bool {
		return slices.ContainsFunc(list, func(p HostPattern) bool { return p.Matches(t.Host) })
	}
	switch {
	case t.Addr.IsValid() && len(g.allowHosts) > 0 && !g.allowed(t.Addr):
		return refuseAddr(t.Addr, adviceHostAddr)
	case t.Addr.IsValid():
		return nil
	case named(g.denyHosts):
		return refuseHost(t.Host, adviceDenyHosts)
	case len(g.allowHosts) > 0 && !named(g.allowHosts):
		return refuseHost(t.Host, adviceHosts)
	}
	return nil
}
