package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
)

// The files of a report, in a folder of its own.
const (
	resultsFile = "results.json"
	textFile    = "report.md"
)

// Save writes results.json and report.md into a new folder below parent, named by date
// and commit, and returns that folder. Charts are drawn on demand (see SaveCharts): they
// can be drawn again from results.json at any time.
func (r *Report) Save(parent string) (string, error) {
	dir := filepath.Join(parent, r.Begun.Format("2006-01-02T1504")+"-"+r.Commit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	var results, text bytes.Buffer
	if err := r.WriteJSON(&results); err != nil {
		return "", err
	}
	r.markdown(&text)
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, resultsFile), results.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, textFile), text.Bytes(), 0o644),
	)
	if err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	return dir, nil
}

// Open reads the report in a folder that Save made. It works out again what follows
// from the results, so that an old report is judged by today's goals.
func Open(dir string) (*Report, error) {
	raw, err := os.ReadFile(filepath.Join(dir, resultsFile))
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("read the report: %s: %w", resultsFile, err)
	}
	r.Conclude()
	return &r, nil
}

// SaveCharts draws the report's charts into a folder, and returns their files' names.
func (r *Report) SaveCharts(dir string) ([]string, error) {
	var names []string
	for _, c := range r.charts() {
		if err := c.save(dir); err != nil {
			return names, err
		}
		names = append(names, c.file())
	}
	return names, nil
}

// WriteJSON writes the report as one JSON object, indented, so that git shows differences
// line by line.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// markdown writes the report, and which charts can be drawn of it. Where it was measured
// comes first: no figure means anything on another machine.
func (r *Report) markdown(w io.Writer) {
	fmt.Fprintf(w, "# Bench of %s, commit %s\n\n", r.Begun.Format(time.DateOnly), r.Commit)
	m := r.Machine
	fmt.Fprintf(w, "%d × %s, %s of memory, Linux %s, %s. ", m.Cores, m.Processor, humanize.IBytes(m.Memory), m.Kernel, m.Go)
	if m.Sync > 0 {
		fmt.Fprintf(w, "Making 4 KiB durable takes this disk %.2f ms in the median. ", m.Sync)
	}
	fmt.Fprint(w, "Generator, server and receiver share the machine; every acknowledgement is synced to disk. The bench's README explains the words.\n\n")
	for _, t := range r.Tables() {
		t.markdown(w)
	}
	charts := r.charts()
	if len(charts) == 0 {
		return
	}
	fmt.Fprint(w, "## Charts\n\n`go run ./bench charts` and the name of this folder draw, from results.json:\n\n")
	for _, c := range charts {
		fmt.Fprintf(w, "- `%s`: %s\n", c.file(), c.title)
	}
}
