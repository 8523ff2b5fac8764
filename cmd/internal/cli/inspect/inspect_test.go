package inspect

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// server answers as one of ours does, as far as its fields say.
type server struct {
	ready    int // status of /readyz
	skew     time.Duration
	accepted int
	token    int // status of the API
	version  string
	metrics  string // "" for those of a server at work
	nodes    string // answer of the API
}

const atWork = `# TYPE astrohook_deliveries_pending gauge
astrohook_deliveries_pending 1204
# TYPE astrohook_oldest_pending_age_seconds gauge
astrohook_oldest_pending_age_seconds{status="active"} 210
# TYPE astrohook_attempts_in_flight gauge
astrohook_attempts_in_flight 7
# TYPE astrohook_slots_waiting gauge
astrohook_slots_waiting 2
# TYPE astrohook_deliveries_settled_total counter
astrohook_deliveries_settled_total{status="delivered"} 90
astrohook_deliveries_settled_total{status="failed"} 3
# TYPE astrohook_webhooks gauge
astrohook_webhooks{status="active"} 5
astrohook_webhooks{status="disabled"} 1
# TYPE astrohook_breakers_open gauge
astrohook_breakers_open 1
# TYPE astrohook_disk_free_bytes gauge
astrohook_disk_free_bytes 1.073741824e+09
# TYPE astrohook_disk_reserve_bytes gauge
astrohook_disk_reserve_bytes 2.147483648e+09
# TYPE astrohook_storage_bytes gauge
astrohook_storage_bytes 1024
# TYPE astrohook_panics_total counter
astrohook_panics_total 1
# TYPE astrohook_events_accepted_total counter
`

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(s.skew).UTC().Format(http.TimeFormat))
	switch r.URL.Path {
	case "/healthz":
		_, _ = w.Write([]byte(`{"status":"ok","version":"` + s.version + `"}`))
	case "/readyz":
		w.WriteHeader(s.ready)
		_, _ = w.Write([]byte(`{"title":"Shutting down"}`))
	case "/metrics":
		text := s.metrics
		if text == "" {
			s.accepted += 10
			text = atWork + "astrohook_events_accepted_total " + strings.Repeat("1", s.accepted/10) + "\n"
		}
		_, _ = w.Write([]byte(text))
	case "/api/nodes":
		_, _ = w.Write([]byte(s.nodes))
	case "/api/webhooks":
		w.WriteHeader(s.token)
		_, _ = w.Write([]byte(`{"title":"Not authenticated"}`))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// start starts a server, and returns its URL.
func start(t *testing.T, s *server) string {
	t.Helper()
	running := httptest.NewServer(s)
	t.Cleanup(running.Close)
	return running.URL
}

// status runs the command, and returns what it printed.
func status(t *testing.T, format, url, admin string) (string, error) {
	t.Helper()
	var out strings.Builder
	c := Status{Flags: connection.Flags{Server: url}, Watch: live.Watch{Flags: output.Flags{Output: format}}, Admin: admin}
	err := c.Run(t.Context(), terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	return out.String(), err
}

// TestStatus: what an operator looks at first, with colours for what is wrong.
func TestStatus(t *testing.T) {
	url := start(t, &server{ready: 200, version: "1.2.3"})
	out, err := status(t, output.Table, url, url+"/")
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"status           ready\n", "version          1.2.3\n", "pending          1204 deliveries; the oldest of an active webhook for 3m\n",
		"in flight        7 attempts; waiting for more: 2 webhooks\n", "since the start  accepted 1, delivered 90, failed 3\n",
		"webhooks         5 active, 0 paused, 1 disabled\n", "breakers open    1\n", "disk free        1.0 GiB; publishing is refused below 2.0 GiB\n",
		"stored           1.0 KiB\n", "panics           1; the log has them\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, err = status(t, output.JSON, url, url)
	var s state
	if err != nil || json.Unmarshal([]byte(out), &s) != nil || !s.Ready || s.Version != "1.2.3" || s.Metrics.Pending != 1204 || s.Metrics.Webhooks["active"] != 5 || *s.Metrics.DiskFree != 1<<30 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestStatusOfOthers: a server that is not ready, one that is not there, what is no server,
// and metrics that cannot be had.
func TestStatusOfOthers(t *testing.T) {
	ready := start(t, &server{ready: 200, version: "1"})
	stopping := start(t, &server{ready: 503, version: "1"})
	other := start(t, &server{ready: 200, version: "1", metrics: "go_goroutines 1\n"})
	html := start(t, &server{ready: 200, version: "1", metrics: "<html>"})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	nothing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	defer nothing.Close()
	for _, c := range []struct {
		reason, url, admin string
		want               string
		fails              bool
	}{
		{"not ready", stopping, stopping, "problem          the server answered 503 Service Unavailable: Shutting down", true},
		{"not there", gone.URL, "", "connection refused", true},
		{"another server", nothing.URL, "", "what answers is no Astrohook server", true},
		{"metrics of another program", ready, other, "what answers is no admin listener of Astrohook", false},
		{"no metrics", ready, html, "what answers has no metrics", false},
		{"an admin listener that is not there", ready, gone.URL, "connection refused", false},
	} {
		out, err := status(t, output.Table, c.url, c.admin)
		if !strings.Contains(out, c.want) || errors.Is(err, errNotReady) != c.fails {
			t.Errorf("%s: %v\n%s", c.reason, err, out)
		}
	}
	for server, want := range map[string]string{
		"http://127.0.0.1:8080": defaultAdmin, "http://localhost:1": defaultAdmin, "http://[::1]:1": defaultAdmin, "https://hooks.example": "", "http://10.0.0.1": "", ":": "",
	} {
		if got := new(Status).admin(server); got != want {
			t.Errorf("the admin listener of %s is thought to be at %q, want %q", server, got, want)
		}
	}
}

// TestStatusRates: while it is watched, counters become rates.
func TestStatusRates(t *testing.T) {
	before := &figures{Accepted: 100, Delivered: 50, Failed: 9, at: time.Unix(1000, 0)}
	f := &figures{Accepted: 300, Delivered: 51, Failed: 1, at: time.Unix(1002, 0)}
	f.since(before)
	if *f.Rates != (rates{100, 0.5, 0}) {
		t.Errorf("%+v", f.Rates)
	}
	f = &figures{at: before.at}
	f.since(before)
	f.since(nil)
	(*figures)(nil).since(before)
	if f.Rates != nil {
		t.Errorf("%+v without time in between", f.Rates)
	}
}

// examine runs the doctor, and returns its findings.
func examine(t *testing.T, d Doctor) (map[string]finding, error) {
	t.Helper()
	if d.Check == nil {
		d.Check = func() error { return nil }
	}
	if d.Config.DataDir == "" {
		d.Config.DataDir = t.TempDir() + "/not/made/yet"
	}
	var out strings.Builder
	err := d.Run(t.Context(), output.Flags{Output: output.NDJSON}.Printer(terminal.Streams{Out: &out, Err: &out}))
	found := map[string]finding{}
	for lines := bufio.NewScanner(strings.NewReader(out.String())); lines.Scan(); {
		var f finding
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		found[f.Check] = f
	}
	return found, err
}

// TestDoctor: each examination can fail, and says how to mend what it found.
func TestDoctor(t *testing.T) {
	well := start(t, &server{ready: 200, version: "1", token: 200})
	late := start(t, &server{ready: 503, version: "1", token: 401, skew: time.Hour})
	publisher := start(t, &server{ready: 200, version: "1", token: 403})
	const nowhere = "postgres://u:s3cret@127.0.0.1:1/x"
	at := func(url string) connection.Flags { return connection.Flags{Server: url, Token: "t"} }
	for _, c := range []struct {
		reason        string
		doctor        Doctor
		check, status string
		detail        string
	}{
		{"right settings", Doctor{Flags: at(well)}, "settings", ok, "serve would start"},
		{"wrong settings", Doctor{Flags: at(well), Check: func() error { return errors.New("--listen is wrong") }}, "settings", fault, "--listen is wrong"},
		{"a directory to be made", Doctor{Flags: at(well)}, "data directory", ok, "not/made/yet"},
		{"a database in its place", Doctor{Flags: at(well), Config: app.Config{DatabaseURL: nowhere}}, "data directory", skipped, "the database holds everything"},
		{"one that is not there", Doctor{Flags: at(well), Config: app.Config{DatabaseURL: nowhere}}, "database", fault, "connection refused"},
		{"room on the disk", Doctor{Flags: at(well), Config: app.Config{DiskReserve: 1}}, "disk", ok, "publishing is refused below 1 B"},
		{"a full disk", Doctor{Flags: at(well), Config: app.Config{DiskReserve: 1 << 60}}, "disk", fault, "less than the reserve of 1.0 EiB"},
		{"a server that is well", Doctor{Flags: at(well)}, "server", ok, "is ready, version 1"},
		{"one that stops", Doctor{Flags: at(late)}, "server", fault, "is not ready: the server answered 503"},
		{"none", Doctor{Flags: at("http://127.0.0.1:1")}, "server", fault, "connection refused"},
		{"a profile that is not there", Doctor{Flags: connection.Flags{Profile: "none"}}, "server", fault, "there is no profile"},
		{"metrics", Doctor{Flags: at(well), Admin: well}, "metrics", ok, "1204 deliveries pending"},
		{"no metrics", Doctor{Flags: at(well), Admin: "http://127.0.0.1:1"}, "metrics", skipped, "connection refused"},
		{"clocks that agree", Doctor{Flags: at(well)}, "server's clock", ok, "agrees"},
		{"clocks that differ", Doctor{Flags: at(late)}, "server's clock", warning, "differs from this machine's by "},
		{"a token", Doctor{Flags: at(well)}, "token", ok, "the server takes it"},
		{"a publisher's token", Doctor{Flags: at(publisher)}, "token", ok, "the server takes it"},
		{"a token that has expired", Doctor{Flags: at(late)}, "token", fault, "Not authenticated"},
		{"no token", Doctor{Flags: connection.Flags{Server: well}}, "token", skipped, "astrohook login"},
		{"no target", Doctor{Flags: at(well)}, "target", skipped, "--target URL"},
		{"a target that is none", Doctor{Flags: at(well), Target: "ftp://a"}, "target", fault, "the URL"},
		{"a proxy", Doctor{Flags: at(well), Target: "http://a.example/", Config: app.Config{EgressProxy: "http://p:1"}}, "target", skipped, "egress proxy"},
		{"a list that is wrong", Doctor{Flags: at(well), Target: well, Config: app.Config{AllowAddresses: []string{"x"}}}, "guard", fault, "not an address range"},
		{"a target that the guard refuses", Doctor{Flags: at(well), Target: well}, "guard", fault, "allow-addresses would let it through"},
		{"one that it admits", Doctor{Flags: at(well), Target: well, Config: app.Config{AllowAddresses: []string{"127.0.0.0/8"}}}, "guard", ok, "admits 127.0.0.1"},
		{"and that answers", Doctor{Flags: at(well), Target: well, Config: app.Config{AllowAddresses: []string{"127.0.0.0/8"}}}, "connection", ok, "127.0.0.1:"},
		{"nobody there", Doctor{Flags: at(well), Target: "http://127.0.0.1:1/", Config: app.Config{AllowAddresses: []string{"127.0.0.0/8"}}}, "connection", fault, "connection refused"},
		{"no TLS there", Doctor{Flags: at(well), Target: strings.Replace(well, "http:", "https:", 1), Config: app.Config{AllowAddresses: []string{"127.0.0.0/8"}}}, "connection", fault, "TLS handshake"},
		{"a name that does not exist", Doctor{Flags: at(well), Target: "https://nothing.invalid/"}, "DNS", fault, "lookup nothing.invalid"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			found, err := examine(t, c.doctor)
			if f := found[c.check]; f.Status != c.status || !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%+v, want %s with %q", f, c.status, c.detail)
			}
			if c.status == fault && !errors.Is(err, errFaults) {
				t.Errorf("the command succeeded: %v", err)
			}
			if _, there := found["open files"]; !there {
				t.Error("the examination ended at the first fault")
			}
		})
	}
}

// TestDoctorForPeople: one line for each, in the words of the findings.
func TestDoctorForPeople(t *testing.T) {
	var out strings.Builder
	p := output.Flags{Output: output.Table}.Printer(terminal.Streams{Out: &out, Err: &out})
	if err := show(p, []finding{{"disk", ok, "1 GiB are free"}, {"open files", warning, "the limit is low"}}); err != nil || out.String() != "disk        ok: 1 GiB are free\nopen files  warning: the limit is low\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestClock: Linux says whether its clock is synchronised.
func TestClock(t *testing.T) {
	if right, known := clockSynced(); right && !known {
		t.Error("synchronised, and not known")
	}
}

// TestProbeEnds: a question ends with its context, and follows no redirect.
func TestProbeEnds(t *testing.T) {
	moved := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer moved.Close()
	p := newProber()
	defer p.http.CloseIdleConnections()
	if _, err := p.get(t.Context(), moved.URL); err == nil || !strings.Contains(err.Error(), "302") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.get(ctx, moved.URL); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := p.get(t.Context(), "http://[::1"); err == nil {
		t.Error("a URL that is none was asked")
	}
}
