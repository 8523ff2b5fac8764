package session

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

func at(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// TestFailuresOfAnAddress: one address uses up its own failures and nobody else's, and gets
// them back with time.
func TestFailuresOfAnAddress(t *testing.T) {
	a := newAttempts()
	guesser, neighbour := at("[2001:db8::1]:9"), at("[2001:db8::2:3]:10") // of one network
	for i := range failuresOfAddress {
		if !a.allowed(guesser, noon) {
			t.Fatalf("refused after %d failures", i)
		}
		a.failed(guesser, noon)
	}
	for addr, want := range map[net.Addr]bool{guesser: false, neighbour: false, at("[2001:db8:0:1::1]:9"): true, at("10.0.0.1:9"): true} {
		if a.allowed(addr, noon) != want {
			t.Errorf("%v may try: %v, want %v", addr, !want, want)
		}
	}
	if !a.allowed(guesser, noon.Add(time.Minute/failuresOfAddress)) {
		t.Error("nothing came back")
	}
	if a.allowed(at("[::ffff:10.0.0.9]:1"), noon) != a.allowed(at("10.0.0.9:1"), noon) || network(at("[::ffff:10.0.0.9]:1")) != network(at("10.0.0.9:2")) {
		t.Error("an address is two")
	}
}

// TestFailuresOfAll: many addresses together are bounded, and so is what is remembered.
func TestFailuresOfAll(t *testing.T) {
	a := newAttempts()
	for i := range failuresPerMinute {
		a.failed(at(fmt.Sprintf("10.%d.%d.1:9", i/256, i%256)), noon)
	}
	if a.allowed(at("192.0.2.1:9"), noon) {
		t.Error("more failures are allowed")
	}
	for i := range 2 * rememberedAddresses {
		a.failed(at(fmt.Sprintf("10.%d.%d.2:9", i/256, i%256)), noon)
	}
	if n := a.of.Len(); n != rememberedAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestCheckBrand(t *testing.T) {
	for _, c := range []struct {
		brand webhook.Brand
		field string // "" if it is good
	}{
		{webhook.Brand{}, ""},
		{webhook.Brand{Name: strings.Repeat("ü", maxBrandName), Color: "#00ffaa", LogoURL: "https://cdn.example.com:8443/a.svg?b=c"}, ""},
		{webhook.Brand{Name: strings.Repeat("ü", maxBrandName+1)}, "name"},
		{webhook.Brand{Name: "a\nb"}, "name"},
		{webhook.Brand{Name: "\xff"}, "name"},
		{webhook.Brand{Color: "#0fa"}, "color"},
		{webhook.Brand{Color: "#00FFAA"}, "color"},
		{webhook.Brand{Color: "#00ffaa;background:url(x)"}, "color"},
		{webhook.Brand{Color: "#00ffaa\n"}, "color"},
		{webhook.Brand{LogoURL: "data:image/png;base64,iVBORw0KGgo="}, ""},
		{webhook.Brand{LogoURL: "data:image/svg+xml;base64,PHN2Zy8+"}, ""},
		{webhook.Brand{LogoURL: "data:image/png;base64,iVBORw0KGgo"}, "logo_url"},
		{webhook.Brand{LogoURL: "data:text/html;base64,PHN2Zy8+"}, "logo_url"},
		{webhook.Brand{LogoURL: "data:image/png;base64," + strings.Repeat("AAAA", maxLogo/4)}, "logo_url"},
		{webhook.Brand{LogoURL: "http://cdn.example.com/a.svg"}, "logo_url"},
		{webhook.Brand{LogoURL: "javascript:alert(1)"}, "logo_url"},
		{webhook.Brand{LogoURL: "https://user@cdn.example.com/a.svg"}, "logo_url"},
		{webhook.Brand{LogoURL: "https://cdn.example.com;script-src */a.svg"}, "logo_url"},
		{webhook.Brand{LogoURL: "https:///a.svg"}, "logo_url"},
	} {
		err := CheckBrand(c.brand)
		fault, ok := errors.AsType[*webhook.FieldError](err)
		if (err == nil) != (c.field == "") || ok && fault.Field != c.field {
			t.Errorf("%.60q %q %.60q: %v, want a fault of %q", c.brand.Name, c.brand.Color, c.brand.LogoURL, err, c.field)
		}
	}
}

// TestLogoOrigin: pages load logos of the host that their policy names, and of no other.
func TestLogoOrigin(t *testing.T) {
	const own = "https://cdn.example.com/a.png"
	for logo, good := range map[string]bool{
		"": true, own: true, "https://cdn.example.com/b.png": true, "data:image/png;base64,AAAA": true,
		"https://other.example.com/a.png": false, "https://cdn.example.com:8443/a.png": false,
	} {
		if err := checkLogoOrigin(logo, own); (err == nil) != good {
			t.Errorf("%s: %v", logo, err)
		}
		if err := checkLogoOrigin(logo, ""); (err == nil) != !strings.HasPrefix(logo, "https:") {
			t.Errorf("%s where none is configured: %v", logo, err)
		}
	}
}

func TestParsePages(t *testing.T) {
	p, err := ParsePages("https://hooks.example.com:8443/a/b//", []string{"https://app.example.com"}, webhook.Brand{})
	if err != nil || p.PublicURL.String() != "https://hooks.example.com:8443/a/b" {
		t.Errorf("%v, %v", p.PublicURL, err)
	}
	if p, err := ParsePages("", nil, webhook.Brand{}); err != nil || p.PublicURL != nil {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestSameHolder: whose sessions count together, and make room for one another.
func TestSameHolder(t *testing.T) {
	session := webhook.Grant{Kind: webhook.GrantSession, KeyID: "k", Subject: "key:k"}
	change := func(edit func(*webhook.Grant)) webhook.Grant {
		g := session
		edit(&g)
		return g
	}
	for what, c := range map[string]struct {
		other webhook.Grant
		same  bool
	}{
		"another session of the key": {change(func(g *webhook.Grant) { g.ID = "x" }), true},
		"one of another key":         {change(func(g *webhook.Grant) { g.KeyID = "l" }), false},
		"one of a subject":           {change(func(g *webhook.Grant) { g.KeyID, g.Subject = "", "subject:a" }), false},
		"one of a portal":            {change(func(g *webhook.Grant) { g.Parent = "link" }), false},
		"a link":                     {change(func(g *webhook.Grant) { g.Kind = webhook.GrantLink }), false},
	} {
		if sameHolder(&c.other, &session) != c.same {
			t.Errorf("%s counts: %v", what, !c.same)
		}
	}
}
