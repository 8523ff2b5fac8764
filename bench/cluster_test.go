package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// The load grows with the nodes, and at a low rate everything goes through the first one.
func TestClusterVariants(t *testing.T) {
	got := map[string]scenario{}
	for _, v := range named(t, "cluster").clusters() {
		got[v.Variant] = v
		if v.Nodes == 0 || v.OneWay != (v.Rate > 0) || v.clients() != v.Endpoints {
			t.Errorf("%+v", v)
		}
	}
	if len(got) != 6 || got[report.Nodes(1)].Connections != 4 || got[report.Nodes(4)].Connections != 4*4 || got[report.ThroughOne(4)].Nodes != 4 {
		t.Errorf("%d variants: %+v", len(got), got)
	}
	for _, g := range report.Goals() {
		if _, is := got[g.Of.Variant]; g.Of.Scenario == "cluster" && !is {
			t.Errorf("there is a goal for %s, which is not measured", g.Of)
		}
	}
}

// Nodes need a database: without one the scenario is left out, and is an error by name. With
// one there is no turn without it.
func TestClusterNeedsADatabase(t *testing.T) {
	for _, c := range []struct {
		command runCommand
		runs    bool
		fails   bool
	}{
		{runCommand{}, false, false},
		{runCommand{Scenario: []string{"cluster"}}, false, true},
		{runCommand{DatabaseURL: "postgres://h/d"}, true, false},
		{runCommand{Scenario: []string{"cluster"}, DatabaseURL: "postgres://h/d"}, true, false},
	} {
		c.command.Scale = 1
		chosen, err := c.command.chosen()
		if slices.Contains(names(chosen), "cluster") != c.runs || (err != nil) != c.fails {
			t.Errorf("%+v: %v, %v", c.command, names(chosen), err)
		}
		if got := c.command.turns(named(t, "cluster"), 1); c.runs && !slices.Equal(got, []string{"B"}) {
			t.Errorf("turns %v", got)
		}
	}
}

// Nodes are started beside the first one, get their part of the connections, count as one
// server, and are gone afterwards. The nodes here are fakes, and the first has all webhooks.
func TestClusterOfFakes(t *testing.T) {
	b := openBench(t, "")
	b.against, b.binary, b.data = nil, self(t), diskDir(t)
	s := named(t, "cluster")
	s.Endpoints, s.Nodes = 2, 3
	v, err := b.open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	nodes := append([]*server.Server{v.server}, v.others...)
	t.Run("addresses", func(t *testing.T) {
		var want []string
		for _, n := range nodes {
			want = append(want, n.Host())
		}
		if got := v.target(s).addresses; len(nodes) != 3 || !slices.Equal(got, want) {
			t.Errorf("events go to %q, and the nodes are at %q", got, want)
		}
		oneWay := s
		oneWay.OneWay = true
		if got := v.target(oneWay).addresses; !slices.Equal(got, want[:1]) {
			t.Errorf("one way is %q", got)
		}
	})
	t.Run("processor time", func(t *testing.T) {
		var used time.Duration
		for _, n := range nodes {
			one, err := process.CPUTime(n.PID())
			if err != nil {
				t.Fatal(err)
			}
			used += one
		}
		if all, err := b.use(v.target(s)); err != nil || !all.owned || all.server < used {
			t.Errorf("%+v, %v; the nodes have used %s", all, err, used)
		}
	})
	if err := v.close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, n := range nodes {
		if err := n.Call(t.Context(), "GET", "/readyz", nil, nil); err == nil {
			t.Errorf("the node at %s runs on", n.Host())
		}
	}
	if left, err := os.ReadDir(b.data); err != nil || len(left) != 0 {
		t.Errorf("data is left: %v, %v", left, err)
	}
}

// A node that does not start is an error, after which nothing runs on.
func TestClusterWithoutItsNodes(t *testing.T) {
	b := openBench(t, "")
	b.against, b.binary, b.data = nil, self(t), diskDir(t)
	s := named(t, "cluster")
	s.Nodes, s.Environment = 2, []string{"BENCH_FAKE_NODES=broken"}
	if v, err := b.open(t.Context(), s); err == nil {
		t.Errorf("opened, with %d nodes", 1+len(v.others))
	}
	if left, err := os.ReadDir(b.data); err != nil || len(left) != 0 {
		t.Errorf("data is left: %v, %v", left, err)
	}
}
