package app

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/corpastro/astrohook/actors/sender"
	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// Guard returns the rules about where requests may go, as the settings make them.
func (c *Config) Guard() (*guard.Guard, error) {
	rules, err := c.guardOptions()
	if err != nil {
		return nil, err
	}
	return guard.New(rules)
}

// guardOptions returns the settings about where requests may go.
func (c *Config) guardOptions() (o guard.Options, err error) {
	if o.Allow, err = readList("allow-addresses", c.AllowAddresses, parseRange); err != nil {
		return o, err
	}
	if o.Deny, err = readList("deny-addresses", c.DenyAddresses, parseRange); err != nil {
		return o, err
	}
	if o.AllowHosts, err = readList("allow-hosts", c.AllowHosts, guard.ParseHostPattern); err != nil {
		return o, err
	}
	if o.DenyHosts, err = readList("deny-hosts", c.DenyHosts, guard.ParseHostPattern); err != nil {
		return o, err
	}
	if o.AllowPorts, err = readList("allow-ports", c.AllowPorts, guard.ParsePortRange); err != nil {
		return o, err
	}
	o.DenyPorts, err = readList("deny-ports", c.DenyPorts, guard.ParsePortRange)
	return o, err
}

// readList reads the entries of a setting. Its error has the wrong entry and the reason
// that parse returned, which continues the sentence. White space around an entry is
// dropped: people write lists with a space after the comma.
func readList[T any](setting string, texts []string, parse func(string) (T, error)) (list []T, err error) {
	for _, text := range texts {
		entry, err := parse(strings.TrimSpace(text))
		if err != nil {
			return nil, &webhook.FieldError{Field: setting, Reason: fmt.Sprintf("holds %q, which %v", text, err)}
		}
		list = append(list, entry)
	}
	return list, nil
}

// parseRange reads an address range. A single address is a range of one.
func parseRange(text string) (netip.Prefix, error) {
	address, length, hasLength := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("is not an address range such as 10.0.0.0/8: %q is not an IP address", address)
	case addr.Zone() != "":
		return netip.Prefix{}, fmt.Errorf("is not an address range such as 10.0.0.0/8: the address has the zone %q", addr.Zone())
	case !hasLength:
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("is not an address range such as 10.0.0.0/8: the length %q is not a number from 0 to %d", length, addr.BitLen())
	}
	return prefix, nil
}

// egressProxy returns the proxy of deliveries; nil if there is none.
func (c *Config) egressProxy() (*sender.Proxy, error) {
	if c.EgressProxy == "" {
		return nil, nil
	}
	proxy, err := sender.ParseProxy(c.EgressProxy)
	if err != nil {
		return nil, &webhook.FieldError{Field: "egress-proxy", Reason: err.Error()}
	}
	return proxy, nil
}
