package report

import (
	"testing"
	"time"
)

// example is a report with something in every table, and charts of both kinds.
func example() *Report {
	r := &Report{
		Begun: time.Date(2025, 5, 17, 10, 30, 0, 0, time.UTC), Commit: "0123abc",
		Machine: Machine{Processor: "Example CPU", Cores: 2, Memory: 24 << 30, Kernel: "6.1", Go: "go1.26", Sync: 0.5},
	}
	for n := range 3 {
		bare := measured(Key{Scenario: Bare}, n+1, DeliveredPerSecond, 100_000)
		single := measured(Key{Scenario: "single"}, n+1, DeliveredPerSecond, 30_000+5_000*float64(n))
		single.Axis, single.Curve, single.X = "connections", "single", 256
		few := measured(Key{Scenario: "single", Variant: "connections 1"}, n+1, DeliveredPerSecond, 1234)
		few.Axis, few.Curve, few.X = "connections", "single", 1
		single.Set(ServerCPU, 0.0412)
		single.Set(PeakMemory, 100*Mebibyte)
		single.Set(ReceiptP99, 12.345)
		r.Results = append(r.Results, bare, single, few)
	}
	herd := measured(Key{Scenario: "herd"}, 1, HerdPeak, 3.5)
	herd.SetCurve("arrivals in each second", []Point{{0, 0}, {1, 5000}, {2, 3000}})
	r.Results = append(r.Results, herd,
		measured(Key{"batch", "", "A"}, 1, ServerCPU, 0.02), measured(Key{"batch", "", "B"}, 1, ServerCPU, 0.03))
	r.Conclude()
	return r
}

func TestReportIsBrokenByOneRun(t *testing.T) {
	r := example()
	if r.Broken() {
		t.Error("a report of runs that kept their promises is broken")
	}
	r.Results[3].Duplicated = 1
	if !r.Broken() {
		t.Error("a report with a duplicated delivery is not broken")
	}
}

// A report that was read from a file is concluded again; nothing may be counted twice.
func TestConcludeTwice(t *testing.T) {
	r := example()
	goals, runs, ratio := len(r.Goals), r.Summaries[0].Runs, r.Results[1].Figures[ToBare]
	r.Conclude()
	if len(r.Goals) != goals || r.Summaries[0].Runs != runs || r.Results[1].Figures[ToBare] != ratio {
		t.Errorf("%d goals, %d runs, ratio %v; before %d, %d, %v", len(r.Goals), r.Summaries[0].Runs, r.Results[1].Figures[ToBare], goals, runs, ratio)
	}
}
