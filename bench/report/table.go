package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table is rows under a head, for a terminal or for Markdown.
type Table struct {
	title string
	head  []string
	rows  [][]string
	// words is how many columns, from the left, hold words; the others numbers.
	words int
}

// markdown writes the table below its title; nothing if it is empty.
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

// WriteText writes the table for a terminal; nothing if it is empty.
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
