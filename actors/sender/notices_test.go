package sender

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// logged reads the lines of a log as JSON.
func logged(t *testing.T, log *bytes.Buffer) (lines []map[string]any) {
	t.Helper()
	for text := range strings.SplitSeq(strings.TrimSpace(log.String()), "\n") {
		if text == "" {
			continue
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	log.Reset()
	return lines
}

// TestRefusalsAreLogged: at registration and at delivery, the log names the setting
// that refused a target or would admit it. The client does not learn it.
func TestRefusalsAreLogged(t *testing.T) {
	names := zone{"private.example": {"10.0.0.5"}, "own.example": {"8.8.4.4"}, "db.internal": {"93.184.216.34"}, "public.example": {"93.184.216.34"}}
	own := func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(8, 8, 4, 4), Mask: net.CIDRMask(24, 32)}}, nil
	}
	inside := prefixes("10.0.0.0/8")
	for _, c := range []struct {
		url     string
		rules   guard.Options
		proxied bool
		refused string
		setting string
	}{
		{"http://private.example/", guard.Options{}, false, "address 10.0.0.5", "allow-addresses would let it through"},
		{"http://10.0.0.5/", guard.Options{}, false, "address 10.0.0.5", "allow-addresses would let it through"},
		{"http://10.0.0.5/", guard.Options{Allow: inside, Deny: prefixes("10.0.0.5/32")}, false, "address 10.0.0.5", "deny-addresses refuses it"},
		{"http://own.example/", guard.Options{}, false, "address 8.8.4.4", "this machine's own; allow-addresses"},
		{"http://localhost/", guard.Options{}, false, "address ::1", "allow-addresses would let it through"},
		{"http://localhost/", guard.Options{Deny: prefixes("127.0.0.0/8", "::1/128")}, false, "address ::1", "deny-addresses refuses it"},
		{"http://db.internal/", guard.Options{}, false, "host name db.internal", "allow-addresses would let it through if it covered"},
		{"http://db.internal/", guard.Options{Allow: inside}, false, "address 93.184.216.34", "what a name of a private network resolves to; allow-addresses"},
		{"http://public.example/", guard.Options{DenyHosts: hosts(t, "*.example")}, false, "host name public.example", "deny-hosts refuses it"},
		{"http://public.example/", guard.Options{AllowHosts: hosts(t, "good.example")}, false, "host name public.example", "allow-hosts does not list it"},
		{"http://93.184.216.34/", guard.Options{AllowHosts: hosts(t, "good.example")}, false, "address 93.184.216.34", "allow-hosts is set"},
		{"http://public.example:25/", guard.Options{DenyPorts: ports(t, "25")}, false, "port 25", "deny-ports refuses it"},
		{"http://public.example:25/", guard.Options{AllowPorts: ports(t, "443")}, false, "port 25", "allow-ports does not list it"},
		{"http://db.internal/", guard.Options{}, true, "host name db.internal", "allow-hosts would let it through"},
	} {
		var log bytes.Buffer
		c.rules.Interfaces = own
		o := Options{Guard: newGuard(t, c.rules), Resolve: names.resolve, Log: slog.New(slog.NewJSONHandler(&log, nil))}
		if c.proxied {
			o.Proxy = parseProxy(t, "http://127.0.0.1:1")
		}
		client := newClient(t, o)
		_, err := client.CheckTarget(t.Context(), c.url+"secret-path")
		var field *webhook.FieldError
		if !errors.As(err, &field) || strings.Contains(field.Error(), "allow-") || strings.Contains(field.Error(), "deny-") {
			t.Errorf("%s: the client is told %v", c.url, field)
		}
		wantRefusalLine(t, logged(t, &log), "webhook's target refused", c.refused, c.setting)

		e := endpoint(c.url + "secret-path")
		e.ClientID = "acme"
		target, err := client.Open(e, webhook.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if a := send(target); a.Failure != webhook.ReasonBlockedAddress || a.Detail != "" {
			t.Errorf("%s: got %+v", c.url, a)
		}
		lines := logged(t, &log)
		wantRefusalLine(t, lines, "delivery not sent", c.refused, c.setting)
		if len(lines) == 1 && (lines[0]["webhook_id"] != webhook.EndpointID.Format(e.ID) || lines[0]["client_id"] != "acme") {
			t.Errorf("%s: logged %v", c.url, lines[0])
		}
	}
}

func wantRefusalLine(t *testing.T, lines []map[string]any, message, refused, setting string) {
	t.Helper()
	if len(lines) != 1 {
		t.Errorf("%d lines, want one: %v", len(lines), lines)
		return
	}
	got, _ := lines[0]["setting"].(string)
	host, _ := lines[0]["target_host"].(string)
	if lines[0]["msg"] != message || lines[0]["why"] != "the settings do not allow it" || lines[0]["level"] != "WARN" || lines[0]["refused"] != refused || !strings.Contains(got, setting) || host == "" || strings.Contains(host, "/") {
		t.Errorf("logged %v, want %q of %s with %q", lines[0], message, refused, setting)
	}
}

// TestUnresolvedNamesAreLogged: the log has the resolver's error, and the client does
// not learn it.
func TestUnresolvedNamesAreLogged(t *testing.T) {
	var log bytes.Buffer
	c := newClient(t, Options{Resolve: zone{}.resolve, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if _, err := c.CheckTarget(t.Context(), "http://missing.example/"); err != nil {
		t.Fatal(err)
	}
	lines := logged(t, &log)
	if len(lines) != 1 || lines[0]["msg"] != "webhook's target admitted, but not reachable now" || lines[0]["why"] != "its name does not resolve" || !strings.Contains(lines[0]["error"].(string), "10.0.0.53") {
		t.Errorf("logged %v", lines)
	}
	if _, err := c.CheckTarget(t.Context(), "http://missing.internal/"); err == nil {
		t.Fatal("a local name that does not resolve is admitted")
	}
	if lines := logged(t, &log); len(lines) != 1 || lines[0]["msg"] != "webhook's target refused" || lines[0]["why"] != "its name does not resolve" {
		t.Errorf("logged %v", lines)
	}
	a := send(open(t, c, "http://missing.example/", webhook.Settings{}))
	wantAttempt(t, a, 0, webhook.ReasonDNS)
	if lines := logged(t, &log); a.Detail != "" || len(lines) != 1 || lines[0]["msg"] != "delivery not sent" || lines[0]["why"] != "its name does not resolve" {
		t.Errorf("detail %q, logged %v", a.Detail, lines)
	}
}

// TestProxyFailuresAreLogged: the log names the proxy, and the class does not.
func TestProxyFailuresAreLogged(t *testing.T) {
	var log bytes.Buffer
	p := startProxy(t, nil)
	for _, c := range []struct{ proxy, want string }{
		{"http://" + p.listener.Addr().String(), "the egress proxy answered 502"},
		{"http://proxy.example", "its name does not resolve"},
	} {
		client := newClient(t, Options{Proxy: parseProxy(t, c.proxy), Resolve: zone{}.resolve, Log: slog.New(slog.NewJSONHandler(&log, nil))})
		a := send(open(t, client, "http://receiver.example/", webhook.Settings{}))
		wantAttempt(t, a, 0, webhook.ReasonConnect)
		lines := logged(t, &log)
		if a.Detail != "" || len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), c.want) {
			t.Errorf("detail %q, logged %v, want %q", a.Detail, lines, c.want)
		}
	}
}

// TestNoticesAreBounded: there is one line per webhook and minute, and a bound for all
// webhooks; lines left out are counted.
func TestNoticesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		client := newClient(t, Options{Guard: newGuard(t, guard.Options{Interfaces: noInterfaces}), Log: slog.New(slog.NewJSONHandler(&log, nil))})
		attempt := func(n webhook.EndpointNumber) {
			e := endpoint("http://10.0.0.5/")
			e.ID.Endpoint = n
			target, err := client.Open(e, webhook.Settings{}) // as an endpoint's actor does each time that it starts
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			wantAttempt(t, send(target), 0, webhook.ReasonBlockedAddress)
		}
		for range 100 {
			attempt(1)
		}
		if lines := logged(t, &log); len(lines) != 1 {
			t.Fatalf("%d lines about one webhook", len(lines))
		}
		time.Sleep(noticeInterval)
		for n := range webhook.EndpointNumber(200) {
			attempt(1 + n)
		}
		lines := logged(t, &log)
		if len(lines) != maxNotices || lines[0]["lines_left_out"] != 99.0 {
			t.Fatalf("%d lines about 200 webhooks, the first %v", len(lines), lines[0])
		}
		time.Sleep(noticeInterval)
		attempt(1)
		if lines := logged(t, &log); len(lines) != 1 || lines[0]["lines_left_out"] != 140.0 {
			t.Fatalf("after a minute: %v", lines)
		}
		for n := range noticedTargets + 100 { // what is remembered is bounded, too
			client.notices.may("host"+strconv.Itoa(n), time.Now().Add(time.Duration(n)*noticeInterval))
		}
		if n := client.notices.latest.Len(); n != noticedTargets {
			t.Fatalf("%d webhooks are remembered", n)
		}
	})
}

// TestNoticesOfOtherFailures: failures of a receiver are not logged here.
func TestNoticesOfOtherFailures(t *testing.T) {
	var log bytes.Buffer
	refuse := func() (net.Conn, error) { return nil, errors.New("connection refused") }
	var to []netip.AddrPort
	c := newClient(t, Options{Dial: dialTo(refuse, &to), Log: slog.New(slog.NewJSONHandler(&log, nil))})
	wantAttempt(t, send(open(t, c, "http://127.0.0.1/", webhook.Settings{})), 0, webhook.ReasonConnect)
	if lines := logged(t, &log); len(lines) != 0 {
		t.Errorf("logged %v", lines)
	}
}

// TestUserInformationHint: the error says where credentials belong.
func TestUserInformationHint(t *testing.T) {
	c := newClient(t, Options{})
	_, err := c.CheckTarget(t.Context(), "https://user:pass@receiver.example/")
	if err == nil || err.Error() != "target_url has user information: credentials belong into headers.Authorization" {
		t.Fatalf("got %v", err)
	}
}
