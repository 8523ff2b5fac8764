package main

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/latency"
	"github.com/corpastro/astrohook/bench/loadgen"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
)

// The endpoints come up 10 s after the run began. 600 deliveries arrive in 4 s, 300 of them
// in the second second.
func TestArrivals(t *testing.T) {
	begin := time.Unix(1000, 0)
	up := begin.Add(10 * time.Second)
	a := receiver.Audit{
		Counts: receiver.Counts{Distinct: 600, FirstAt: up.Add(time.Second), LastAt: up.Add(5 * time.Second)},
		Begin:  begin, Seconds: []uint32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 300, 100, 100},
	}
	var r report.Result
	r.Set(report.ReceiptP50, 9000)
	r.SetCurve("receipt p50 ms", []report.Point{{X: 1, Y: 2}, {X: 3, Y: 4}})
	r.SetCurve("data directory MiB", []report.Point{{X: 1, Y: 2}, {X: 3, Y: 4}})
	setArrivals(&r, a, up)
	for f, want := range map[report.Figure]float64{
		report.DeliveredPerSecond: 150, report.Recovery: 5, report.HerdPeak: 2,
	} {
		if got := r.Figures[f]; got != want {
			t.Errorf("%s is %v, want %v", f, got, want)
		}
	}
	if _, ok := r.Figures[report.ReceiptP50]; ok || r.Curves["receipt p50 ms"] != nil || r.Curves["data directory MiB"] == nil {
		t.Errorf("figures %v, curves %v", r.Figures, r.Curves)
	}
	curve := r.Curves["arrivals in each second"]
	if len(curve) != 9 || curve[0].X != -4 || curve[6] != (report.Point{X: 2, Y: 300}) {
		t.Errorf("the curve begins 4 s before the endpoints are up: %v", curve)
	}
}

// Every number of what was sent and what arrived has its place in a result.
func TestNewResult(t *testing.T) {
	s := scenario{Name: "many", Variant: hostsApart, Settings: report.Settings{Endpoints: 10, Payload: 512}, BlackHoles: 1}
	p := loadgen.Published{
		Issued: 101, Acknowledged: 100, Unknown: map[uint64]bool{7: true}, Refused: 3, Elapsed: 2 * time.Second,
		Answers: latency.Summary{P50: 1, P99: 2, P999: 3},
	}
	a := receiver.Audit{
		Counts: receiver.Counts{Distinct: 85, Duplicates: 1, Corrupt: 2, Foreign: 3, Sampled: 4, Unsigned: 5},
		Lost:   6, Latency: latency.Summary{P50: 10, P99: 20, P999: 30, Max: 40},
	}
	r := newResult(s, p, a)
	want := report.Account{
		Published: 101, Acknowledged: 100, Unknown: 1, Refused: 3, Expected: 90,
		Delivered: 85, Lost: 6, Duplicated: 1, Corrupted: 2, Foreign: 3, Sampled: 4, Unsigned: 5,
	}
	if r.Account != want || r.Key.String() != "many, a host for each" || r.Endpoints != 10 {
		t.Errorf("%s, %+v: %+v, want %+v", r.Key, r.Settings, r.Account, want)
	}
	for f, want := range map[report.Figure]float64{
		report.PublishedPerSecond: 50, report.AnswerP50: 1, report.AnswerP99: 2, report.AnswerP999: 3,
		report.ReceiptP50: 10, report.ReceiptP99: 20, report.ReceiptP999: 30, report.ReceiptMax: 40,
	} {
		if got := r.Figures[f]; got != want {
			t.Errorf("%s is %v, want %v", f, got, want)
		}
	}
}

// Processor time counts for 1,000 deliveries; that of a server of others is not known.
func TestUsage(t *testing.T) {
	before := usage{server: time.Second, receiver: time.Second, generator: time.Second, owned: true}
	after := usage{server: 3 * time.Second, receiver: 2 * time.Second, generator: 1500 * time.Millisecond, owned: true}
	used := after.since(before)
	r := report.Result{Account: report.Account{Delivered: 4000}}
	used.report(&r)
	for f, want := range map[report.Figure]float64{report.ServerCPU: 0.5, report.ReceiverCPU: 0.25, report.GeneratorCPU: 0.125} {
		if got := r.Figures[f]; got != want {
			t.Errorf("%s is %v, want %v", f, got, want)
		}
	}
	var none report.Result
	used.owned = false
	used.report(&none)
	if len(none.Figures) != 0 {
		t.Errorf("without deliveries there is no cost of one: %v", none.Figures)
	}
}
