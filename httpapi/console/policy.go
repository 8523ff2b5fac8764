package console

import (
	"net/url"
	"strings"
)

// Policy is what a browser is told that the pages may do, apart from what is the same for
// every server.
type Policy struct {
	// FrameOrigins are the origins whose pages may show these in a frame, each as
	// CheckOrigin returns it; none by default.
	FrameOrigins []string
	// LogoURL is the address of the brand's logo: https or data; empty for none.
	LogoURL string
}

// header returns the Content-Security-Policy (CSP Level 3). Scripts and styles come from
// files of this server only, so a payload that is shown as text cannot run.
func (p Policy) header() string {
	images, frames := "'self' data:", "'none'"
	if u, err := url.Parse(p.LogoURL); err == nil && u.Scheme == "https" {
		images += " " + u.Scheme + "://" + u.Host
	}
	if len(p.FrameOrigins) > 0 {
		frames = strings.Join(p.FrameOrigins, " ")
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'", "connect-src 'self'",
		"img-src " + images, "base-uri 'self'", "form-action 'self'", "frame-ancestors " + frames,
	}, "; ")
}
