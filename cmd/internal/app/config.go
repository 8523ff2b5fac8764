package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"github.com/corpastro/astrohook/actors/sender"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/session"
	"github.com/corpastro/astrohook/storage/pgstore"
	"github.com/corpastro/astrohook/webhook"
)

// Config has every setting of a server. A setting's name as a flag, in the environment
// and in the file is that of its field, or the one in the field's tag: an endpoint in
// the code is a webhook to users. Errors about a setting are *webhook.FieldError with
// the flag's name as Field.
//
// The tags are what users read: the text of help, the table in the documentation, which
// a test compares, and the default. A setting whose default depends on something has no
// default tag, and zero stands for "not set". Whether a setting can change while the
// server runs is written in the list live.
type Config struct {
	Listen      string `group:"Server" placeholder:"HOST:PORT" help:"Address of the HTTP API. Default: :8080, with --dev 127.0.0.1:8080."`
	AdminListen string `group:"Server" default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Address of the admin listener: /metrics and health, without a token. An address other than loopback is logged as a warning."`
	DataDir     string `group:"Server" default:"./astrohook-data" placeholder:"DIR" help:"Directory that holds everything; made if it does not exist."`
	Sync        bool   `group:"Server" default:"true" negatable:"" help:"Sync each commit to disk before answering. Without it a power cut loses accepted events."`

	// DatabaseURL has a password: it must not appear in an error, in the log or in a metric.
	DatabaseURL    string `group:"Database" placeholder:"URL" help:"PostgreSQL database that holds everything in place of data-dir: postgres://user:password@host:port/database. Servers that share one are a cluster. The password is better kept in the environment or in the file than on the command line, which other users of the machine can read."`
	RequireStandby bool   `group:"Database" default:"true" negatable:"" help:"Refuse to start on a database that has no synchronous standby, and acknowledge nothing once it has none any more, after a failover for example: what one machine alone has, a failure of that machine can lose."`
	Durability     string `group:"Database" default:"standby" enum:"standby,storage" help:"What keeps an accepted event when the database's machine dies: standby, a synchronous standby; or storage, if the storage below the database replicates by itself, as that of managed services does."`

	ClusterConfig `embed:""`

	// AllowUnpatched is for those who build with go build or go install, without make.
	AllowUnpatched bool `group:"Server" help:"Serve although the program was built without the patches to its database, and can lose accepted events on a disk with errors. Programs built with make have them."`

	MetricsWebhooks int `group:"Server" default:"20" help:"How many webhooks have metrics of their own at most: those that stand out by the age of what is pending, by how much is pending and by failed attempts; 0 for none, up to 1000."`

	Profiling bool `group:"Server" help:"Serve /debug/pprof/ on the admin listener."`

	ShutdownTimeout time.Duration `group:"Server" default:"30s" help:"How long a stop waits for requests and attempts in flight."`

	PublicURL          string   `group:"Console and portal" placeholder:"ADDRESS" help:"Address under which browsers reach the server, such as https://hooks.example.com/astrohook: portal links begin with it, and cookies are for its path. Default: that of each request."`
	PortalFrameOrigins []string `group:"Console and portal" placeholder:"ORIGIN" help:"Origins such as https://app.example.com whose pages may show the portal in a frame. Default: none."`
	BrandName          string   `group:"Console and portal" placeholder:"NAME" help:"What the portal calls itself, up to 100 characters."`
	BrandColor         string   `group:"Console and portal" placeholder:"#RRGGBB" help:"Colour of the portal's buttons and links."`
	BrandLogo          string   `group:"Console and portal" placeholder:"IMAGE" help:"Logo of the portal: an https URL, or a data URL of an image in base64, up to 32KiB. Logos of single links can be on the same host."`

	// At least one of the first four is required: without a key no token can be verified,
	// and nobody could make the first API key.
	JWTSecret     string   `group:"Tokens" placeholder:"SECRET" help:"Secret of HS256 tokens, 32 bytes or more."`
	JWTSecrets    []string `group:"Tokens" placeholder:"KID=SECRET" help:"Secrets of HS256 tokens that name their secret by kid."`
	JWTPublicKeys []string `group:"Tokens" placeholder:"FILE" help:"PEM files with public keys of RS256, ES256 or EdDSA tokens; KID=FILE for one that tokens name by kid."`
	JWTKeysURL    string   `group:"Tokens" placeholder:"URL" help:"Where the issuer of RS256, ES256 or EdDSA tokens publishes its public keys, as a JWK Set. Read every 5 minutes, and when a token names an unknown kid, at most once a minute. The rules for targets hold; http is allowed only for addresses in allow-addresses."`
	JWTIssuer     string   `group:"Tokens" placeholder:"ISS" help:"The iss that tokens must have. Default: anything."`
	JWTAudience   []string `group:"Tokens" placeholder:"AUD" help:"Values for aud; tokens must have at least one of them. Default: anything."`

	SecretKeys []string `group:"Secrets" placeholder:"ID:KEY" help:"Keys that encrypt the webhooks' secrets and header values on disk: an id, a colon and 32 bytes in base64, as the command secret-key makes them. The first one encrypts, all decrypt; a key that is in use must not be missing."`

	// The lists are read by the address guard, one entry after the other; deny wins over
	// allow. An entry that cannot be read is an error: passing over it would open or close
	// what the operator did not mean.
	AllowAddresses  []string `group:"Deliveries" placeholder:"CIDR" help:"Address ranges that targets may be in although they are not public."`
	DenyAddresses   []string `group:"Deliveries" placeholder:"CIDR" help:"Address ranges that no target may be in, whatever else allows it."`
	AllowHosts      []string `group:"Deliveries" placeholder:"NAME" help:"The only host names that targets may have, such as a.example or *.example; their addresses are checked as always, and a target that is an address must be in allow-addresses. Default: all."`
	DenyHosts       []string `group:"Deliveries" placeholder:"NAME" help:"Host names that no target may have, such as a.example or *.example."`
	AllowPorts      []string `group:"Deliveries" placeholder:"PORT" help:"The only ports that targets may have, such as 443 or 8000-8999. Default: all."`
	DenyPorts       []string `group:"Deliveries" placeholder:"PORT" help:"Ports that no target may have."`
	EgressProxy     string   `group:"Deliveries" placeholder:"URL" help:"HTTP proxy (http://host:port) that opens all connections to targets with CONNECT. It resolves the targets' names, and so it decides in place of this server which addresses they lead to. HTTP_PROXY and the like are ignored."`
	HeaderPrefix    string   `group:"Deliveries" default:"X-Corp-Astro" help:"Prefix of the names of the delivery's own headers."`
	ResponseExcerpt Size     `group:"Deliveries" default:"4KiB" placeholder:"SIZE" help:"How much of a response's body is kept with the latest two attempts of a delivery, up to 64KiB; the others keep 256 bytes of it."`
	CheckEventTypes bool     `group:"Deliveries" default:"true" negatable:"" help:"Refuse events whose type is not registered."`

	// The settings of an endpoint that sets none of its own. They must lie within Ceilings.
	EndpointTimeout         time.Duration `name:"webhook-timeout" group:"Defaults of a webhook" default:"10s" help:"Time for one attempt."`
	EndpointConcurrency     int           `name:"webhook-concurrency" group:"Defaults of a webhook" default:"64" help:"Attempts in flight at the same time."`
	EndpointRate            float64       `name:"webhook-rate" group:"Defaults of a webhook" default:"0" help:"Attempts per second; 0 for no limit."`
	EndpointBurst           int           `name:"webhook-burst" group:"Defaults of a webhook" default:"1" help:"Attempts that may start at once under a rate."`
	EndpointMaxAttempts     int           `name:"webhook-max-attempts" group:"Defaults of a webhook" default:"5" help:"Attempts of a delivery before it fails."`
	EndpointRetryInitial    time.Duration `name:"webhook-retry-initial" group:"Defaults of a webhook" default:"30s" help:"Wait before the first retry."`
	EndpointRetryMultiplier float64       `name:"webhook-retry-multiplier" group:"Defaults of a webhook" default:"2" help:"Factor from each wait to the next."`
	EndpointRetryMax        time.Duration `name:"webhook-retry-max" group:"Defaults of a webhook" default:"24h" help:"Longest wait between attempts."`
	EndpointRetryJitter     float64       `name:"webhook-retry-jitter" group:"Defaults of a webhook" default:"0.1" help:"Largest random addition to a wait, as a part of it, 0 to 1."`
	EndpointBreakerFailures int           `name:"webhook-breaker-failures" group:"Defaults of a webhook" default:"10" help:"Failures in a row that open the circuit breaker."`
	EndpointBreakerOpen     time.Duration `name:"webhook-breaker-open" group:"Defaults of a webhook" default:"30s" help:"How long the circuit breaker stays open the first time; the time doubles with each further one."`
	EndpointBreakerMax      time.Duration `name:"webhook-breaker-max" group:"Defaults of a webhook" default:"15m" help:"Longest time that the circuit breaker stays open."`

	Ceilings `embed:""`

	// The bounds of the whole server guard the machine; those of a client, below, keep one
	// client from using up the bounds of all.
	Retention   time.Duration `group:"Limits" default:"720h" help:"How long finished deliveries and their events are kept."`
	MaxPending  int64         `group:"Limits" default:"50000000" help:"Undelivered deliveries beyond which publishing gets 429."`
	MaxWebhooks int           `group:"Limits" default:"2000000" help:"Webhooks of all clients together."`
	DiskReserve Size          `group:"Limits" placeholder:"SIZE" help:"Free disk space below which publishing gets 503. Default: 10 % of the disk, at most 2 GiB; never less than storage needs to continue; the log shows the reserve at the start."`

	ClientMaxWebhooks int      `group:"Limits of a client" default:"1000" help:"Webhooks that one client may have."`
	ClientMaxPatterns int      `group:"Limits of a client" default:"10000" help:"Event types and patterns that one client's webhooks may have together."`
	ClientMaxPending  int64    `group:"Limits of a client" default:"1000000" help:"Undelivered deliveries that one client may have. Beyond that, publishing to this client alone gets 429, and its deliveries of other events are listed as failed and can be replayed."`
	ClientMaxBytes    Size     `group:"Limits of a client" placeholder:"SIZE" help:"Bytes of events that may be published to one client alone in 24 hours; beyond that, publishing them gets 429. Default: no limit."`
	ClientLimits      []string `group:"Limits of a client" placeholder:"CLIENT/LIMIT=NUMBER" help:"Other limits for single clients: webhooks, patterns, pending or bytes, as in acme/pending=5000000."`

	// The fields below are not settings: the command sets Version and Log, tests the rest.
	// Reload keeps them as they are.

	// Version is part of the User-Agent of deliveries.
	Version string `kong:"-"`
	// Log is required.
	Log *slog.Logger `kong:"-"`
	// PublicListener and AdminListener replace the listeners at Listen and AdminListen, so
	// that a test can run a server in virtual time, over connections in memory.
	PublicListener net.Listener `kong:"-"`
	AdminListener  net.Listener `kong:"-"`
	// Dial, Resolve and RootCAs replace how the sender reaches targets; see sender.Options.
	Dial    func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) `kong:"-"`
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)                     `kong:"-"`
	RootCAs *x509.CertPool                                                                   `kong:"-"`
	// Lease replaces cluster.DefaultLease.
	Lease time.Duration `kong:"-"`
	// WatchPeriod replaces the dispatcher's; see actors.Options.
	WatchPeriod time.Duration `kong:"-"`
}

// Defaults returns the settings of a server for which nothing was set. It panics if the
// default in a tag is wrong, which every test of the package would show.
func Defaults() Config {
	var c Config
	if err := kong.ApplyDefaults(&c, Durations()); err != nil {
		panic(fmt.Sprintf("app: a default is wrong: %v", err))
	}
	return c
}

// Size is a number of bytes. Its text form takes units: "512MiB", "2GiB", "1GB". MiB and
// the like are powers of 1024, MB and the like of 1000.
type Size uint64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil {
		return sizeFault(string(text))
	}
	*s = Size(n)
	return nil
}

// check returns an error about the first setting that is wrong: one at a time, because
// each names its place in the file. It opens and resolves nothing.
func (c *Config) check() error {
	for _, rule := range slices.Concat(c.rules(), c.ClusterConfig.rules(c.DatabaseURL != ""), c.Ceilings.rules(), c.defaultsWithin()) {
		if rule.broken {
			return &webhook.FieldError{Field: rule.setting, Reason: rule.reason}
		}
	}
	if _, err := c.guardOptions(); err != nil {
		return err
	}
	if _, err := c.egressProxy(); err != nil {
		return err
	}
	if err := c.checkKeysURL(); err != nil {
		return err
	}
	if _, err := c.clientLimits(); err != nil {
		return err
	}
	if _, err := c.pages(); err != nil {
		return err
	}
	if c.Log == nil {
		return errors.New("app: Config.Log is missing")
	}
	return nil
}

// pages returns the settings of the console and the portal.
func (c *Config) pages() (session.Pages, error) {
	return session.ParsePages(c.PublicURL, c.PortalFrameOrigins, webhook.Brand{Name: c.BrandName, Color: c.BrandColor, LogoURL: c.BrandLogo})
}

// rule is one check of a setting, already carried out.
type rule struct {
	setting string // its name for users
	broken  bool
	reason  string // ends a sentence that begins with the name: "is less than 1"
}

// rules returns the rules for wrong values before those for missing ones: a user who
// set a wrong value reads about that first. Comparisons of floating point numbers are
// negated, so that NaN breaks the rule.
func (c *Config) rules() []rule {
	return []rule{
		{
			"jwt-secret", c.JWTSecret != "" && isShort(c.JWTSecret),
			fmt.Sprintf("is %d bytes long, less than %d", len(c.JWTSecret), auth.MinSecret),
		},
		{
			"jwt-secrets", slices.ContainsFunc(c.JWTSecrets, badNamedSecret),
			fmt.Sprintf("is not of the form KID=SECRET, with secrets of %d bytes or more", auth.MinSecret),
		},
		{"listen", c.PublicListener == nil && AddressFault(c.publicAddress()) != "", AddressFault(c.publicAddress())},
		{"admin-listen", c.AdminListener == nil && AddressFault(c.AdminListen) != "", AddressFault(c.AdminListen)},
		{"data-dir", c.DataDir == "", "is empty"},
		{"database-url", c.DatabaseURL != "" && !pgstore.IsURL(c.DatabaseURL), "is not of the form postgres://user:password@host:port/database"},
		{"durability", c.Durability != durabilityStandby && c.Durability != durabilityStorage, "is neither standby nor storage"},
		{"metrics-webhooks", c.MetricsWebhooks < 0 || c.MetricsWebhooks > 1000, "is not from 0 to 1000"},
		{"shutdown-timeout", c.ShutdownTimeout <= 0, "is not more than 0"},
		{"header-prefix", !isHeaderPrefix(c.HeaderPrefix), "is not made of letters, digits and inner hyphens"},
		{"response-excerpt", c.ResponseExcerpt < 1 || c.ResponseExcerpt > sender.MaxExcerptBytes, "is not from 1B to 64KiB"},
		{"retention", c.Retention < time.Minute, "is less than 1m"},
		{"max-pending", c.MaxPending < 1, "is less than 1"},
		{"max-webhooks", c.MaxWebhooks < 1, "is less than 1"},
		{"client-max-webhooks", c.ClientMaxWebhooks < 1, "is less than 1"},
		{"client-max-patterns", c.ClientMaxPatterns < 1, "is less than 1"},
		{"client-max-pending", c.ClientMaxPending < 1, "is less than 1"},
		{"webhook-timeout", c.EndpointTimeout <= 0, "is not more than 0"},
		{"webhook-concurrency", c.EndpointConcurrency < 1, "is less than 1"},
		{"webhook-rate", !(c.EndpointRate >= 0), "is negative"},
		{"webhook-burst", c.EndpointBurst < 1, "is less than 1"},
		{"webhook-max-attempts", c.EndpointMaxAttempts < 1, "is less than 1"},
		{"webhook-retry-initial", c.EndpointRetryInitial <= 0, "is not more than 0"},
		{"webhook-retry-multiplier", !(c.EndpointRetryMultiplier >= 1), "is less than 1"},
		{"webhook-retry-max", c.EndpointRetryMax < c.EndpointRetryInitial, "is less than webhook-retry-initial"},
		{"webhook-retry-jitter", !(c.EndpointRetryJitter >= 0 && c.EndpointRetryJitter <= 1), "is not from 0 to 1"},
		{"webhook-breaker-failures", c.EndpointBreakerFailures < 1, "is less than 1"},
		{"webhook-breaker-open", c.EndpointBreakerOpen <= 0, "is not more than 0"},
		{"webhook-breaker-max", c.EndpointBreakerMax < c.EndpointBreakerOpen, "is less than webhook-breaker-open"},
		{
			"jwt-secret", c.JWTSecret == "" && len(c.JWTSecrets) == 0 && len(c.JWTPublicKeys) == 0 && c.JWTKeysURL == "",
			"is not set: give a secret of 32 bytes or more, or public keys (jwt-public-keys, jwt-keys-url), or take a first look with --dev",
		},
		{
			"secret-keys", len(c.SecretKeys) == 0,
			"is not set: without a key no secret can be kept; `astrohook secret-key` makes one, to be kept outside of the data directory, or take a first look with --dev",
		},
	}
}

// isShort reports whether a secret is too short. White space around it does not count:
// it is more likely a mistake in quoting than part of a secret.
func isShort(secret string) bool { return len(strings.TrimSpace(secret)) < auth.MinSecret }

// badNamedSecret reports whether an entry of jwt-secrets is not KID=SECRET. The secret may
// contain further equals signs, as base64 does.
func badNamedSecret(entry string) bool {
	kid, secret, _ := strings.Cut(entry, "=")
	return kid == "" || isShort(secret)
}

// isHeaderPrefix reports whether the names that begin with a text are tokens of HTTP (RFC
// 9110, section 5.6.2). It allows fewer characters than the standard, since some proxies
// and frameworks drop headers with others.
func isHeaderPrefix(text string) bool {
	for _, c := range text {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return text != "" && strings.Trim(text, "-") == text
}

// publicAddress returns the address of the HTTP API: port 8080 on every interface by
// default.
func (c *Config) publicAddress() string {
	if c.Listen == "" {
		return ":8080"
	}
	return c.Listen
}

// endpointDefaults returns the limits and policies of endpoints that set none.
func (c *Config) endpointDefaults() webhook.Settings {
	return webhook.Settings{
		Timeout:     c.EndpointTimeout,
		Concurrency: c.EndpointConcurrency,
		Rate:        c.EndpointRate,
		Burst:       c.EndpointBurst,
		Retry: webhook.RetryPolicy{
			MaxAttempts: c.EndpointMaxAttempts,
			Initial:     c.EndpointRetryInitial,
			Multiplier:  c.EndpointRetryMultiplier,
			MaxDelay:    c.EndpointRetryMax,
			Jitter:      c.EndpointRetryJitter,
		},
		Breaker: webhook.BreakerPolicy{
			Failures: c.EndpointBreakerFailures,
			Open:     c.EndpointBreakerOpen,
			MaxOpen:  c.EndpointBreakerMax,
		},
	}
}
