package sender

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// GuardOptions say what an operator wants otherwise than the table does.
type GuardOptions struct {
	// Allow lets addresses through that the table refuses, or that are the machine's own.
	Allow []netip.Prefix
	// Deny refuses addresses whatever else would let them through.
	Deny []netip.Prefix
	// AllowHosts, if there are any, are the only names that a target's host may
	// have; an address in a name's place must then be within Allow. What a name
	// resolves to is judged as ever.
	AllowHosts []HostPattern
	// DenyHosts are names that no target's host may have. They are not resolved.
	DenyHosts []HostPattern
	// AllowPorts, if there are any, are the only ports that a target may have.
	AllowPorts []PortRange
	// DenyPorts are ports that no target may have.
	DenyPorts []PortRange
	// Interfaces lists the machine's own addresses; net.InterfaceAddrs if nil.
	Interfaces func() ([]net.Addr, error)
}

// Guard decides where requests may leave for. It is safe for concurrent use.
type Guard struct {
	allow, deny           []netip.Prefix
	allowHosts, denyHosts []HostPattern
	allowPorts, denyPorts []PortRange
	interfaces            func() ([]net.Addr, error)

	refresh sync.Mutex
	own     atomic.Pointer[ownAddresses]
}

// ownAddresses are the machine's own, as they were at a time.
type ownAddresses struct {
	addrs map[netip.Addr]bool
	at    time.Time
}

// ownAddressesAge is how old the list of the machine's own addresses may get.
const ownAddressesAge = time.Minute

// NewGuard fails if a prefix is not one, or if the machine's own addresses cannot be listed.
func NewGuard(o GuardOptions) (*Guard, error) {
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

// Check tells whether a request may leave for addr; if not, the error is a
// webhook.ErrBlockedAddress. Allow wins over the table and over the machine's
// own addresses, Deny wins over Allow. An IPv4 address inside an IPv6 one (mapped,
// or NAT64 with the well-known prefix, RFC 6052) is what is judged.
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

// Allowed tells whether the operator let addr through by name: it is within Allow, and not within Deny.
func (g *Guard) Allowed(addr netip.Addr) bool {
	plain, ok := plainAddr(addr)
	return ok && contains(g.allow, plain) && !contains(g.deny, plain)
}

// allowsAny tells whether the operator let any address through by name.
func (g *Guard) allowsAny() bool { return len(g.allow) > 0 }

func (g *Guard) isOwn(addr netip.Addr) bool {
	own := g.own.Load()
	if time.Since(own.at) > ownAddressesAge {
		own = g.refreshOwn()
	}
	return own.addrs[addr]
}

// refreshOwn lists the machine's addresses anew. If that fails, what was known
// stays in force.
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
