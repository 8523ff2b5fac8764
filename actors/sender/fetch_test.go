package sender

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// TestFetch: a whole document within the limit is returned; redirects and documents
// that are cut off or too long are errors.
func TestFetch(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(path string, h http.HandlerFunc) { mux.HandleFunc(path, h) }
	answer("/keys", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.UserAgent() != "Astrohook/dev" || r.URL.RawQuery != "a=b" {
			t.Errorf("asked with %s %s as %s", r.Method, r.URL, r.UserAgent())
		}
		_, _ = w.Write([]byte("whole"))
	})
	answer("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		for _, part := range []string{"in ", "parts"} {
			_, _ = w.Write([]byte(part))
			_ = http.NewResponseController(w).Flush()
		}
	})
	answer("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100)) })
	answer("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			_, _ = w.Write(make([]byte, 4<<10))
		}
	})
	answer("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "50")
		_, _ = w.Write([]byte("cut off"))
	})
	answer("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	answer("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	defer server.Close()
	c := newClient(t, Options{})
	for path, want := range map[string]string{
		"/keys?a=b": "whole", "/chunked": "in parts",
		"/long": "", "/endless": "", "/cut": "", "/moved": "", "/none": "", "/missing": "",
	} {
		got, err := c.Fetch(within(t), server.URL+path, 100)
		if string(got) != want || want == "" && !errors.Is(err, errNotFetched) || want != "" && err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if len(c.conns) != 0 || c.idle.busy != 0 {
		t.Errorf("%d connections are open, %d counted as in use", len(c.conns), c.idle.busy)
	}
	for _, url := range []string{"", "ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://0x7f000001/"} {
		if _, err := c.Fetch(within(t), url, 100); err == nil {
			t.Errorf("%q was fetched", url)
		}
	}
}

// TestFetchIsGuarded: the guard applies, and http needs an address that is listed.
func TestFetchIsGuarded(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	refuse := func() (net.Conn, error) { return nil, errors.New("this is not to be dialled") }
	names := map[string]string{"public.example": "93.184.216.34", "inside.example": "10.1.2.3", "both.example": "10.1.2.3 93.184.216.34"}
	resolve := func(_ context.Context, host string) ([]netip.Addr, error) {
		s := script{answers: []string{names[host]}}
		return s.resolve(t.Context(), host)
	}
	allowed := guard.Options{Allow: prefixes("10.0.0.0/8"), Interfaces: noInterfaces}
	for _, c := range []struct {
		why, url string
		rules    guard.Options
	}{
		{"loopback", server.URL, guard.Options{}},
		{"a private address", "https://10.1.2.3/", guard.Options{Interfaces: noInterfaces}},
		{"a name that leads there", "https://inside.example/", guard.Options{Interfaces: noInterfaces}},
		{"metadata", "http://169.254.169.254/", allowed},
		{"http to a public address", "http://93.184.216.34/", allowed},
		{"http to a public name", "http://public.example/", allowed},
		{"http to a name that leads to both", "http://both.example/", allowed},
		{"a denied host", "https://public.example/", guard.Options{DenyHosts: hosts(t, "public.example"), Interfaces: noInterfaces}},
	} {
		var dialled []netip.AddrPort
		client := newClient(t, Options{Guard: newGuard(t, c.rules), Resolve: resolve, Dial: dialTo(refuse, &dialled)})
		if _, err := client.Fetch(within(t), c.url, 100); !errors.Is(err, webhook.ErrBlockedAddress) || len(dialled) > 0 {
			t.Errorf("%s: %v, dialled %v", c.why, err, dialled)
		}
	}
	proxy, err := ParseProxy("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, Options{Guard: newGuard(t, allowed), Proxy: proxy})
	if _, err := client.Fetch(within(t), "http://inside.example/", 100); !errors.Is(err, webhook.ErrBlockedAddress) {
		t.Errorf("http through a proxy: %v", err)
	}
}

// TestFetchVerifiesCertificates: certificates must be signed by the client's roots.
func TestFetchVerifiesCertificates(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("keys")) }))
	server.Config.ErrorLog = quietLog()
	server.StartTLS()
	defer server.Close()
	if got, err := newClient(t, Options{}).Fetch(within(t), server.URL, 100); err == nil {
		t.Errorf("an unknown certificate: %q", got)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if got, err := newClient(t, Options{RootCAs: roots}).Fetch(within(t), server.URL, 100); string(got) != "keys" {
		t.Errorf("%q, %v", got, err)
	}
}

// mute dials a receiver that reads everything and never answers.
func mute(context.Context, string, netip.AddrPort) (net.Conn, error) {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far) }() // ends when near is closed
	return near, nil
}

// blackHole dials an address that never answers.
func blackHole(ctx context.Context, _ string, _ netip.AddrPort) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestFetchEnds: Fetch ends at its bound, with ctx, and with Abort, whatever the other
// side does.
func TestFetchEnds(t *testing.T) {
	for _, dial := range []func(context.Context, string, netip.AddrPort) (net.Conn, error){mute, blackHole} {
		synctest.Test(t, func(t *testing.T) {
			for _, url := range []string{"https://127.0.0.1/", "http://127.0.0.1/"} {
				c := newClient(t, Options{Dial: dial})
				fetch := func(ctx context.Context) time.Duration {
					began := time.Now()
					if got, err := c.Fetch(ctx, url, 100); err == nil {
						t.Errorf("%q", got)
					}
					return time.Since(began)
				}
				if took := fetch(t.Context()); took != fetchTimeout {
					t.Errorf("a server that says nothing: %v", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if took := fetch(ctx); took != time.Second {
					t.Errorf("ctx: %v", took)
				}
				time.AfterFunc(2*time.Second, c.Abort)
				if took := fetch(t.Context()); took != 2*time.Second {
					t.Errorf("Abort: %v", took)
				}
			}
		})
	}
}

// TestFetchSaysWhere: errors name the host, and nothing else from the URL.
func TestFetchSaysWhere(t *testing.T) {
	c := newClient(t, Options{Guard: newGuard(t, guard.Options{Interfaces: noInterfaces})})
	if _, err := c.Fetch(within(t), "https://10.0.0.1/keys?secret=1", 100); err == nil || !strings.Contains(err.Error(), "10.0.0.1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
