package guard

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the operator's changes to the table. The zero value admits the
// public internet, on every port and under every name.
type Options struct {
	// Allow admits addresses that the table refuses, or that are the machine's own.
	Allow []netip.Prefix
	// Deny refuses addresses that the table or Allow would admit.
	Deny []netip.Prefix
	// AllowHosts, if not empty, are the only names that a target's host may have. A
	// target with an address in place of a name must then be within Allow. The
	// addresses of an allowed name are checked like all others.
	AllowHosts []HostPattern
	// DenyHosts are names that no target's host may have. They are not resolved.
	DenyHosts []HostPattern
	// AllowPorts, if not empty, are the only ports that a target may have.
	AllowPorts []PortRange
	// DenyPorts are ports that no target may have.
	DenyPorts []PortRange
	// Interfaces returns the machine's own addresses; net.InterfaceAddrs if nil.
	Interfaces func() ([]net.Addr, error)
}

// Guard decides which targets requests may reach. Its rules never change: a
// reload makes another one. It is safe for concurrent use.
type Guard struct {
	allow, deny           []netip.Prefix
	allowHosts, denyHosts []HostPattern
	allowPorts, denyPorts []PortRange
	interfaces            func() ([]net.Addr, error)

	refresh sync.Mutex // held while the machine's own addresses are listed
	own     atomic.Pointer[ownAddresses]
}

// ownAddresses are the machine's own addresses at one time. They are refused even
// where they are public: services that listen on all interfaces often trust them.
type ownAddresses struct {
	addrs map[netip.Addr]bool
	at    time.Time
}

// ownAddressesAge is the age at which Check lists the machine's addresses again.
// Listing them costs some system calls, too many for each connection.
const ownAddressesAge = time.Minute

// New returns a guard. It fails if a prefix is not valid, or if the machine's own
// addresses cannot be listed: a guard without them would admit them.
func New(o Options) (*Guard, error) {
	allow, err := plainPrefixes(o.Allow)
	if err != nil {
		return nil, fmt.Errorf("allowed addresses: %w", err)
	}
	deny, err := plainPrefixes(o.Deny)
	if err != nil {
		return nil, fmt.Errorf("denied addresses: %w", err)
	}
	g := &Guard{
		allow: allow, deny: deny, allowHosts: o.AllowHosts, denyHosts: o.DenyHosts,
		allowPorts: o.AllowPorts, denyPorts: o.DenyPorts, interfaces: o.Interfaces,
	}
	if g.interfaces == nil {
		g.interfaces = net.InterfaceAddrs
	}
	own, err := g.listOwn()
	if err != nil {
		return nil, err
	}
	g.own.Store(own)
	return g, nil
}

// Check returns nil if requests may leave for addr, and otherwise a *Refusal,
// which is a webhook.ErrBlockedAddress. It judges the IPv4 address inside an IPv6
// one (mapped, or NAT64 with the well-known prefix, RFC 6052), because that is the
// host that a connection reaches.
func (g *Guard) Check(addr netip.Addr) error {
	plain, ok := plainAddr(addr)
	switch {
	case !ok:
		return refuseAddr(addr, adviceZone)
	case contains(g.deny, plain):
		return refuseAddr(addr, adviceDeny)
	case contains(g.allow, plain):
		return nil
	case !public(plain):
		return refuseAddr(addr, advicePublic)
	case g.isOwn(plain):
		return refuseAddr(addr, adviceOwn)
	}
	return nil
}

// allowed reports whether the operator listed addr: it is within Allow and not
// within Deny. A public address that nobody listed is not.
func (g *Guard) allowed(addr netip.Addr) bool {
	plain, ok := plainAddr(addr)
	return ok && contains(g.allow, plain) && !contains(g.deny, plain)
}

// isOwn reports whether addr is one of the machine's own.
func (g *Guard) isOwn(addr netip.Addr) bool {
	own := g.own.Load()
	if time.Since(own.at) > ownAddressesAge {
		own = g.refreshOwn()
	}
	return own.addrs[addr]
}

// refreshOwn lists the machine's addresses again, in one goroutine at a time. If
// the list cannot be read, the last one stays in force for another minute.
func (g *Guard) refreshOwn() *ownAddresses {
	g.refresh.Lock()
	defer g.refresh.Unlock()
	known := g.own.Load()
	if time.Since(known.at) <= ownAddressesAge { // another goroutine was faster
		return known
	}
	fresh, err := g.listOwn()
	if err != nil {
		fresh = &ownAddresses{addrs: known.addrs, at: time.Now()}
	}
	g.own.Store(fresh)
	return fresh
}

func (g *Guard) listOwn() (*ownAddresses, error) {
	listed, err := g.interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the machine's own addresses: %w", err)
	}
	own := &ownAddresses{addrs: make(map[netip.Addr]bool, len(listed)), at: time.Now()}
	for _, a := range listed {
		network, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if addr, ok := netip.AddrFromSlice(network.IP); ok {
			own.addrs[addr.Unmap()] = true
		}
	}
	return own, nil
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
