package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/corpastro/astrohook/bench/report"
)

// once measures a scenario as it is, on a server of its own.
func once(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	r, err := b.measureAlone(ctx, s)
	if err != nil {
		return nil, err
	}
	return []report.Result{r}, nil
}

// each measures several scenarios, each on a server of its own. It returns what was
// measured before an error as well.
func each(ctx context.Context, b *bench, all []scenario) ([]report.Result, error) {
	var results []report.Result
	for _, s := range all {
		r, err := b.measureAlone(ctx, s)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

// playConnections measures the scenario, and again with other numbers of connections: few
// show the latency of an exchange, many the limit of throughput.
func playConnections(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	all := []scenario{s.on(report.ConnectionsAxis, s.Name, s.Connections)}
	for _, n := range s.Points {
		v := s.variant("connections %d", n).on(report.ConnectionsAxis, s.Name, n)
		v.Connections = n
		all = append(all, v)
	}
	return each(ctx, b, all)
}

// hostsApart is the variant in which no two endpoints share connections.
const hostsApart = "a host for each"

// playMany measures endpoints at one host, and at one host each. The names of many hosts
// lead to the receiver only where it listens on 127.0.0.1.
func playMany(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	all := []scenario{s}
	if b.onLoopback() {
		apart := s.variant(hostsApart)
		apart.Hosts = true
		all = append(all, apart)
	}
	return each(ctx, b, all)
}

// playIsolation measures healthy endpoints without black holes and slow endpoints beside
// them, and with. The rate is far below the limit: a shared processor would show as well.
func playIsolation(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	without := s.variant(report.AllHealthy)
	without.BlackHoles, without.Slow = 0, 0
	return each(ctx, b, []scenario{without, s})
}

// playScaling measures the cost of a delivery over processors, sizes and endpoints: each
// of them by itself, with the rest as in single.
func playScaling(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	return each(ctx, b, slices.Concat(s.overCores(), s.overPayloads(), s.overEndpoints()))
}

// overCores varies GOMAXPROCS of the server. Generator and receiver keep all processors.
func (s scenario) overCores() (all []scenario) {
	for _, procs := range []int{1, 2} {
		one := s.variant("single, GOMAXPROCS %d", procs).on(report.CoresAxis, "single", procs)
		ten := s.variant("fan-out, GOMAXPROCS %d", procs).on(report.CoresAxis, "fan-out", procs)
		fanOut(&ten)
		environment := []string{fmt.Sprintf("GOMAXPROCS=%d", procs)}
		one.Environment, ten.Environment = environment, environment
		all = append(all, one, ten)
	}
	return all
}

// overPayloads varies the size of the data, from a notification to half of the largest
// that a server accepts. Each size has a bare run of its own: copying is part of the limit.
func (s scenario) overPayloads() (all []scenario) {
	for _, size := range []int{128, 512, 2 << 10, 8 << 10, 32 << 10, 128 << 10} {
		bare := s.variant("payload %s", report.FormatCount(size)).on(report.PayloadAxis, "bare", size)
		bare.Payload, bare.Bare, bare.Name = size, true, report.Bare
		v := s.variant("payload %s", report.FormatCount(size)).on(report.PayloadAxis, "single", size)
		v.Payload = size
		all = append(all, bare, v)
	}
	return all
}

// overEndpoints varies the number of endpoints. The largest number comes once more
// without a warm-up, when each delivery starts an actor.
func (s scenario) overEndpoints() (all []scenario) {
	for _, n := range s.Points {
		v := s.variant("endpoints %s", report.FormatCount(n)).on(report.EndpointsAxis, "one endpoint per event", n)
		v.Endpoints, v.FanOut = n, false
		all = append(all, v)
	}
	first := all[len(all)-1]
	first.Variant += ", first deliveries"
	first.Axis, first.Curve, first.X, first.Cold = "", "", 0, true // no point on the curve
	return append(all, first)
}
