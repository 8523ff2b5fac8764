package main

import (
	"strings"
	"testing"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/report"
)

// Endpoints are registered where the receiver expects their deliveries: the first ones as
// black holes, each with a client or a host of its own if the scenario says so.
func TestEndpointsOfAScenario(t *testing.T) {
	for name, c := range map[string]struct {
		change                     func(*scenario)
		clients, blackHoles, hosts int
	}{
		"one client":           {func(s *scenario) { s.FanOut = true }, 1, 0, 1},
		"a client for each":    {func(s *scenario) { s.FanOut = false }, 4, 0, 1},
		"with black holes":     {func(s *scenario) { s.FanOut, s.BlackHoles = false, 2 }, 4, 2, 1},
		"with a host for each": {func(s *scenario) { s.FanOut, s.Hosts = false, true }, 4, 0, 4},
	} {
		b, fake := openBenchAndServer(t, "")
		s := named(t, "single")
		s.Endpoints = 4
		c.change(&s)
		v, err := b.open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		fake.mu.Lock()
		clients, hosts, blackHoles := map[string]bool{}, map[string]bool{}, 0
		for _, e := range fake.endpoints {
			clients[e.Client] = true
			host, path, _ := strings.Cut(strings.TrimPrefix(e.URL, "http://"), "/")
			hosts[host] = true
			if strings.HasPrefix(path, "black-hole/") {
				blackHoles++
			}
			if e.Secret != v.secret || e.Type != event.Type || !strings.Contains("0123", path[len(path)-1:]) {
				t.Errorf("%s: %+v", name, e)
			}
		}
		fake.mu.Unlock()
		if len(clients) != c.clients || len(hosts) != c.hosts || blackHoles != c.blackHoles {
			t.Errorf("%s: %d clients, %d hosts, %d black holes", name, len(clients), len(hosts), blackHoles)
		}
		if err := v.close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A long run's course belongs to its result; a short run has its peaks only.
func TestObserverKeepsTheCourse(t *testing.T) {
	points := []report.Point{{X: 1, Y: 10}, {X: 2, Y: 20}}
	o := &observer{anon: points, disk: points, rate: points, p50: points, p99: points}
	o.peak.Peak, o.peak.Anon = 3<<20, 2<<20
	for _, timeline := range []bool{false, true} {
		o.s.Timeline = timeline
		var r report.Result
		o.report(&r)
		if r.Figures[report.PeakMemory] != 3<<20 || r.Figures[report.PeakAnon] != 2<<20 {
			t.Errorf("peaks %v", r.Figures)
		}
		if (len(r.Curves) == 5) != timeline {
			t.Errorf("with a timeline %v: %d curves", timeline, len(r.Curves))
		}
	}
	var none report.Result
	(&observer{}).report(&none) // against a server of others no memory is seen
	if len(none.Figures) != 0 {
		t.Errorf("%v", none.Figures)
	}
}
