package sender

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestOperatorsRules: registration and delivery apply the same rules.
func TestOperatorsRules(t *testing.T) {
	const address, port = "target_url points to an address that is not allowed", "target_url has a port that is not allowed"
	for _, c := range []struct {
		name, url string
		rules     guard.Options
		refusal   string
	}{
		{"a range denied", "http://93.184.216.34/", guard.Options{Deny: prefixes("93.184.216.0/24")}, address},
		{"its neighbour", "http://93.184.217.34/", guard.Options{Deny: prefixes("93.184.216.0/24")}, ""},
		{"one answer denied", "http://public.example/", guard.Options{Deny: prefixes("2606:2800::/32")}, address},
		{"denied and allowed", "http://10.0.0.5/", guard.Options{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("10.0.0.5/32")}, address},
		{"a name denied", "http://public.example/", guard.Options{DenyHosts: hosts(t, "public.example")}, address},
		{"a name denied as a browser writes it", "http://PUBLIC.example./", guard.Options{DenyHosts: hosts(t, "public.example")}, address},
		{"a suffix denied", "http://public.example/", guard.Options{DenyHosts: hosts(t, "*.example")}, address},
		{"another name denied", "http://public.example/", guard.Options{DenyHosts: hosts(t, "other.example")}, ""},
		{"denied though it does not resolve", "http://unknown.example/", guard.Options{DenyHosts: hosts(t, "unknown.example")}, address},
		{"a name allowed", "http://public.example/", guard.Options{AllowHosts: hosts(t, "*.example")}, ""},
		{"a name not among the allowed", "http://public.example/", guard.Options{AllowHosts: hosts(t, "other.example")}, address},
		{"denied among the allowed", "http://public.example/", guard.Options{AllowHosts: hosts(t, "*.example"), DenyHosts: hosts(t, "public.example")}, address},
		{"an allowed name's private answer", "http://private.example/", guard.Options{AllowHosts: hosts(t, "private.example")}, address},
		{"an allowed local name", "http://db.internal/", guard.Options{AllowHosts: hosts(t, "db.internal")}, address},
		{"an allowed local name, its address too", "http://db.internal/", guard.Options{AllowHosts: hosts(t, "db.internal"), Allow: prefixes("10.0.0.0/8")}, ""},
		{"an address beside allowed names", "http://93.184.216.34/", guard.Options{AllowHosts: hosts(t, "*.example")}, address},
		{"an allowed address beside allowed names", "http://93.184.216.34/", guard.Options{AllowHosts: hosts(t, "*.example"), Allow: prefixes("93.184.216.34/32")}, ""},
		{"localhost denied", "http://localhost/", guard.Options{DenyHosts: hosts(t, "localhost"), Allow: prefixes("127.0.0.0/8")}, address},
		{"a port denied", "http://public.example:25/", guard.Options{DenyPorts: ports(t, "1-79")}, port},
		{"a scheme's own port denied", "http://public.example/", guard.Options{DenyPorts: ports(t, "80")}, port},
		{"another port denied", "http://public.example/", guard.Options{DenyPorts: ports(t, "1-79", "81-65535")}, ""},
		{"a port allowed", "http://public.example:8443/", guard.Options{AllowPorts: ports(t, "443", "8443")}, ""},
		{"a port not among the allowed", "http://public.example/", guard.Options{AllowPorts: ports(t, "443", "8443")}, port},
		{"a port denied among the allowed", "http://public.example/", guard.Options{AllowPorts: ports(t, "1-1023"), DenyPorts: ports(t, "80")}, port},
		{"an address with a denied port", "http://93.184.216.34:25/", guard.Options{DenyPorts: ports(t, "25")}, port},
		{"a denied port of what does not resolve", "http://unknown.example:25/", guard.Options{DenyPorts: ports(t, "25")}, port},
	} {
		var dialled []netip.AddrPort
		s := receivertest.Listen(t)
		dial := dialTo(func() (net.Conn, error) { return net.Dial("tcp", strings.Trim(s.URL(), "htp:/")) }, &dialled)
		client := newClient(t, Options{Guard: newGuard(t, c.rules), Resolve: testZone.resolve, Dial: dial})
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

// TestDeniedNamesAreNotResolved: the owner of a name can see that it is looked up.
func TestDeniedNamesAreNotResolved(t *testing.T) {
	c := newClient(t, Options{
		Guard: newGuard(t, guard.Options{DenyHosts: hosts(t, "*.corp.example"), DenyPorts: ports(t, "25")}),
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

// TestControlChecksPort: the dialer's last check includes the port.
func TestControlChecksPort(t *testing.T) {
	s := receivertest.Listen(t)
	addr := netip.MustParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), "/"))
	c := newClient(t, Options{Guard: newGuard(t, guard.Options{
		Allow: prefixes("127.0.0.0/8"), DenyPorts: []guard.PortRange{{First: addr.Port(), Last: addr.Port()}},
	})})
	if _, err := c.dialTCP(t.Context(), "tcp", addr); !errors.Is(err, webhook.ErrBlockedAddress) || s.Accepted() != 0 {
		t.Fatalf("got %v, %d connections", err, s.Accepted())
	}
}
