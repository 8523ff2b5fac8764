package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// A saturated server is watched in every variant, and the variants are those that have goals.
func TestSaturation(t *testing.T) {
	b := openBench(t, "")
	s := named(t, "saturation")
	s.Points = []int{4}
	results, err := playSaturation(t.Context(), b, s)
	if err != nil || len(results) != 2 {
		t.Fatalf("%+v, %v", results, err)
	}
	for _, r := range results {
		if r.Broken() || r.Delivered != r.Acknowledged || r.Connections != 4 {
			t.Errorf("%s: %+v", r.Key, r)
		}
		if part, looked := r.Figures[report.BusyLooks]; !looked || part < 0 || part > 1 {
			t.Errorf("%s: %v of the looks found work in flight", r.Key, part)
		}
	}
	judged := map[string]bool{}
	for _, g := range report.Goals() {
		judged[g.Of.String()] = true
	}
	variants := named(t, "saturation").saturations()
	for _, v := range variants {
		if !judged["saturation, "+v.Variant] {
			t.Errorf("%s has no goal", v.Variant)
		}
	}
	if len(variants) != 6 {
		t.Errorf("%d variants", len(variants))
	}
}

// What the looks at a server come to: the worst window counts, not the mean, and a server
// that stands still while something waits is seen.
func TestSaturationWatch(t *testing.T) {
	type look struct {
		at               time.Duration
		arrived, pending uint64
		inFlight         int
	}
	for _, c := range []struct {
		reason      string
		looks       []look
		least, busy float64
		most        uint64
	}{
		{"all is delivered as it comes", []look{{0, 0, 0, 0}, {2 * time.Second, 1000, 0, 9}, {4 * time.Second, 2000, 0, 9}}, 1, 1, 0},
		{"one window falls behind and the next catches up", []look{{0, 0, 0, 0}, {2 * time.Second, 500, 500, 9}, {4 * time.Second, 2000, 0, 9}}, 0.5, 1, 500},
		{"looks within a window are no windows", []look{{0, 0, 0, 0}, {time.Second, 0, 900, 9}, {2 * time.Second, 1000, 0, 9}}, 1, 1, 900},
		{"nothing is in flight though much waits", []look{{0, 0, 5000, 0}, {2 * time.Second, 1000, 4000, 9}}, 1, 0.5, 5000},
		{"nothing is in flight and nothing but outcomes is pending", []look{{0, 0, recordedLater, 0}, {2 * time.Second, 192, 0, 0}}, 1, 1, recordedLater},
	} {
		w := &saturationWatch{endpoints: 1, window: 2 * time.Second}
		began := time.Now()
		for _, l := range c.looks {
			w.note(l.arrived, l.pending, l.inFlight, began.Add(l.at))
		}
		var r report.Result
		w.report(&r)
		least, windows := r.Figures[report.LeastDelivered]
		if windows && least != c.least || r.Figures[report.BusyLooks] != c.busy || r.Figures[report.MostPending] != float64(c.most) {
			t.Errorf("%s: %v", c.reason, r.Figures)
		}
	}
}

// The flags that fix the number of connections or of endpoints leave out the other variants.
func TestSaturationByFlags(t *testing.T) {
	for _, c := range []struct {
		reason  string
		command runCommand
		want    []string
	}{
		{"neither", runCommand{}, []string{
			report.Saturation(1, 64), report.Saturation(1, 256), report.Saturation(1, 512),
			report.Saturation(10, 64), report.Saturation(10, 256), report.Saturation(10, 512),
		}},
		{"connections", runCommand{Connections: 8}, []string{report.Saturation(1, 8), report.Saturation(10, 8)}},
		{"endpoints", runCommand{Endpoints: 3}, []string{report.Saturation(3, 64), report.Saturation(3, 256), report.Saturation(3, 512)}},
		{"both", runCommand{Connections: 8, Endpoints: 3}, []string{report.Saturation(3, 8)}},
	} {
		c.command.Scale, c.command.Scenario = 1, []string{"saturation"}
		chosen, err := c.command.chosen()
		if err != nil || len(chosen) != 2 {
			t.Fatalf("%s: %v, %v", c.reason, names(chosen), err)
		}
		var got []string
		for _, v := range chosen[1].saturations() {
			got = append(got, v.Variant)
			if v.Endpoints == 0 || v.Connections == 0 || v.clients() != v.Endpoints {
				t.Errorf("%s: %+v", c.reason, v.Settings)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
}

// A server that does not say how it is doing is an error: the run would show nothing.
func TestSaturationNeedsAnOverview(t *testing.T) {
	b := openBench(t, "")
	deaf := httptest.NewServer(http.NotFoundHandler())
	defer deaf.Close()
	w := &saturationWatch{receiver: b.control, server: server.API{Base: deaf.URL}, endpoints: 1, window: time.Second}
	if err := w.run(t.Context()); err == nil {
		t.Error("the watch has seen nothing, and says nothing")
	}
	if w.looks != 0 {
		t.Errorf("%d looks", w.looks)
	}
}
