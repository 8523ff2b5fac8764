package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// command returns a run with the flags' defaults, short enough for a test.
func command(t *testing.T, scenarios ...string) *runCommand {
	t.Helper()
	return &runCommand{
		Scenario: scenarios, Repetitions: 1, LongRepetitions: 1, Scale: 1, Duration: 100 * time.Millisecond,
		Listen: "127.0.0.1:0", Connections: 4, JSON: filepath.Join(t.TempDir(), "results.json"),
	}
}

// self is this test's binary, which serves as a server of its own.
func self(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// run runs the bench to its end, and returns what it wrote.
func run(t *testing.T, c *runCommand) (*report.Report, error) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	runErr := c.Run(t.Context())
	raw, err := os.ReadFile(c.JSON)
	if err != nil {
		t.Fatalf("no results: %v, %v", err, runErr)
	}
	var r report.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return &r, runErr
}

// byName returns the results by their names.
func byName(r *report.Report) map[string]report.Result {
	results := map[string]report.Result{}
	for _, one := range r.Results {
		results[one.Key.String()] = one
	}
	return results
}

// wants checks that each of the results exists, kept its promises, and has the figures.
func wants(t *testing.T, r *report.Report, figures []report.Figure, names ...string) {
	t.Helper()
	results := byName(r)
	if len(results) != len(names) {
		t.Errorf("%d results, want %d: %q", len(results), len(names), names)
	}
	for _, name := range names {
		one, ok := results[name]
		if !ok {
			t.Errorf("there is no result of %s", name)
			continue
		}
		if one.Broken() || one.Delivered != one.Expected || one.Delivered == 0 {
			t.Errorf("%s: %+v", name, one.Account)
		}
		for _, f := range figures {
			if value, ok := one.Figures[f]; !ok || value < 0 {
				t.Errorf("%s: %s is %v, %v", name, f, value, ok)
			}
		}
	}
}

var throughput = []report.Figure{
	report.PublishedPerSecond, report.DeliveredPerSecond, report.ToBare, report.AnswerP50, report.ReceiptP99,
	report.ReceiverCPU, report.GeneratorCPU,
}

// The smoke run measures a server that keeps its promises, judges no goals, and leaves no
// endpoint at a server that it did not start.
func TestSmokeAgainstAServerThatRuns(t *testing.T) {
	fake, url := listenFake(t, "")
	c := command(t)
	c.Smoke, c.Against, c.Token = true, url+"/", "t"
	r, err := run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, r, throughput, report.Bare, "single", "batch", "fan-out", "watched")
	for name, one := range byName(r) {
		if _, ok := one.Figures[report.ServerCPU]; ok {
			t.Errorf("%s knows the cost of a process that it did not start", name)
		}
		if name != report.Bare && one.Sampled == 0 {
			t.Errorf("%s: no signature was checked", name)
		}
	}
	if f := byName(r)["fan-out"]; f.Delivered != 10*f.Acknowledged {
		t.Errorf("fan-out: %d deliveries of %d events", f.Delivered, f.Acknowledged)
	}
	if b := byName(r)["batch"]; b.Published%100 != 0 {
		t.Errorf("batch: %d events", b.Published)
	}
	if left, registered := fake.count(); len(r.Goals) != 0 || left != 0 || registered != 13 {
		t.Errorf("%d goals, %d endpoints left of %d", len(r.Goals), left, registered)
	}
}

// openBench opens a bench against a fake server, for scenarios that the flags cannot make.
func openBench(t *testing.T, fault string) *bench {
	t.Helper()
	b, _ := openBenchAndServer(t, fault)
	return b
}

func openBenchAndServer(t *testing.T, fault string) (*bench, *fakeServer) {
	t.Helper()
	fake, url := listenFake(t, fault)
	c := command(t)
	c.Against, c.Token = url, "t"
	b, err := c.open(t.Context())
	if err != nil {
		t.Fatal(errors.Join(err, b.close()))
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	return b, fake
}

// named returns a scenario of the bench that is short enough for a test.
func named(t *testing.T, name string) scenario {
	t.Helper()
	all := scenarios()
	i := slices.IndexFunc(all, func(s scenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no scenario %s", name)
	}
	s := all[i]
	s.Duration, s.Connections = 100*time.Millisecond, 4
	return s
}

// Whatever promise a server breaks, the bench notices, and names it.
func TestFaultsAreFound(t *testing.T) {
	for fault, found := range map[string]func(report.Account) uint64{
		"lose":     func(a report.Account) uint64 { return a.Lost },
		"double":   func(a report.Account) uint64 { return a.Duplicated },
		"corrupt":  func(a report.Account) uint64 { return a.Corrupted },
		"misroute": func(a report.Account) uint64 { return a.Foreign },
		"unsign":   func(a report.Account) uint64 { return a.Unsigned },
	} {
		s := named(t, "fan-out")
		s.Events = 256 // of 10 deliveries each: 40 have their signatures checked
		s.Patience = 300 * time.Millisecond
		results, err := once(t.Context(), openBench(t, fault), s)
		if err != nil || len(results) != 1 {
			t.Fatalf("%s: %v, %v", fault, results, err)
		}
		if r := results[0]; !r.Broken() || found(r.Account) == 0 {
			t.Errorf("%s: %+v", fault, r.Account)
		}
	}
}

// The bench ends with an error when a promise was broken, after it has reported.
func TestBrokenPromisesAreAnError(t *testing.T) {
	_, url := listenFake(t, "double")
	c := command(t, "batch")
	c.Against, c.Token = url, "t"
	r, err := run(t, c)
	if !errors.Is(err, errBroken) || !r.Broken() {
		t.Errorf("ended with %v, broken: %v", err, r.Broken())
	}
}

// What was measured before an interrupt is reported, and nothing is left running.
func TestInterruptReportsWhatThereIs(t *testing.T) {
	fake, url := listenFake(t, "")
	c := command(t, "single", "latency")
	c.Against, c.Token, c.Duration = url, "t", 0
	c.Results = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := c.Run(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 9*time.Second {
		t.Errorf("ended after %s with %v", time.Since(begin), err)
	}
	if dirs, err := os.ReadDir(c.Results); err != nil || len(dirs) != 1 {
		t.Errorf("%d reports, %v", len(dirs), err)
	}
	if left, _ := fake.count(); left != 0 {
		t.Errorf("%d endpoints are left at the server", left)
	}
}

// Each variant is a result of its own, named and placed as tables and charts need it.
func TestVariants(t *testing.T) {
	b := openBench(t, "")
	s := named(t, "single")
	s.Points = []int{1, 2}
	results, err := playConnections(t.Context(), b, s)
	if err != nil {
		t.Fatal(err)
	}
	var xs []float64
	for _, r := range results {
		if r.Axis != report.ConnectionsAxis || r.Curve != "single" || r.Connections != int(r.X) || r.Broken() {
			t.Errorf("%+v", r)
		}
		xs = append(xs, r.X)
	}
	if !slices.Equal(xs, []float64{4, 1, 2}) {
		t.Errorf("a curve over %v connections", xs)
	}
	s = named(t, "many")
	s.Endpoints = 5
	if results, err = playMany(t.Context(), b, s); err != nil || len(results) != 2 || results[1].Variant != hostsApart || results[1].Broken() {
		t.Errorf("%+v, %v", results, err)
	}
}

// Costs are compared over processors, sizes and endpoints; each size has a bare run of its own.
func TestScaling(t *testing.T) {
	s := named(t, "scaling")
	s.Events, s.Points = 30, []int{1, 3}
	results, err := playScaling(t.Context(), openBench(t, ""), s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		results[i].Repetition = 1
	}
	r := report.Report{Results: results}
	r.Conclude()
	found := byName(&r)
	if len(found) != 4+2*6+2+1 {
		t.Errorf("%d results", len(found))
	}
	for name, one := range found {
		if one.Broken() {
			t.Errorf("%s: %+v", name, one.Account)
		}
	}
	for _, size := range []string{"128", "131,072"} {
		bare, single := found["bare, payload "+size], found["scaling, payload "+size]
		if bare.Payload != single.Payload || bare.Axis != report.PayloadAxis || bare.X != single.X {
			t.Errorf("%+v is compared to %+v", single.Settings, bare.Settings)
		}
		if _, ok := single.Figures[report.ToBare]; !ok {
			t.Errorf("payload %s has no ratio to bare", size)
		}
	}
	if last := found["scaling, endpoints 3, first deliveries"]; last.Endpoints != 3 || last.Axis != "" {
		t.Errorf("first deliveries: %+v", last.Settings)
	}
}

// Black holes are excused; slow endpoints must be in the way to the end.
func TestIsolation(t *testing.T) {
	b := openBench(t, "")
	// Its answers take 8 s: the test does not wait for them.
	b.closers = []func() error{b.receiver.Kill}
	s := named(t, "isolation")
	s.Endpoints, s.BlackHoles, s.Slow, s.Rate = 10, 2, 2, 200
	results, err := playIsolation(t.Context(), b, s)
	if err != nil || len(results) != 2 {
		t.Fatalf("%+v, %v", results, err)
	}
	if r := results[0]; r.Variant != report.AllHealthy || r.Broken() || r.Delivered != r.Acknowledged {
		t.Errorf("all healthy: %+v", r)
	}
	if r := results[1]; r.Broken() || r.Delivered != r.Expected || r.Expected >= r.Acknowledged {
		t.Errorf("with black holes: %+v", r)
	}
}

// A run whose slow endpoints had nothing in flight shows nothing, and is an error.
func TestSlowEndpointsMustBeInTheWay(t *testing.T) {
	b := openBench(t, "")
	v, err := b.open(t.Context(), named(t, "single"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.checkSlow(t.Context()); !errors.Is(err, errNotSlow) {
		t.Errorf("without slow endpoints: %v", err)
	}
	if err := v.close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Endpoints that are down come up together: the arrivals count from then on.
func TestHerd(t *testing.T) {
	b := openBench(t, "")
	s := named(t, "herd")
	s.Endpoints = 3
	results, err := playHerd(t.Context(), b, s)
	if err != nil || len(results) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	r := results[0]
	if r.Broken() || r.Delivered != 3*perEndpoint {
		t.Errorf("%+v", r.Account)
	}
	for _, f := range []report.Figure{report.Recovery, report.HerdPeak, report.DeliveredPerSecond} {
		if r.Figures[f] <= 0 {
			t.Errorf("%s is %v", f, r.Figures[f])
		}
	}
	if _, ok := r.Figures[report.ReceiptP50]; ok {
		t.Error("receipts count from when the endpoints were down")
	}
}

// A server of the bench's own is started for each scenario, measured, and removed.
func TestServersOfItsOwn(t *testing.T) {
	c := command(t, "single", "latency")
	c.Binary, c.Data = self(t), diskDir(t)
	c.Results = t.TempDir()
	r, err := run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, r, throughput, report.Bare, "single", "latency")
	for _, name := range []string{"single", "latency"} {
		one := byName(r)[name]
		if one.Figures[report.PeakMemory] == 0 || one.Figures[report.PeakAnon] == 0 {
			t.Errorf("%s: no memory was measured: %v", name, one.Figures)
		}
		if _, ok := one.Figures[report.ServerCPU]; !ok {
			t.Errorf("%s: no processor time was measured", name)
		}
	}
	if one := byName(r)["latency"]; one.Rate != 500 || one.Published != 50 {
		t.Errorf("latency: %d events at %v/s in 0.1 s", one.Published, one.Rate)
	}
	if left, err := os.ReadDir(c.Data); err != nil || len(left) != 0 {
		t.Errorf("data is left: %v, %v", left, err)
	}
	if r.Machine.Cores == 0 || len(r.Goals) == 0 || r.Commit == "" {
		t.Errorf("machine %+v, %d goals, commit %q", r.Machine, len(r.Goals), r.Commit)
	}
}

// diskDir is a folder on a disk, which a temporary folder need not be.
func diskDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(".", "testdata-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Pending deliveries outlive a kill, and are delivered after the start.
func TestBacklog(t *testing.T) {
	c := command(t, "backlog")
	c.Binary, c.Data, c.Backlog, c.Endpoints, c.Batch = self(t), diskDir(t), 40, 4, 5
	r, err := run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, r, nil, report.Bare, "backlog")
	b := byName(r)["backlog"]
	if b.Delivered != 40 || b.Published != 10 {
		t.Errorf("%+v", b.Account)
	}
	for _, f := range []report.Figure{report.ReadyIn, report.FirstDelivery, report.DiskEach, report.PeakMemory} {
		if _, ok := b.Figures[f]; !ok {
			t.Errorf("no %s: %v", f, b.Figures)
		}
	}
}

// The sustained load is a part of the peak that was measured before it.
func TestSustained(t *testing.T) {
	c := command(t, "sustained")
	c.Binary, c.Data = self(t), diskDir(t)
	r, err := run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, r, nil, report.Bare, "sustained, peak", "sustained")
	peak, rest := byName(r)["sustained, peak"], byName(r)["sustained"]
	if got := rest.Rate / peak.Figures[report.DeliveredPerSecond]; got < 0.799 || got > 0.801 {
		t.Errorf("the load is %v of the peak", got)
	}
}

// Idle endpoints are compared on one server, which is started again for each.
func TestRegistered(t *testing.T) {
	c := command(t)
	c.Binary, c.Data = self(t), diskDir(t)
	b, err := c.open(t.Context())
	if err != nil {
		t.Fatal(errors.Join(err, b.close()))
	}
	b.settle = time.Millisecond
	s := named(t, "registered")
	results, err := playRegistered(t.Context(), b, s.scaledTo(2*idleFew))
	if err := errors.Join(err, b.close()); err != nil || len(results) != 2 {
		t.Fatalf("%+v, %v", results, err)
	}
	few, many := results[0], results[1]
	if few.Variant != report.FewIdle || few.Endpoints != 1000 || many.Variant != "" || many.Endpoints != 2000 {
		t.Errorf("%+v and %+v", few, many)
	}
	for _, r := range results {
		if r.Broken() || r.Figures[report.ReadyIn] <= 0 || r.Figures[report.AtRest] <= 0 || r.Figures[report.RegisteredPerSecond] <= 0 {
			t.Errorf("%s: %+v, %v", r.Key, r.Account, r.Figures)
		}
	}
	if _, ok := many.Figures[report.MemoryEach]; !ok {
		t.Error("the memory of an endpoint was not worked out")
	}
}

func (s scenario) scaledTo(endpoints int) scenario {
	s.Endpoints = endpoints
	return s
}

// Two binaries take turns, and are compared run by run.
func TestCompare(t *testing.T) {
	c := command(t, "single")
	c.Compare, c.Data, c.Repetitions = []string{self(t), self(t)}, diskDir(t), 2
	r, err := run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, one := range r.Results {
		order = append(order, one.Key.String())
	}
	if want := []string{"bare", "single (A)", "single (B)", "bare", "single (B)", "single (A)"}; !slices.Equal(order, want) {
		t.Errorf("ran %q, want %q", order, want)
	}
	if len(r.Pairs) == 0 || r.Pairs[0].Scenario != "single" || r.Pairs[0].Ratio.Median <= 0 {
		t.Errorf("pairs %+v", r.Pairs)
	}
}

// A server that cannot be started is the error of its scenario alone.
func TestAScenarioThatFails(t *testing.T) {
	c := command(t, "single", "latency")
	c.Binary, c.Data = "/bin/false", diskDir(t)
	r, err := run(t, c)
	if err == nil || !strings.Contains(err.Error(), "single: ") || !strings.Contains(err.Error(), "latency: ") {
		t.Errorf("ended with %v", err)
	}
	wants(t, r, nil, report.Bare)
	if left, err := os.ReadDir(c.Data); err != nil || len(left) != 0 {
		t.Errorf("data is left: %v, %v", left, err)
	}
}

// A server that refuses what the bench registers is the error of the scenario, and the
// bench says what the server said.
func TestRefusedRegistrations(t *testing.T) {
	b := openBench(t, "")
	v := &session{b: b, server: b.against}
	err := v.register(t.Context(), scenario{}, endpoints{to: 3, describe: func(int) (string, server.Registration) {
		return "", server.Registration{} // no client
	}})
	if err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("registered: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.open(ctx, named(t, "single")); !errors.Is(err, context.Canceled) {
		t.Errorf("opened after the end: %v", err)
	}
}

// Charts are drawn from the results that a run saved.
func TestChartsCommand(t *testing.T) {
	r := report.Report{Commit: "0123abc"}
	for _, x := range []float64{1, 64} {
		one := report.Result{Key: report.Key{Scenario: "single", Variant: report.FormatNumber(x, 0)}, Repetition: 1}
		one.Axis, one.Curve, one.X, one.Delivered = report.ConnectionsAxis, "single", x, 1
		one.Set(report.DeliveredPerSecond, 100*x)
		r.Results = append(r.Results, one)
	}
	r.Conclude()
	dir, err := r.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	for _, c := range []chartsCommand{{Results: dir}, {Results: dir, Out: other}} {
		if err := c.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, where := range []string{dir, other} {
		if _, err := os.Stat(filepath.Join(where, "delivered-s-over-connections.svg")); err != nil {
			t.Error(err)
		}
	}
	if err := (&chartsCommand{Results: other}).Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder without results: %v", err)
	}
}
