package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// answers is a resolver that knows the addresses of some names, and notes for which
// ones it was asked.
type answers struct {
	names map[string]string
	asked []string
}

func (a *answers) lookup(_ context.Context, host string) (addrs []netip.Addr, _ error) {
	a.asked = append(a.asked, host)
	text, ok := a.names[host]
	if !ok {
		return nil, errNoSuchName
	}
	for _, addr := range strings.Fields(text) {
		addrs = append(addrs, netip.MustParseAddr(addr))
	}
	return addrs, nil
}

var errNoSuchName = errors.New("no such name")

func names() *answers {
	return &answers{names: map[string]string{
		"public.example":  "93.184.216.34 2606:2800:220:1::1",
		"private.example": "10.0.0.5",
		"mixed.example":   "93.184.216.34 10.0.0.5",
		"last.example":    "93.184.216.34 2606:2800:220:1::1 ::1",
		"mapped.example":  "::ffff:127.0.0.1",
		"nat64.example":   "64:ff9b::a00:5",
		"zoned.example":   "2606:2800:220:1::1%eth0",
		"nas.local":       "93.184.216.34",
		"db.internal":     "10.0.0.5",
		"half.internal":   "10.0.0.5 93.184.216.34",
		"db":              "10.0.0.5",
		"own.example":     "9.9.9.9",
	}}
}

// ownAddress is the machine's only address in these tests.
func ownAddress() ([]net.Addr, error) {
	return []net.Addr{&net.IPNet{IP: net.ParseIP("9.9.9.9"), Mask: net.CIDRMask(24, 32)}}, nil
}

func target(t *testing.T, raw string) TargetURL {
	t.Helper()
	parsed, err := ParseTarget(raw)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// texts writes addresses as a row of a table does.
func texts(addrs []netip.Addr) string {
	list := make([]string, len(addrs))
	for i, addr := range addrs {
		list[i] = addr.String()
	}
	return strings.Join(list, " ")
}

// verdict is a row of TestAdmit. advice is a part of the refusal's; asked are the
// names that are looked up.
type verdict struct {
	url, addrs, advice, asked, why string
}

func (v verdict) check(t *testing.T, addrs []netip.Addr, err error, asked []string) {
	t.Helper()
	if got := strings.Join(asked, " "); got != v.asked {
		t.Errorf("%s (%s): looked up %q, want %q", v.url, v.why, got, v.asked)
	}
	if v.advice == "" {
		if err != nil || texts(addrs) != v.addrs {
			t.Errorf("%s (%s): got %v, %v, want %s", v.url, v.why, addrs, err, v.addrs)
		}
		return
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || !strings.Contains(refusal.Advice, v.advice) || !errors.Is(err, webhook.ErrBlockedAddress) || addrs != nil {
		t.Errorf("%s (%s): got %v, %v, want a refusal with %q", v.url, v.why, addrs, err, v.advice)
	}
}

// TestAdmitByDefault: a guard without any setting.
func TestAdmitByDefault(t *testing.T) {
	g := newGuard(t, Options{Interfaces: ownAddress})
	for _, v := range []verdict{
		{"https://public.example/", "93.184.216.34 2606:2800:220:1::1", "", "public.example", "all answers, in order"},
		{"http://93.184.216.34:8080/", "93.184.216.34", "", "", "an address needs no lookup"},
		{"http://10.0.0.5/", "", "not of the public internet", "", "a private address"},
		{"http://[::ffff:10.0.0.5]/", "", "not of the public internet", "", "a private address, mapped"},
		{"http://9.9.9.9/", "", "this machine's own", "", "the machine's own"},
		{"https://own.example/", "", "this machine's own", "own.example", "a name of the machine's own address"},
		{"https://private.example/", "", "not of the public internet", "private.example", "a private answer"},
		{"https://mixed.example/", "", "not of the public internet", "mixed.example", "one private answer refuses all"},
		{"https://last.example/", "", "not of the public internet", "last.example", "the last answer counts like the first"},
		{"https://mapped.example/", "", "not of the public internet", "mapped.example", "a mapped answer"},
		{"https://nat64.example/", "", "not of the public internet", "nat64.example", "an answer behind NAT64"},
		{"https://zoned.example/", "", "an address with a zone", "zoned.example", "an answer with a zone"},
		{"http://db/", "", "a name of a private network", "", "one label, not looked up"},
		{"http://nas.local/", "", "a name of a private network", "", "a local suffix, not looked up"},
		{"http://db.internal/", "", "a name of a private network", "", "a local suffix, not looked up"},
		{"http://router.home.arpa/", "", "a name of a private network", "", "a local suffix, not looked up"},
		{"http://localhost/", "", "not of the public internet", "", "loopback without a lookup"},
		{"http://app.localhost/", "", "not of the public internet", "", "below localhost"},
	} {
		a := names()
		addrs, err := g.Admit(t.Context(), target(t, v.url), a.lookup)
		v.check(t, addrs, err, a.asked)
	}
}

// TestAdmitWithAllowedAddresses: local names need each of their addresses allowed.
func TestAdmitWithAllowedAddresses(t *testing.T) {
	g := newGuard(t, Options{Allow: prefixes("10.0.0.0/8", "127.0.0.0/8", "9.9.9.9/32"), Deny: prefixes("10.66.0.0/16"), Interfaces: ownAddress})
	for _, v := range []verdict{
		{"http://10.0.0.5/", "10.0.0.5", "", "", "allowed"},
		{"http://10.66.0.5/", "", "deny-addresses refuses it", "", "denied within what is allowed"},
		{"http://9.9.9.9/", "9.9.9.9", "", "", "the machine's own, allowed"},
		{"https://mixed.example/", "93.184.216.34 10.0.0.5", "", "mixed.example", "public and allowed answers"},
		{"http://db.internal/", "10.0.0.5", "", "db.internal", "a local name with an allowed address"},
		{"http://db/", "10.0.0.5", "", "db", "one label with an allowed address"},
		{"http://nas.local/", "", "resolves to", "nas.local", "a local name with a public address that nobody allowed"},
		{"http://half.internal/", "", "resolves to", "half.internal", "a local name with one address that nobody allowed"},
		{"http://localhost/", "127.0.0.1", "", "", "the loopback address that is allowed, without the other one"},
		{"http://a.b.localhost/", "127.0.0.1", "", "", "below localhost"},
		{"http://[::1]/", "", "not of the public internet", "", "the other one by itself"},
	} {
		a := names()
		addrs, err := g.Admit(t.Context(), target(t, v.url), a.lookup)
		v.check(t, addrs, err, a.asked)
	}
}

// TestAdmitWithLists: the operator's lists of names and ports, which come before any
// lookup.
func TestAdmitWithLists(t *testing.T) {
	const public = "93.184.216.34 2606:2800:220:1::1"
	for _, c := range []struct {
		rules Options
		verdict
	}{
		{Options{DenyHosts: hosts(t, "*.example")}, verdict{"http://public.example/", "", "deny-hosts refuses it", "", "denied, not looked up"}},
		{Options{DenyHosts: hosts(t, "public.example")}, verdict{"http://PUBLIC.example./", "", "deny-hosts refuses it", "", "denied in another writing"}},
		{Options{DenyHosts: hosts(t, "*.example")}, verdict{"http://93.184.216.34/", "93.184.216.34", "", "", "an address has no name"}},
		{Options{AllowHosts: hosts(t, "*.example")}, verdict{"http://public.example/", public, "", "public.example", "allowed"}},
		{Options{AllowHosts: hosts(t, "*.other")}, verdict{"http://public.example/", "", "allow-hosts does not list it", "", "not allowed, not looked up"}},
		{
			Options{AllowHosts: hosts(t, "*.example"), DenyHosts: hosts(t, "public.example")},
			verdict{"http://public.example/", "", "deny-hosts refuses it", "", "denied among the allowed"},
		},
		{Options{AllowHosts: hosts(t, "*.example")}, verdict{"http://private.example/", "", "not of the public internet", "private.example", "an allowed name's address is judged"}},
		{Options{AllowHosts: hosts(t, "db.internal")}, verdict{"http://db.internal/", "", "a name of a private network", "", "an allowed name is still local"}},
		{Options{AllowHosts: hosts(t, "*.example")}, verdict{"http://93.184.216.34/", "", "allow-hosts is set", "", "an address in place of an allowed name"}},
		{
			Options{AllowHosts: hosts(t, "*.example"), Allow: prefixes("93.184.216.0/24")},
			verdict{"http://93.184.216.34/", "93.184.216.34", "", "", "an allowed address in place of an allowed name"},
		},
		{Options{DenyPorts: []PortRange{{First: 1, Last: 79}}}, verdict{"http://public.example:25/", "", "deny-ports refuses it", "", "a denied port, not looked up"}},
		{Options{DenyPorts: []PortRange{{First: 80, Last: 80}}}, verdict{"http://public.example/", "", "deny-ports refuses it", "", "the scheme's own port"}},
		{Options{DenyPorts: []PortRange{{First: 80, Last: 80}}}, verdict{"https://public.example/", public, "", "public.example", "another scheme's port"}},
		{Options{AllowPorts: []PortRange{{First: 443, Last: 443}}}, verdict{"https://public.example/", public, "", "public.example", "an allowed port"}},
		{Options{AllowPorts: []PortRange{{First: 443, Last: 443}}}, verdict{"http://public.example/", "", "allow-ports does not list it", "", "not an allowed port"}},
		{
			Options{AllowPorts: []PortRange{{First: 1, Last: 1023}}, DenyPorts: []PortRange{{First: 80, Last: 80}}},
			verdict{"http://public.example/", "", "deny-ports refuses it", "", "denied among the allowed"},
		},
		{
			Options{DenyPorts: []PortRange{{First: 80, Last: 80}}, DenyHosts: hosts(t, "*.example")},
			verdict{"http://public.example/", "", "deny-ports refuses it", "", "the port is judged first"},
		},
	} {
		a := names()
		addrs, err := newGuard(t, c.rules).Admit(t.Context(), target(t, c.url), a.lookup)
		c.check(t, addrs, err, a.asked)
	}
}

// TestAdmitReturnsLookupErrors: what the resolver says is no refusal.
func TestAdmitReturnsLookupErrors(t *testing.T) {
	g := newGuard(t, Options{})
	if _, err := g.Admit(t.Context(), target(t, "http://unknown.example/"), names().lookup); !errors.Is(err, errNoSuchName) || errors.Is(err, webhook.ErrBlockedAddress) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lookup := func(ctx context.Context, _ string) ([]netip.Addr, error) { return nil, ctx.Err() }
	if _, err := g.Admit(ctx, target(t, "http://public.example/"), lookup); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v: the lookup has another context", err)
	}
}

// TestAdmitUnresolved: through a proxy, names are judged without their addresses.
func TestAdmitUnresolved(t *testing.T) {
	strict := Options{DenyHosts: hosts(t, "*.corp.example"), DenyPorts: []PortRange{{First: 25, Last: 25}}}
	for _, c := range []struct {
		rules Options
		verdict
	}{
		{Options{}, verdict{"http://public.example/", "", "", "", "a name"}},
		{Options{}, verdict{"http://private.example/", "", "", "", "a name whose address only the proxy learns"}},
		{Options{}, verdict{"http://93.184.216.34/", "93.184.216.34", "", "", "an address"}},
		{Options{}, verdict{"http://10.0.0.5/", "", "not of the public internet", "", "a private address"}},
		{Options{Allow: prefixes("10.0.0.0/8")}, verdict{"http://10.0.0.5/", "10.0.0.5", "", "", "an allowed address"}},
		{Options{}, verdict{"http://db.internal/", "", "the egress proxy would resolve", "", "a local name"}},
		{Options{}, verdict{"http://db/", "", "the egress proxy would resolve", "", "one label"}},
		{Options{}, verdict{"http://localhost/", "", "the egress proxy would resolve", "", "the proxy's own machine"}},
		{Options{}, verdict{"http://app.localhost/", "", "the egress proxy would resolve", "", "the proxy's own machine"}},
		{Options{Allow: prefixes("10.0.0.0/8")}, verdict{"http://db.internal/", "", "the egress proxy would resolve", "", "allowed addresses say nothing about names"}},
		{Options{AllowHosts: hosts(t, "*.internal")}, verdict{"http://db.internal/", "", "", "", "an allowed local name"}},
		{Options{AllowHosts: hosts(t, "*.internal")}, verdict{"http://db/", "", "allow-hosts does not list it", "", "another local name"}},
		{strict, verdict{"http://a.corp.example/", "", "deny-hosts refuses it", "", "a denied name"}},
		{strict, verdict{"http://public.example:25/", "", "deny-ports refuses it", "", "a denied port"}},
	} {
		addrs, err := newGuard(t, c.rules).AdmitUnresolved(target(t, c.url))
		c.check(t, addrs, err, nil)
	}
}

// TestCheckConnection: the last check has the rules of addresses and ports, and
// judges what the socket connects to.
func TestCheckConnection(t *testing.T) {
	g := newGuard(t, Options{Allow: prefixes("127.0.0.0/8"), DenyPorts: []PortRange{{First: 25, Last: 25}}})
	for to, want := range map[string]error{
		"93.184.216.34:443":      nil,
		"127.0.0.1:8080":         nil,
		"[::ffff:127.0.0.1]:80":  nil,
		"93.184.216.34:25":       ErrBlockedPort,
		"127.0.0.1:25":           ErrBlockedPort,
		"10.0.0.5:443":           webhook.ErrBlockedAddress,
		"[::1]:443":              webhook.ErrBlockedAddress,
		"[fe80::1%eth0]:443":     webhook.ErrBlockedAddress,
		"[64:ff9b::a00:5]:443":   webhook.ErrBlockedAddress,
		"169.254.169.254:80":     webhook.ErrBlockedAddress,
		"[2001:4860:4860::8]:25": ErrBlockedPort,
	} {
		if err := g.CheckConnection(netip.MustParseAddrPort(to)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", to, err, want)
		}
	}
	if err := g.CheckConnection(netip.AddrPort{}); !errors.Is(err, webhook.ErrBlockedAddress) {
		t.Errorf("no address: got %v", err)
	}
}

// TestCheckListed: what comes without TLS may come only from where the operator
// said, and from nowhere if that is not known.
func TestCheckListed(t *testing.T) {
	g := newGuard(t, Options{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("10.66.0.0/16")})
	for addrs, listed := range map[string]bool{
		"10.0.0.5":               true,
		"10.0.0.5 10.1.1.1":      true,
		"::ffff:10.0.0.5":        true,
		"10.66.0.5":              false, // denied
		"93.184.216.34":          false, // public, which is not enough
		"10.0.0.5 93.184.216.34": false,
		"":                       false, // a name that a proxy resolves
	} {
		var list []netip.Addr
		for _, text := range strings.Fields(addrs) {
			list = append(list, netip.MustParseAddr(text))
		}
		err := g.CheckListed(list)
		if (err == nil) != listed || err != nil && !errors.Is(err, webhook.ErrBlockedAddress) {
			t.Errorf("%q: got %v, want listed %v", addrs, err, listed)
		}
	}
}

// TestRefusalsHaveAClass: each kind of refusal names its subject and its setting to
// the operator, and only the class to everybody else.
func TestRefusalsHaveAClass(t *testing.T) {
	for _, c := range []struct {
		err         error
		class       error
		what, words string
	}{
		{refuseAddr(netip.MustParseAddr("10.0.0.1"), adviceDeny), webhook.ErrBlockedAddress, "address 10.0.0.1", "deny-addresses"},
		{refuseHost("db.internal", adviceLocal), webhook.ErrBlockedAddress, "host name db.internal", "allow-addresses"},
		{refusePort(25, adviceDenyPorts), ErrBlockedPort, "port 25", "deny-ports"},
	} {
		refusal, ok := errors.AsType[*Refusal](fmt.Errorf("dial: %w", c.err))
		if !ok || refusal.What != c.what || !strings.Contains(refusal.Advice, c.words) {
			t.Errorf("got %+v, want %q and %q", refusal, c.what, c.words)
			continue
		}
		if !errors.Is(c.err, c.class) || !errors.Is(c.err, webhook.ErrBlockedAddress) {
			t.Errorf("%v is not %v", c.err, c.class)
		}
		if want := c.what + ": " + refusal.Advice + ": " + c.class.Error(); c.err.Error() != want {
			t.Errorf("got %q, want %q", c.err, want)
		}
	}
	if errors.Is(refuseHost("a", adviceHosts), ErrBlockedPort) {
		t.Error("a name's refusal is one of a port")
	}
}

// FuzzAdmit: no answers of a resolver make the guard admit an address that Check
// refuses, and answers that it admits come back unchanged.
func FuzzAdmit(f *testing.F) {
	f.Add("public.example", []byte{93, 184, 216, 34}, []byte{10, 0, 0, 5})
	f.Add("db.internal", []byte{10, 0, 0, 5}, []byte{})
	f.Add("localhost", []byte{8, 8, 8, 8}, []byte{})
	f.Add("xn--bcher-kva.example", netip.IPv6Loopback().AsSlice(), []byte{1, 1, 1, 1})
	g := newGuard(f, Options{Allow: prefixes("10.0.0.0/24"), DenyHosts: hosts(f, "*.denied.example")})
	f.Fuzz(func(t *testing.T, host string, first, second []byte) {
		parsed, err := ParseTarget("http://" + host + "/")
		if err != nil {
			return
		}
		var found []netip.Addr
		for _, raw := range [][]byte{first, second} {
			if addr, ok := netip.AddrFromSlice(raw); ok {
				found = append(found, addr)
			}
		}
		looked := false
		addrs, err := g.Admit(t.Context(), parsed, func(context.Context, string) ([]netip.Addr, error) {
			looked = true
			if len(found) == 0 {
				return nil, errNoSuchName
			}
			return found, nil
		})
		if err != nil {
			return
		}
		for _, addr := range addrs {
			if err := g.Check(addr); err != nil {
				t.Fatalf("%s is admitted with %s: %v", host, addr, err)
			}
		}
		if len(addrs) == 0 || looked && !slices.Equal(addrs, found) {
			t.Fatalf("%s is admitted with %v of %v", host, addrs, found)
		}
	})
}
