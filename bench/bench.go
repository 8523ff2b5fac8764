package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/corpastro/astrohook/bench/loadgen"
	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// bench holds what all runs share: one receiver for all, and the way to a server.
type bench struct {
	// receiver is the process whose processor time is measured.
	receiver *process.Program
	// deliverTo is the receiver's address as the server sees it.
	deliverTo string
	// control reaches the receiver.
	control receiver.Control
	// against is a server that runs already; nil to start a fresh one from binary for each
	// scenario, with its data directory below data.
	against      *server.Server
	binary, data string
	// database, if not nil, is where every other server keeps everything: those of the
	// turns in which stored is set.
	database *server.Database
	stored   bool
	warmUp   time.Duration
	// settle is how long a server is left alone before its memory at rest is read.
	settle   time.Duration
	progress *progress
	// closers end what was started, the last one first.
	closers []func() error
}

// close ends everything that the bench started and that no scenario ends itself.
func (b *bench) close() error {
	var errs []error
	for _, closer := range slices.Backward(b.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// buildServer builds the server that scenarios start, into a folder that close removes.
func (b *bench) buildServer(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "astrohook-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the server: %w", err)
	}
	b.closers = append(b.closers, func() error { return os.RemoveAll(dir) })
	b.progress.say("building the server")
	b.binary, err = server.Build(ctx, dir)
	return err
}

// run plays a scenario once, and returns a result for each of its variants.
func (b *bench) run(ctx context.Context, s scenario) ([]report.Result, error) {
	play := s.play
	if play == nil {
		play = once
	}
	return play(ctx, b, s)
}

// target is where a generator sends, and which process is measured: a server, or in bare
// the receiver.
type target struct {
	shape loadgen.Shape
	// addresses are all at which events may arrive.
	addresses []string
	// secret signs the deliveries; "" if they are unsigned, as in bare.
	secret string
	// server is nil if there is none, or somebody else started it.
	server *server.Server
	// others are the nodes beside it, if it is the first of a cluster.
	others []*server.Server
}

// measureAlone measures a scenario on a server of its own, so that no run inherits
// another's backlog, tables or memory.
func (b *bench) measureAlone(ctx context.Context, s scenario) (r report.Result, err error) {
	if s.Bare {
		t := target{shape: loadgen.Shape{Host: b.deliverTo, Path: receiver.DeliverPath + "0"}, addresses: []string{b.deliverTo}}
		return b.warmAndMeasure(ctx, s, t)
	}
	v, err := b.open(ctx, s)
	if err != nil {
		return report.Result{}, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	switch {
	case s.Watched:
		return v.measureWatched(ctx, s)
	case s.Slow == 0: // nothing is beside the load
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

// warmAndMeasure loads the target for a while, then measures: a server's first seconds
// grow its heap and its connections. A warm-up that breaks a promise is the result.
func (b *bench) warmAndMeasure(ctx context.Context, s scenario, t target) (report.Result, error) {
	if b.warmUp > 0 && !s.Cold {
		warm := s
		warm.Duration = b.warmUp
		if !s.FanOut && s.Endpoints > warmByCountAbove {
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

// Above this many endpoints, a warm-up lasts until each has had one delivery, however
// long that takes; below, its usual time is enough for that.
const warmByCountAbove = 10_000

// onLoopback reports whether names under localhost lead to the receiver (RFC 6761, 6.3).
func (b *bench) onLoopback() bool {
	host, _, err := net.SplitHostPort(b.deliverTo)
	return err == nil && host == "127.0.0.1"
}

// measure loads the target, waits until all is delivered or lost, and sums up.
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

// awaitDelivered returns when so many deliveries have arrived, or when none has arrived
// for the time of patience: the rest is lost then, which the audit counts.
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

// sleep waits, and returns the context's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
