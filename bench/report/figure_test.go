package report

import (
	"strings"
	"testing"
)

func TestFormatNumber(t *testing.T) {
	for _, c := range []struct {
		value  float64
		digits int
		want   string
	}{
		{0, 0, "0"},
		{999, 0, "999"},
		{1000, 0, "1,000"},
		{1234567.891, 2, "1,234,567.89"},
		{-1234, 0, "-1,234"},
		{0.0356, 4, "0.0356"},
		{999.96, 1, "1,000.0"},
	} {
		if got := FormatNumber(c.value, c.digits); got != c.want {
			t.Errorf("FormatNumber(%v, %d) = %q, want %q", c.value, c.digits, got, c.want)
		}
	}
}

func TestFiguresAreWrittenInTheirUnit(t *testing.T) {
	for _, c := range []struct {
		figure Figure
		value  float64
		want   string
	}{
		{DeliveredPerSecond, 30456.7, "30,457"},
		{ServerCPU, 0.03947, "0.0395"},
		{PeakMemory, 768 << 20, "768"}, // the title says MiB
		{FirstDelivery, 0.0088, "0.009"},
		{"a_later_figure", 1.5, "1.500"},
	} {
		if got := c.figure.format(c.value); got != c.want {
			t.Errorf("%s of %v is written %q, want %q", c.figure, c.value, got, c.want)
		}
	}
	if got := Figure("a_later_figure").title(); got != "a_later_figure" {
		t.Errorf("a figure that is not known is called %q", got)
	}
}

func TestSpreadsAreShort(t *testing.T) {
	for _, c := range []struct {
		spread   Spread
		measured bool
		want     string
	}{
		{Spread{2, 1, 3}, true, "2.00 (1.00–3.00)"},
		{Spread{2, 2, 2}, true, "2.00"},
		{Spread{2, 1.999, 2.001}, true, "2.00"}, // equal as far as they are written
		{Spread{}, false, ""},
	} {
		if got := ToBare.spread(c.spread, c.measured); got != c.want {
			t.Errorf("%+v, measured %v: %q, want %q", c.spread, c.measured, got, c.want)
		}
	}
}

// A figure's name ends with its unit, for those who read results.json; and what is
// written in MiB is stored in bytes.
func TestFiguresNameTheirUnit(t *testing.T) {
	units := []string{"_per_second", "_ratio", "_seconds", "_bytes", "_ms", "_deliveries"}
	seen := map[Figure]bool{}
	for _, k := range kinds {
		if seen[k.Figure] {
			t.Errorf("%s is listed twice", k.Figure)
		}
		seen[k.Figure] = true
		known := false
		for _, unit := range units {
			known = known || strings.HasSuffix(string(k.Figure), unit)
		}
		if !known {
			t.Errorf("%s ends with no unit", k.Figure)
		}
		if inMiB := strings.Contains(k.title, "MiB"); inMiB != (k.per == Mebibyte) || inMiB && !strings.HasSuffix(string(k.Figure), "_bytes") {
			t.Errorf("%s is written as %q, divided by %v", k.Figure, k.title, k.per)
		}
	}
}

func TestKeysAreNames(t *testing.T) {
	for want, k := range map[string]Key{
		"single":                    {Scenario: "single"},
		"single, connections 1":     {Scenario: "single", Variant: "connections 1"},
		"batch (A)":                 {Scenario: "batch", Binary: "A"},
		"many, a host for each (B)": {Scenario: "many", Variant: "a host for each", Binary: "B"},
	} {
		if got := k.String(); got != want {
			t.Errorf("%+v is called %q, want %q", k, got, want)
		}
	}
}
