package inspect

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
	"github.com/corpastro/astrohook/storage/pgstore"
)

// TestTables: the version of the tables, and what the next start would make of it.
func TestTables(t *testing.T) {
	for want, r := range map[string]pgstore.Report{
		"there are none yet; the first start, or astrohook migrate, makes them": {Needed: 7},
		"have version 6; the next start, or astrohook migrate, makes it 7":      {Schema: 6, Needed: 7},
		"have version 7": {Schema: 7, Needed: 7},
		"have version 8": {Schema: 8, Needed: 7},
	} {
		new(Doctor).tables(r, func(check, status, detail string) {
			if (finding{check, status, detail}) != (finding{"tables", ok, want}) {
				t.Errorf("%+v: %s, %s, %q", r, check, status, detail)
			}
		})
	}
}

// TestClockStatus: a second of difference is none to worry about, in either direction.
func TestClockStatus(t *testing.T) {
	for by, want := range map[time.Duration]string{
		0: ok, time.Second: ok, -time.Second: ok, time.Second + 1: warning, -time.Second - 1: warning, -time.Hour: warning,
	} {
		if got := clockStatus(by); got != want {
			t.Errorf("%s: %s, want %s", by, got, want)
		}
	}
}

// TestFiguresWords: what a server does not measure is no line, and what is wrong has a colour.
func TestFiguresWords(t *testing.T) {
	number := func(n float64) *float64 { return &n }
	for _, c := range []struct {
		f    figures
		want string
	}{
		{figures{OldestAge: map[string]float64{"active": 90}}, "pending: 0 deliveries|in flight: 0 attempts; waiting for more: no webhooks|since the start: accepted 0, delivered 0, failed 0"},
		{
			figures{
				Pending: 1, OldestAge: map[string]float64{"active": 90, "paused": 1e6}, InFlight: 1, Waiting: 1, Accepted: 12345678, Delivered: 2, Failed: 3,
				Rates: &rates{1.26, 0.04, 1000}, Webhooks: map[string]float64{"paused": 2}, BreakersOpen: number(0), DiskFree: number(2048), DiskReserve: number(2048), Stored: number(-1),
			},
			"pending: 1 delivery; the oldest of an active webhook for 1m|in flight: 1 attempt; waiting for more: 1 webhook|since the start: accepted 12345678, delivered 2, failed 3" +
				"|per second: accepted 1.3, delivered 0.0, failed 1000.0|webhooks: 0 active, 2 paused, 0 disabled|breakers open: 0|disk free: 2.0 KiB; publishing is refused below 2.0 KiB|stored: 0 B",
		},
		{
			figures{Nodes: number(1), Parts: number(256), FreeParts: number(0), BreakersOpen: number(1), DiskFree: number(1), DiskReserve: number(2), Panics: 2},
			"pending: 0 deliveries|in flight: 0 attempts; waiting for more: no webhooks|since the start: accepted 0, delivered 0, failed 0|cluster: 1 node alive; this one delivers 256 of 256 parts" +
				"|breakers open: 1 (2)|disk free: 1 B; publishing is refused below 2 B (3)|panics: 2; the log has them (3)",
		},
		{figures{Nodes: number(3), FreeParts: number(9), DiskFree: number(1)}, "pending: 0 deliveries|in flight: 0 attempts; waiting for more: no webhooks|since the start: accepted 0, delivered 0, failed 0|cluster: 3 nodes alive; nobody delivers 9 (2)"},
	} {
		var lines []string
		for _, f := range c.f.fields() {
			line := f.Title + ": " + f.Text
			if f.Tone != output.Plain {
				line += fmt.Sprintf(" (%d)", f.Tone)
			}
			lines = append(lines, line)
		}
		if got := strings.Join(lines, "|"); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

// TestMetrics: series are summed, one that is not there is told from one of 0, and labels are
// kept apart.
func TestMetrics(t *testing.T) {
	url := start(t, &server{metrics: `# TYPE astrohook_deliveries_pending gauge
astrohook_deliveries_pending{shard="0"} 3
astrohook_deliveries_pending{shard="1"} 4
# TYPE astrohook_deliveries_settled_total counter
astrohook_deliveries_settled_total{status="delivered",shard="0"} 5
astrohook_deliveries_settled_total{status="delivered",shard="1"} 6
astrohook_deliveries_settled_total{status="cancelled"} 7
astrohook_events_accepted_total 8
# TYPE astrohook_breakers_open gauge
astrohook_breakers_open 0
`})
	p := newProber()
	defer p.http.CloseIdleConnections()
	f, err := p.figures(t.Context(), url+"//")
	if err != nil {
		t.Fatal(err)
	}
	if f.Pending != 7 || f.Delivered != 11 || f.Failed != 0 || f.Accepted != 8 || f.BreakersOpen == nil || *f.BreakersOpen != 0 {
		t.Errorf("%+v", f)
	}
	if f.DiskFree != nil || f.Stored != nil || f.Nodes != nil || f.Webhooks != nil || f.OldestAge != nil {
		t.Errorf("metrics that the server does not have: %+v", f)
	}
}

// TestFindingsFail: a result that cannot be written is the error, before any fault.
func TestFindingsFail(t *testing.T) {
	for _, format := range []string{output.Table, output.JSON, output.NDJSON, output.YAML} {
		p := output.Flags{Output: format}.Printer(terminal.Streams{Out: full{}, Err: full{}})
		if err := show(p, []finding{{"disk", fault, "none"}}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// full is a pipe that takes nothing.
type full struct{}

var errFull = errors.New("broken pipe")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestDoctorOfAServer: a server that does not say the time, one whose clock is a few seconds
// off, which its header cannot show better, and a token that no server can take.
func TestDoctorOfAServer(t *testing.T) {
	collect := func(examine func(report)) (f finding) {
		examine(func(check, status, detail string) { f = finding{check, status, detail} })
		return f
	}
	timeless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }))
	defer timeless.Close()
	p := newProber()
	defer p.http.CloseIdleConnections()
	for at, want := range map[string]string{
		timeless.URL: skipped, "http://127.0.0.1:1": skipped,
		start(t, &server{skew: 3 * time.Second}): ok, start(t, &server{skew: -time.Minute}): warning, start(t, &server{skew: time.Minute}): warning,
	} {
		if f := collect(func(add report) { new(Doctor).skew(t.Context(), p, at, add) }); f.Check != "server's clock" || f.Status != want {
			t.Errorf("%+v, want %s", f, want)
		}
	}
	for _, target := range []connection.Target{{Server: "ftp://a.example", Token: "s3cret"}, {Server: "http://127.0.0.1:1", Token: "s3cret"}, {Server: timeless.URL, Token: "s3\ncret"}} {
		f := collect(func(add report) { new(Doctor).token(t.Context(), target, add) })
		if f.Check != "token" || f.Status != fault || f.Detail == "" || strings.Contains(f.Detail, "cret") {
			t.Errorf("%+v: %+v", target, f)
		}
	}
}

// TestNodesAreLeftOut: what the API answers to a token that may not see the nodes, and what
// is no list of them, is no node and no error.
func TestNodesAreLeftOut(t *testing.T) {
	for _, answer := range []string{"", "[]", "<html>", `{"data":7}`, `{"data":null}`, `{"title":"Not allowed"}`} {
		if got := nodes(t.Context(), connection.Target{Server: start(t, &server{nodes: answer}), Token: "t"}); len(got) > 0 {
			t.Errorf("%q: %+v", answer, got)
		}
	}
	for _, target := range []connection.Target{{Server: "http://127.0.0.1:1", Token: "t"}, {Server: ":", Token: "t"}, {Server: "http://127.0.0.1:1"}} {
		if got := nodes(t.Context(), target); len(got) > 0 {
			t.Errorf("%+v: %+v", target, got)
		}
	}
	n := node{Name: "a\x1b", Version: "1\u202e", Address: "x\n", Alive: true}
	if f := n.field(); f.Title != "node a?" || f.Text != "alive, 0 parts, version 1?, x?" || f.Tone != output.Good {
		t.Errorf("%+v", f)
	}
}
