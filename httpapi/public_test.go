package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/httpapi/session"
)

// TestFront: a browser that opens the server's address shows a useful page, and may not
// load anything for it.
func TestFront(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Version = "1.2<3" })
	r := f.want(t, 200, nobody, "GET", "/", "")
	page := string(r.body)
	for _, want := range []string{"Version 1.2&lt;3.", `href="/openapi.yaml"`, `href="/healthz"`, `href="/readyz"`, "/api/webhooks", "/api/events"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	if got := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") || !strings.Contains(got, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy %q", got)
	}
	if r.header.Get("Content-Type") != "text/html; charset=utf-8" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", r.header)
	}
	for _, forbidden := range []string{"src=", "http://", "<script", "<style", "<form", testBackup} {
		if strings.Contains(page, forbidden) {
			t.Errorf("%s is in\n%s", forbidden, page)
		}
	}
	if r := f.want(t, 200, nobody, "HEAD", "/", ""); len(r.body) != 0 {
		t.Errorf("HEAD has a body of %d bytes", len(r.body))
	}
}

// TestPages: browsers are led to the console, whatever the prefix in front of the server,
// and its pages need no token.
func TestPages(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Pages = session.Pages{FrameOrigins: []string{"https://app.example"}} })
	for path, want := range map[string]int{
		"/ui/": 200, "/ui/webhooks/wh_1": 200, "/portal": 200, "/ui/assets/missing.js": 404, "/portal/": 404,
	} {
		if r := f.want(t, want, nobody, "GET", path, ""); want == 200 {
			if got := r.header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors https://app.example") {
				t.Errorf("%s: Content-Security-Policy %q", path, got)
			}
		}
	}
	f.want(t, 405, nobody, "POST", "/ui/", "")
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/", "/ui"} {
		if r := f.want(t, 302, nobody, "GET", path, "", "Accept", "text/html,*/*;q=0.8"); r.header.Get("Location") != "ui/" {
			t.Errorf("%s leads to %q", path, r.header.Get("Location"))
		}
	}
}
