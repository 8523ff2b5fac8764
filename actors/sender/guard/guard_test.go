package guard

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// newGuard makes a guard that knows only the addresses of o.Interfaces, if there
// are any, whatever machine the test runs on.
func newGuard(t testing.TB, o Options) *Guard {
	t.Helper()
	if o.Interfaces == nil {
		o.Interfaces = func() ([]net.Addr, error) { return nil, nil }
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGuardTable walks both ends of every refused range, and their neighbours.
func TestGuardTable(t *testing.T) {
	g := newGuard(t, Options{})
	for _, c := range []struct {
		addr    string
		allowed bool
		why     string
	}{
		{"0.0.0.0", false, "this host"},
		{"0.255.255.255", false, "this network"},
		{"1.0.0.0", true, "after this network"},
		{"9.255.255.255", true, "before 10/8"},
		{"10.0.0.0", false, "private"},
		{"10.255.255.255", false, "private"},
		{"11.0.0.0", true, "after 10/8"},
		{"100.63.255.255", true, "before 100.64/10"},
		{"100.64.0.0", false, "carriers"},
		{"100.127.255.255", false, "carriers"},
		{"100.128.0.0", true, "after 100.64/10"},
		{"126.255.255.255", true, "before loopback"},
		{"127.0.0.1", false, "loopback"},
		{"127.255.255.255", false, "loopback"},
		{"128.0.0.0", true, "after loopback"},
		{"168.63.129.15", true, "before Azure's host"},
		{"168.63.129.16", false, "Azure's host"},
		{"168.63.129.17", true, "after Azure's host"},
		{"169.253.255.255", true, "before link-local"},
		{"169.254.0.0", false, "link-local"},
		{"169.254.169.254", false, "cloud metadata"},
		{"169.254.255.255", false, "link-local"},
		{"169.255.0.0", true, "after link-local"},
		{"172.15.255.255", true, "before 172.16/12"},
		{"172.16.0.0", false, "private"},
		{"172.31.255.255", false, "private"},
		{"172.32.0.0", true, "after 172.16/12"},
		{"191.255.255.255", true, "before 192.0.0/24"},
		{"192.0.0.0", false, "protocol assignments"},
		{"192.0.0.255", false, "protocol assignments"},
		{"192.0.1.0", true, "between"},
		{"192.0.2.0", false, "documentation"},
		{"192.0.2.255", false, "documentation"},
		{"192.0.3.0", true, "after documentation"},
		{"192.31.195.255", true, "before AS112"},
		{"192.31.196.0", false, "AS112"},
		{"192.31.197.0", true, "after AS112"},
		{"192.52.192.255", true, "before AMT"},
		{"192.52.193.0", false, "AMT"},
		{"192.52.194.0", true, "after AMT"},
		{"192.88.98.255", true, "before 6to4 relays"},
		{"192.88.99.1", false, "6to4 relay"},
		{"192.88.100.0", true, "after 6to4 relays"},
		{"192.167.255.255", true, "before 192.168/16"},
		{"192.168.0.0", false, "private"},
		{"192.168.255.255", false, "private"},
		{"192.169.0.0", true, "after 192.168/16"},
		{"192.175.47.255", true, "before AS112"},
		{"192.175.48.1", false, "AS112"},
		{"192.175.49.0", true, "after AS112"},
		{"198.17.255.255", true, "before benchmarks"},
		{"198.18.0.0", false, "benchmarks"},
		{"198.19.255.255", false, "benchmarks"},
		{"198.20.0.0", true, "after benchmarks"},
		{"198.51.99.255", true, "before documentation"},
		{"198.51.100.1", false, "documentation"},
		{"198.51.101.0", true, "after documentation"},
		{"203.0.112.255", true, "before documentation"},
		{"203.0.113.1", false, "documentation"},
		{"203.0.114.0", true, "after documentation"},
		{"223.255.255.255", true, "before multicast"},
		{"224.0.0.0", false, "multicast"},
		{"239.255.255.255", false, "multicast"},
		{"240.0.0.0", false, "reserved"},
		{"255.255.255.255", false, "broadcast"},
		{"8.8.8.8", true, "public"},

		{"::", false, "unspecified"},
		{"::1", false, "loopback"},
		{"::7f00:1", false, "IPv4-compatible, obsolete"},
		{"::ffff:127.0.0.1", false, "mapped loopback"},
		{"::ffff:10.1.2.3", false, "mapped private"},
		{"::ffff:8.8.8.8", true, "mapped public"},
		{"64:ff9b::7f00:1", false, "NAT64 of loopback"},
		{"64:ff9b::a9fe:a9fe", false, "NAT64 of cloud metadata"},
		{"64:ff9b::808:808", true, "NAT64 of a public address"},
		{"64:ff9b:1::808:808", false, "NAT64 with a local prefix"},
		{"64:ff9b::1:0:0", false, "beyond the NAT64 prefix"},
		{"100::1", false, "discard"},
		{"1fff:ffff::1", false, "before 2000::/3"},
		{"2000::", true, "first of 2000::/3"},
		{"2001::1", false, "Teredo"},
		{"2001:1ff:ffff::1", false, "end of 2001::/23"},
		{"2001:200::1", true, "after 2001::/23"},
		{"2001:db7:ffff::1", true, "before documentation"},
		{"2001:db8::1", false, "documentation"},
		{"2001:db8:ffff:ffff::1", false, "documentation"},
		{"2001:db9::1", true, "after documentation"},
		{"2001:4860:4860::8888", true, "public"},
		{"2002:7f00:1::", false, "6to4 of loopback"},
		{"2002:808:808::1", false, "6to4 of a public address"},
		{"2003::1", true, "after 6to4"},
		{"2620:4f:7fff::1", true, "before AS112"},
		{"2620:4f:8000::1", false, "AS112"},
		{"2620:4f:8001::1", true, "after AS112"},
		{"3ffe:ffff::1", true, "before documentation"},
		{"3fff::1", false, "documentation"},
		{"3fff:fff:ffff::1", false, "documentation"},
		{"3fff:1000::1", true, "after documentation, last of 2000::/3"},
		{"4000::1", false, "not assigned"},
		{"5f00::1", false, "segment routing"},
		{"fc00::1", false, "private"},
		{"fdff::1", false, "private"},
		{"fe80::1", false, "link-local"},
		{"fec0::1", false, "site-local"},
		{"ff02::1", false, "multicast"},
		{"2001:4860:4860::8888%eth0", false, "zone"},
		{"fe80::1%eth0", false, "zone"},
		{"::ffff:8.8.8.8%eth0", false, "zone of a mapped address, which unmapping would lose"},
	} {
		if err := g.Check(netip.MustParseAddr(c.addr)); (err == nil) != c.allowed {
			t.Errorf("%s (%s): got %v, want allowed %v", c.addr, c.why, err, c.allowed)
		} else if err != nil && !errors.Is(err, webhook.ErrBlockedAddress) {
			t.Errorf("%s: %v is not ErrBlockedAddress", c.addr, err)
		}
	}
	if err := g.Check(netip.Addr{}); !errors.Is(err, webhook.ErrBlockedAddress) {
		t.Errorf("no address: got %v", err)
	}
}

func TestGuardPrecedence(t *testing.T) {
	own := func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("9.9.9.9"), Mask: net.CIDRMask(8, 32)}}, nil
	}
	g := newGuard(t, Options{
		Allow: prefixes("10.0.0.0/8", "::ffff:192.168.7.0/120", "fd00::/8"), Deny: prefixes("10.1.0.0/16", "8.8.8.0/24"),
		Interfaces: own,
	})
	for _, c := range []struct {
		addr    string
		allowed bool
		why     string
	}{
		{"10.0.0.1", true, "Allow wins over the table"},
		{"10.1.0.1", false, "Deny wins over Allow"},
		{"8.8.8.8", false, "Deny wins over the table"},
		{"::ffff:10.0.0.1", true, "Allow judges the mapped address"},
		{"::ffff:10.1.0.1", false, "Deny judges the mapped address"},
		{"64:ff9b::a01:1", false, "Deny judges the NAT64 address"},
		{"192.168.7.9", true, "a prefix written as mapped is an IPv4 prefix"},
		{"192.168.8.9", false, "outside of it"},
		{"fd12::1", true, "Allow of IPv6"},
		{"fd12::1%eth0", false, "a zone is never allowed"},
		{"9.9.9.9", false, "the machine's own"},
		{"9.9.9.10", true, "its neighbour"},
	} {
		if err := g.Check(netip.MustParseAddr(c.addr)); (err == nil) != c.allowed {
			t.Errorf("%s: %s: got %v", c.addr, c.why, err)
		}
	}
	allowed := newGuard(t, Options{Allow: prefixes("9.9.9.9/32"), Interfaces: own})
	if err := allowed.Check(netip.MustParseAddr("9.9.9.9")); err != nil {
		t.Errorf("the machine's own address, allowed: %v", err)
	}
}

func TestGuardOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"zero prefix":      {Allow: []netip.Prefix{{}}},
		"half mapped":      {Deny: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:0.0.0.0"), 90)}},
		"no own addresses": {Interfaces: func() ([]net.Addr, error) { return nil, errors.New("no netlink") }},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestGuardFollowsInterfaces changes the machine's addresses under the guard.
func TestGuardFollowsInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		addr := netip.MustParseAddr("9.9.9.9")
		var own []net.Addr
		var broken error
		g := newGuard(t, Options{Interfaces: func() ([]net.Addr, error) { return own, broken }})
		if err := g.Check(addr); err != nil {
			t.Fatal(err)
		}
		own = []net.Addr{&net.IPNet{IP: net.ParseIP("9.9.9.9"), Mask: net.CIDRMask(32, 32)}}
		time.Sleep(ownAddressesAge + time.Second)
		if g.Check(addr) == nil {
			t.Fatal("a new address of the machine is let through")
		}
		own, broken = nil, errors.New("no netlink")
		time.Sleep(ownAddressesAge + time.Second)
		if g.Check(addr) == nil {
			t.Fatal("when the list cannot be read, the last one is not kept")
		}
	})
}

// TestGuardListsInterfacesOnce: however many goroutines find the list out of date,
// one of them reads it.
func TestGuardListsInterfacesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var listed atomic.Int32
		g := newGuard(t, Options{Interfaces: func() ([]net.Addr, error) {
			listed.Add(1)
			runtime.Gosched() // the others arrive meanwhile
			return ownAddress()
		}})
		time.Sleep(ownAddressesAge + time.Second)
		var checks sync.WaitGroup
		for range 10 {
			checks.Go(func() {
				if g.Check(netip.MustParseAddr("9.9.9.9")) == nil {
					t.Error("the machine's own address is let through")
				}
			})
		}
		checks.Wait()
		if n := listed.Load(); n != 2 {
			t.Errorf("the addresses were listed %d times, want once by New and once later", n)
		}
	})
}

// FuzzGuard compares the guard with net/netip's own, coarser classes of addresses.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"8.8.8.8", "::1", "::ffff:10.0.0.1", "64:ff9b::1", "2001:db8::1", "fe80::1%eth0"} {
		raw := netip.MustParseAddr(seed)
		f.Add(raw.AsSlice(), raw.Zone())
	}
	g := newGuard(f, Options{})
	f.Fuzz(func(t *testing.T, raw []byte, zone string) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		if addr.Is6() {
			addr = addr.WithZone(zone)
		}
		if g.Check(addr) != nil {
			return
		}
		plain := addr.Unmap()
		if addr.Zone() != "" || plain.IsPrivate() || plain.IsLoopback() || plain.IsMulticast() ||
			plain.IsLinkLocalUnicast() || plain.IsUnspecified() || !plain.IsGlobalUnicast() {
			t.Fatalf("%s is let through", addr)
		}
		if mapped := netip.AddrFrom16(addr.As16()); g.Check(mapped) != nil {
			t.Fatalf("%s is let through, %s is not", addr, mapped)
		}
	})
}
