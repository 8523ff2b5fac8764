package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

const (
	// saturatedLook is how often a saturated server is asked what is in flight.
	saturatedLook = 100 * time.Millisecond
	// saturatedWindows is into how many parts a run is divided. Each has to deliver what
	// it accepts. A part lasts two seconds at least, because shorter ones differ by chance.
	saturatedWindows = 30
	// recordedLater is how many deliveries for each endpoint may count as pending although
	// they have arrived: their outcomes are on the way to storage.
	recordedLater = 3 * 64
)

// saturations returns the variants of saturation: one endpoint and ten, each with every
// number of connections.
func (s scenario) saturations() (all []scenario) {
	endpoints := []int{1, 10}
	if s.Endpoints > 0 {
		endpoints = []int{s.Endpoints}
	}
	for _, n := range endpoints {
		for _, connections := range s.Points {
			v := s.variant("%s", report.Saturation(n, connections))
			v.Endpoints, v.Connections = n, connections
			all = append(all, v)
		}
	}
	return all
}

// playSaturation publishes as fast as answers come, for long, to endpoints that answer at
// once, and watches whether deliveries keep up: what is behind is behind because of the
// server.
func playSaturation(ctx context.Context, b *bench, s scenario) (all []report.Result, err error) {
	for _, v := range s.saturations() {
		r, err := b.saturate(ctx, v)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

// saturate measures one variant on a server of its own.
func (b *bench) saturate(ctx context.Context, s scenario) (r report.Result, err error) {
	v, err := b.open(ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	if b.warmUp > 0 {
		warm := s
		warm.Duration = b.warmUp
		b.progress.step(s, "warming up")
		if r, err := b.measure(ctx, warm, v.target(warm)); err != nil || r.Broken() {
			return r, err
		}
	}
	b.progress.step(s, fmt.Sprintf("running for %s", s.Duration))
	m, err := b.begin(ctx, s, v.target(s))
	if err != nil {
		return r, err
	}
	defer m.observer.stop()
	w := &saturationWatch{receiver: b.control, server: v.server.API, endpoints: s.Endpoints, window: max(s.Duration/saturatedWindows, 2*time.Second)}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- w.run(watching) }()
	err = m.publish(ctx)
	stop()
	if err = errors.Join(err, <-watched); err != nil {
		return r, err
	}
	if r, err = m.end(ctx); err != nil {
		return r, err
	}
	w.report(&r)
	return r, nil
}

// saturationWatch looks at a server while events are published to it.
type saturationWatch struct {
	receiver  receiver.Control
	server    server.API
	endpoints int
	window    time.Duration

	began     time.Time
	windowEnd time.Time
	// Counts at the last end of a window. What was accepted is what has arrived and what
	// is pending.
	arrived, accepted uint64
	// least is the least part of what a window accepted that it delivered, at worst is what
	// was pending most, and idle counts the looks at which something waited and nothing
	// was in flight.
	least   float64
	behind  uint64
	looks   int
	idle    int
	windows int
}

// run looks until the context ends. The load's end is the end of a window only by chance,
// so the last part of a window is left out.
func (w *saturationWatch) run(ctx context.Context) error {
	tick := time.NewTicker(saturatedLook)
	defer tick.Stop()
	for {
		if err := w.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			return fmt.Errorf("watch the server: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look asks server and receiver once.
func (w *saturationWatch) look(ctx context.Context, now time.Time) error {
	var o struct {
		Pending  uint64 `json:"pending"`
		InFlight int    `json:"in_flight"`
	}
	if err := w.server.Call(ctx, http.MethodGet, "/api/overview", nil, &o); err != nil {
		return err
	}
	c, err := w.receiver.Counts(ctx)
	if err != nil {
		return err
	}
	w.note(c.Distinct, o.Pending, o.InFlight, now)
	return nil
}

// note takes what one look has shown.
func (w *saturationWatch) note(arrived, pending uint64, inFlight int, now time.Time) {
	w.looks++
	w.behind = max(w.behind, pending)
	if inFlight == 0 && pending > recordedLater*uint64(w.endpoints) {
		w.idle++
	}
	accepted := arrived + pending
	switch {
	case w.began.IsZero():
		w.began = now
	case now.Before(w.windowEnd):
		return
	case accepted > w.accepted:
		part := float64(arrived-w.arrived) / float64(accepted-w.accepted)
		if w.windows++; w.windows == 1 || part < w.least {
			w.least = part
		}
	}
	w.arrived, w.accepted, w.windowEnd = arrived, accepted, now.Add(w.window)
}

// report sets the figures of what was seen.
func (w *saturationWatch) report(r *report.Result) {
	if w.windows > 0 {
		r.Set(report.LeastDelivered, w.least)
	}
	r.Set(report.MostPending, float64(w.behind))
	r.Set(report.BusyLooks, 1-float64(w.idle)/float64(w.looks))
}
