package session

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// served returns the calls of a server with this public URL; "" for none.
func served(t *testing.T, publicURL string) *Sessions {
	t.Helper()
	pages, err := ParsePages(publicURL, nil, webhook.Brand{})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Pages: pages})
}

// request returns a request for the host astrohook with these headers, each a name and a
// value.
func request(headers ...string) *fasthttp.RequestCtx {
	var ctx fasthttp.RequestCtx
	ctx.Init(&ctx.Request, at("192.0.2.7:4000"), nil)
	ctx.Request.SetRequestURI("/x")
	ctx.Request.Header.SetHost("astrohook")
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	return &ctx
}

// TestSetCookie: no script reads the cookie and no other site sends it, except from a frame
// over TLS; its path is that of the public URL.
func TestSetCookie(t *testing.T) {
	for _, c := range []struct {
		publicURL, proto, secret string
		lasts                    time.Duration
		framed                   bool
		want                     string
	}{
		{"", "", "abc", time.Hour, false, "max-age=3600; path=/; HttpOnly; SameSite=Strict"},
		{"", "", "abc", time.Hour, true, "max-age=3600; path=/; HttpOnly; SameSite=Strict"},
		{"", "https", "abc", time.Minute, false, "max-age=60; path=/; HttpOnly; secure; SameSite=Strict"},
		{"", "HTTPS", "abc", time.Minute, true, "max-age=60; path=/; HttpOnly; secure; SameSite=None; Partitioned"},
		{"", "http", "abc", time.Minute, true, "max-age=60; path=/; HttpOnly; SameSite=Strict"},
		{"https://hooks.example.com", "", "abc", 1500 * time.Millisecond, false, "max-age=1; path=/; HttpOnly; secure; SameSite=Strict"},
		{"https://hooks.example.com/", "http", "abc", time.Minute, false, "max-age=60; path=/; HttpOnly; secure; SameSite=Strict"},
		{"https://hooks.example.com/a/b/", "", "abc", time.Minute, true, "max-age=60; path=/a/b/; HttpOnly; secure; SameSite=None; Partitioned"},
		{"http://hooks.example.com/a", "", "abc", time.Minute, false, "max-age=60; path=/a/; HttpOnly; SameSite=Strict"},
		// Without max-age the cookie would last as long as the browser.
		{"", "", "abc", time.Millisecond, false, "max-age=1; path=/; HttpOnly; SameSite=Strict"},
		{"", "", "abc", -time.Hour, false, "max-age=1; path=/; HttpOnly; SameSite=Strict"},
		{"https://hooks.example.com/a", "", "", 0, false, "expires=Tue, 10 Nov 2009 23:00:00 GMT; path=/a/; HttpOnly; secure; SameSite=Strict"},
		{"https://hooks.example.com", "", "", 0, true, "expires=Tue, 10 Nov 2009 23:00:00 GMT; path=/; HttpOnly; secure; SameSite=None; Partitioned"},
	} {
		ctx := request()
		if c.proto != "" {
			ctx.Request.Header.Set("X-Forwarded-Proto", c.proto)
		}
		served(t, c.publicURL).setCookie(ctx, c.secret, c.lasts, c.framed)
		got := string(ctx.Response.Header.PeekCookie(cookieName))
		if want := cookieName + "=" + c.secret + "; " + c.want; got != want {
			t.Errorf("%q %q %v, framed %t:\n%s\n%s", c.publicURL, c.proto, c.lasts, c.framed, got, want)
		}
	}
}

// TestCookieOfRequest: the session's cookie is found among others; an empty one is none.
func TestCookieOfRequest(t *testing.T) {
	for cookies, want := range map[string]string{
		"": "", cookieName + "=ahs_1": "ahs_1", "a=b; " + cookieName + "=ahs_1; c=d": "ahs_1", cookieName + "=": "", "x" + cookieName + "=ahs_1": "",
	} {
		secret, ok := Cookie(request("Cookie", cookies))
		if string(secret) != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", cookies, secret, ok)
		}
	}
}

// TestOriginOf: what a browser says of the page counts; a page that only resembles the
// server's own is another site's. Upper case and a default port make no other origin.
func TestOriginOf(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    Origin
	}{
		{nil, OriginUnknown},
		{[]string{"Referer", "http://astrohook/"}, OriginUnknown},
		{[]string{"Sec-Fetch-Site", "same-origin"}, OriginOwn},
		{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, OriginOwn},
		{[]string{"Sec-Fetch-Site", "same-site"}, OriginOther},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://astrohook"}, OriginOther},
		{[]string{"Sec-Fetch-Site", "none"}, OriginOther},
		{[]string{"Sec-Fetch-Site", "Same-Origin"}, OriginOther}, // no browser writes it so
		{[]string{"Origin", "http://astrohook"}, OriginOwn},
		{[]string{"Origin", "https://astrohook"}, OriginOwn}, // TLS may end before the server
		{[]string{"Origin", "http://astrohook:8080"}, OriginOther},
		{[]string{"Origin", "http://astrohook.example.com"}, OriginOther},
		{[]string{"Origin", "http://astrohook@evil.example"}, OriginOther},
		{[]string{"Origin", "https://hooks.example.com"}, OriginOwn},
		{[]string{"Origin", "http://hooks.example.com"}, OriginOther},
		{[]string{"Origin", "https://hooks.example.com:8443"}, OriginOther},
		{[]string{"Origin", "null"}, OriginOther},
		{[]string{"Origin", "astrohook"}, OriginOther},
		{[]string{"Origin", "http://%zz"}, OriginOther},
	} {
		if got := served(t, "https://hooks.example.com/astrohook").OriginOf(request(c.headers...)); got != c.want {
			t.Errorf("%q: %d, want %d", c.headers, got, c.want)
		}
	}
	for _, c := range []struct {
		publicURL, host, origin string
		want                    Origin
	}{
		{"https://Hooks.Example.COM", "astrohook", "https://hooks.example.com", OriginOwn},
		{"https://hooks.example.com:443/a", "astrohook", "https://hooks.example.com", OriginOwn},
		{"HTTPS://hooks.example.com", "astrohook", "https://hooks.example.com:443", OriginOwn},
		{"http://hooks.example.com:80", "astrohook", "http://hooks.example.com", OriginOwn},
		{"https://hooks.example.com:80", "astrohook", "https://hooks.example.com", OriginOther},
		{"https://hooks.example.com:8443", "astrohook", "https://hooks.example.com", OriginOther},
		{"", "ASTROHOOK", "https://astrohook", OriginOwn},
		{"", "astrohook:443", "https://astrohook", OriginOwn}, // as proxies pass the host on
		{"", "astrohook:443", "http://astrohook", OriginOther},
		{"", "[2001:DB8::1]:80", "http://[2001:db8::1]", OriginOwn},
	} {
		ctx := request("Origin", c.origin)
		ctx.Request.Header.SetHost(c.host)
		if got := served(t, c.publicURL).OriginOf(ctx); got != c.want {
			t.Errorf("%q at %s from %s: %d, want %d", c.publicURL, c.host, c.origin, got, c.want)
		}
	}
	if served(t, "").OriginOf(request("Origin", "https://hooks.example.com")) != OriginOther {
		t.Error("a host that no setting names is the server's own")
	}
}

// TestParsePagesFaults: a fault names the setting that has it.
func TestParsePagesFaults(t *testing.T) {
	for _, c := range []struct {
		publicURL, origin string
		brand             webhook.Brand
		setting           string // "" if all are good
	}{
		{"https://hooks.example.com", "https://app.example.com:8443", webhook.Brand{Name: "Corp"}, ""},
		{"hooks.example.com", "", webhook.Brand{}, "public-url"},
		{"ftp://hooks.example.com", "", webhook.Brand{}, "public-url"},
		{"https://", "", webhook.Brand{}, "public-url"},
		{"https://user@hooks.example.com", "", webhook.Brand{}, "public-url"},
		{"https://hooks.example.com/?a=b", "", webhook.Brand{}, "public-url"},
		{"https://hooks.example.com/?", "", webhook.Brand{}, "public-url"}, // links would continue the query
		{"https://hooks.example.com/#a", "", webhook.Brand{}, "public-url"},
		{"https://hooks.example.com/a;b", "", webhook.Brand{}, "public-url"},
		{"https://hooks.example.com/a%20b", "", webhook.Brand{}, "public-url"},
		{"https://hooks.example.com/a%22", "", webhook.Brand{}, "public-url"},
		{"https://hooks.example.com\n", "", webhook.Brand{}, "public-url"},
		{"https://[2001:db8::1]", "", webhook.Brand{}, "public-url"},
		{"", "http://app.example.com", webhook.Brand{}, "portal-frame-origins"},
		{"", "https://app.example.com/", webhook.Brand{}, "portal-frame-origins"},
		{"", "https://user@app.example.com", webhook.Brand{}, "portal-frame-origins"},
		{"", "https://*.example.com", webhook.Brand{}, "portal-frame-origins"},
		{"", "https://app.example.com;script-src *", webhook.Brand{}, "portal-frame-origins"},
		{"", "*", webhook.Brand{}, "portal-frame-origins"},
		{"", "", webhook.Brand{Name: "\x00"}, "brand-name"},
		{"", "", webhook.Brand{Color: "red"}, "brand-color"},
		{"", "", webhook.Brand{LogoURL: "http://cdn.example.com/a.png"}, "brand-logo"},
	} {
		var origins []string
		if c.origin != "" {
			origins = []string{"https://good.example.com", c.origin}
		}
		_, err := ParsePages(c.publicURL, origins, c.brand)
		if got := fieldOf(err); got != c.setting || (err == nil) != (c.setting == "") {
			t.Errorf("%q %q %q: %v, want a fault of %q", c.publicURL, c.origin, c.brand, err, c.setting)
		}
	}
}

// TestPublicURLInLinks: a link begins with the public URL, or with the address of the request.
func TestPublicURLInLinks(t *testing.T) {
	for _, c := range []struct{ publicURL, proto, want string }{
		{"", "", "http://astrohook"},
		{"", "https", "https://astrohook"},
		{"https://hooks.example.com/", "http", "https://hooks.example.com"},
		{"http://hooks.example.com:8080/a//", "https", "http://hooks.example.com:8080/a"},
	} {
		got := served(t, c.publicURL).base(request("X-Forwarded-Proto", c.proto))
		if got != c.want {
			t.Errorf("%q by %q: %s, want %s", c.publicURL, c.proto, got, c.want)
		}
		if _, err := url.Parse(got + "/portal#ahl_x"); err != nil || strings.HasSuffix(got, "/") {
			t.Errorf("%s cannot begin a link: %v", got, err)
		}
	}
}

// TestBrandsAdd: what a link's brand leaves out is the server's, each part for itself.
func TestBrandsAdd(t *testing.T) {
	server := webhook.Brand{Name: "Corp", Color: "#000000", LogoURL: "https://cdn.example.com/a.png"}
	for _, c := range []struct{ link, want webhook.Brand }{
		{webhook.Brand{}, server},
		{webhook.Brand{Name: "Acme"}, webhook.Brand{Name: "Acme", Color: server.Color, LogoURL: server.LogoURL}},
		{webhook.Brand{Color: "#ffffff"}, webhook.Brand{Name: "Corp", Color: "#ffffff", LogoURL: server.LogoURL}},
		{webhook.Brand{LogoURL: "data:image/png;base64,AAAA"}, webhook.Brand{Name: "Corp", Color: server.Color, LogoURL: "data:image/png;base64,AAAA"}},
	} {
		if got := or(c.link, server); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.link, got, c.want)
		}
	}
	if got := or(server, webhook.Brand{}); got != server {
		t.Errorf("%+v", got)
	}
}

// TestNetworks: what counts as one address.
func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7/32", "[::ffff:192.0.2.7]:1": "192.0.2.7/32",
		"[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "[::1]:1": "::/64",
	} {
		if got := network(at(address)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
	if got := network(name("@")); got.IsValid() {
		t.Errorf("a socket without an address counts as %s", got)
	}
}

// name is the address of a connection that has no IP address.
type name string

func (n name) Network() string { return "unix" }
func (n name) String() string  { return string(n) }
