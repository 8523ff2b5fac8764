package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
)

// perEndpoint is how many deliveries wait for each endpoint of a herd: more than its
// first attempts in flight, so that the pace of recovery shows.
const perEndpoint = 100

// playHerd lets deliveries to many endpoints that are all down gather, and brings
// the endpoints up together.
func playHerd(ctx context.Context, b *bench, s scenario) (_ []report.Result, err error) {
	s.Events = uint64(s.Endpoints) * perEndpoint
	v, err := b.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	b.progress.step(s, "publishing "+report.FormatCount(s.Events)+" events to endpoints that are down")
	m, err := b.begin(ctx, s, v.target(s))
	if err != nil {
		return nil, err
	}
	defer m.observer.stop()
	if err := m.publish(ctx); err != nil {
		return nil, err
	}
	b.progress.step(s, "all endpoints come up")
	if err := v.accept(ctx); err != nil {
		return nil, err
	}
	up := time.Now()
	r, a, err := m.endWithAudit(ctx)
	if err != nil {
		return nil, err
	}
	setArrivals(&r, a, up)
	return []report.Result{r}, nil
}

// setArrivals sets the figures of a recovery. Deliveries count from the arrival of the
// first. Times since publishing are left out: they measure how long the endpoints were
// down.
func setArrivals(r *report.Result, a receiver.Audit, up time.Time) {
	duration := a.LastAt.Sub(a.FirstAt).Seconds()
	mean := float64(a.Distinct) / duration
	r.Set(report.DeliveredPerSecond, mean)
	for _, f := range []report.Figure{report.ReceiptP50, report.ReceiptP99, report.ReceiptP999, report.ReceiptMax} {
		delete(r.Figures, f)
	}
	for _, name := range []string{p50Curve, p99Curve, rateCurve} {
		delete(r.Curves, name)
	}
	r.Set(report.Recovery, a.LastAt.Sub(up).Seconds())
	largest, curve := uint32(0), []report.Point{}
	offset := up.Sub(a.Begin).Seconds()
	for i, n := range a.Seconds {
		largest = max(largest, n)
		if x := float64(i) - offset; x > -5 { // a moment of quiet before shows the step
			curve = append(curve, report.Point{X: x, Y: float64(n)})
		}
	}
	r.Set(report.HerdPeak, float64(largest)/mean)
	r.SetCurve(arrivalsCurve, curve)
}

// playBacklog lets deliveries gather while their endpoints are paused, kills the server,
// starts it again, and resumes the endpoints as soon as it is ready. The endpoints are
// not down meanwhile, because breakers outlive a restart and would decide when the first
// delivery is sent.
func playBacklog(ctx context.Context, b *bench, s scenario) (_ []report.Result, err error) {
	batch := uint64(s.Batch * s.Endpoints)
	s.Events = max((s.Pending+batch-1)/batch, 1) * uint64(s.Batch) // whole batches
	v, err := b.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	m, err := v.fillBacklog(ctx, s)
	if err != nil {
		return nil, err
	}
	defer m.observer.stop()
	disk, err := process.DiskUse(v.server.Data)
	if err != nil {
		return nil, err
	}
	if err := v.killAndResume(ctx, s, m); err != nil {
		return nil, err
	}
	r, a, err := m.endWithAudit(ctx)
	if err != nil {
		return nil, err
	}
	setArrivals(&r, a, v.server.ReadyAt)
	r.Set(report.ReadyIn, v.server.ReadyIn.Seconds())
	// The first may arrive before the bench notices that the server is ready.
	r.Set(report.FirstDelivery, max(a.FirstAt.Sub(v.server.ReadyAt).Seconds(), 0))
	r.Set(report.DiskEach, float64(disk)/float64(r.Expected))
	return []report.Result{r}, nil
}

// fillBacklog pauses the endpoints and publishes to them. The caller ends the
// measurement, or stops its observer.
func (v *session) fillBacklog(ctx context.Context, s scenario) (*measurement, error) {
	if err := v.forAll(ctx, v.server.Pause); err != nil {
		return nil, err
	}
	v.b.progress.step(s, fmt.Sprintf("publishing %s events for %s deliveries", report.FormatCount(s.Events), report.FormatCount(s.Pending)))
	m, err := v.b.begin(ctx, s, v.target(s))
	if err != nil {
		return nil, err
	}
	if err := m.publish(ctx); err != nil {
		m.observer.stop()
		return nil, err
	}
	return m, nil
}

// killAndResume kills the server, starts it on the data that it left, and resumes the
// endpoints.
func (v *session) killAndResume(ctx context.Context, s scenario, m *measurement) error {
	v.b.progress.step(s, "killing the server and starting it again")
	if err := v.server.Kill(); err != nil {
		return err
	}
	m.restarted()
	if err := v.server.Start(ctx); err != nil {
		return err
	}
	if err := v.forAll(ctx, v.server.Resume); err != nil {
		return err
	}
	v.b.progress.step(s, fmt.Sprintf("ready after %s; delivering", v.server.ReadyIn.Round(time.Millisecond)))
	return nil
}

// restarted makes the measurement forget the processor time that was used before the
// server was killed: only the delivering process counts.
func (m *measurement) restarted() {
	m.before.server = 0
	if u, err := m.b.use(target{}); err == nil {
		m.before.receiver, m.before.generator = u.receiver, u.generator
	}
}
