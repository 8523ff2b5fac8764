package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/corpastro/astrohook/bench/loadgen"
	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// bench holds what all runs share.
type bench struct {
	receiver *process.Program
	// deliverTo is the receiver's address as the server sees it.
	deliverTo string
	control   receiver.Control
	// against is a server that runs already; nil to start a fresh one from binary for each scenario.
	against      *server.Server
	binary, data string
	warmUp       time.Duration
	progress     *progress
}

// run plays a scenario once and tells how it went.
func (b *bench) run(ctx context.Context, s scenario) ([]report.Result, error) {
	play := s.play
	if play == nil {
		play = once
	}
	return play(ctx, b, s)
}

// target is where a generator sends, and which process is measured.
type target struct {
	shape   loadgen.Shape
	address string
	secret  string
	// server is nil if there is none, or somebody else started it.
	server *server.Server
}

// measureAlone measures a scenario on a server of its own.
func (b *bench) measureAlone(ctx context.Context, s scenario) (r report.Result, err error) {
	if s.Bare {
		t := target{shape: loadgen.Shape{Host: b.deliverTo, Path: receiver.DeliverPath + "0"}, address: b.deliverTo}
		return b.warmAndMeasure(ctx, s, t)
	}
	v, err := b.open(ctx, s)
	if err != nil {
		return report.Result{}, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	if s.Slow == 0 {
		return b.warmAndMeasure(ctx, s, v.target(s))
	}
	if err := v.addSlow(ctx, s); err != nil {
		return report.Result{}, err
	}
	if r, err = b.warmAndMeasure(ctx, s, v.target(s)); err != nil {
		return r, err
	}
	return r, v.checkSlow(ctx)
}

// warmAndMeasure loads the target for a while, then measures.
func (b *bench) warmAndMeasure(ctx context.Context, s scenario, t target) (report.Result, error) {
	if b.warmUp > 0 && !s.Cold {
		warm := s
		warm.Duration = b.warmUp
		if !s.FanOut && s.Endpoints > warmedInTime { // until each has had a delivery
			warm.Events = uint64(s.Endpoints)
		}
		b.progress.step(s, "warming up")
		if r, err := b.measure(ctx, warm, t); err != nil || r.Broken() {
			return r, err
		}
	}
	b.progress.step(s, fmt.Sprintf("running for %s", s.Duration))
	return b.measure(ctx, s, t)
}

// warmedInTime is how many endpoints at least get a delivery within a usual time of warming up.
const warmedInTime = 10_000

// onLoopback tells whether names under localhost lead to the receiver.
func (b *bench) onLoopback() bool {
	host, _, err := net.SplitHostPort(b.deliverTo)
	return err == nil && host == "127.0.0.1"
}

// measure loads the target, waits until all is delivered, and sums up.
func (b *bench) measure(ctx context.Context, s scenario, t target) (report.Result, error) {
	m, err := b.begin(ctx, s, t)
	if err != nil {
		return report.Result{}, err
	}
	if err := m.publish(ctx); err != nil {
		m.observer.stop()
		return report.Result{}, err
	}
	return m.end(ctx)
}

// awaitDelivered returns when so many deliveries have arrived, or none for the
// time of patience.
func (b *bench) awaitDelivered(ctx context.Context, want uint64, patience time.Duration) error {
	var last uint64
	moved := time.Now()
	for time.Since(moved) < patience {
		c, err := b.control.Counts(ctx)
		if err != nil {
			return err
		}
		if c.Distinct >= want {
			return nil
		}
		if c.Distinct != last {
			last, moved = c.Distinct, time.Now()
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits; it gives the context's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
