//go:build faults

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

// ward is a server that Prometheus watches.
type ward struct {
	*server
	m *monitor
}

// TestFaultAlerts breaks one thing after the other, and waits until a real Prometheus, which
// scrapes the server with the rules that operators load, says so. Nothing fires at a server
// that is well. In the end every query of the dashboard finds something.
func TestFaultAlerts(t *testing.T) {
	over := make(chan struct{})
	receiver := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/fails":
			ctx.SetStatusCode(http.StatusInternalServerError)
		case "/hangs":
			<-over
		}
	})
	t.Cleanup(func() { close(over) })
	well := newServer(t)
	causes := causesOfAlerts(t, receiver)
	targets := []string{well.admin}
	for _, c := range causes {
		targets = append(targets, c.server.admin)
	}
	for _, s := range append([]*cause{{server: well}}, causes...) {
		if s.start != nil {
			s.start(t)
			continue
		}
		s.server.start(t)
		s.server.awaitReady(t)
	}
	m := startMonitor(t, targets...)
	delivers(t, well, receiver)
	untried := alerts(t)
	for _, c := range causes {
		if c.start == nil {
			await(t, "Prometheus to scrape "+c.server.admin, m.scraped(c.server.admin, time.Now().Add(-2*time.Second)))
		}
		for _, step := range c.steps {
			began := time.Now()
			for _, alert := range step.alerts {
				delete(untried, alert)
				if m.firing(alert, c.server.admin)() == nil {
					t.Errorf("%s fires before %s", alert, step.what)
				}
			}
			step.cause(t, ward{c.server, m})
			for _, alert := range step.alerts {
				await(t, alert+", since "+step.what, m.firing(alert, c.server.admin))
			}
			t.Logf("%v after %s, since %s", step.alerts, time.Since(began).Round(10*time.Millisecond), step.what)
		}
	}
	if len(untried) > 0 {
		t.Errorf("no fault for these alerts: %v", untried)
	}
	m.wantSilence(t, well.admin)
	m.wantDashboard(t)
}

// cause is a server, and what is done to it in steps, each with the alerts that follow.
type cause struct {
	server *server
	start  func(*testing.T) // if it is no process, or starts later
	steps  []step
}

type step struct {
	what   string
	alerts []string
	cause  func(*testing.T, ward)
}

// causesOfAlerts returns the faults. Each server has those that do not disturb one another.
func causesOfAlerts(t *testing.T, receiver *subscriber) []*cause {
	return []*cause{
		receiversFail(t, receiver), diskFills(t), diskIsSlow(t), limitsAreReached(t, receiver),
		filesRunOut(t, receiver), networkFails(t), issuerIsAway(t), attemptsPanic(t, receiver), processEnds(t),
	}
}

// delivers registers a webhook that answers, and publishes to it.
func delivers(t *testing.T, s *server, receiver *subscriber) {
	t.Helper()
	s.register(t, "acme", fields{"target_url": receiver.url("/"), "event_types": []string{"*"}})
	for range 50 {
		s.mustPublish(t)
	}
}

func receiversFail(t *testing.T, receiver *subscriber) *cause {
	return &cause{server: newServer(t), steps: []step{
		{"receivers answer with 500", []string{"AstrohookAttemptsFail", "AstrohookBreakersOpen", "AstrohookDeliveriesLate"}, func(t *testing.T, w ward) {
			for range 4 {
				w.register(t, "acme", fields{
					"target_url": receiver.url("/fails"), "event_types": []string{"*"},
					"circuit_breaker": fields{"failures": 2},
				})
			}
			for range 5 {
				w.mustPublish(t)
			}
		}},
		{"a caller has a wrong token", []string{"AstrohookTokensRefused"}, func(t *testing.T, w ward) {
			stranger := w.api
			stranger.token = "not.a.token"
			for range 1500 {
				if err := stranger.try(http.MethodGet, "/api/webhooks", nil, nil); statusOf(err) != http.StatusUnauthorized {
					t.Fatal(err)
				}
			}
		}},
	}}
}

func diskFills(t *testing.T) *cause {
	volume := mountSmall(t, diskSize)
	s := newServer(t, diskReserve)
	s.dataDir = filepath.Join(volume, "data")
	filling := filepath.Join(volume, "filling")
	return &cause{server: s, steps: []step{
		{"the disk fills", []string{"AstrohookDiskLow"}, func(t *testing.T, _ ward) { fill(t, volume, filling, 2*belowIt) }},
		{"the reserve is reached", []string{"AstrohookDiskReserve"}, func(t *testing.T, _ ward) { fill(t, volume, filling, belowIt) }},
		{"publishers are refused", []string{"AstrohookPublishingFails"}, func(t *testing.T, w ward) {
			await(t, "publishing to be refused", func() error {
				_, err := w.publish("user.created", []byte("1"))
				if statusOf(err) != http.StatusServiceUnavailable {
					return fmt.Errorf("it is not: %w", err)
				}
				return nil
			})
		}},
	}}
}

func diskIsSlow(t *testing.T) *cause {
	return &cause{server: newServer(t), steps: []step{
		{"each sync takes 0.4 s", []string{"AstrohookStorageSlow", "AstrohookPublishSlow"}, func(t *testing.T, w ward) {
			if err := w.inject("fdatasync:delay_enter=400000"); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				w.mustPublish(t)
			}
		}},
	}}
}

func limitsAreReached(t *testing.T, receiver *subscriber) *cause {
	s := newServer(t, "ASTROHOOK_MAX_PENDING=10", "ASTROHOOK_CLIENT_MAX_PENDING=9")
	return &cause{server: s, steps: []step{
		{"a paused webhook's deliveries pile up", []string{"AstrohookBacklogFull"}, func(t *testing.T, w ward) {
			id := w.register(t, "acme", fields{"target_url": receiver.url("/"), "event_types": []string{"*"}})
			w.call(t, http.MethodPost, "/api/webhooks/"+id+"/pause", nil, nil)
			for range 9 {
				w.mustPublish(t)
			}
		}},
		{"one more is withheld", []string{"AstrohookClientFull"}, func(t *testing.T, w ward) { w.mustPublish(t) }},
	}}
}

// filesRunOut runs a server that may open 256 files: 64 attempts, and 64 connections.
func filesRunOut(t *testing.T, receiver *subscriber) *cause {
	s := newServer(t)
	s.wrap = []string{"prlimit", "--nofile=256"}
	return &cause{server: s, steps: []step{
		{"receivers hang", []string{"AstrohookAttemptsWait"}, func(t *testing.T, w ward) {
			for range 30 {
				w.register(t, "acme", fields{"target_url": receiver.url("/hangs"), "event_types": []string{"*"}})
			}
			for range 10 {
				w.mustPublish(t)
			}
		}},
		{"someone opens 100 connections", []string{"AstrohookConnectionsFull"}, func(t *testing.T, w ward) {
			for range 100 {
				c, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
			}
		}},
	}}
}

func networkFails(t *testing.T) *cause {
	return &cause{server: newServer(t), steps: []step{
		{"the resolver does not know a name", []string{"AstrohookNetworkFails"}, func(t *testing.T, w ward) {
			w.register(t, "acme", fields{"target_url": "https://receiver.invalid/", "event_types": []string{"*"}})
			for range 5 {
				w.mustPublish(t)
			}
		}},
	}}
}

// issuerIsAway starts a server whose token issuer nobody has reached yet: the age of its keys
// counts from the start.
func issuerIsAway(t *testing.T) *cause {
	s := newServer(t, "ASTROHOOK_JWT_KEYS_URL=http://"+reserveAddress(t)+"/keys")
	return &cause{server: s, start: func(*testing.T) {}, steps: []step{
		{"the token issuer is away", []string{"AstrohookTokenKeysStale"}, func(t *testing.T, w ward) { w.restart(t) }},
	}}
}

// attemptsPanic is a server in this process, whose connections to receivers panic: nothing
// from outside makes the program do that.
func attemptsPanic(t *testing.T, receiver *subscriber) *cause {
	s := newServer(t)
	return &cause{server: s, start: func(t *testing.T) { s.startHere(t) }, steps: []step{
		{"an attempt panics", []string{"AstrohookFault"}, func(t *testing.T, w ward) {
			w.register(t, "acme", fields{"target_url": receiver.url("/"), "event_types": []string{"*"}})
			w.mustPublish(t)
		}},
	}}
}

// startHere starts a server with the same settings in this process.
func (s *server) startHere(t *testing.T) {
	t.Helper()
	c := app.Defaults()
	c.Listen, c.AdminListen, c.DataDir = strings.TrimPrefix(s.base, "http://"), s.admin, s.dataDir
	c.JWTSecret, c.SecretKeys, c.AllowAddresses = jwtSecret, []string{secretKey}, []string{"127.0.0.0/8"}
	c.Log = slog.New(slog.DiscardHandler)
	c.Dial = func(context.Context, string, netip.AddrPort) (net.Conn, error) { panic("a fault for the alert") }
	a, err := app.New(c)
	if err == nil {
		err = a.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func processEnds(t *testing.T) *cause {
	return &cause{server: newServer(t), steps: []step{
		{"the process was killed, three times", []string{"AstrohookRestarts"}, func(t *testing.T, w ward) {
			for range 3 {
				w.restart(t)
				await(t, "a scrape", w.m.scraped(w.admin, time.Now()))
			}
		}},
		{"it is not started again", []string{"AstrohookDown"}, func(_ *testing.T, w ward) { w.kill() }},
	}}
}

// timed are the alerts about times, which a busy machine can cause.
var timed = []string{"AstrohookStorageSlow", "AstrohookPublishSlow", "AstrohookDeliveriesLate"}

// wantSilence checks that no alert has fired for an instance.
func (m *monitor) wantSilence(t *testing.T, instance string) {
	t.Helper()
	found, err := m.series(fmt.Sprintf(`max_over_time(ALERTS{instance=%q, alertstate="firing"}[10m])`, instance))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if name := f["alertname"]; !slices.Contains(timed, name) {
			t.Errorf("%s fired at a server that is well", name)
		}
	}
}

// wantDashboard checks that every query of the dashboard finds something.
func (m *monitor) wantDashboard(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "deploy", "grafana", "astrohook.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			asked++
			expr := strings.NewReplacer("$instance", ".*", "$__rate_interval", "10m").Replace(q.Expr)
			await(t, p.Title+": "+expr, func() error {
				found, err := m.series(expr)
				if err == nil && len(found) == 0 {
					err = errors.New("it finds nothing")
				}
				return err
			})
		}
	}
	t.Logf("%d queries of the dashboard", asked)
}
