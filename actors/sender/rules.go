package sender

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/corpastro/astrohook/webhook"
)

// HostPattern matches host names: one, or all below a domain. The zero value matches none.
type HostPattern struct {
	name  string // in the form of TargetURL.Host
	below bool
}

// ParseHostPattern reads "name.example", which stands for that very name, or
// "*.example", which stands for all names below example and not for example
// itself. Names are brought into the form that target URLs have; an address is
// no name.
func ParseHostPattern(text string) (HostPattern, error) {
	domain, below := strings.CutPrefix(text, "*.")
	name, ok := hostName(domain)
	if !ok || endsInNumber(name) {
		return HostPattern{}, errors.New("is neither a host name nor *. and one")
	}
	return HostPattern{name: name, below: below}, nil
}

// Matches tells whether host, in the form of TargetURL.Host, is one of those meant.
func (p HostPattern) Matches(host string) bool {
	if !p.below {
		return host == p.name && host != ""
	}
	return strings.HasSuffix(host, "."+p.name)
}

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads "443" or "8000-8999"; ports go from 1 to 65535.
func ParsePortRange(text string) (PortRange, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	var ports [2]uint64
	for i, text := range [...]string{first, last} {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return PortRange{}, fmt.Errorf("is neither a port such as 443 nor a range such as 8000-8999: %q is not a number from 1 to 65535", text)
		}
		ports[i] = port
	}
	from, to := ports[0], ports[1]
	if from > to {
		return PortRange{}, fmt.Errorf("is not a range such as 8000-8999: %d is greater than %d", from, to)
	}
	return PortRange{First: uint16(from), Last: uint16(to)}, nil
}

// contains tells whether a port is one of them.
func (r PortRange) contains(port uint16) bool { return r.First <= port && port <= r.Last }

// errBlockedPort is the ErrBlockedAddress of a port. It has a name because a
// client may be told that it is the port: that says nothing of the network.
var errBlockedPort = fmt.Errorf("port: %w", webhook.ErrBlockedAddress)

// checkPort tells whether a request may leave for a port, on any host.
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
	case t.Addr.IsValid() && len(g.allowHosts) > 0 && !g.Allowed(t.Addr):
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
