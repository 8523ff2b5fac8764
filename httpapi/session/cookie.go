package session

import (
	"bytes"
	"cmp"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// cookieName is the name of the cookie that holds a session's secret.
const cookieName = "astrohook_session"

// Cookie returns the session's secret that a request carries; false for none.
func Cookie(ctx *fasthttp.RequestCtx) (secret []byte, ok bool) {
	secret = ctx.Request.Header.Cookie(cookieName)
	return secret, len(secret) > 0
}

// setCookie sets the cookie to the secret of a session that ends after lasts; "" takes the
// cookie away. Scripts cannot read it, and other sites cannot have it sent. framed is for pages
// that another origin may show in a frame: such a cookie belongs to the pair of sites
// (Partitioned), and needs TLS.
func (s *Sessions) setCookie(ctx *fasthttp.RequestCtx, secret string, lasts time.Duration, framed bool) {
	c := fasthttp.AcquireCookie()
	defer fasthttp.ReleaseCookie(c)
	c.SetKey(cookieName)
	c.SetValue(secret)
	c.SetHTTPOnly(true)
	c.SetSecure(s.isSecure(ctx))
	c.SetSameSite(fasthttp.CookieSameSiteStrictMode)
	if framed && c.Secure() {
		c.SetSameSite(fasthttp.CookieSameSiteNoneMode)
		c.SetPartitioned(true) // which sets the path to /
	}
	c.SetPath(s.cookiePath())
	if secret == "" {
		c.SetExpire(fasthttp.CookieExpireDelete)
	} else {
		c.SetMaxAge(max(1, int(lasts.Seconds())))
	}
	ctx.Response.Header.SetCookie(c)
}

// cookiePath returns the path under which browsers reach the server, as far as it knows: a
// header could say anything, so only the setting counts.
func (s *Sessions) cookiePath() string {
	if s.publicURL == nil {
		return "/"
	}
	return path.Join("/", s.publicURL.Path) + "/"
}

// isSecure reports whether the browser's connection is encrypted. A caller who lies about
// that harms its own cookie.
func (s *Sessions) isSecure(ctx *fasthttp.RequestCtx) bool {
	return ctx.IsTLS() || s.publicURL != nil && s.publicURL.Scheme == "https" ||
		bytes.EqualFold(ctx.Request.Header.Peek(fasthttp.HeaderXForwardedProto), []byte("https"))
}

// Origin says which pages made a request.
type Origin int

// The origins of requests.
const (
	// OriginUnknown is that of a program, or of an old browser.
	OriginUnknown Origin = iota
	// OriginOwn is that of this server's pages.
	OriginOwn
	// OriginOther is that of another site's pages.
	OriginOther
)

// OriginOf returns which pages made a request. Browsers say it themselves, in headers that
// no script can set: Sec-Fetch-Site (Fetch Metadata), or Origin, which must name the host
// that the request is for, or the server's public URL.
func (s *Sessions) OriginOf(ctx *fasthttp.RequestCtx) Origin {
	h := &ctx.Request.Header
	switch site := string(h.Peek("Sec-Fetch-Site")); site {
	case "same-origin":
		return OriginOwn
	case "":
	default:
		return OriginOther
	}
	text := string(h.Peek(fasthttp.HeaderOrigin))
	if text == "" {
		return OriginUnknown
	}
	if origin, err := url.Parse(text); err == nil && origin.Host != "" && s.isOwn(origin, string(h.Host())) {
		return OriginOwn
	}
	return OriginOther
}

// isOwn reports whether an origin is that of a request's host, or of the public URL.
func (s *Sessions) isOwn(origin *url.URL, host string) bool {
	own := url.URL{Scheme: origin.Scheme, Host: host} // TLS may end before the server
	return sameOrigin(origin, &own) || s.publicURL != nil && sameOrigin(origin, s.publicURL)
}

// defaultPorts are the ports that a URL of a scheme need not name.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// sameOrigin reports whether two URLs have the same origin (RFC 6454, section 5): scheme and
// host in any case, and a port that is named or the scheme's own.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	return cmp.Or(u.Port(), defaultPorts[strings.ToLower(u.Scheme)])
}
