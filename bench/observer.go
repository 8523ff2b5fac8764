package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// observer watches a run from outside: the server's memory, its data directory,
// and what has arrived.
type observer struct {
	b      *bench
	s      scenario
	server *server.Server
	cancel context.CancelFunc
	done   sync.WaitGroup
	once   sync.Once
	begun  time.Time

	// The rest belongs to the goroutine until done.
	// peak is the largest of each part of memory; the curves follow.
	peak process.Memory
	anon []report.Point
	disk []report.Point
	rate []report.Point
	p50  []report.Point
	p99  []report.Point
	// last are the counts at the last look, at lastAt; a rate is the difference to them.
	last   receiver.Counts
	lastAt time.Time
	err    error
}

// The names of curves, as in results.json and the titles of charts.
const (
	rateCurve     = "delivered per second"
	p50Curve      = "receipt p50 ms"
	p99Curve      = "receipt p99 ms"
	memoryCurve   = "anonymous memory MiB"
	diskCurve     = "data directory MiB"
	arrivalsCurve = "arrivals in each second"
)

const (
	// memoryEvery is short, because a peak of memory between two looks would be missed.
	memoryEvery = 100 * time.Millisecond
	// countsEvery is how often a person who watches sees something new.
	countsEvery = 500 * time.Millisecond
	// windows is the number of points that a run's curves have; a point lasts a second at least.
	windows = 60
)

// observe watches until stop is called.
func (b *bench) observe(ctx context.Context, s scenario, t target) *observer {
	ctx, cancel := context.WithCancel(ctx)
	o := &observer{b: b, s: s, server: t.server, cancel: cancel, begun: time.Now(), lastAt: time.Now()}
	o.done.Go(func() { o.run(ctx) })
	return o
}

// run looks at everything in its time, and ends with the context or the first error: a
// receiver that does not answer has lost the run.
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

// lookAtMemory notes the largest sizes. It leaves out a process that is just being
// restarted and has none.
func (o *observer) lookAtMemory() {
	if pid := o.server.PID(); pid != 0 {
		if m, err := process.ReadMemory(pid); err == nil {
			o.peak = o.peak.Max(m)
		}
	}
}

// lookAtCounts notes the rate since the last look, and shows it.
func (o *observer) lookAtCounts(ctx context.Context) error {
	c, err := o.b.control.Counts(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	rate := float64(c.Distinct-o.last.Distinct) / now.Sub(o.lastAt).Seconds()
	o.last, o.lastAt = c, now
	o.rate = append(o.rate, report.Point{X: now.Sub(o.begun).Seconds(), Y: rate})
	o.b.progress.live(o.s, fmt.Sprintf("%3.0f s  %s delivered/s  %s delivered  server %s",
		now.Sub(o.begun).Seconds(), report.FormatNumber(rate, 0), report.FormatCount(c.Distinct), humanize.IBytes(uint64(o.peak.Anon))))
	return nil
}

// lookAtWindow notes the quantities in which a long run may drift.
func (o *observer) lookAtWindow(ctx context.Context) error {
	l, err := o.b.control.Window(ctx)
	if err != nil {
		return err
	}
	x := time.Since(o.begun).Seconds()
	if l.Count > 0 {
		o.p50 = append(o.p50, report.Point{X: x, Y: l.P50})
		o.p99 = append(o.p99, report.Point{X: x, Y: l.P99})
	}
	if pid := o.server.PID(); pid != 0 {
		if m, err := process.ReadMemory(pid); err == nil {
			o.anon = append(o.anon, report.Point{X: x, Y: float64(m.Anon) / report.Mebibyte})
		}
	}
	if o.server != nil && o.server.Data != "" {
		size, err := process.DiskUse(o.server.Data)
		if err != nil {
			return err
		}
		o.disk = append(o.disk, report.Point{X: x, Y: float64(size) / report.Mebibyte})
	}
	return nil
}

// stop ends the observation. The fields are the caller's then. It can be called twice.
func (o *observer) stop() *observer {
	o.once.Do(func() {
		o.cancel()
		o.done.Wait()
		o.lookAtMemory()
	})
	return o
}

// report sets the figures and curves of what was seen. Short runs have no curves: a few
// points say less than the figures.
func (o *observer) report(r *report.Result) {
	if o.peak.Peak > 0 {
		r.Set(report.PeakMemory, float64(o.peak.Peak))
		r.Set(report.PeakAnon, float64(o.peak.Anon))
		r.Set(report.PeakFile, float64(o.peak.File))
	}
	if !o.s.Timeline {
		return
	}
	r.SetCurve(rateCurve, o.rate)
	r.SetCurve(p50Curve, o.p50)
	r.SetCurve(p99Curve, o.p99)
	r.SetCurve(memoryCurve, o.anon)
	r.SetCurve(diskCurve, o.disk)
}
