package httpapi

import (
	"strings"
	"testing"
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
