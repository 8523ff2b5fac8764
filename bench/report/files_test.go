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
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestReportIsRendered(t *testing.T) {
	r := example()
	var markdown, text bytes.Buffer
	r.markdown(&markdown)
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

// A run that measured nothing over a setting or over time has no charts to name, and one
// without a disk says nothing of it.
func TestReportLeavesOutWhatItLacks(t *testing.T) {
	r := &Report{Commit: "0123abc", Results: []Result{measured(Key{Scenario: Bare}, 1, DeliveredPerSecond, 10)}}
	r.Conclude()
	var markdown bytes.Buffer
	r.markdown(&markdown)
	for _, absent := range []string{"## Charts", "## Goals", "## B to A", "durable"} {
		if strings.Contains(markdown.String(), absent) {
			t.Errorf("the report has %q:\n%s", absent, markdown.String())
		}
	}
}

// What is saved can be opened again, and says the same.
func TestReportIsSavedAndOpened(t *testing.T) {
	r := example()
	parent := t.TempDir()
	dir, err := r.Save(parent)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(parent, "2025-05-17T1030-0123abc"); dir != want {
		t.Errorf("saved to %s, want %s", dir, want)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var one, two, text bytes.Buffer
	if err := errors.Join(r.WriteJSON(&one), again.WriteJSON(&two)); err != nil {
		t.Fatal(err)
	}
	if one.String() != two.String() {
		t.Error("the results changed on their way through the file")
	}
	again.markdown(&text)
	saved, err := os.ReadFile(filepath.Join(dir, textFile))
	if err != nil || !bytes.Equal(saved, text.Bytes()) {
		t.Errorf("report.md of the opened report differs from the saved one, %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%d files were saved, want results.json and report.md, %v", len(entries), err)
	}
}

// results.json is read by scripts: these names stay as they are.
func TestNamesInResults(t *testing.T) {
	var raw bytes.Buffer
	if err := example().WriteJSON(&raw); err != nil {
		t.Fatal(err)
	}
	var file struct {
		Machine   map[string]any   `json:"machine"`
		Goals     []map[string]any `json:"goals"`
		Summaries []map[string]any `json:"summaries"`
		Pairs     []map[string]any `json:"pairs"`
		Results   []map[string]any `json:"results"`
	}
	if err := json.Unmarshal(raw.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		where string
		has   map[string]any
		want  []string
	}{
		{"machine", file.Machine, []string{"cores", "go", "kernel", "memory_bytes", "processor", "sync_ms"}},
		{"goals", file.Goals[0], []string{"at_least", "bound", "met", "scenario", "value", "what"}},
		{"pairs", file.Pairs[0], []string{"figure", "ratio", "scenario"}},
		{"summaries", file.Summaries[0], []string{
			"batch", "broken", "connections", "endpoints", "figures", "payload_bytes", "runs", "scenario", "total",
		}},
		{"results", file.Results[1], []string{
			"acknowledged", "axis", "batch", "connections", "corrupted", "curve", "delivered", "duplicated", "endpoints", "expected", "figures", "foreign",
			"lost", "payload_bytes", "published", "refused", "repetition", "scenario", "signatures_checked", "signatures_wrong", "unknown", "x",
		}},
	} {
		for _, name := range c.want {
			if _, ok := c.has[name]; !ok {
				t.Errorf("%s lack %q", c.where, name)
			}
		}
		for name := range c.has {
			if !slices.Contains(c.want, name) {
				t.Errorf("%s have %q, which this test does not know", c.where, name)
			}
		}
	}
}

func TestOpenExplainsWhatIsWrong(t *testing.T) {
	empty, garbled := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(garbled, resultsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder without results: %v", err)
	}
	if _, err := Open(garbled); err == nil || !strings.Contains(err.Error(), resultsFile) {
		t.Errorf("a file cut off: %v", err)
	}
	if _, err := example().Save(filepath.Join(garbled, resultsFile)); err == nil {
		t.Error("saved below a file")
	}
}

// Every chart that report.md names is drawn, as a picture.
func TestChartsAreDrawn(t *testing.T) {
	r := example()
	dir := t.TempDir()
	names, err := r.SaveCharts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"delivered-s-over-connections.svg", "herd-arrivals-in-each-second.svg"}; !slices.Equal(names, want) {
		t.Errorf("drawn: %v, want %v", names, want)
	}
	var text bytes.Buffer
	r.markdown(&text)
	for _, name := range names {
		if !strings.Contains(text.String(), "`"+name+"`") {
			t.Errorf("report.md does not name %s", name)
		}
		picture, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(bytes.NewReader(picture))
		for err = nil; err == nil; {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) || !bytes.Contains(picture, []byte("<svg")) {
			t.Errorf("%s is not SVG: %v", name, err)
		}
	}
	if _, err := r.SaveCharts(filepath.Join(dir, "missing")); err == nil {
		t.Error("drawn into a folder that does not exist")
	}
}
