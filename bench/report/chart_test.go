package report

import (
	"slices"
	"testing"
)

// Curves go from left to right whatever the order of the runs.
func TestCurvesAreInTheAxisOrder(t *testing.T) {
	got := example().axisChart(ConnectionsAxis, DeliveredPerSecond)
	if len(got.curves) != 1 || len(got.curves[0].xs) != 2 {
		t.Fatalf("%+v", got)
	}
	c := got.curves[0]
	if c.xs[0] != 1 || c.xs[1] != 256 || c.ys[0].Median != 1234 || c.ys[1] != (Spread{35_000, 30_000, 40_000}) {
		t.Errorf("%+v", c)
	}
	if x, y := c.XY(1); x != 256 || y != 35_000 || c.Len() != 2 {
		t.Errorf("the plotter sees %v, %v as the last of %d", x, y, c.Len())
	}
	if low, high := c.YError(1); low != 5_000 || high != 5_000 {
		t.Errorf("bars of %v down and %v up", low, high)
	}
}

// on is a result on a curve over payload sizes.
func on(k Key, curve string, x float64, f Figure) Result {
	r := measured(k, 1, f, x)
	r.Axis, r.Curve, r.X = PayloadAxis, curve, x
	return r
}

// Bare has a curve of throughput, and none of the cost of a server that it has not; the
// binaries of a comparison have curves of their own.
func TestCurvesOfAChart(t *testing.T) {
	r := &Report{}
	for _, x := range []float64{128, 512} {
		size := FormatNumber(x, 0)
		for _, binary := range []string{"A", "B"} {
			r.Results = append(r.Results, on(Key{"scaling", "payload " + size, binary}, "single", x, DeliveredPerSecond))
		}
		bare := on(Key{Scenario: Bare, Variant: "payload " + size}, "bare", x, DeliveredPerSecond)
		bare.Set(ServerCPU, 1)
		r.Results = append(r.Results, bare)
	}
	r.Conclude()
	charts := r.charts()
	if len(charts) != 1 || charts[0].file() != "delivered-s-over-payload.svg" || !charts[0].logX {
		t.Fatalf("%+v", charts)
	}
	var names []string
	for _, c := range charts[0].curves {
		names = append(names, c.name)
	}
	if want := []string{"single A", "single B", "bare"}; !slices.Equal(names, want) {
		t.Errorf("curves %v, want %v", names, want)
	}
}

// One point is no curve.
func TestChartsNeedTwoPoints(t *testing.T) {
	r := &Report{Results: []Result{on(Key{Scenario: "single"}, "single", 512, DeliveredPerSecond)}}
	r.Conclude()
	if charts := r.charts(); len(charts) != 0 {
		t.Errorf("%+v", charts)
	}
	var single Result
	single.SetCurve("receipt p50 ms", []Point{{1, 2}})
	if single.Curves != nil {
		t.Errorf("a curve of one point: %v", single.Curves)
	}
}

func TestChartFilesHavePlainNames(t *testing.T) {
	for title, want := range map[string]string{
		"server CPU s/1,000 over payload":         "server-cpu-s-1-000-over-payload.svg",
		"herd (A): arrivals in each second":       "herd-a-arrivals-in-each-second.svg",
		"../sustained: receipt p99 ms, in ticks ": "sustained-receipt-p99-ms-in-ticks.svg",
	} {
		if got := (chart{title: title}).file(); got != want {
			t.Errorf("%q is drawn into %q, want %q", title, got, want)
		}
	}
}

// Large numbers have commas, as in the tables; small ones are left as they are.
func TestTicks(t *testing.T) {
	var labels []string
	for _, tick := range labelTicks(0, 30_000) {
		if tick.Label != "" {
			labels = append(labels, tick.Label)
		}
	}
	if !slices.Contains(labels, "10,000") {
		t.Errorf("labels %v up to 30,000", labels)
	}
	for _, tick := range labelTicks(0, 1) {
		if tick.Value == 0.5 && tick.Label != "0.5" {
			t.Errorf("0.5 is labelled %q", tick.Label)
		}
	}
	c := chart{curves: []plotted{{xs: []float64{1, 100_000}}}}
	if ticks := c.pointTicks(0, 0); len(ticks) != 2 || ticks[1].Label != "100,000" {
		t.Errorf("%+v", ticks)
	}
}
