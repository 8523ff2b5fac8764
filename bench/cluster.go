package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/corpastro/astrohook/bench/report"
)

// clusters returns the variants of cluster: each number of nodes under a load that grows with
// it, and the latency of events at a low rate that are all published through one node.
func (s scenario) clusters() (all []scenario) {
	for _, n := range s.Points {
		v := s.variant("%s", report.Nodes(n))
		v.Nodes, v.Connections = n, n*s.Connections
		all = append(all, v)
	}
	for _, n := range []int{s.Points[0], s.Points[len(s.Points)-1]} {
		v := s.variant("%s", report.ThroughOne(n))
		v.Nodes, v.OneWay, v.Rate = n, true, clusterRate
		all = append(all, v)
	}
	return all
}

// clusterRate is far below what any node can do.
const clusterRate = 100

// playCluster measures nodes that share a database. It has nothing to measure in a data
// directory.
func playCluster(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	return each(ctx, b, s.clusters())
}

// startNodes starts the nodes beside the first one, and returns when all have their shares.
func (v *session) startNodes(ctx context.Context, s scenario) error {
	v.b.progress.step(s, fmt.Sprintf("starting %d nodes", s.Nodes))
	for len(v.others) < s.Nodes-1 {
		other, err := v.server.Beside()
		if err != nil {
			return err
		}
		v.others = append(v.others, other)
		if err := other.Start(ctx); err != nil {
			return err
		}
	}
	return v.server.AwaitShares(ctx, s.Nodes)
}

// closeNodes ends the nodes beside the first one.
func (v *session) closeNodes() error {
	var errs []error
	for _, other := range v.others {
		errs = append(errs, other.Close())
	}
	v.others = nil
	return errors.Join(errs...)
}
