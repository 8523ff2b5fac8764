package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// A guard without options admits the public internet, and nothing else.
func ExampleGuard_Check() {
	g, err := guard.New(guard.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"93.184.216.34", "169.254.169.254", "::ffff:10.0.0.1"} {
		err := g.Check(netip.MustParseAddr(text))
		fmt.Println(text, errors.Is(err, webhook.ErrBlockedAddress))
	}
	// Output:
	// 93.184.216.34 false
	// 169.254.169.254 true
	// ::ffff:10.0.0.1 true
}

// Admit judges a target as a whole: one refused answer of the resolver is enough.
func ExampleGuard_Admit() {
	g, err := guard.New(guard.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	target, err := guard.ParseTarget("https://rebinding.example/hook")
	if err != nil {
		fmt.Println(err)
		return
	}
	lookup := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	_, err = g.Admit(context.Background(), target, lookup)
	if refusal, ok := errors.AsType[*guard.Refusal](err); ok {
		fmt.Println(refusal.What)
		fmt.Println(refusal.Advice)
	}
	// Output:
	// address 127.0.0.1
	// it is not of the public internet; allow-addresses would let it through
}

// ParseTarget brings a URL into the one form in which it is stored and compared.
func ExampleParseTarget() {
	target, err := guard.ParseTarget("HTTPS://Bücher.Example:443?id=7")
	fmt.Println(target.Canonical, target.Port, err)
	_, err = guard.ParseTarget("http://0x7f.1/")
	fmt.Println(err)
	// Output:
	// https://xn--bcher-kva.example/?id=7 443 <nil>
	// target_url has a numeric host that is not an IP address in its usual form
}

// A pattern covers one name, or all names below a domain.
func ExampleHostPattern_Matches() {
	pattern, err := guard.ParseHostPattern("*.partner.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, host := range []string{"hooks.partner.example", "partner.example", "notpartner.example"} {
		fmt.Println(host, pattern.Matches(host))
	}
	// Output:
	// hooks.partner.example true
	// partner.example false
	// notpartner.example false
}
