package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

func TestMain(m *testing.M) {
	// The benchmark's client of fasthttp leaves a goroutine that ends when it next looks.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var testID = webhook.ID{Seq: webhook.SeqAt(time.Date(2025, 5, 17, 10, 30, 0, 0, time.UTC)), Endpoint: 7, Nonce: 42}

// prefixes parses prefixes that are known to be valid.
func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for i, text := range list {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

// hosts parses host patterns that are known to be valid.
func hosts(t testing.TB, list ...string) []guard.HostPattern {
	t.Helper()
	return parseAll(t, guard.ParseHostPattern, list)
}

// ports parses port ranges that are known to be valid.
func ports(t testing.TB, list ...string) []guard.PortRange {
	t.Helper()
	return parseAll(t, guard.ParsePortRange, list)
}

func parseAll[T any](t testing.TB, parse func(string) (T, error), list []string) (parsed []T) {
	t.Helper()
	for _, text := range list {
		one, err := parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		parsed = append(parsed, one)
	}
	return parsed
}

// noInterfaces is for guards that know no address of the machine.
func noInterfaces() ([]net.Addr, error) { return nil, nil }

func newGuard(t testing.TB, o guard.Options) *guard.Guard {
	t.Helper()
	g, err := guard.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func loopbackGuard(t testing.TB) *guard.Guard {
	t.Helper()
	return newGuard(t, guard.Options{Allow: prefixes("127.0.0.0/8", "::1/128")})
}

// newClient starts a client for the time of a test. Without a guard it gets one that
// admits loopback.
func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Guard == nil {
		o.Guard = loopbackGuard(t)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func endpoint(url string) webhook.Endpoint {
	return webhook.Endpoint{
		ID: webhook.ID{Seq: 1 << 40, Endpoint: 7}, TargetURL: url,
		Secrets: []signing.Secret{{Value: testSecret}},
	}
}

func open(t testing.TB, c *Client, url string, s webhook.Settings) *Target {
	t.Helper()
	target, err := c.Open(endpoint(url), s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// due returns the first attempt of a delivery.
func due(eventType string, data []byte) webhook.Due {
	return webhook.Due{Delivery: webhook.Delivery{ID: testID, EventType: eventType}, Data: data}
}

func send(target *Target) webhook.Attempt {
	return target.Send(due("user.created", []byte(`{"a":1}`)))
}

// wantAttempt compares status and failure.
func wantAttempt(t *testing.T, got webhook.Attempt, status int, failure webhook.Reason) {
	t.Helper()
	if got.StatusCode != status || got.Failure != failure {
		t.Fatalf("attempt has status %d, failure %q; want %d, %q", got.StatusCode, got.Failure, status, failure)
	}
}

// within bounds tests on real sockets, far beyond the time that they need.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// dialTo connects to one listener in place of any address, and notes the addresses.
func dialTo(dial func() (net.Conn, error), dialled *[]netip.AddrPort) func(context.Context, string, netip.AddrPort) (net.Conn, error) {
	return func(_ context.Context, _ string, addr netip.AddrPort) (net.Conn, error) {
		if dialled != nil {
			*dialled = append(*dialled, addr)
		}
		return dial()
	}
}

// quietLog drops the errors of servers that are expected to have some.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// tlsForTest returns a certificate for 127.0.0.1 and example.com, and its root.
func tlsForTest(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	model := httptest.NewUnstartedServer(nil)
	model.Config.ErrorLog = quietLog()
	model.StartTLS()
	defer model.Close()
	roots := x509.NewCertPool()
	roots.AddCert(model.Certificate())
	return &tls.Config{Certificates: model.TLS.Certificates}, roots
}
