package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/corpastro/astrohook/bench/loadgen"
	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// sampleEvery is the part of deliveries whose signatures are checked: enough to notice a
// wrong key, too few to slow the receiver down.
const sampleEvery = 64

// measurement is a run under way.
type measurement struct {
	b *bench
	s scenario
	t target // with the shape of the scenario's requests
	// run names the run's events.
	run      uint32
	observer *observer
	// before is the processor time at the beginning.
	before usage
	// from is when deliveries became possible.
	from time.Time
	// sent is what publish has published.
	sent loadgen.Published
}

// begin announces the run to the receiver and begins to observe. The caller ends
// the measurement, or stops its observer.
func (b *bench) begin(ctx context.Context, s scenario, t target) (*measurement, error) {
	e := s.expectation()
	e.Run, e.Secret, e.SampleEvery = newRun(), t.secret, sampleEvery
	if err := b.control.Expect(ctx, e); err != nil {
		return nil, err
	}
	t.shape.Payload, t.shape.Batch, t.shape.Clients = s.Payload, s.Batch, s.clients()
	before, err := b.use(t)
	if err != nil {
		return nil, err
	}
	m := &measurement{b: b, s: s, t: t, run: e.Run, before: before, from: time.Now()}
	m.observer = b.observe(ctx, s, t)
	return m, nil
}

// publish runs the load to its end. Deliveries may take longer.
func (m *measurement) publish(ctx context.Context) (err error) {
	m.sent, err = loadgen.Generate(ctx, loadgen.Load{
		Shape: m.t.shape, Addresses: m.t.addresses, Run: m.run,
		Connections: m.s.Connections, Rate: m.s.Rate, Duration: m.s.Duration, Events: m.s.Events,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", m.s.Name, err)
	}
	return nil
}

// end waits until all is delivered, and sums up.
func (m *measurement) end(ctx context.Context) (r report.Result, err error) {
	r, _, err = m.endWithAudit(ctx)
	return r, err
}

// endWithAudit is end for scenarios that need the arrivals themselves. The observer is
// stopped in any case, and its error counts if there is no other.
func (m *measurement) endWithAudit(ctx context.Context) (r report.Result, a receiver.Audit, err error) {
	defer func() { // an error needs the observer stopped as well
		seen := m.observer.stop()
		seen.report(&r)
		if err == nil {
			err = seen.err
		}
	}()
	e := m.s.expectation()
	if err := m.b.awaitDelivered(ctx, e.Deliveries(m.sent.Acknowledged), m.s.Patience); err != nil {
		return r, a, err
	}
	after, err := m.b.use(m.t)
	if err != nil {
		return r, a, err
	}
	request := receiver.AuditRequest{Issued: m.sent.Issued, Unknown: slices.Collect(maps.Keys(m.sent.Unknown))}
	if a, err = m.b.control.Audit(ctx, request); err != nil {
		return r, a, err
	}
	r = newResult(m.s, m.sent, a)
	r.Set(report.DeliveredPerSecond, float64(a.Distinct)/a.LastAt.Sub(m.from).Seconds())
	after.since(m.before).report(&r)
	return r, a, nil
}

// usage is the processor time that each process has used.
type usage struct {
	// server is that of all nodes together.
	server, receiver, generator time.Duration
	// database is that of all processes of PostgreSQL on this machine.
	database time.Duration
	// stored: the server's data is compared with that in a database, or is in one.
	stored bool
	// owned: the bench started the server, so its processor time can be read.
	owned bool
}

// use reads the usage of the three processes up to now. The generator is this process, so
// its figure contains the little that the bench does beside publishing.
func (b *bench) use(t target) (u usage, err error) {
	if u.receiver, err = process.CPUTime(b.receiver.PID()); err != nil {
		return u, err
	}
	if u.generator, err = process.CPUTime(os.Getpid()); err != nil {
		return u, err
	}
	for _, s := range append([]*server.Server{t.server}, t.others...) {
		pid := s.PID()
		if pid == 0 {
			continue
		}
		u.owned = true
		used, err := process.CPUTime(pid)
		if err != nil {
			return u, err
		}
		u.server += used
	}
	u.stored = b.database != nil
	if t.server != nil && t.server.Stored {
		u.database, err = process.CPUTimeOf("postgres")
	}
	return u, err
}

// since returns what was used since an earlier moment.
func (u usage) since(before usage) usage {
	u.server -= before.server
	u.receiver -= before.receiver
	u.generator -= before.generator
	u.database -= before.database
	return u
}

// report sets the figures per 1,000 of the result's deliveries.
func (u usage) report(r *report.Result) {
	perThousand := func(d time.Duration) float64 { return d.Seconds() / float64(r.Delivered) * 1000 }
	if u.owned {
		r.Set(report.ServerCPU, perThousand(u.server))
	}
	if u.owned && u.stored {
		r.Set(report.StoredCPU, perThousand(u.server+u.database))
	}
	if u.database > 0 {
		r.Set(report.DatabaseCPU, perThousand(u.database))
	}
	r.Set(report.ReceiverCPU, perThousand(u.receiver))
	r.Set(report.GeneratorCPU, perThousand(u.generator))
}

// newRun returns a name that no other run has, except by chance: a delivery that is late
// must not count in the next run.
func newRun() uint32 {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // never fails
	return binary.BigEndian.Uint32(raw[:])
}

// newResult sums up a run: what was sent, and what arrived.
func newResult(s scenario, p loadgen.Published, a receiver.Audit) report.Result {
	r := report.Result{Key: report.Key{Scenario: s.Name, Variant: s.Variant}, Settings: s.Settings}
	e := s.expectation()
	r.Account = report.Account{
		Published: p.Issued, Acknowledged: p.Acknowledged, Unknown: len(p.Unknown), Refused: p.Refused,
		Expected: e.Deliveries(p.Acknowledged), Delivered: a.Distinct,
		Lost: a.Lost, Duplicated: a.Duplicates, Corrupted: a.Corrupt, Foreign: a.Foreign, Sampled: a.Sampled, Unsigned: a.Unsigned,
	}
	r.Set(report.PublishedPerSecond, float64(p.Acknowledged)/p.Elapsed.Seconds())
	r.Set(report.AnswerP50, p.Answers.P50)
	r.Set(report.AnswerP99, p.Answers.P99)
	r.Set(report.AnswerP999, p.Answers.P999)
	r.Set(report.ReceiptP50, a.Latency.P50)
	r.Set(report.ReceiptP99, a.Latency.P99)
	r.Set(report.ReceiptP999, a.Latency.P999)
	r.Set(report.ReceiptMax, a.Latency.Max)
	return r
}
