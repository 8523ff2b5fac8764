package sender

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.make(t, x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// make signs a certificate; the first one of an authority signs itself.
func (a *authority) make(t testing.TB, template x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = &template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// leaf returns the rules of a server with a certificate from the authority.
func (a *authority) leaf(t testing.TB, template x509.Certificate) *tls.Config {
	t.Helper()
	if template.ExtKeyUsage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	cert, key := a.make(t, template)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// speaking returns a copy of a server's rules after a change.
func speaking(c *tls.Config, change func(*tls.Config)) *tls.Config {
	change(c)
	return c
}

// tlsServer starts a server with TLS that answers each request with 200. After a
// failed handshake it keeps the connection open until the client has read its alert.
func tlsServer(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	return rawServer(t, func(raw net.Conn) {
		secure := tls.Server(raw, config)
		if secure.Handshake() == nil {
			if n, err := secure.Read(make([]byte, 4<<10)); n > 0 && err == nil {
				_, _ = io.WriteString(secure, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}
		_, _ = io.Copy(io.Discard, raw)
	})
}

// rawServer calls serve for each connection, and closes it afterwards.
func rawServer(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			serve(raw)
			_ = raw.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-ended })
	return ln.Addr().String()
}

// sayTo writes a text after the client's first bytes, and waits for the client's end.
func sayTo(text string) func(net.Conn) {
	return func(raw net.Conn) {
		_, _ = raw.Read(make([]byte, 4<<10))
		_, _ = io.WriteString(raw, text)
		_, _ = io.Copy(io.Discard, raw)
	}
}

// oldHello is a ServerHello that chooses TLS 1.1.
var oldHello = "\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" + strings.Repeat("r", 32) + "\x00\xc0\x13\x00"

// TestWhyTLSFails: each cause has a class and words, the same with and without an
// egress proxy.
func TestWhyTLSFails(t *testing.T) {
	root, stranger := newAuthority(t, "Test Root"), newAuthority(t, "Stranger's Root")
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	long, ago, ahead := time.Now().AddDate(-1, 0, 0), time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)
	good := x509.Certificate{DNSNames: []string{"receiver.example"}}
	day := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }
	intermediate := &authority{}
	intermediate.cert, intermediate.key = root.make(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "Test Intermediate"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	selfSigned := x509.Certificate{Subject: pkix.Name{CommonName: "me"}, DNSNames: []string{"receiver.example"}}
	for _, c := range []struct {
		name   string
		addr   string
		want   webhook.Reason
		detail []string
	}{
		{"good", tlsServer(t, root.leaf(t, good)), "", nil},
		{
			"expired", tlsServer(t, root.leaf(t, x509.Certificate{DNSNames: good.DNSNames, NotBefore: long, NotAfter: ago})),
			webhook.ReasonTLSExpired,
			[]string{"the certificate is valid from " + day(long) + " to " + day(ago), "for receiver.example", "issued by Test Root"},
		},
		{
			"not valid yet", tlsServer(t, root.leaf(t, x509.Certificate{DNSNames: good.DNSNames, NotBefore: ahead, NotAfter: ahead.Add(time.Hour)})),
			webhook.ReasonTLSExpired,
			[]string{"valid from " + day(ahead)},
		},
		{
			"another name", tlsServer(t, root.leaf(t, x509.Certificate{DNSNames: []string{"a.example", "*.b.example", "c.example", "d.example"}})),
			webhook.ReasonTLSName,
			[]string{"the certificate is for a.example, *.b.example, c.example and 1 more, issued by Test Root, valid from "},
		},
		{
			"common name only", tlsServer(t, root.leaf(t, x509.Certificate{Subject: pkix.Name{CommonName: "receiver.example"}})),
			webhook.ReasonTLSName,
			[]string{"for no host name but the common name receiver.example, which does not count"},
		},
		{
			"addresses only", tlsServer(t, root.leaf(t, x509.Certificate{Subject: pkix.Name{CommonName: "10.1.2.3"}, IPAddresses: []net.IP{net.IPv4(10, 1, 2, 3)}})),
			webhook.ReasonTLSName,
			[]string{"the certificate is for no host name, issued by"},
		},
		{
			"unknown authority", tlsServer(t, stranger.leaf(t, x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, DNSNames: good.DNSNames})),
			webhook.ReasonTLSAuthority,
			[]string{"issued by Stranger's Root, for receiver.example, valid from "},
		},
		{
			"no intermediate", tlsServer(t, intermediate.leaf(t, x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, DNSNames: good.DNSNames})),
			webhook.ReasonTLSAuthority,
			[]string{"the receiver sent no intermediate certificates; the certificate is issued by Test Intermediate, for receiver.example"},
		},
		{"signed by itself", tlsServer(t, new(authority).leaf(t, selfSigned)), webhook.ReasonTLSAuthority, []string{"the certificate is signed by itself, for receiver.example"}},
		{
			"for clients", tlsServer(t, root.leaf(t, x509.Certificate{DNSNames: good.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})),
			webhook.ReasonTLS,
			[]string{"the certificate is not valid for a server; the certificate is issued by Test Root"},
		},
		{
			"TLS 1.1 at most", tlsServer(t, speaking(root.leaf(t, good), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })),
			webhook.ReasonTLSVersion,
			[]string{`it sent the TLS alert "protocol version not supported"`},
		},
		{"TLS 1.1 chosen", rawServer(t, sayTo(oldHello)), webhook.ReasonTLSVersion, []string{"the receiver chose a version of TLS before 1.2"}},
		{
			"HTTP/2 only", tlsServer(t, speaking(root.leaf(t, good), func(c *tls.Config) { c.NextProtos = []string{"h3"} })),
			webhook.ReasonTLSProtocol,
			[]string{"the receiver speaks no HTTP/1.1 over TLS, perhaps HTTP/2 only"},
		},
		{
			"HTTP/2 unasked", rawServer(t, func(raw net.Conn) { sayTo("\x00\x00\x00\x04\x00\x00\x00\x00\x00")(tls.Server(raw, root.leaf(t, good))) }),
			webhook.ReasonTLSProtocol,
			[]string{"the receiver speaks HTTP/2 only"},
		},
		{
			"client certificate, TLS 1.3", tlsServer(t, speaking(root.leaf(t, good), func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })),
			webhook.ReasonTLSClientCert,
			[]string{`the receiver asked for a client certificate; it sent the TLS alert "certificate required"`},
		},
		{
			"client certificate, TLS 1.2", tlsServer(t, speaking(root.leaf(t, good), func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 })),
			webhook.ReasonTLSClientCert,
			[]string{`the receiver asked for a client certificate; it sent the TLS alert "handshake failure"`},
		},
		{"client certificate wanted, not needed", tlsServer(t, speaking(root.leaf(t, good), func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert })), "", nil},
		{"no cipher in common", tlsServer(t, speaking(root.leaf(t, good), func(c *tls.Config) {
			c.CipherSuites, c.MaxVersion = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, tls.VersionTLS12
		})), webhook.ReasonTLS, []string{`it sent the TLS alert "handshake failure"`}},
		{"plain HTTP", rawServer(t, sayTo("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")), webhook.ReasonTLS, []string{"the receiver speaks plain HTTP on this port"}},
		{"something else", rawServer(t, sayTo("220 mail.example ESMTP\r\n")), webhook.ReasonTLS, []string{"what the receiver sent is not TLS"}},
		{"ends", rawServer(t, func(raw net.Conn) { _, _ = raw.Read(make([]byte, 4<<10)) }), webhook.ReasonTLS, []string{"the connection ended during the TLS handshake"}},
	} {
		p := startProxy(t, map[string]string{"receiver.example:443": c.addr})
		direct := Options{RootCAs: roots, Resolve: zone{"receiver.example": {"127.0.0.1"}}.resolve, Dial: dialTo(func() (net.Conn, error) { return net.Dial("tcp", c.addr) }, nil)}
		proxied := Options{RootCAs: roots, Resolve: noLookups(t), Proxy: parseProxy(t, "http://"+p.listener.Addr().String())}
		for way, o := range map[string]Options{"direct": direct, "through a proxy": proxied} {
			t.Run(c.name+", "+way, func(t *testing.T) {
				client := newClient(t, o)
				a := send(open(t, client, "https://receiver.example/", webhook.Settings{}))
				if a.Failure != c.want || len(c.detail) == 0 && a.Detail != "" {
					t.Fatalf("failure %q with detail %q, want %q", a.Failure, a.Detail, c.want)
				}
				for _, want := range c.detail {
					if !strings.Contains(a.Detail, want) {
						t.Errorf("detail %q does not say %q", a.Detail, want)
					}
				}
				wantDetail(t, a.Detail)
				_ = client.Close() // ends what waits for the client's end
			})
		}
	}
}

// wantDetail fails if a detail is long, not printable, or names an address.
func wantDetail(t *testing.T, detail string) {
	t.Helper()
	if len(detail) > webhook.MaxDetail || strings.ContainsFunc(detail, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("detail of %d bytes: %q", len(detail), detail)
	}
	for word := range strings.FieldsFuncSeq(detail, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		if _, err := netip.ParseAddr(word); err == nil {
			t.Errorf("detail %q names an address", detail)
		}
	}
}

// TestRudeCertificate: texts from a certificate are bounded and printable.
func TestRudeCertificate(t *testing.T) {
	names := []string{"\x1b[2J\r\n" + strings.Repeat("a", 300), strings.Repeat("b", 300), strings.Repeat("c", 300), "d"}
	rude := newAuthority(t, "\u202eevil\x00"+strings.Repeat("é", 300))
	addr := tlsServer(t, rude.leaf(t, x509.Certificate{Subject: pkix.Name{CommonName: "x"}, DNSNames: names}))
	client := newClient(t, Options{})
	a := send(open(t, client, "https://"+addr+"/", webhook.Settings{}))
	_ = client.Close()
	wantAttempt(t, a, 0, webhook.ReasonTLSName)
	wantDetail(t, a.Detail)
	if !strings.HasPrefix(a.Detail, "the certificate is for ?[2J??aaa") {
		t.Fatalf("detail %q", a.Detail)
	}
}

// TestClientCertificateWantedAbruptly: the class is known also if the receiver closes
// at once and leaves the request unread.
func TestClientCertificateWantedAbruptly(t *testing.T) {
	root := newAuthority(t, "Test Root")
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	config := root.leaf(t, x509.Certificate{DNSNames: []string{"receiver.example"}})
	config.ClientAuth = tls.RequireAnyClientCert
	addr := rawServer(t, func(raw net.Conn) { _ = tls.Server(raw, config).Handshake() })
	client := newClient(t, Options{
		RootCAs: roots, Resolve: zone{"receiver.example": {"127.0.0.1"}}.resolve, Dial: dialTo(func() (net.Conn, error) { return net.Dial("tcp", addr) }, nil),
	})
	for range 20 {
		a := send(open(t, client, "https://receiver.example/", webhook.Settings{}))
		wantAttempt(t, a, 0, webhook.ReasonTLSClientCert)
	}
}

// TestAlertAfterFailedWrite: an alert counts although the write of the request failed.
func TestAlertAfterFailedWrite(t *testing.T) {
	for code, want := range map[uint8]bool{alertCertificateRequired: true, alertHandshakeFailure: true} {
		alert := &net.OpError{Op: "remote error", Err: tls.AlertError(code)}
		read := fmt.Errorf("%w: %w", http1.ErrEnded, alert)
		err := fmt.Errorf("%w, after a write that failed: %w", read, &net.OpError{Op: "write", Err: syscall.EPIPE})
		if got, ok := alertIn(err); ok != want || got != code {
			t.Errorf("alert %d is read as %d, %v", code, got, ok)
		}
	}
	if _, ok := alertIn(&net.OpError{Op: "read", Err: syscall.ECONNRESET}); ok {
		t.Error("a reset is taken for an alert")
	}
}

// TestClientCertificateWantedSilently: some servers close without an alert.
func TestClientCertificateWantedSilently(t *testing.T) {
	root := newAuthority(t, "Test Root")
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	config := root.leaf(t, x509.Certificate{DNSNames: []string{"receiver.example"}})
	config.ClientAuth = tls.RequestClientCert
	addr := rawServer(t, func(raw net.Conn) {
		if secure := tls.Server(raw, config); secure.Handshake() == nil {
			_, _ = secure.Read(make([]byte, 4<<10))
		}
	})
	client := newClient(t, Options{
		RootCAs: roots, Resolve: zone{"receiver.example": {"127.0.0.1"}}.resolve, Dial: dialTo(func() (net.Conn, error) { return net.Dial("tcp", addr) }, nil),
	})
	a := send(open(t, client, "https://receiver.example/", webhook.Settings{}))
	wantAttempt(t, a, 0, webhook.ReasonTLSClientCert)
	if a.Detail != "the receiver asked for a client certificate, and ended the connection without an answer" {
		t.Fatalf("detail %q", a.Detail)
	}
}

// TestHTTPToTLSPort: http on a port that expects TLS has words that name the cause.
func TestHTTPToTLSPort(t *testing.T) {
	for _, c := range []struct {
		name    string
		serve   func(net.Conn)
		failure webhook.Reason
		detail  string
	}{
		{
			"alert", sayTo("\x15\x03\x01\x00\x02\x02\x46"), webhook.ReasonProtocol,
			"the receiver speaks TLS on this port: the target's URL must begin with https",
		},
		{
			"end", func(raw net.Conn) { _, _ = raw.Read(make([]byte, 4<<10)) }, webhook.ReasonReset,
			"the connection ended without a byte of an answer, as on a port that expects https",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newClient(t, Options{})
			a := send(open(t, client, "http://"+rawServer(t, c.serve)+"/", webhook.Settings{}))
			_ = client.Close()
			wantAttempt(t, a, 0, c.failure)
			if a.Detail != c.detail {
				t.Fatalf("detail %q, want %q", a.Detail, c.detail)
			}
		})
	}
}

// TestNothingIsKnownOfAnAbort: an attempt that Abort ended has no words on the
// receiver.
func TestNothingIsKnownOfAnAbort(t *testing.T) {
	s := receivertest.Listen(t)
	connected := make(chan struct{})
	s.OnConnect(func(c *receivertest.Conn) { close(connected); receivertest.Silence()(c) })
	client := newClient(t, Options{})
	target := open(t, client, "https"+s.URL()[len("http"):], webhook.Settings{Timeout: time.Hour})
	result := make(chan webhook.Attempt)
	go func() { result <- send(target) }()
	<-connected
	client.Abort()
	if a := <-result; a.Failure != webhook.ReasonReset || a.Detail != "" {
		t.Fatalf("got %+v", a)
	}
}
