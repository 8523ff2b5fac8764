package main

import (
	"slices"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parse reads a command line as the bench does.
func parse(t *testing.T, args ...string) (*runCommand, error) {
	t.Helper()
	var c runCommand
	parser, err := kong.New(&c, kong.Name("bench"), kong.Exit(func(int) { t.Errorf("%q ended the test", args) }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &c, err
}

// The command lines of README.md and of the Makefile are understood, and mean what they say.
func TestFlags(t *testing.T) {
	c, err := parse(t)
	if err != nil || c.Repetitions != 1 || c.LongRepetitions != 1 || c.Scale != 1 || c.WarmUp != 2*time.Second || c.Listen != "127.0.0.1:0" {
		t.Errorf("the defaults: %+v, %v", c, err)
	}
	if c, err = parse(t, "--scenario", "single,batch", "--repetitions", "5", "--results", "bench/results"); err != nil || !slices.Equal(c.Scenario, []string{"single", "batch"}) || c.Repetitions != 5 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = parse(t, "--compare", "/tmp/before,/tmp/after", "--scenario", "single"); err != nil || len(c.Compare) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = parse(t, "--scenario", "herd", "--scale", "0.01"); err != nil || c.Scale != 0.01 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range [][]string{{"--against", "http://h"}, {"--smok"}, {"--rate", "-1"}, {"herd"}} {
		if c, err := parse(t, wrong...); err == nil {
			t.Errorf("%q was understood as %+v", wrong, c)
		}
	}
}

// A flag that is left out keeps each scenario's own value; bare takes only the flags that
// concern it.
func TestFlagsChangeScenarios(t *testing.T) {
	c := &runCommand{Scenario: []string{"latency", "batch", "backlog"}, Scale: 1, Rate: 50, Endpoints: 3, Payload: 128, Backlog: 1000}
	chosen, err := c.chosen()
	if err != nil {
		t.Fatal(err)
	}
	bare, batch, latency, backlog := chosen[0], chosen[1], chosen[2], chosen[3]
	if bare.Payload != 128 || bare.Rate != 0 || bare.Endpoints != 1 || bare.Batch != 1 {
		t.Errorf("bare: %+v", bare.Settings)
	}
	if batch.Rate != 50 || batch.Endpoints != 3 || batch.Batch != 100 || batch.Connections != 16 || batch.Duration != 10*time.Second {
		t.Errorf("batch: %+v", batch)
	}
	if latency.Rate != 50 || latency.Connections != 64 || backlog.Pending != 1000 {
		t.Errorf("latency: %+v, backlog of %d", latency.Settings, backlog.Pending)
	}
	c = &runCommand{Scenario: []string{"single"}, Scale: 1, Connections: 8}
	if chosen, err = c.chosen(); err != nil || chosen[1].Connections != 8 || chosen[1].play != nil {
		t.Errorf("single with 8 connections: %+v, %v", chosen, err)
	}
}
