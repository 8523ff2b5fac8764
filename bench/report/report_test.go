package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

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

func TestReportIsRendered(t *testing.T) {
	r := example()
	var markdown, text bytes.Buffer
	r.markdown(&markdown, r.charts())
	for _, table := range r.Tables() {
		table.WriteText(&text)
	}
	for name, got := range map[string][]byte{"report.md": markdown.Bytes(), "tables.txt": text.Bytes()} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; go test -update if that is right. Got:\n%s", file, got)
		}
	}
}

// What is saved can be read again, and every chart that the report shows is a picture.
func TestReportIsSaved(t *testing.T) {
	r := example()
	dir, err := r.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	again.Conclude()
	var one, two bytes.Buffer
	if err := errors.Join(r.WriteJSON(&one), again.WriteJSON(&two)); err != nil {
		t.Fatal(err)
	}
	if one.String() != two.String() {
		t.Error("the results changed on their way through the file")
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	charts := r.charts()
	if len(charts) != 2 {
		t.Errorf("%d charts, want one over connections and one of the herd", len(charts))
	}
	for _, c := range charts {
		picture, err := os.ReadFile(filepath.Join(dir, c.file()))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "("+c.file()+")") {
			t.Errorf("report.md does not show %s", c.file())
		}
		decoder := xml.NewDecoder(bytes.NewReader(picture))
		for err = nil; err == nil; {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) || !bytes.Contains(picture, []byte("<svg")) {
			t.Errorf("%s is not SVG: %v", c.file(), err)
		}
	}
}

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
			t.Errorf("formatNumber(%v, %d) = %q, want %q", c.value, c.digits, got, c.want)
		}
	}
}

// Curves go from left to right whatever the order of the runs.
func TestCurvesAreInTheAxisOrder(t *testing.T) {
	got := example().axisChart("connections", DeliveredPerSecond)
	if len(got.curves) != 1 || len(got.curves[0].xs) != 2 {
		t.Fatalf("%+v", got)
	}
	c := got.curves[0]
	if c.xs[0] != 1 || c.xs[1] != 256 || c.ys[0].Median != 1234 || c.ys[1] != (Spread{35_000, 30_000, 40_000}) {
		t.Errorf("%+v", c)
	}
}
