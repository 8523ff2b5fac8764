package console

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

const index = `<!DOCTYPE html><head><base href="./"><script type="module" src="assets/app-1.js"></script></head>`

func built() fstest.MapFS {
	return fstest.MapFS{
		"placeholder.html":        {Data: []byte("make console")},
		"app/index.html":          {Data: []byte(index)},
		"app/assets/app-1.js":     {Data: []byte("plain script")},
		"app/assets/app-1.js.gz":  {Data: []byte("gzip script")},
		"app/assets/app-1.js.br":  {Data: []byte("brotli script")},
		"app/assets/style-2.css":  {Data: []byte("plain style")},
		"app/assets/picture.webp": {Data: []byte("picture")},
	}
}

// get returns the answer to a request for a path below /ui/ with these headers.
func get(t *testing.T, s *Site, name string, headers ...string) *fasthttp.Response {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	if err := s.Serve(ctx, name); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &ctx.Response
}

// TestBase: whatever the page's path and the prefix under which the server is reached,
// the page finds its files below /ui/.
func TestBase(t *testing.T) {
	s := NewSite(built(), Policy{})
	for _, prefix := range []string{"", "/hooks", "/a/b"} {
		for _, at := range []string{"/ui/", "/ui/webhooks", "/ui/webhooks/", "/ui/webhooks/wh_1", "/ui/a/b/c/d/e/f/g/h", "/portal"} {
			ctx := &fasthttp.RequestCtx{}
			if at == "/portal" {
				s.ServePortal(ctx)
			} else if err := s.Serve(ctx, strings.TrimPrefix(at, "/ui/")); err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(ctx.Response.Body()), `<base href="`)
			base, _, _ := strings.Cut(rest, `"`)
			from, err := url.Parse("https://host" + prefix + at)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := from.JoinPath().ResolveReference(&url.URL{Path: base}).String(), "https://host"+prefix+"/ui/"; got != want {
				t.Errorf("at %s%s the base %q leads to %s, want %s", prefix, at, base, got, want)
			}
		}
	}
}

func TestAssets(t *testing.T) {
	s := NewSite(built(), Policy{})
	tags := map[string]string{}
	for _, c := range []struct{ name, accepts, body, encoding, contentType string }{
		{"assets/app-1.js", "", "plain script", "", "text/javascript; charset=utf-8"},
		{"assets/app-1.js", "gzip, deflate", "gzip script", "gzip", "text/javascript; charset=utf-8"},
		{"assets/app-1.js", "gzip, deflate, br, zstd", "brotli script", "br", "text/javascript; charset=utf-8"},
		{"assets/style-2.css", "gzip, br", "plain style", "", "text/css; charset=utf-8"}, // was not compressed
		{"assets/picture.webp", "", "picture", "", "application/octet-stream"},
	} {
		r := get(t, s, c.name, "Accept-Encoding", c.accepts)
		if string(r.Body()) != c.body || string(r.Header.ContentEncoding()) != c.encoding || string(r.Header.ContentType()) != c.contentType {
			t.Errorf("%s for %q: %s", c.name, c.accepts, r)
		}
		if got := string(r.Header.Peek("Cache-Control")); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", c.name, got)
		}
		if varies := len(r.Header.Peek("Vary")) > 0; varies != (path.Ext(c.name) == ".js") {
			t.Errorf("%s: Vary %v", c.name, varies)
		}
		tag := string(r.Header.Peek("ETag"))
		if other, used := tags[tag]; used {
			t.Errorf("%s and %s have the tag %s", c.body, other, tag)
		}
		tags[tag] = c.body
		if again := get(t, s, c.name, "Accept-Encoding", c.accepts, "If-None-Match", `"x", W/`+tag); again.StatusCode() != 304 || len(again.Body()) > 0 {
			t.Errorf("%s with its tag: %s", c.name, again)
		}
	}
}

// TestMissing: a file that is not there is not the page, because a browser would keep the
// page in its place; nor are paths that nobody made.
func TestMissing(t *testing.T) {
	s := NewSite(built(), Policy{})
	for _, name := range []string{
		"assets/", "assets/app-0.js", "assets/app-1.js.gz", "assets/../index.html", "assets/app-1.js/x", strings.Repeat("x/", maxDepth+1),
	} {
		if err := s.Serve(&fasthttp.RequestCtx{}, name); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPageHeaders(t *testing.T) {
	first := get(t, NewSite(built(), Policy{}), "webhooks")
	for name, want := range map[string]string{
		"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := string(first.Header.Peek(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	tag := string(first.Header.Peek("ETag"))
	if again := get(t, NewSite(built(), Policy{}), "webhooks", "If-None-Match", tag); again.StatusCode() != 304 {
		t.Errorf("the page with its tag: %d", again.StatusCode())
	}
	if deeper := get(t, NewSite(built(), Policy{}), "webhooks/wh_1", "If-None-Match", tag); deeper.StatusCode() != 200 {
		t.Errorf("another page with that tag: %d", deeper.StatusCode())
	}
}

func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		want   []string
	}{
		{Policy{}, []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'"}},
		{Policy{LogoURL: "https://cdn.example.com/a/logo.svg?x=1;y"}, []string{"img-src 'self' data: https://cdn.example.com"}},
		{Policy{LogoURL: "data:image/png;base64,AAAA"}, []string{"img-src 'self' data:"}},
		{Policy{LogoURL: "http://cdn.example.com/logo.svg"}, []string{"img-src 'self' data:"}},
		{Policy{FrameOrigins: []string{"https://a.example", "https://b.example:8443"}}, []string{"frame-ancestors https://a.example https://b.example:8443"}},
	} {
		r := get(t, NewSite(built(), c.policy), "")
		got := strings.Split(string(r.Header.Peek("Content-Security-Policy")), "; ")
		for _, want := range c.want {
			found := false
			for _, directive := range got {
				found = found || directive == want
			}
			if !found {
				t.Errorf("%+v: no %q in %q", c.policy, want, got)
			}
		}
		if text := strings.Join(got, ";"); strings.Contains(text, "unsafe") || strings.Contains(text, "*") {
			t.Errorf("%+v: %s", c.policy, text)
		}
	}
}

// TestNotBuilt: a binary without the console says how to build it, at every path.
func TestNotBuilt(t *testing.T) {
	s := NewSite(fstest.MapFS{"placeholder.html": {Data: []byte("make console")}}, Policy{})
	for _, name := range []string{"", "webhooks/wh_1"} {
		if r := get(t, s, name); string(r.Body()) != "make console" || len(r.Header.Peek("Content-Security-Policy")) == 0 {
			t.Errorf("%q: %s", name, r)
		}
	}
	if err := s.Serve(&fasthttp.RequestCtx{}, "assets/app-1.js"); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("an asset: %v", err)
	}
}

// TestEmbedded: whatever this binary was built with is served.
func TestEmbedded(t *testing.T) {
	r := get(t, NewSite(Embedded(), Policy{}), "")
	if body := string(r.Body()); !strings.HasPrefix(strings.ToLower(body), "<!doctype html>") || strings.Contains(body, "http://") {
		t.Errorf("%s", body)
	}
}
