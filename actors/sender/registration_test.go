package sender

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// zone is a fake DNS: the addresses of names; a name without any does not exist.
type zone map[string][]string

func (z zone) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range z[host] {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	if len(addrs) == 0 {
		return nil, errors.New("lookup " + host + " on 10.0.0.53:53: no such host")
	}
	return addrs, nil
}

var testZone = zone{
	"public.example":        {"93.184.216.34", "2606:2800:220:1::1"},
	"private.example":       {"10.0.0.5"},
	"mixed.example":         {"93.184.216.34", "10.0.0.5"},
	"mapped.example":        {"::ffff:127.0.0.1"},
	"nas.local":             {"93.184.216.34"},
	"db.internal":           {"10.0.0.5"},
	"db":                    {"10.0.0.5"},
	"half.internal":         {"10.0.0.5", "93.184.216.34"},
	"metadata.google.local": {"169.254.169.254"},
	// Nobody may ask for these.
	"localhost": {"93.184.216.34"}, "app.localhost": {"93.184.216.34"},
}

func TestCheckTarget(t *testing.T) {
	none := newClient(t, Options{Guard: newGuard(t, guard.Options{}), Resolve: testZone.resolve})
	inside := newClient(t, Options{
		Guard:   newGuard(t, guard.Options{Allow: prefixes("10.0.0.0/8", "127.0.0.0/8")}),
		Resolve: testZone.resolve,
	})
	for _, c := range []struct {
		raw          string
		none, inside bool
		why          string
	}{
		{"https://public.example/a", true, true, "public"},
		{"https://private.example/", false, true, "a private answer"},
		{"https://mixed.example/", false, true, "one private answer among public ones"},
		{"https://mapped.example/", false, true, "a mapped loopback answer"},
		{"https://unknown.example/", true, true, "does not resolve now"},
		{"http://93.184.216.34/", true, true, "a public address"},
		{"http://10.0.0.5/", false, true, "a private address"},
		{"http://[::ffff:10.0.0.5]/", false, true, "a mapped private address"},
		{"http://[64:ff9b::a00:5]/", false, true, "a NAT64 private address"},
		{"http://[::1]/", false, false, "loopback of IPv6"},
		{"http://169.254.169.254/", false, false, "cloud metadata"},
		{"http://localhost/", false, true, "loopback"},
		{"http://app.localhost/", false, true, "loopback"},
		{"http://db/", false, true, "one label"},
		{"http://db.internal/", false, true, "an internal name"},
		{"http://half.internal/", false, false, "an internal name with an answer that is not allowed by name"},
		{"http://nas.local/", false, false, "a local name with a public answer"},
		{"http://unknown.internal/", false, false, "an internal name that does not resolve"},
		{"http://unknown/", false, false, "one label that does not resolve"},
		{"http://metadata.google.local/", false, false, "cloud metadata"},
	} {
		for name, client := range map[string]struct {
			*Client
			allowed bool
		}{"none": {none, c.none}, "inside": {inside, c.inside}} {
			_, err := client.CheckTarget(t.Context(), c.raw)
			if (err == nil) != client.allowed {
				t.Errorf("%s (%s), allow %s: got %v", c.raw, c.why, name, err)
			}
			wantSameRefusal(t, c.raw, err)
		}
	}
}

// wantSameRefusal fails if a refusal reveals more than that there is one.
func wantSameRefusal(t *testing.T, raw string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var field *webhook.FieldError
	if !errors.As(err, &field) || field.Error() != "target_url points to an address that is not allowed" {
		t.Errorf("%s: got %v", raw, err)
	}
	if !errors.Is(err, webhook.ErrBlockedAddress) {
		t.Errorf("%s: %v is not ErrBlockedAddress", raw, err)
	}
}

func TestCheckTargetGivesCanonicalForm(t *testing.T) {
	c := newClient(t, Options{Guard: newGuard(t, guard.Options{}), Resolve: testZone.resolve})
	got, err := c.CheckTarget(t.Context(), "HTTPS://Public.EXAMPLE:443")
	if err != nil || got != "https://public.example/" {
		t.Fatalf("got %q, %v", got, err)
	}
	var field *webhook.FieldError
	if _, err := c.CheckTarget(t.Context(), "ftp://public.example"); !errors.As(err, &field) {
		t.Fatalf("got %v", err)
	}
}

// TestCheckTargetDoesNotWait: a silent name server delays a registration by
// checkBudget only.
func TestCheckTargetDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Options{Guard: newGuard(t, guard.Options{}), Resolve: silentDNS})
		start := time.Now()
		if _, err := c.CheckTarget(t.Context(), "https://public.example/"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != checkBudget {
			t.Fatalf("took %v", took)
		}
	})
}

func silentDNS(ctx context.Context, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestResolverCache: answers are kept for a while, and failures for a shorter one.
func TestResolverCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		answers := zone{"up.example": {"1.1.1.1"}}
		r, err := newResolver(func(ctx context.Context, host string) ([]netip.Addr, error) {
			asked++
			return answers.resolve(ctx, host)
		})
		if err != nil {
			t.Fatal(err)
		}
		want := func(host string, total int, fails bool) {
			t.Helper()
			if _, err := r.resolve(t.Context(), host); (err != nil) != fails || asked != total {
				t.Fatalf("%s: %d questions, %v; want %d, failure %v", host, asked, err, total, fails)
			}
		}
		want("up.example", 1, false)
		want("down.example", 2, true)
		want("up.example", 2, false)
		want("down.example", 2, true)
		time.Sleep(unresolvedAge)
		want("down.example", 3, true)
		want("up.example", 3, false)
		time.Sleep(resolvedAge)
		want("up.example", 4, false)
	})
}

// TestResolverBounds: a name with too many addresses does not resolve, and the end of
// a caller's context is not cached.
func TestResolverBounds(t *testing.T) {
	r, err := newResolver(func(ctx context.Context, _ string) ([]netip.Addr, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return make([]netip.Addr, maxAnswers+1), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.resolve(ended, "a.example"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if r.cache.Len() != 0 {
		t.Fatal("a caller who gave up left an answer behind")
	}
	if _, err := r.resolve(t.Context(), "a.example"); !errors.Is(err, errUnresolved) {
		t.Fatalf("got %v", err)
	}
}

// TestResolverForgets: the cache has a bound, however many names are asked for.
func TestResolverForgets(t *testing.T) {
	r, err := newResolver(func(context.Context, string) ([]netip.Addr, error) { return nil, errUnresolved })
	if err != nil {
		t.Fatal(err)
	}
	for n := range resolvedNames + 100 {
		_, _ = r.resolve(t.Context(), strconv.Itoa(n)+".example")
	}
	if r.cache.Len() != resolvedNames {
		t.Fatalf("%d names are remembered, want %d", r.cache.Len(), resolvedNames)
	}
}

// TestLookupUsesHostsFile: the default resolver reads the hosts file, which has this
// name on every system.
func TestLookupUsesHostsFile(t *testing.T) {
	addrs, err := lookupDNS(t.Context(), "localhost")
	if err != nil || len(addrs) == 0 {
		t.Fatalf("got %v, %v", addrs, err)
	}
	for _, addr := range addrs {
		if !addr.Unmap().IsLoopback() {
			t.Fatalf("got %v", addrs)
		}
	}
}
