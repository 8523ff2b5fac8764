package app

import (
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

func TestDefaultsAreTheDesigns(t *testing.T) {
	c := Defaults()
	if got := c.endpointDefaults(); got != webhook.DefaultSettings() {
		t.Errorf("endpoint defaults %+v, want %+v", got, webhook.DefaultSettings())
	}
	if c.HeaderPrefix != webhook.DefaultHeaderPrefix || !c.Sync || !c.CheckEventTypes {
		t.Errorf("defaults %+v", c)
	}
	c.SecretKeys = []string{testSecretKey}
	if addr, err := netip.ParseAddrPort(c.AdminListen); err != nil || !addr.Addr().IsLoopback() || c.Profiling {
		t.Errorf("metrics at %s, profiling %v: both are for the operator only by default", c.AdminListen, c.Profiling)
	}
	c.JWTSecret, c.Log = testSecret, slog.New(slog.DiscardHandler)
	if err := c.check(); err != nil {
		t.Errorf("the defaults and a secret: %v", err)
	}
}

// onDatabase makes a configuration that of a node with every setting of a cluster.
func onDatabase(c *Config) {
	c.DatabaseURL, c.ClusterListen, c.ClusterSecret = "postgres://u:p@h/d", "10.0.0.1:8090", testSecret
	c.ClusterTLSCert, c.ClusterTLSKey, c.ClusterTLSCA = "cert", "key", "ca"
}

// TestCheck breaks every setting that has a rule.
func TestCheck(t *testing.T) {
	cases := []struct {
		setting string
		breakIt func(*Config)
	}{
		{"jwt-secret", func(c *Config) { c.JWTSecret = "" }},
		{"jwt-secret", func(c *Config) { c.JWTSecret = testSecret[:31] }},
		{"secret-keys", func(c *Config) { c.SecretKeys = nil }},
		{"secret-keys", func(c *Config) { c.SecretKeys = []string{testSecretKey, "short:AAEC"} }},
		{"secret-keys", func(c *Config) { c.SecretKeys = []string{testSecretKey, testSecretKey} }},
		{"jwt-secret", func(c *Config) { c.JWTSecret = testSecret[:31] + " " }},
		{"jwt-secret", func(c *Config) { c.JWTSecret = strings.Repeat(" ", 32) }},
		{"jwt-secrets", func(c *Config) { c.JWTSecrets = []string{"2025=" + testSecret, testSecret} }},
		{"jwt-secrets", func(c *Config) { c.JWTSecrets = []string{"2025=" + testSecret[:31]} }},
		{"jwt-secrets", func(c *Config) { c.JWTSecrets = []string{"=" + testSecret} }},
		{"jwt-secrets", func(c *Config) { c.JWTSecrets = []string{"2025=" + testSecret, "2025=" + testSecret + "x"} }},
		{"listen", func(c *Config) { c.Listen = "localhost" }},
		{"listen", func(c *Config) { c.Listen = ":65536" }},
		{"admin-listen", func(c *Config) { c.AdminListen = "" }},
		{"data-dir", func(c *Config) { c.DataDir = "" }},
		{"database-url", func(c *Config) { c.DatabaseURL = "localhost:5432" }},
		{"database-url", func(c *Config) { c.DatabaseURL = "mysql://u:p@h/d" }},
		{"durability", func(c *Config) { c.Durability = "none" }},
		{"cluster-listen", func(c *Config) { onDatabase(c); c.ClusterListen = "10.0.0.1" }},
		{"cluster-listen", func(c *Config) { onDatabase(c); c.DatabaseURL = "" }},
		{"cluster-listen", func(c *Config) { onDatabase(c); c.ClusterListen = ":8090" }},
		{"cluster-address", func(c *Config) { onDatabase(c); c.ClusterListen = ""; c.ClusterAddress = "a:1" }},
		{"cluster-address", func(c *Config) { onDatabase(c); c.ClusterAddress = "0.0.0.0:8090" }},
		{"cluster-secret", func(c *Config) { onDatabase(c); c.ClusterSecret = testSecret[:31] }},
		{"cluster-tls-cert", func(c *Config) { onDatabase(c); c.ClusterTLSCert = "" }},
		{"cluster-tls-ca", func(c *Config) { onDatabase(c); c.ClusterTLSCA = "" }},
		{"shutdown-timeout", func(c *Config) { c.ShutdownTimeout = 0 }},
		{"header-prefix", func(c *Config) { c.HeaderPrefix = "" }},
		{"header-prefix", func(c *Config) { c.HeaderPrefix = "X-Corp\r\nEvil: 1" }},
		{"header-prefix", func(c *Config) { c.HeaderPrefix = "X-" }},
		{"allow-addresses", func(c *Config) { c.AllowAddresses = []string{"10.0.0.0/8", "localhost"} }},
		{"deny-addresses", func(c *Config) { c.DenyAddresses = []string{"10.0.0.0/33"} }},
		{"deny-addresses", func(c *Config) { c.DenyAddresses = []string{"fe80::1%eth0"} }},
		{"allow-hosts", func(c *Config) { c.AllowHosts = []string{"a.example", "10.0.0.1"} }},
		{"deny-hosts", func(c *Config) { c.DenyHosts = []string{"*a.example"} }},
		{"allow-ports", func(c *Config) { c.AllowPorts = []string{"https"} }},
		{"deny-ports", func(c *Config) { c.DenyPorts = []string{"0"} }},
		{"egress-proxy", func(c *Config) { c.EgressProxy = "https://proxy.example:3128" }},
		{"egress-proxy", func(c *Config) { c.EgressProxy = "proxy.example:3128" }},
		{"public-url", func(c *Config) { c.PublicURL = "hooks.example.com" }},
		{"public-url", func(c *Config) { c.PublicURL = "https://user@hooks.example.com" }},
		{"public-url", func(c *Config) { c.PublicURL = "https://hooks.example.com/a;b" }},
		{"portal-frame-origins", func(c *Config) { c.PortalFrameOrigins = []string{"https://a.example", "http://b.example"} }},
		{"portal-frame-origins", func(c *Config) { c.PortalFrameOrigins = []string{"https://a.example/"} }},
		{"portal-frame-origins", func(c *Config) { c.PortalFrameOrigins = []string{"https://*"} }},
		{"portal-frame-origins", func(c *Config) { c.PortalFrameOrigins = []string{"https://a.example; script-src *"} }},
		{"brand-name", func(c *Config) { c.BrandName = strings.Repeat("x", 101) }},
		{"brand-color", func(c *Config) { c.BrandColor = "blue" }},
		{"brand-logo", func(c *Config) { c.BrandLogo = "http://cdn.example.com/logo.png" }},
		{"response-excerpt", func(c *Config) { c.ResponseExcerpt = 0 }},
		{"response-excerpt", func(c *Config) { c.ResponseExcerpt = 64<<10 + 1 }},
		{"retention", func(c *Config) { c.Retention = 0 }},
		{"max-pending", func(c *Config) { c.MaxPending = 0 }},
		{"metrics-webhooks", func(c *Config) { c.MetricsWebhooks = -1 }},
		{"metrics-webhooks", func(c *Config) { c.MetricsWebhooks = 1001 }},
		{"max-webhooks", func(c *Config) { c.MaxWebhooks = 0 }},
		{"client-max-webhooks", func(c *Config) { c.ClientMaxWebhooks = 0 }},
		{"client-max-patterns", func(c *Config) { c.ClientMaxPatterns = 0 }},
		{"client-max-pending", func(c *Config) { c.ClientMaxPending = 0 }},
		{"client-limits", func(c *Config) { c.ClientLimits = []string{"acme=1"} }},
		{"webhook-timeout", func(c *Config) { c.EndpointTimeout = -1 }},
		{"webhook-concurrency", func(c *Config) { c.EndpointConcurrency = 0 }},
		{"webhook-rate", func(c *Config) { c.EndpointRate = math.NaN() }},
		{"webhook-burst", func(c *Config) { c.EndpointBurst = 0 }},
		{"webhook-max-attempts", func(c *Config) { c.EndpointMaxAttempts = 0 }},
		{"webhook-retry-initial", func(c *Config) { c.EndpointRetryInitial = 0 }},
		{"webhook-retry-multiplier", func(c *Config) { c.EndpointRetryMultiplier = 0.5 }},
		{"webhook-retry-max", func(c *Config) { c.EndpointRetryMax = 1 }},
		{"webhook-retry-jitter", func(c *Config) { c.EndpointRetryJitter = 1.1 }},
		{"webhook-breaker-failures", func(c *Config) { c.EndpointBreakerFailures = 0 }},
		{"webhook-breaker-open", func(c *Config) { c.EndpointBreakerOpen = 0 }},
		{"webhook-breaker-max", func(c *Config) { c.EndpointBreakerMax = 1 }},
		{"max-webhook-timeout", func(c *Config) { c.MaxWebhookTimeout = 2 * time.Minute }},
		{"max-webhook-concurrency", func(c *Config) { c.MaxWebhookConcurrency = 0 }},
		{"max-webhook-rate", func(c *Config) { c.MaxWebhookRate = math.NaN() }},
		{"max-webhook-burst", func(c *Config) { c.MaxWebhookBurst = -1 }},
		{"max-webhook-attempts", func(c *Config) { c.MaxWebhookAttempts = 101 }},
		{"min-webhook-retry", func(c *Config) { c.MinWebhookRetry = -time.Second }},
		{"max-webhook-retry", func(c *Config) { c.MaxWebhookRetry = time.Millisecond }},
		{"max-webhook-breaker-failures", func(c *Config) { c.MaxWebhookBreakerFailures = 0 }},
		{"max-webhook-breaker-open", func(c *Config) { c.MaxWebhookBreakerOpen = 0 }},
		{"max-webhook-overlap", func(c *Config) { c.MaxWebhookOverlap = 0 }},
		{"max-webhook-secrets", func(c *Config) { c.MaxWebhookSecrets = 11 }},
		{"max-webhook-headers", func(c *Config) { c.MaxWebhookHeaders = 0 }},
		{"max-webhook-patterns", func(c *Config) { c.MaxWebhookPatterns = 0 }},
		{"webhook-timeout", func(c *Config) { c.MaxWebhookTimeout = 9 * time.Second }},
		{"webhook-concurrency", func(c *Config) { c.MaxWebhookConcurrency = 63 }},
		{"webhook-rate", func(c *Config) { c.EndpointRate, c.MaxWebhookRate = 11, 10 }},
		{"webhook-burst", func(c *Config) { c.EndpointBurst, c.MaxWebhookBurst = 2, 1 }},
		{"webhook-max-attempts", func(c *Config) { c.MaxWebhookAttempts = 4 }},
		{"webhook-retry-initial", func(c *Config) { c.MinWebhookRetry = time.Minute }},
		{"webhook-retry-max", func(c *Config) { c.MaxWebhookRetry = 23 * time.Hour }},
		{"webhook-breaker-failures", func(c *Config) { c.MaxWebhookBreakerFailures = 9 }},
		{"webhook-breaker-open", func(c *Config) { c.EndpointBreakerOpen = 999 * time.Millisecond }},
		{"webhook-breaker-max", func(c *Config) { c.MaxWebhookBreakerOpen = 14 * time.Minute }},
		{"jwt-public-keys", func(c *Config) { c.JWTPublicKeys = []string{"/no/such.pem"} }},
		{"jwt-keys-url", func(c *Config) { c.JWTKeysURL = "id.example/keys" }},
		{"jwt-public-keys", func(c *Config) { c.JWTPublicKeys = []string{"2025=/no/such.pem"} }},
	}
	tried := map[string]bool{}
	for _, c := range cases {
		tried[c.setting] = true
		config := testConfig(t)
		c.breakIt(&config)
		_, err := New(config)
		var field *webhook.FieldError
		if !errors.As(err, &field) || field.Field != c.setting {
			t.Errorf("%s: %v", c.setting, err)
		}
	}
	config := testConfig(t)
	for _, r := range slices.Concat(config.rules(), config.ClusterConfig.rules(true), config.Ceilings.rules()) {
		if !tried[r.setting] {
			t.Errorf("the rule of %s is not tried", r.setting)
		}
	}
}

// TestFaultsNameThePart: the error about an address, a range or a size names the part that
// is wrong.
func TestFaultsNameThePart(t *testing.T) {
	for text, want := range map[string]string{
		":8080": "", "127.0.0.1:0": "", "[::1]:80": "", "localhost:https": "", "a-b_c.example.:1": "",
		"":             "is empty",
		"localhost":    "the port is missing",
		"localhost:":   "the port is missing",
		":65536":       "the port 65536 is not from 0 to 65535",
		":-1":          "the port -1 is not",
		":nothing":     `the port "nothing" is not a number`,
		"10.0.0.300:1": `the host "10.0.0.300" is neither`,
		"a b:1":        `the host "a b" is neither`,
		"fe80::1:1":    "in brackets",
	} {
		if got := AddressFault(text); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("address %q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"x": "no number", "": "no number", "-1": "negative", "1XB": `unit "XB"`, "1.2.3MB": `number "1.2.3"`, "99999999EiB": "too large"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("size %q: %v, want %q", text, err, want)
		}
	}
}

// TestGuardOptions: every list reaches its place, spaces around entries do not matter.
func TestGuardOptions(t *testing.T) {
	c := Config{
		AllowAddresses: []string{"10.0.0.0/8", " 192.168.1.7", "::1"}, DenyAddresses: []string{"8.8.8.8"},
		AllowHosts: []string{"a.example "}, DenyHosts: []string{"*.b.example"},
		AllowPorts: []string{" 443", "8000-8999"}, DenyPorts: []string{"25"},
	}
	got, err := c.guardOptions()
	if err != nil {
		t.Fatal(err)
	}
	allow := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.7/32"), netip.MustParsePrefix("::1/128")}
	if !reflect.DeepEqual(got.Allow, allow) || !reflect.DeepEqual(got.Deny, []netip.Prefix{netip.MustParsePrefix("8.8.8.8/32")}) {
		t.Errorf("addresses %v, %v", got.Allow, got.Deny)
	}
	if len(got.AllowHosts) != 1 || !got.AllowHosts[0].Matches("a.example") || len(got.DenyHosts) != 1 || !got.DenyHosts[0].Matches("x.b.example") {
		t.Errorf("hosts %v, %v", got.AllowHosts, got.DenyHosts)
	}
	if !reflect.DeepEqual(got.AllowPorts, []guard.PortRange{{First: 443, Last: 443}, {First: 8000, Last: 8999}}) ||
		!reflect.DeepEqual(got.DenyPorts, []guard.PortRange{{First: 25, Last: 25}}) {
		t.Errorf("ports %v, %v", got.AllowPorts, got.DenyPorts)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"512": 512, "1KiB": 1024, "2GiB": 2 << 30, "1GB": 1e9, "1.5 MiB": 3 << 19} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1XB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
