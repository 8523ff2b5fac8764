package guard

import (
	"fmt"
	"net/netip"
)

// refusedIPv4 is the IPv4 space that is not the public internet: IANA's
// special-purpose registry (RFC 6890 and its updates), multicast, reserved space,
// and the address at which Azure's host answers its guests, which lies within
// public space.
var refusedIPv4 = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared by carriers
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's host
	"169.254.0.0/16",   // link-local, cloud metadata
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // automatic multicast tunnelling
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast
)

// globalIPv6 is the only IPv6 space that is routed on the public internet. All
// other space is refused, also what IANA may assign one day: a list of refused
// ranges would be out of date then.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// refusedIPv6 is the special-purpose space within globalIPv6. 6to4 and Teredo
// addresses carry an IPv4 address that a relay may lead to.
var refusedIPv6 = prefixes(
	"2001::/23",         // protocol assignments, Teredo
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

// nat64 is the well-known prefix of IPv4 addresses inside IPv6 ones (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// public reports whether an address belongs to the public internet. addr is a
// result of plainAddr.
func public(addr netip.Addr) bool {
	if addr.Is4() {
		return !contains(refusedIPv4, addr)
	}
	return globalIPv6.Contains(addr) && !contains(refusedIPv6, addr)
}

// plainAddr returns the address that a connection to addr reaches: the IPv4
// address inside a mapped or NAT64 one, and otherwise addr itself. ok is false for
// the zero Addr and for an address with a zone. The conversion is needed because
// netip.Prefix.Contains is false for mapped and zoned addresses: a deny list
// would miss them.
func plainAddr(addr netip.Addr) (plain netip.Addr, ok bool) {
	if !addr.IsValid() || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		raw := addr.As16()
		return netip.AddrFrom4([4]byte(raw[12:])), true
	}
	return addr, true
}

// plainPrefixes converts an operator's prefixes as plainAddr converts addresses, so
// that the results match.
func plainPrefixes(list []netip.Prefix) ([]netip.Prefix, error) {
	plain := make([]netip.Prefix, 0, len(list))
	for _, p := range list {
		if !p.IsValid() {
			return nil, fmt.Errorf("%q is not a CIDR prefix", p)
		}
		inner, _ := plainAddr(p.Addr())
		if inner != p.Addr() { // an IPv4 network written as IPv6
			if p.Bits() < 96 {
				return nil, fmt.Errorf("%s mixes IPv4 and IPv6 addresses", p)
			}
			p = netip.PrefixFrom(inner, p.Bits()-96)
		}
		plain = append(plain, p.Masked())
	}
	return plain, nil
}

// prefixes parses prefixes that are known to be valid.
func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for i, text := range list {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}
