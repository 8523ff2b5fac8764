package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table is rows under a head, for a terminal or for Markdown.
type Table struct {
	title string
	head  []string
	rows  [][]string
	// words is how many columns, from the left, hold words. The others hold numbers,
	// which Markdown aligns to the right.
	words int
}

// Tables returns what people read of the report, in the order in which they read it.
func (r *Report) Tables() []Table {
	return []Table{r.goalTable(), r.pairTable(), r.rateTable(), r.costTable(), r.otherTable(), r.accountTable()}
}

// goalTable comes first: it says in one place what is missed.
func (r *Report) goalTable() Table {
	t := Table{title: "Goals", head: []string{"scenario", "figure", "median", "goal", ""}, words: 2}
	for _, v := range r.Goals {
		t.rows = append(t.rows, v.row())
	}
	return t
}

// pairTable has minimum and maximum in columns of their own: a difference counts when
// both are on the same side of 1.
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

// The columns of the two tables in which every scenario has a row.
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

// columns returns a table of figures, with a row for each measurement that has any of them.
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

// otherTable has the figures that only some scenarios have: a column for each would be
// empty nearly everywhere.
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

// unlisted are the figures that only results.json holds: tables with all of them could
// not be read.
var unlisted = []Figure{PublishedPerSecond, ReceiverCPU, GeneratorCPU, AnswerP999, ReceiptP999, ReceiptMax}

// accountTable has every kind of loss, also when all are 0: the figures above mean nothing
// without it.
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

// markdown writes the table below its title, or nothing if it is empty.
func (t Table) markdown(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "## %s\n\n| %s |\n|", t.title, strings.Join(t.head, " | "))
	for i := range t.head {
		if i < t.words {
			fmt.Fprint(w, " --- |")
		} else {
			fmt.Fprint(w, " ---: |")
		}
	}
	fmt.Fprintln(w)
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintln(w)
}

// WriteText writes the table for a terminal, or nothing if it is empty.
func (t Table) WriteText(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", t.title)
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.Join(t.head, "\t"))
	for _, row := range t.rows {
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	_ = columns.Flush() // to a terminal or a buffer
}
