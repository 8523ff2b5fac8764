package guard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// HostPattern matches host names: one name, or all names below a domain. The zero
// value matches none.
type HostPattern struct {
	name  string // in the form of TargetURL.Host
	below bool   // matches the names below name, and not name itself
}

// ParseHostPattern reads "name.example", which stands for that very name, or
// "*.example", which stands for all names below example and not for example
// itself. It brings names into the form that target URLs have, so that Matches can
// compare bytes. It fails for an address, which belongs in Allow or Deny.
func ParseHostPattern(text string) (HostPattern, error) {
	domain, below := strings.CutPrefix(text, "*.")
	name, ok := hostName(domain)
	if !ok || endsInNumber(name) {
		return HostPattern{}, errors.New("is neither a host name nor *. and one")
	}
	return HostPattern{name: name, below: below}, nil
}

// Matches reports whether the pattern covers host, which is in the form of
// TargetURL.Host.
func (p HostPattern) Matches(host string) bool {
	if !p.below {
		return host == p.name && host != ""
	}
	return strings.HasSuffix(host, "."+p.name)
}

// PortRange is the ports from First to Last, both included. The zero value holds
// port 0 only, which no target has.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads "443" or "8000-8999". Ports are from 1 to 65535.
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

func (r PortRange) contains(port uint16) bool { return r.First <= port && port <= r.Last }
