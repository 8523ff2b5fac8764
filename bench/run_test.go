package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/report"
)

func TestNoSecretIsPublished(t *testing.T) {
	for _, args := range [][]string{
		{"--token", "s3cret", "--rate", "5"},
		{"--rate", "5", "--token=s3cret"},
		{"--database-url", "postgres://u:s3cret@h/d", "--rate", "5"},
		{"--rate", "5", "--database-url=postgres://u:s3cret@h/d"},
	} {
		got := withoutSecrets(args)
		if slices.ContainsFunc(got, func(a string) bool { return strings.Contains(a, "s3cret") }) {
			t.Errorf("%q", got)
		}
		if !slices.Contains(got, "--rate") || len(got) != len(args) {
			t.Errorf("%q of %q", got, args)
		}
	}
}

func names(chosen []scenario) (names []string) {
	for _, s := range chosen {
		names = append(names, s.Name)
	}
	return names
}

// Bare comes first whatever was asked for, and servers of others are not started again.
func TestChosenScenarios(t *testing.T) {
	for _, c := range []struct {
		command runCommand
		want    []string // nil for an error
	}{
		{runCommand{Scenario: []string{"batch", "single"}}, []string{report.Bare, "single", "batch"}},
		{runCommand{Smoke: true}, []string{report.Bare, "single", "batch", "fan-out", "watched"}},
		{runCommand{Scenario: []string{"nonsense"}}, nil},
		{runCommand{Scenario: []string{"backlog"}, Against: "http://h"}, nil},
		{runCommand{Against: "http://h"}, []string{report.Bare, "single", "batch", "fan-out", "many", "latency", "isolation", "watched", "herd", "saturation"}},
	} {
		c.command.Scale = 1
		got, err := c.command.chosen()
		if !slices.Equal(names(got), c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%+v: %v, %v", c.command, names(got), err)
		}
	}
}

func TestScale(t *testing.T) {
	byName := map[string]scenario{}
	for _, s := range scenarios() {
		s.scale(0.01)
		byName[s.Name] = s
	}
	if s := byName["single"]; s.Endpoints != 1 || s.Duration != 10*time.Second {
		t.Errorf("single became %+v", s)
	}
	if s := byName["registered"]; s.Endpoints != 10_000 {
		t.Errorf("%d registered endpoints", s.Endpoints)
	}
	if s := byName["backlog"]; s.Pending != 100_000 {
		t.Errorf("%d pending deliveries", s.Pending)
	}
	if s := byName["sustained"]; s.Duration != 10*time.Second {
		t.Errorf("sustained for %s", s.Duration)
	}
	if s := byName["scaling"]; !slices.Equal(s.Points, []int{1, 10, 100, 1000}) {
		t.Errorf("scaling over %v endpoints", s.Points)
	}
}

func TestTurnsAlternate(t *testing.T) {
	c := runCommand{Compare: []string{"a", "b"}}
	for repetition, want := range map[int][]string{1: {"A", "B"}, 2: {"B", "A"}, 3: {"A", "B"}} {
		if got := c.turns(scenario{}, repetition); !slices.Equal(got, want) {
			t.Errorf("repetition %d: %v", repetition, got)
		}
	}
	if got := c.turns(scenario{Bare: true}, 1); !slices.Equal(got, []string{""}) {
		t.Errorf("bare: %v", got)
	}
}

func TestValidate(t *testing.T) {
	good := runCommand{Repetitions: 1, LongRepetitions: 1, Scale: 1}
	if err := good.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, change := range map[string]func(*runCommand){
		"payload too small":   func(c *runCommand) { c.Payload = event.MinPayload - 1 },
		"negative rate":       func(c *runCommand) { c.Rate = -1 },
		"negative duration":   func(c *runCommand) { c.Duration = -1 },
		"no repetition":       func(c *runCommand) { c.Repetitions = 0 },
		"no scale":            func(c *runCommand) { c.Scale = 0 },
		"against, no token":   func(c *runCommand) { c.Against = "http://h" },
		"one binary":          func(c *runCommand) { c.Compare = []string{"a"} },
		"binaries and binary": func(c *runCommand) { c.Compare, c.Binary = []string{"a", "b"}, "c" },
	} {
		c := good
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: valid", name)
		}
	}
}
