package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

const (
	// idleFew is the number of idle endpoints with which the many are compared.
	idleFew = 1000
	// settleFor is how long a server is left alone before its memory is read: it returns
	// pages to the system every two seconds.
	settleFor = 5 * time.Second
)

// playRegistered compares a server with many idle endpoints to one with few. It is one
// server, started again in between, so that registering counts in neither.
func playRegistered(ctx context.Context, b *bench, s scenario) (_ []report.Result, err error) {
	many := max(s.Endpoints, 2*idleFew)
	s.Endpoints = 1 // the one that events are for
	v, err := b.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	few := s.variant(report.FewIdle)
	small, base, err := v.measureIdle(ctx, few, 0, idleFew)
	if err != nil {
		return nil, err
	}
	large, full, err := v.measureIdle(ctx, s, idleFew, many)
	if err != nil {
		return []report.Result{small}, err
	}
	large.Set(report.MemoryEach, float64(full-base)/float64(many-idleFew))
	small.Endpoints, large.Endpoints = idleFew, many
	return []report.Result{small, large}, nil
}

// measureIdle registers idle endpoints, from a number up to another, starts the server
// again, and returns its result under load and its memory at rest.
func (v *session) measureIdle(ctx context.Context, s scenario, from, to int) (r report.Result, rest int64, err error) {
	v.b.progress.step(s, fmt.Sprintf("registering %s idle endpoints", report.FormatCount(to-from)))
	begin := time.Now()
	err = v.register(ctx, s, endpoints{from: from, to: to, describe: func(i int) (string, server.Registration) {
		return "idle-" + strconv.Itoa(i), server.Registration{
			EventType: event.Type, TargetURL: "http://" + v.b.deliverTo + receiver.DeliverPath + strconv.Itoa(i), Secret: v.secret,
		}
	}})
	if err != nil {
		return r, 0, err
	}
	registered := time.Since(begin)
	v.b.progress.step(s, "starting the server again")
	if err := v.server.Restart(ctx); err != nil {
		return r, 0, err
	}
	if err := sleep(ctx, v.b.settle); err != nil {
		return r, 0, err
	}
	m, err := process.ReadMemory(v.server.PID())
	if err != nil {
		return r, 0, err
	}
	r, err = v.b.warmAndMeasure(ctx, s, v.target(s))
	r.Set(report.ReadyIn, v.server.ReadyIn.Seconds())
	r.Set(report.AtRest, float64(m.Anon))
	r.Set(report.RegisteredPerSecond, float64(to-from)/registered.Seconds())
	return r, m.Anon, err
}

// sustainedPart is how much of the peak a sustained load is: a server that is loaded to
// the brim shows no drift, because its queues grow from the beginning.
const sustainedPart = 0.8

// playSustained measures the peak for a moment, then keeps up a part of it.
func playSustained(ctx context.Context, b *bench, s scenario) (_ []report.Result, err error) {
	v, err := b.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	peak := s.variant("peak")
	peak.Timeline = false // ten seconds have no course to show
	peak.Duration = min(s.Duration, 10*time.Second)
	first, err := b.warmAndMeasure(ctx, peak, v.target(peak))
	if err != nil || first.Broken() {
		return []report.Result{first}, err
	}
	s.Rate = sustainedPart * first.Figures[report.DeliveredPerSecond]
	b.progress.step(s, fmt.Sprintf("running at %s events/s for %s", report.FormatNumber(s.Rate, 0), s.Duration))
	r, err := b.measure(ctx, s, v.target(s))
	if err != nil {
		return []report.Result{first}, err
	}
	setDrifts(&r)
	return []report.Result{first, r}, nil
}

// setDrifts compares the last third of a run with its first, and works out how much disk
// a delivery takes. Medians of thirds, because a single merge of tables is no drift.
func setDrifts(r *report.Result) {
	for f, curve := range map[report.Figure]string{
		report.P50Drift: p50Curve, report.P99Drift: p99Curve, report.MemoryDrift: memoryCurve,
	} {
		if ratio, ok := drift(r.Curves[curve]); ok {
			r.Set(f, ratio)
		}
	}
	if disk := r.Curves[diskCurve]; len(disk) > 1 {
		grown := (disk[len(disk)-1].Y - disk[0].Y) * report.Mebibyte
		seconds := disk[len(disk)-1].X - disk[0].X
		r.Set(report.DiskEach, grown/(r.Figures[report.DeliveredPerSecond]*seconds))
	}
}

// drift returns the median of a curve's last third to that of its first, or false if
// there are fewer than three points.
func drift(curve []report.Point) (float64, bool) {
	third := len(curve) / 3
	if third == 0 {
		return 0, false
	}
	first, last := medianOf(curve[:third]), medianOf(curve[len(curve)-third:])
	return last / first, first > 0
}

// medianOf returns the median of the points' values; there must be one at least.
func medianOf(points []report.Point) float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = p.Y
	}
	return report.SpreadOf(values).Median
}
