package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
)

// observer looks at a run from outside: the server's memory, its data directory,
// and what has arrived.
type observer struct {
	b      *bench
	s      scenario
	server *server
	cancel context.CancelFunc
	done   sync.WaitGroup
	once   sync.Once
	begun  time.Time

	// These belong to the goroutine until done.
	peak   memory
	anon   []point
	disk   []point
	rate   []point
	p50    []point
	p99    []point
	last   counts
	lastAt time.Time
	err    error
}

const (
	memoryEvery = 100 * time.Millisecond
	countsEvery = 500 * time.Millisecond
	// windows is into how many parts a run of given length is divided for its curves.
	windows = 60
)

// observe looks until stop is called.
func (b *bench) observe(ctx context.Context, s scenario, t target) *observer {
	ctx, cancel := context.WithCancel(ctx)
	o := &observer{b: b, s: s, server: t.server, cancel: cancel, begun: time.Now(), lastAt: time.Now()}
	o.done.Go(func() { o.run(ctx) })
	return o
}

func (o *observer) run(ctx context.Context) {
	memoryTick, countsTick := time.NewTicker(memoryEvery), time.NewTicker(countsEvery)
	windowTick := time.NewTicker(max(o.s.Duration/windows, time.Second))
	defer memoryTick.Stop()
	defer countsTick.Stop()
	defer windowTick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-memoryTick.C:
			o.lookAtMemory()
		case <-countsTick.C:
			err = o.lookAtCounts(ctx)
		case <-windowTick.C:
			err = o.lookAtWindow(ctx)
		}
		if err != nil && ctx.Err() == nil {
			o.err = fmt.Errorf("observe the run: %w", err)
			return
		}
	}
}

// lookAtMemory does without the sizes of a process that is just being restarted.
func (o *observer) lookAtMemory() {
	if pid := o.server.pid(); pid != 0 {
		if m, err := readMemory(pid); err == nil {
			o.peak = o.peak.max(m)
		}
	}
}

func (o *observer) lookAtCounts(ctx context.Context) error {
	c, err := o.b.counts(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	rate := float64(c.Distinct-o.last.Distinct) / now.Sub(o.lastAt).Seconds()
	o.last, o.lastAt = c, now
	o.rate = append(o.rate, point{now.Sub(o.begun).Seconds(), rate})
	o.b.progress.live(o.s, fmt.Sprintf("%3.0f s  %s delivered/s  %s delivered  server %s",
		now.Sub(o.begun).Seconds(), formatNumber(rate, 0), formatCount(c.Distinct), humanize.IBytes(uint64(o.peak.anon))))
	return nil
}

// lookAtWindow notes what a long run may drift in.
func (o *observer) lookAtWindow(ctx context.Context) error {
	var l latencies
	if err := o.b.control.call(ctx, http.MethodPost, "/control/window", nil, &l); err != nil {
		return err
	}
	x := time.Since(o.begun).Seconds()
	if l.Count > 0 {
		o.p50 = append(o.p50, point{x, l.P50})
		o.p99 = append(o.p99, point{x, l.P99})
	}
	if pid := o.server.pid(); pid != 0 {
		if m, err := readMemory(pid); err == nil {
			o.anon = append(o.anon, point{x, float64(m.anon) / mebibyte})
		}
	}
	if o.server != nil && o.server.data != "" {
		size, err := diskUse(o.server.data)
		if err != nil {
			return err
		}
		o.disk = append(o.disk, point{x, float64(size) / mebibyte})
	}
	return nil
}

// stop ends the observation; the fields are the caller's then.
func (o *observer) stop() *observer {
	o.once.Do(func() {
		o.cancel()
		o.done.Wait()
		o.lookAtMemory()
	})
	return o
}

// report sets the figures and curves of what was seen.
func (o *observer) report(r *result) {
	if o.peak.peak > 0 {
		r.set(peakMemory, float64(o.peak.peak))
		r.set(peakAnon, float64(o.peak.anon))
		r.set(peakFile, float64(o.peak.file))
	}
	if !o.s.Timeline {
		return
	}
	r.curve("delivered per second", o.rate)
	r.curve("receipt p50 ms", o.p50)
	r.curve("receipt p99 ms", o.p99)
	r.curve("anonymous memory MiB", o.anon)
	r.curve("data directory MiB", o.disk)
}
