package sender

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestCustomHeaders: custom headers keep their casing, and replace none of the
// headers of a delivery.
func TestCustomHeaders(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{})
	e := endpoint(s.URL())
	wantAttempt(t, send(open(t, c, e.TargetURL, webhook.Settings{})), 200, webhook.ReasonNone)
	e.Headers = []webhook.CustomHeader{{Name: "aUTHORIZATION", Value: "Bearer a: b"}, {Name: "x-Empty"}}
	target, err := c.Open(e, webhook.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	plain, custom := s.Requests()[0], s.Requests()[1]
	got := strings.Join(custom.Fields, "\n")
	if !strings.Contains(got, "\naUTHORIZATION: Bearer a: b\nx-Empty: \nAccept-Encoding: identity\nContent-Type: application/json\n") {
		t.Fatalf("got\n%s", got)
	}
	if len(custom.Fields) != len(plain.Fields)+2 {
		t.Fatalf("got\n%s\nbeside\n%s", got, strings.Join(plain.Fields, "\n"))
	}
}

// TestOwnAcceptEncoding: an Accept-Encoding of the endpoint replaces ours.
func TestOwnAcceptEncoding(t *testing.T) {
	s := receivertest.Listen(t)
	e := endpoint(s.URL())
	e.Headers = []webhook.CustomHeader{{Name: "accept-encoding", Value: "gzip"}}
	target, err := newClient(t, Options{}).Open(e, webhook.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	if got := strings.Join(s.Requests()[0].Fields, "\n"); strings.Count(strings.ToLower(got), "accept-encoding") != 1 || !strings.Contains(got, "accept-encoding: gzip") {
		t.Fatalf("got\n%s", got)
	}
}

// TestCustomHeadersAreCheckedAgain: a stored header that may not be sent is not sent.
func TestCustomHeadersAreCheckedAgain(t *testing.T) {
	c := newClient(t, Options{HeaderPrefix: "X-Acme"})
	for _, h := range []webhook.CustomHeader{
		{Name: "X-Acme-Signature", Value: "00"},
		{Name: "Host", Value: "evil.example"},
		{Name: "X-A", Value: "1\r\nEvil: 1"},
		{Name: "X-A\r\nEvil", Value: "1"},
		{Name: "Content-Length", Value: "0"},
	} {
		e := endpoint("http://127.0.0.1/")
		e.Headers = []webhook.CustomHeader{h}
		if _, err := c.Open(e, webhook.Settings{}); err == nil {
			t.Errorf("%q was opened", h)
		}
	}
}

// FuzzCustomHeaders: a header that is admitted adds one field to the request and
// changes nothing else.
func FuzzCustomHeaders(f *testing.F) {
	for _, seed := range [][2]string{
		{"Authorization", "Bearer a"},
		{"host", "evil.example"},
		{"X-A", "1\r\nHost: evil.example"},
		{"Transfer-Encoding", "chunked"},
		{"x-corp-astro-signature", "00"},
		{"X\r\nHost", "evil"},
		{"\u212aeep-alive", "1"},
		{"X-A", "\u000b"},
		{"TE ", "trailers"},
	} {
		f.Add(seed[0], seed[1])
	}
	c := newClient(f, Options{})
	plain := readRequest(f, open(f, c, "http://receiver.example/", webhook.Settings{}))
	f.Fuzz(func(t *testing.T, name, value string) {
		e := endpoint("http://receiver.example/")
		e.Headers = []webhook.CustomHeader{{Name: name, Value: value}}
		target, err := c.Open(e, webhook.Settings{})
		if err != nil {
			return
		}
		got := readRequest(t, target)
		key := http.CanonicalHeaderKey(name)
		if values := got.Header[key]; len(values) != 1 || values[0] != value {
			t.Fatalf("%q: %q arrives as %q", name, value, values)
		}
		delete(got.Header, key)
		if got.Host != plain.Host || got.ContentLength != plain.ContentLength || len(got.TransferEncoding) > 0 || !reflect.DeepEqual(got.Header, plain.Header) {
			t.Fatalf("%q: %q makes another request: %+v, not %+v", name, value, got, plain)
		}
	})
}

// readRequest returns a target's request as net/http reads it.
func readRequest(t testing.TB, target *Target) *http.Request {
	t.Helper()
	m := &message{}
	target.appendRequest(m, delivery{id: testID, eventType: "user.created", data: []byte("{}"), at: time.Unix(1e9, 0).UTC()})
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(m.whole)))
	if err != nil {
		t.Fatalf("%q: %v", m.whole, err)
	}
	return r
}

func startTLS(t *testing.T) (s *httptest.Server, bundle string) {
	t.Helper()
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // each request shakes hands
		fmt.Fprint(w, r.TLS.DidResume)
	}))
	s.Config.ErrorLog = quietLog()
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// otherBundle is a valid certificate that no test server has.
const otherBundle = `-----BEGIN CERTIFICATE-----
MIIBQzCB6aADAgECAgEBMAoGCCqGSM49BAMCMBAxDjAMBgNVBAMTBW90aGVyMCAX
DTAwMDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAwMDAwWjAQMQ4wDAYDVQQDEwVvdGhl
cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJZGERzFijMEXBu/BSJwzIh0N+XU
4V/5LDmrB0WVT9JMBTP9Adyy0dfWMr8P6empJWFr98O3rOLpcSoil64c/LqjMjAw
MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFPg5zsUOilw8UWUDinFuHheBc+0T
MAoGCCqGSM49BAMCA0kAMEYCIQCl7vENkLZurbaG6l+lAR9uS9Cs6SfVKNaXVq8s
1ORw7AIhAOLhluv2oPoXQJTpk02bmMlK3QncgDeGPlRHdagoHXe1
-----END CERTIFICATE-----
`

// TestCABundle: an endpoint's own certificates replace the system's, and no session
// is resumed under other certificates than it began with.
func TestCABundle(t *testing.T) {
	s, bundle := startTLS(t)
	c := newClient(t, Options{})
	withBundle := func(text string) *Target {
		e := endpoint(s.URL)
		e.CABundle = text
		target, err := c.Open(e, webhook.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	own, other, none := withBundle(bundle), withBundle(otherBundle), withBundle("")
	for i, want := range []string{"false", "true"} {
		a := send(own)
		wantAttempt(t, a, 200, webhook.ReasonNone)
		if string(a.Response) != want {
			t.Fatalf("request %d: session resumed: %s", i+1, a.Response)
		}
		wantAttempt(t, send(other), 0, webhook.ReasonTLSAuthority)
		wantAttempt(t, send(none), 0, webhook.ReasonTLSAuthority)
	}
	e := endpoint(s.URL)
	e.CABundle = "no PEM"
	if _, err := c.Open(e, webhook.Settings{}); err == nil {
		t.Fatal("a bundle without certificates was opened")
	}
}
