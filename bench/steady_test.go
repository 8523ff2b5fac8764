package main

import (
	"testing"

	"github.com/corpastro/astrohook/bench/report"
)

func TestDrift(t *testing.T) {
	var flat, steep []report.Point
	for i := range 30 {
		y := 10.0
		if i == 3 || i == 27 {
			y = 1000 // single outliers are no drift
		}
		flat = append(flat, report.Point{X: float64(i), Y: y})
		steep = append(steep, report.Point{X: float64(i), Y: float64(i + 1)})
	}
	if got, ok := drift(flat); !ok || got != 1 {
		t.Errorf("drift of a flat curve: %v, %v", got, ok)
	}
	if got, ok := drift(steep); !ok || got != 25.5/5.5 {
		t.Errorf("drift of a steep curve: %v, %v", got, ok)
	}
	if _, ok := drift(flat[:2]); ok {
		t.Error("two points have a drift")
	}
}
