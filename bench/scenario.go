package main

import (
	"context"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
)

// scenario is one way to load a server.
type scenario struct {
	Name, Variant string
	report.Settings
	// Bare: no server; the generator posts to the receiver.
	Bare bool
	// FanOut: all endpoints belong to one client, and each event goes to every one.
	// Otherwise each endpoint has a client of its own, and each event goes to one.
	FanOut bool
	// Duration is how long to publish.
	Duration time.Duration
	// Events, if not 0, is how many events to publish, however long it takes.
	Events uint64
	// BlackHoles is how many of the endpoints take requests and never answer.
	BlackHoles int
	// Slow is how many endpoints of one more client answer, but late, and have a backlog.
	Slow int
	// Refusing endpoints refuse connections until all events are published.
	Refusing bool
	// Hosts: each endpoint has a host name of its own, and so connections.
	Hosts bool
	// Watched: a console is open and streams are read while the scenario runs.
	Watched bool
	// Cold: no warm-up, so that most deliveries are the first of their endpoints.
	Cold bool
	// Patience is how long nothing may arrive before the rest counts as lost.
	Patience time.Duration
	// Environment is set for the server in addition to the bench's own settings.
	Environment []string

	// Nodes is how many nodes share a database; 0 for a server by itself.
	Nodes int
	// OneWay: all events are published through the first node, and not through all in turn.
	OneWay bool

	// Pending is how many deliveries wait when a backlog is complete.
	Pending uint64
	// Points are the values on a scenario's curve: of connections, or of endpoints.
	Points []int
	// Long scenarios have a number of repetitions of their own.
	Long bool
	// Timeline: what changes during the run belongs to its result.
	Timeline bool
	// Own: the bench must be able to start and stop the server.
	Own bool
	// Shared: it takes a database that servers share.
	Shared bool
	// play returns one result for each variant; nil stands for once.
	play func(context.Context, *bench, scenario) ([]report.Result, error)
}

// clients returns how many clients own the endpoints.
func (s scenario) clients() int {
	if s.FanOut {
		return 1
	}
	return s.Endpoints
}

// expectation returns what the receiver must know of the scenario, without the run's own name.
func (s scenario) expectation() receiver.Expectation {
	return receiver.Expectation{Endpoints: uint64(s.Endpoints), FanOut: s.FanOut, BlackHoles: uint64(s.BlackHoles)}
}

// variant returns a copy with another name.
func (s scenario) variant(format string, args ...any) scenario {
	s.Variant = fmt.Sprintf(format, args...)
	return s
}

// on returns a copy that is a point on a curve.
func (s scenario) on(axis, curve string, x int) scenario {
	s.Axis, s.Curve, s.X = axis, curve, float64(x)
	return s
}

// scale makes the large sizes of a scenario smaller, or larger. Small sizes stay: they are
// what the scenario is about, and not what makes it long.
func (s *scenario) scale(factor float64) {
	s.Pending = uint64(float64(s.Pending) * factor)
	if s.Endpoints >= 1000 {
		s.Endpoints = max(int(float64(s.Endpoints)*factor), 10)
	}
	if s.Duration >= time.Minute {
		s.Duration = max(time.Duration(float64(s.Duration)*factor), 10*time.Second)
	}
	if s.Name == "scaling" { // the points beyond the scaled largest one are left out
		last := len(s.Points) - 1
		limit := float64(s.Points[last]) * factor
		for last > 0 && float64(s.Points[last]) > limit {
			last--
		}
		s.Points = s.Points[:last+1]
	}
}

// scenarios returns all scenarios of the bench, in the order in which they run. Each
// answers one question, and README.md has their goals.
func scenarios() []scenario { return append(shortScenarios(), longScenarios()...) }

// likeSingle returns a scenario that differs from single in as little as possible, so that
// figures can be compared.
func likeSingle(name string, change func(*scenario)) scenario {
	s := scenario{
		Name:     name,
		Settings: report.Settings{Connections: 256, Batch: 1, Payload: 512, Endpoints: 1},
		FanOut:   true, Duration: 10 * time.Second, Patience: 45 * time.Second,
	}
	change(&s)
	return s
}

// shortScenarios take seconds each, and are repeated until medians mean something.
func shortScenarios() []scenario {
	return []scenario{
		// What the machine does without a server.
		likeSingle(report.Bare, func(s *scenario) { s.Bare = true }),
		// The cost of one event: a request, a commit, a delivery.
		likeSingle("single", func(s *scenario) { s.Points, s.play = []int{1, 64, 512}, playConnections }),
		// The limit of accepting and delivering when requests cost little.
		likeSingle("batch", batch),
		// The limit of delivering when accepting costs little.
		likeSingle("fan-out", fanOut),
		// What it costs that each delivery wakes another endpoint.
		likeSingle("many", func(s *scenario) { s.Endpoints, s.FanOut, s.play = 10_000, false, playMany }),
		// The time that an event takes when nothing waits.
		likeSingle("latency", func(s *scenario) { s.Rate, s.Connections = 500, 64 }),
		// Whether hostile endpoints are felt by healthy ones.
		likeSingle("isolation", func(s *scenario) {
			s.Endpoints, s.FanOut, s.BlackHoles, s.Slow, s.Rate, s.Connections = 100, false, 10, 64, 1000, 64
			s.Duration, s.play = 40*time.Second, playIsolation
		}),
		// Whether publishers and receivers feel those who look on.
		likeSingle("watched", func(s *scenario) { s.Watched, s.play = true, playWatched }),
		// What a delivery costs with more processors, bytes or endpoints.
		likeSingle("scaling", func(s *scenario) {
			s.Points, s.play, s.Own = []int{1, 10, 100, 1000, 10_000, 100_000}, playScaling, true
			s.Duration = 5 * time.Second
		}),
		// What a delivery costs with more nodes, and how late it is if another node makes it.
		likeSingle("cluster", func(s *scenario) {
			s.Endpoints, s.FanOut, s.Connections, s.Points = 64, false, 32, []int{1, 2, 3, 4}
			s.play, s.Own, s.Shared = playCluster, true, true
		}),
	}
}

// longScenarios take minutes each.
func longScenarios() []scenario {
	return []scenario{
		// Whether endpoints that come back together are flooded. Breakers open for up to 15
		// minutes, so that is how long nothing may arrive.
		likeSingle("herd", func(s *scenario) {
			batch(s)
			s.Endpoints, s.FanOut, s.Refusing, s.Patience = 10_000, false, true, 16*time.Minute
			s.play, s.Long, s.Timeline = playHerd, true, true
		}),
		// What an endpoint costs that does nothing.
		likeSingle("registered", func(s *scenario) {
			s.Endpoints, s.Rate, s.Connections = 1_000_000, 500, 64
			s.play, s.Long, s.Own = playRegistered, true, true
		}),
		// Whether a backlog on disk costs memory, or time at a start.
		likeSingle("backlog", func(s *scenario) {
			batch(s)
			s.Endpoints, s.Pending = 10, 10_000_000
			s.play, s.Long, s.Own, s.Timeline = playBacklog, true, true, true
		}),
		// Whether deliveries keep up with publishers that never wait.
		likeSingle("saturation", func(s *scenario) {
			s.Endpoints, s.FanOut, s.Points, s.Duration = 0, false, []int{64, 256, 512}, 2*time.Minute
			s.play, s.Long, s.Timeline = playSaturation, true, true
		}),
		// Whether anything grows or slows down while a load lasts.
		likeSingle("sustained", func(s *scenario) {
			batch(s)
			s.Duration, s.play, s.Long, s.Own, s.Timeline = 10*time.Minute, playSustained, true, true, true
		}),
	}
}

// batch publishes 100 events in a request.
func batch(s *scenario) { s.Batch, s.Connections = 100, 16 }

// fanOut delivers each event ten times.
func fanOut(s *scenario) { s.Endpoints, s.Connections = 10, 64 }
