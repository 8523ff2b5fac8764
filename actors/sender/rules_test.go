package sender

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/actors/subscriber"
	"github.com/corpastro/astrohook/webhook"
)

func hosts(t testing.TB, list ...string) (patterns []HostPattern) {
	t.Helper()
	for _, text := range list {
		p, err := ParseHostPattern(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

func ports(t testing.TB, list ...string) (ranges []PortRange) {
	t.Helper()
	for _, text := range list {
		r, err := ParsePortRange(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		ranges = append(ranges, r)
	}
	return ranges
}

func TestHostPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, host string
		want          bool
		why           string
	}{
		{"a.example", "a.example", true, "itself"},
		{"A.Example.", "a.example", true, "case and the root's dot do not matter"},
		{"bücher.example", "xn--bcher-kva.example", true, "names are compared in ASCII"},
		{"a.example", "b.a.example", false, "below it"},
		{"a.example", "aa.example", false, "another name"},
		{"*.example", "a.example", true, "below"},
		{"*.example", "b.a.example", true, "far below"},
		{"*.example", "example", false, "not the domain itself"},
		{"*.example", "notexample", false, "no label's part"},
		{"*.a.example", "ba.example", false, "no label's part"},
		{"*.BÜCHER.example", "x.xn--bcher-kva.example", true, "suffixes are compared in ASCII"},
		{"intranet", "intranet", true, "one label"},
	} {
		if got := hosts(t, c.pattern)[0].Matches(c.host); got != c.want {
			t.Errorf("%s and %s (%s): got %v", c.pattern, c.host, c.why, got)
		}
	}
	if (HostPattern{}).Matches("") {
		t.Error("the zero pattern matches")
	}
	for _, text := range []string{"", "*", "*.", "a.*.example", "*a.example", "a b", "10.0.0.1", "*.0.0.1", "[::1]", "::1", "a.example:80", "http://a.example", "a..b"} {
		if p, err := ParseHostPattern(text); err == nil {
			t.Errorf("%q: got %+v", text, p)
		}
	}
}

func TestPortRanges(t *testing.T) {
	for text, want := range map[string]PortRange{
		"443": {443, 443}, "1-65535": {1, 65535}, "8000-8000": {8000, 8000},
	} {
		if got, err := ParsePortRange(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "0-1", "65536", "1-65536", "2-1", "-1", "1-", "http", "1-2-3", " 1", "+1"} {
		if got, err := ParsePortRange(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// TestOperatorsRules, at registration and when a request is to leave: both judge alike.
func TestOperatorsRules(t *testing.T) {
	const address, port = "target_url points to an address that is not allowed", "target_url has a port that is not allowed"
	for _, c := range []struct {
		name, url string
		guard     GuardOptions
		refusal   string
	}{
		{"a range denied", "http://93.184.216.34/", GuardOptions{Deny: prefixes("93.184.216.0/24")}, address},
		{"its neighbour", "http://93.184.217.34/", GuardOptions{Deny: prefixes("93.184.216.0/24")}, ""},
		{"one answer denied", "http://public.example/", GuardOptions{Deny: prefixes("2606:2800::/32")}, address},
		{"denied and allowed", "http://10.0.0.5/", GuardOptions{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("10.0.0.5/32")}, address},
		{"a name denied", "http://public.example/", GuardOptions{DenyHosts: hosts(t, "public.example")}, address},
		{"a name denied as a browser writes it", "http://PUBLIC.example./", GuardOptions{DenyHosts: hosts(t, "public.example")}, address},
		{"a suffix denied", "http://public.example/", GuardOptions{DenyHosts: hosts(t, "*.example")}, address},
		{"another name denied", "http://public.example/", GuardOptions{DenyHosts: hosts(t, "other.example")}, ""},
		{"denied though it does not resolve", "http://unknown.example/", GuardOptions{DenyHosts: hosts(t, "unknown.example")}, address},
		{"a name allowed", "http://public.example/", GuardOptions{AllowHosts: hosts(t, "*.example")}, ""},
		{"a name not among the allowed", "http://public.example/", GuardOptions{AllowHosts: hosts(t, "other.example")}, address},
		{"denied among the allowed", "http://public.example/", GuardOptions{AllowHosts: hosts(t, "*.example"), DenyHosts: hosts(t, "public.example")}, address},
		{"an allowed name's private answer", "http://private.example/", GuardOptions{AllowHosts: hosts(t, "private.example")}, address},
		{"an allowed local name", "http://db.internal/", GuardOptions{AllowHosts: hosts(t, "db.internal")}, address},
		{"an allowed local name, its address too", "http://db.internal/", GuardOptions{AllowHosts: hosts(t, "db.internal"), Allow: prefixes("10.0.0.0/8")}, ""},
		{"an address beside allowed names", "http://93.184.216.34/", GuardOptions{AllowHosts: hosts(t, "*.example")}, address},
		{"an allowed address beside allowed names", "http://93.184.216.34/", GuardOptions{AllowHosts: hosts(t, "*.example"), Allow: prefixes("93.184.216.34/32")}, ""},
		{"localhost denied", "http://localhost/", GuardOptions{DenyHosts: hosts(t, "localhost"), Allow: prefixes("127.0.0.0/8")}, address},
		{"a port denied", "http://public.example:25/", GuardOptions{DenyPorts: ports(t, "1-79")}, port},
		{"a scheme's own port denied", "http://public.example/", GuardOptions{DenyPorts: ports(t, "80")}, port},
		{"another port denied", "http://public.example/", GuardOptions{DenyPorts: ports(t, "1-79", "81-65535")}, ""},
		{"a port allowed", "http://public.example:8443/", GuardOptions{AllowPorts: ports(t, "443", "8443")}, ""},
		{"a port not among the allowed", "http://public.example/", GuardOptions{AllowPorts: ports(t, "443", "8443")}, port},
		{"a port denied among the allowed", "http://public.example/", GuardOptions{AllowPorts: ports(t, "1-1023"), DenyPorts: ports(t, "80")}, port},
		{"an address with a denied port", "http://93.184.216.34:25/", GuardOptions{DenyPorts: ports(t, "25")}, port},
		{"a denied port of what does not resolve", "http://unknown.example:25/", GuardOptions{DenyPorts: ports(t, "25")}, port},
	} {
		var dialled []netip.AddrPort
		s := subscriber.Listen(t)
		dial := dialTo(func() (net.Conn, error) { return net.Dial("tcp", strings.Trim(s.URL(), "htp:/")) }, &dialled)
		client := newClient(t, Options{Guard: newGuard(t, c.guard), Resolve: testZone.resolve, Dial: dial})
		_, err := client.CheckTarget(t.Context(), c.url)
		a := send(open(t, client, c.url, webhook.Settings{}))
		if c.refusal == "" {
			if err != nil || a.StatusCode != 200 {
				t.Errorf("%s: got %v, %+v", c.name, err, a)
			}
			continue
		}
		field, ok := errors.AsType[*webhook.FieldError](err)
		if !ok || field.Error() != c.refusal || !errors.Is(err, webhook.ErrBlockedAddress) {
			t.Errorf("%s: registration says %v", c.name, err)
		}
		if a.Failure != webhook.ReasonBlockedAddress || len(dialled) > 0 {
			t.Errorf("%s: got %+v, dialled %v", c.name, a, dialled)
		}
	}
}

// TestDeniedNamesAreNotResolved: a lookup could tell somebody that it was made.
func TestDeniedNamesAreNotResolved(t *testing.T) {
	c := newClient(t, Options{
		Guard: newGuard(t, GuardOptions{DenyHosts: hosts(t, "*.corp.example"), DenyPorts: ports(t, "25")}),
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			t.Errorf("%s was looked up", host)
			return nil, errUnresolved
		},
	})
	for _, url := range []string{"http://db.corp.example/", "http://public.example:25/"} {
		if _, err := c.CheckTarget(t.Context(), url); !errors.Is(err, webhook.ErrBlockedAddress) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestControlChecksPort: the dialer's last look is at the port, too.
func TestControlChecksPort(t *testing.T) {
	s := subscriber.Listen(t)
	addr := netip.MustParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), "/"))
	c := newClient(t, Options{Guard: newGuard(t, GuardOptions{
		Allow: prefixes("127.0.0.0/8"), DenyPorts: []PortRange{{addr.Port(), addr.Port()}},
	})})
	if _, err := c.dialTCP(t.Context(), "tcp", addr); !errors.Is(err, webhook.ErrBlockedAddress) || s.Accepted() != 0 {
		t.Fatalf("got %v, %d connections", err, s.Accepted())
	}
}

// FuzzHostPattern: a pattern is what it says in canonical form, and matches a name
// exactly where the labels do.
func FuzzHostPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"a.example", "a.example"},
		{"*.example", "notexample"},
		{"*.BÜCHER.example.", "x.xn--bcher-kva.example"},
		{"*.0.0.1", "10.0.0.1"},
		{"a.*.example", "a.b.example"},
		{"0x7f", "0x7f"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := ParseHostPattern(text)
		if err != nil {
			return
		}
		written := p.name
		if p.below {
			written = "*." + written
		}
		if again, err := ParseHostPattern(written); err != nil || again != p {
			t.Fatalf("%q is %+v, and that %+v, %v", text, p, again, err)
		}
		host, ok := hostName(name)
		if !ok {
			return
		}
		labels, wanted := strings.Split(host, "."), strings.Split(p.name, ".")
		above := len(labels) - len(wanted)
		want := above >= 0 && p.below == (above > 0) && slices.Equal(labels[max(above, 0):], wanted)
		if got := p.Matches(host); got != want {
			t.Fatalf("%q matches %q: %v", text, host, got)
		}
	})
}

// FuzzPortRange: what is read holds the ports between the two numbers, and none else.
func FuzzPortRange(f *testing.F) {
	for _, seed := range []string{"443", "8000-8999", "0", "65535-65536", "9-8", "1-2-3", "+1", "1_0", ""} {
		f.Add(seed, uint16(443))
	}
	f.Fuzz(func(t *testing.T, text string, port uint16) {
		r, err := ParsePortRange(text)
		if err != nil {
			return
		}
		from, to, isRange := strings.Cut(text, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || r.contains(port) != (first <= int(port) && int(port) <= last) || r.contains(0) {
			t.Fatalf("%q is %+v", text, r)
		}
	})
}
