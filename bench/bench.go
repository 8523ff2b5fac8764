package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"
)

// bench holds what all runs share.
type bench struct {
	receiver *program
	// deliverTo is the receiver's address as the server sees it.
	deliverTo string
	control   api
	// against is a server that runs already; nil to start a fresh one from binary for each scenario.
	against      *server
	binary, data string
	warmUp       time.Duration
	progress     *progress
}

// run plays a scenario once and tells how it went.
func (b *bench) run(ctx context.Context, s scenario) ([]result, error) {
	play := s.play
	if play == nil {
		play = once
	}
	return play(ctx, b, s)
}

// target is where a generator sends, and which process is measured.
type target struct {
	shape   requestShape
	address string
	secret  string
	// server is nil if there is none, or somebody else started it.
	server *server
}

// measureAlone measures a scenario on a server of its own.
func (b *bench) measureAlone(ctx context.Context, s scenario) (r result, err error) {
	if s.Bare {
		t := target{shape: requestShape{host: b.deliverTo, path: deliverPath + "0"}, address: b.deliverTo}
		return b.warmAndMeasure(ctx, s, t)
	}
	v, err := b.open(ctx, s)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, v.close(ctx)) }()
	if s.Slow == 0 {
		return b.warmAndMeasure(ctx, s, v.target(s))
	}
	if err := v.beset(ctx, s); err != nil {
		return result{}, err
	}
	if r, err = b.warmAndMeasure(ctx, s, v.target(s)); err != nil {
		return r, err
	}
	return r, v.stillBeset(ctx)
}

// warmAndMeasure loads the target for a while, then measures.
func (b *bench) warmAndMeasure(ctx context.Context, s scenario, t target) (result, error) {
	if b.warmUp > 0 && !s.Cold {
		warm := s
		warm.Duration = b.warmUp
		if !s.FanOut && s.Endpoints > warmedInTime { // until each has had a delivery
			warm.Events = uint64(s.Endpoints)
		}
		b.progress.step(s, "warming up")
		if r, err := b.measure(ctx, warm, t); err != nil || r.broken() {
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
func (b *bench) measure(ctx context.Context, s scenario, t target) (result, error) {
	m, err := b.begin(ctx, s, t)
	if err != nil {
		return result{}, err
	}
	if err := m.publish(ctx); err != nil {
		m.observer.stop()
		return result{}, err
	}
	return m.end(ctx)
}

// measurement is a run under way.
type measurement struct {
	b *bench
	s scenario
	t target
	// run names the run's events.
	run      uint32
	observer *observer
	before   usage
	// from is when deliveries became possible.
	from time.Time
	sent published
}

// begin tells the receiver what to expect and begins to observe. The caller ends
// the measurement, or stops its observer.
func (b *bench) begin(ctx context.Context, s scenario, t target) (*measurement, error) {
	e := s.expectation()
	e.Run, e.Secret, e.SampleEvery = newRun(), t.secret, 64
	if err := b.control.call(ctx, http.MethodPost, "/control/expect", e, nil); err != nil {
		return nil, err
	}
	t.shape.payload, t.shape.batch, t.shape.clients = s.Payload, s.Batch, s.clients()
	before, err := b.use(t)
	if err != nil {
		return nil, err
	}
	m := &measurement{b: b, s: s, t: t, run: e.Run, before: before, from: time.Now()}
	m.observer = b.observe(ctx, s, t)
	return m, nil
}

// publish runs the load to its end.
func (m *measurement) publish(ctx context.Context) (err error) {
	m.sent, err = generate(ctx, load{
		shape: m.t.shape, address: m.t.address, run: m.run,
		connections: m.s.Connections, rate: m.s.Rate, duration: m.s.Duration, events: m.s.Events,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", m.s.Name, err)
	}
	return nil
}

// end waits until all is delivered, and sums up.
func (m *measurement) end(ctx context.Context) (r result, err error) {
	r, _, err = m.endWithAudit(ctx)
	return r, err
}

func (m *measurement) endWithAudit(ctx context.Context) (r result, a audit, err error) {
	defer func() {
		seen := m.observer.stop()
		seen.report(&r)
		if err == nil {
			err = seen.err
		}
	}()
	e := m.s.expectation()
	if err := m.b.awaitDelivered(ctx, e.deliveries(m.sent.acknowledged), m.s.Patience); err != nil {
		return r, a, err
	}
	after, err := m.b.use(m.t)
	if err != nil {
		return r, a, err
	}
	request := auditRequest{Issued: m.sent.issued, Unknown: slices.Collect(maps.Keys(m.sent.unknown))}
	if err := m.b.control.call(ctx, http.MethodPost, "/control/audit", request, &a); err != nil {
		return r, a, err
	}
	r = newResult(m.s, m.sent, a)
	r.set(deliveredPS, float64(a.Distinct)/a.LastAt.Sub(m.from).Seconds())
	after.since(m.before).report(&r)
	return r, a, nil
}

// awaitDelivered returns when so many deliveries have arrived, or none for the
// time of patience.
func (b *bench) awaitDelivered(ctx context.Context, want uint64, patience time.Duration) error {
	var last uint64
	moved := time.Now()
	for time.Since(moved) < patience {
		c, err := b.counts(ctx)
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

// counts asks the receiver how far the run has come.
func (b *bench) counts(ctx context.Context) (c counts, err error) {
	err = b.control.call(ctx, http.MethodGet, "/control/counts", nil, &c)
	return c, err
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

// usage is the processor time that each process has used.
type usage struct {
	server, receiver, generator time.Duration
	// owned: server is known.
	owned bool
}

// use reads the usage of the three processes up to now.
func (b *bench) use(t target) (u usage, err error) {
	if u.receiver, err = cpuTime(b.receiver.pid()); err != nil {
		return u, err
	}
	if u.generator, err = cpuTime(os.Getpid()); err != nil {
		return u, err
	}
	if pid := t.server.pid(); pid != 0 {
		u.owned = true
		u.server, err = cpuTime(pid)
	}
	return u, err
}

func (u usage) since(before usage) usage {
	u.server -= before.server
	u.receiver -= before.receiver
	u.generator -= before.generator
	return u
}

// report sets the figures per 1,000 of the result's deliveries.
func (u usage) report(r *result) {
	perThousand := func(d time.Duration) float64 { return d.Seconds() / float64(r.Delivered) * 1000 }
	if u.owned {
		r.set(serverCPU, perThousand(u.server))
	}
	r.set(receiverCPU, perThousand(u.receiver))
	r.set(generatorCPU, perThousand(u.generator))
}

// newRun gives a run a name that no other run has by chance.
func newRun() uint32 {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // never fails
	return binary.BigEndian.Uint32(raw[:])
}
