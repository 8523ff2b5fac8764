// Package report turns the results of runs into what people read: medians, goals,
// comparisons, tables and charts.
//
// What belongs here: the figures and their units, the goals, what is worked out from
// the results of repetitions, how all that is written, and the machine that it was
// measured on. What does not: how a figure is measured. It imports nothing of the
// bench, so that an old results.json can be read without running anything.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
)

// Report is all that a run of the bench found; it is what results.json holds.
type Report struct {
	Begun   time.Time `json:"begun"`
	Commit  string    `json:"commit"`
	Machine Machine   `json:"machine"`
	// Arguments are the bench's own.
	Arguments []string  `json:"arguments"`
	Goals     []Verdict `json:"goals"`
	Summaries []Summary `json:"summaries"`
	Pairs     []Pair    `json:"pairs,omitempty"`
	Results   []Result  `json:"results"`
}

// Conclude works out all that follows from the results.
func (r *Report) Conclude() {
	compareToBare(r.Results)
	r.Summaries = summarize(r.Results)
	r.Goals = judge(r.Summaries)
	r.Pairs = pairs(r.Results)
}

// Broken tells whether any run broke a promise.
func (r *Report) Broken() bool {
	return slices.ContainsFunc(r.Results, func(r Result) bool { return r.Broken() })
}

// Tables are what people read of the report.
func (r *Report) Tables() []Table {
	return []Table{r.goalTable(), r.pairTable(), r.rateTable(), r.costTable(), r.otherTable(), r.accountTable()}
}

func (r *Report) goalTable() Table {
	t := Table{title: "Goals", head: []string{"scenario", "figure", "median", "goal", ""}, words: 2}
	for _, v := range r.Goals {
		t.rows = append(t.rows, v.row())
	}
	return t
}

func (r *Report) pairTable() Table {
	t := Table{title: "B to A, run by run", head: []string{"scenario", "figure", "median", "min", "max"}, words: 2}
	for _, p := range r.Pairs {
		row := []string{p.Key.String(), p.Figure.title()}
		for _, v := range []float64{p.Ratio.Median, p.Ratio.Min, p.Ratio.Max} {
			row = append(row, FormatNumber(v, 3))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// The columns of the two tables that every scenario has a row in.
var (
	rateColumns = []Figure{DeliveredPerSecond, ToBare, AnswerP50, AnswerP99, ReceiptP50, ReceiptP99}
	costColumns = []Figure{ServerCPU, PeakMemory, PeakAnon, PeakFile}
)

func (r *Report) rateTable() Table {
	return r.columns("Throughput and latency: median (min–max)", rateColumns)
}

func (r *Report) costTable() Table {
	return r.columns("Cost: median (min–max)", costColumns)
}

// columns makes a table of figures, with a row for each measurement that has any of them.
func (r *Report) columns(title string, figures []Figure) Table {
	t := Table{title: title, head: []string{"scenario"}, words: 1}
	for _, f := range figures {
		t.head = append(t.head, f.title())
	}
	for _, s := range r.Summaries {
		row, measured := []string{s.Key.String()}, false
		for _, f := range figures {
			value, ok := s.Figures[f]
			measured = measured || ok
			row = append(row, f.spread(value, ok))
		}
		if measured {
			t.rows = append(t.rows, row)
		}
	}
	return t
}

// otherTable has the figures that only some scenarios have.
func (r *Report) otherTable() Table {
	t := Table{title: "More figures: median (min–max)", head: []string{"scenario", "figure", "value"}, words: 2}
	for _, s := range r.Summaries {
		var names []Figure
		for f := range s.Figures {
			if !slices.Contains(rateColumns, f) && !slices.Contains(costColumns, f) && !slices.Contains(unlisted, f) {
				names = append(names, f)
			}
		}
		slices.Sort(names)
		for _, f := range names {
			t.rows = append(t.rows, []string{s.Key.String(), f.title(), f.spread(s.Figures[f], true)})
		}
	}
	return t
}

// unlisted are the figures that stand in results.json only.
var unlisted = []Figure{PublishedPerSecond, ReceiverCPU, GeneratorCPU, AnswerP999, ReceiptP999, ReceiptMax}

func (r *Report) accountTable() Table {
	t := Table{title: "What became of the events, all runs together", words: 1, head: []string{
		"scenario", "runs", "published", "acknowledged", "refused", "delivered", "lost", "duplicated", "corrupted", "signatures checked",
	}}
	for _, s := range r.Summaries {
		a := s.Total
		row := []string{s.Key.String(), FormatCount(s.Runs)}
		for _, n := range []uint64{a.Published, a.Acknowledged, a.Refused, a.Delivered, a.Lost, a.Duplicated, a.Corrupted + a.Foreign + a.Unsigned, a.Sampled} {
			row = append(row, FormatCount(n))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// spread writes a figure's median, with the bounds if they differ from it.
func (f Figure) spread(s Spread, measured bool) string {
	if !measured {
		return ""
	}
	median, low, high := f.format(s.Median), f.format(s.Min), f.format(s.Max)
	if low == high {
		return median
	}
	return fmt.Sprintf("%s (%s–%s)", median, low, high)
}

// markdown writes the report with links to its charts.
func (r *Report) markdown(w io.Writer, charts []Chart) {
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
	if len(charts) > 0 {
		fmt.Fprint(w, "## Charts\n\n")
	}
	for _, c := range charts {
		fmt.Fprintf(w, "![%s](%s)\n\n", c.title, c.file())
	}
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// Save writes the report below a folder, and gives the folder that it made there.
func (r *Report) Save(parent string) (string, error) {
	dir := filepath.Join(parent, r.Begun.Format("2006-01-02T1504")+"-"+r.Commit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	charts := r.charts()
	var results, text bytes.Buffer
	if err := r.WriteJSON(&results); err != nil {
		return "", err
	}
	r.markdown(&text, charts)
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "results.json"), results.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, "report.md"), text.Bytes(), 0o644),
	)
	for _, c := range charts {
		err = errors.Join(err, c.save(dir))
	}
	if err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	return dir, nil
}
