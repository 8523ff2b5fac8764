package guard

import (
	"net/netip"
	"testing"
)

// TestCheckAllocatesNothing for an address that is admitted, in any form: each
// connection is checked twice, and each answer of a resolver once.
func TestCheckAllocatesNothing(t *testing.T) {
	g := newGuard(t, Options{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("8.8.8.0/24")})
	for _, text := range []string{"93.184.216.34", "10.0.0.1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2606:2800:220:1::1"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(text), 443)
		if allocs := testing.AllocsPerRun(100, func() {
			if err := g.CheckConnection(to); err != nil {
				t.Fatal(err)
			}
		}); allocs != 0 {
			t.Errorf("%s: %v allocations", text, allocs)
		}
	}
}
