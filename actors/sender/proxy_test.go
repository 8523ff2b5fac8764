package sender

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// connectProxy is an HTTP proxy that connects each authority to an address of its
// table.
type connectProxy struct {
	listener net.Listener
	routes   map[string]string
	serving  sync.WaitGroup

	mu    sync.Mutex
	asked []*http.Request
}

func startProxy(t *testing.T, routes map[string]string) *connectProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &connectProxy{listener: ln, routes: routes}
	p.serving.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.serve(in) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		p.serving.Wait()
	})
	return p
}

func (p *connectProxy) serve(in net.Conn) {
	defer in.Close()
	r, err := http.ReadRequest(bufio.NewReader(in))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r)
	p.mu.Unlock()
	to, err := net.Dial("tcp", p.routes[r.RequestURI])
	if r.Method != http.MethodConnect || err != nil {
		fmt.Fprint(in, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer to.Close()
	fmt.Fprint(in, "HTTP/1.1 200 Connection established\r\n\r\n")
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(in, to)
		_ = in.Close()
	})
	_, _ = io.Copy(to, in)
	_ = to.Close()
	back.Wait()
}

func (p *connectProxy) requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func parseProxy(t testing.TB, raw string) *Proxy {
	t.Helper()
	p, err := ParseProxy(raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// noLookups returns a resolver that fails the test.
func noLookups(t *testing.T) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		t.Errorf("%s was looked up", host)
		return nil, errUnresolved
	}
}

// TestProxy: requests of both schemes go through the proxy with their names, and the
// proxy's credentials do not reach the receiver.
func TestProxy(t *testing.T) {
	plain := receivertest.Listen(t)
	secure, bundle := startTLS(t)
	p := startProxy(t, map[string]string{
		"plain.example:80":      strings.Trim(plain.URL(), "htp:/"),
		"example.com:8443":      strings.TrimPrefix(secure.URL, "https://"),
		"93.184.216.34:80":      strings.Trim(plain.URL(), "htp:/"),
		"[2606:2800:220::1]:80": strings.Trim(plain.URL(), "htp:/"),
	})
	roots := x509.NewCertPool()
	block, _ := pem.Decode([]byte(bundle))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(certificate)
	c := newClient(t, Options{
		Guard: newGuard(t, guard.Options{}), RootCAs: roots, Resolve: noLookups(t),
		Proxy: parseProxy(t, "http://us%40er:pass@"+p.listener.Addr().String()),
	})
	targets := []string{"http://plain.example/", "https://example.com:8443/", "http://93.184.216.34/", "http://[2606:2800:220::1]/"}
	for _, url := range targets {
		if _, err := c.CheckTarget(t.Context(), url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		target := open(t, c, url, webhook.Settings{})
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		target.Close()
	}
	for i, want := range []string{"plain.example:80", "example.com:8443", "93.184.216.34:80", "[2606:2800:220::1]:80"} {
		r := p.requests()[i]
		user, password, ok := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
		if r.RequestURI != want || r.Host != want || !ok || user != "us@er" || password != "pass" {
			t.Errorf("asked for %s, want %s: %v", r.RequestURI, want, r.Header)
		}
	}
	for _, r := range plain.Requests() {
		if r.Field("Proxy-Authorization") != "" || !strings.HasPrefix(r.Line, "POST / ") {
			t.Errorf("the receiver got %s %q", r.Line, r.Fields)
		}
	}
}

// TestProxyKeepsConnections: a tunnel is kept for later requests like any connection.
func TestProxyKeepsConnections(t *testing.T) {
	s := receivertest.Listen(t)
	p := startProxy(t, map[string]string{"plain.example:80": strings.Trim(s.URL(), "htp:/")})
	c := newClient(t, Options{Guard: newGuard(t, guard.Options{}), Resolve: noLookups(t), Proxy: parseProxy(t, "http://"+p.listener.Addr().String())})
	target := open(t, c, "http://plain.example/", webhook.Settings{})
	defer target.Close()
	for range 3 {
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
	}
	if len(p.requests()) != 1 || p.requests()[0].Header.Get("Proxy-Authorization") != "" {
		t.Fatalf("the proxy was asked %d times", len(p.requests()))
	}
}

// TestProxyIsGuarded: the guard refuses what it can judge without an address before
// the proxy is asked.
func TestProxyIsGuarded(t *testing.T) {
	p := startProxy(t, nil)
	via := parseProxy(t, "http://"+p.listener.Addr().String())
	client := func(o guard.Options) *Client {
		return newClient(t, Options{Guard: newGuard(t, o), Resolve: noLookups(t), Proxy: via})
	}
	strict := client(guard.Options{DenyPorts: ports(t, "25"), DenyHosts: hosts(t, "*.corp.example")})
	for _, url := range []string{
		"http://127.0.0.1/", "http://10.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/", "http://[64:ff9b::a00:1]/",
		"http://localhost/", "http://app.localhost/", "http://intranet/", "http://db.internal/", "http://nas.local/",
		"http://db.corp.example/", "http://public.example:25/",
	} {
		if _, err := strict.CheckTarget(t.Context(), url); err == nil {
			t.Errorf("%s may be registered", url)
		}
		wantAttempt(t, send(open(t, strict, url, webhook.Settings{})), 0, webhook.ReasonBlockedAddress)
	}
	if n := len(p.requests()); n != 0 {
		t.Fatalf("the proxy was asked %d times", n)
	}
	if _, err := client(guard.Options{AllowHosts: hosts(t, "*.internal")}).CheckTarget(t.Context(), "http://db.internal/"); err != nil {
		t.Errorf("a local name that the operator allows: %v", err)
	}
}

// TestProxyFails: whatever the proxy answers, the attempt has a class and no words.
func TestProxyFails(t *testing.T) {
	const established = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name    string
		answer  receivertest.Reply
		failure webhook.Reason
		took    time.Duration
	}{
		{"refuses", receivertest.Raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), webhook.ReasonConnect, 0},
		{"asks for a password", receivertest.Raw("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), webhook.ReasonConnect, 0},
		{"redirects", receivertest.Raw("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n"), webhook.ReasonConnect, 0},
		{"is no proxy", receivertest.Raw("SSH-2.0-OpenSSH\r\n"), webhook.ReasonProtocol, 0},
		{"says too much", receivertest.Raw(established + "\r\nHTTP/1.1 200 OK\r\n\r\n"), webhook.ReasonProtocol, 0},
		{"sends endless headers", receivertest.EndlessHead(), webhook.ReasonProtocol, 0},
		{"closes", receivertest.Then(receivertest.Raw("")), webhook.ReasonReset, 0},
		{"is silent", receivertest.Silence(), webhook.ReasonTimeout, 10 * time.Second},
		{"drips", receivertest.Drip(time.Second, established), webhook.ReasonTimeout, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := fasthttputil.NewInmemoryListener()
				s := receivertest.Start(ln)
				defer s.Close()
				s.OnConnect(func(conn *receivertest.Conn) {
					var request [1000]byte
					_, _ = conn.Read(request[:])
					c.answer(conn)
					_ = conn.Close()
				})
				client := newClient(t, Options{
					Guard: newGuard(t, guard.Options{Interfaces: noInterfaces}), Dial: dialTo(ln.Dial, nil),
					Proxy: parseProxy(t, "http://proxy.example:3128"), Resolve: zone{"proxy.example": {"10.0.0.9"}}.resolve,
				})
				a := send(open(t, client, "https://receiver.example/", webhook.Settings{Timeout: 10 * time.Second}))
				wantAttempt(t, a, 0, c.failure)
				if a.Duration != c.took || len(client.conns) != 0 {
					t.Fatalf("took %v, %d connections are left", a.Duration, len(client.conns))
				}
			})
		})
	}
	unknown := newClient(t, Options{Proxy: parseProxy(t, "http://proxy.example"), Resolve: zone{}.resolve})
	wantAttempt(t, send(open(t, unknown, "http://receiver.example/", webhook.Settings{})), 0, webhook.ReasonConnect)
}

func TestParseProxy(t *testing.T) {
	for raw, want := range map[string]string{
		"http://proxy.example:3128": "proxy.example:3128", "http://u:p@10.0.0.1/": "10.0.0.1", "http://localhost:1": "localhost:1", "http://[::1]:8": "[::1]:8",
	} {
		if p := parseProxy(t, raw); p.at.Authority != want {
			t.Errorf("%s: got %s", raw, p.at.Authority)
		}
	}
	for _, raw := range []string{
		"", "proxy.example:3128", "https://u:s3cret@proxy.example", "socks5://u:s3cret@proxy.example", "http://u:s3cret@proxy.example/path",
		"http://u:s3cret@proxy.example?q", "http://u:s3cret@proxy.example:0", "http://u:s3cret@", "http://u:s3cret@proxy.exa mple", "http://u:s3cret@127.1",
	} {
		if p, err := ParseProxy(raw); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %+v, %v", raw, p, err)
		}
	}
}

// TestProxyVariablesAreIgnored: the proxy variables of the environment change
// nothing.
func TestProxyVariablesAreIgnored(t *testing.T) {
	proxy, plain := receivertest.Listen(t), receivertest.Listen(t)
	secure, bundle := startTLS(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.URL())
	}
	c := newClient(t, Options{})
	wantAttempt(t, send(open(t, c, plain.URL(), webhook.Settings{})), 200, webhook.ReasonNone)
	e := endpoint(secure.URL)
	e.CABundle = bundle
	target, err := c.Open(e, webhook.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	if proxy.Accepted() != 0 || plain.Count() != 1 {
		t.Fatalf("%d connections to the proxy", proxy.Accepted())
	}
}
