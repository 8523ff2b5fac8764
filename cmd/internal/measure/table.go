package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// sums returns the measures of all folders together, and those of bench and its folders,
// which have a bound of their own.
func sums(folders []*folder) (all, bench *folder) {
	all, bench = &folder{name: "all"}, &folder{name: "bench, all of it"}
	for _, f := range folders {
		all.add(f)
		if f.name == "bench" || strings.HasPrefix(f.name, "bench/") {
			bench.add(f)
		}
	}
	return all, bench
}

// printTable writes one line for each folder, one for bench, and one for all. It judges
// nothing: a folder may break a bound that holds over all.
func printTable(w io.Writer, folders []*folder) error {
	all, bench := sums(folders)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "folder\tfiles\tcode\ttest\ttest:code\tfunctions p50/p90/p99/max\tfiles p50/p90/max\tcomments\tdocumented")
	for _, f := range folders {
		f.print(table)
	}
	bench.print(table)
	all.print(table)
	return table.Flush()
}

// print writes the folder's line of the table.
func (f *folder) print(w io.Writer) {
	documented := 100.0
	if f.exported > 0 {
		documented = 100 * float64(f.documented) / float64(f.exported)
	}
	lines := f.functionLines()
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.2f\t%d/%d/%d/%d\t%d/%d/%d\t%.2f\t%.0f %%\n",
		f.name, len(f.files), f.code(), f.test, ratio(f.test, f.code()),
		quantile(lines, 0.5), quantile(lines, 0.9), quantile(lines, 0.99), quantile(lines, 1),
		quantile(f.files, 0.5), quantile(f.files, 0.9), quantile(f.files, 1),
		ratio(f.comments, f.coded), documented)
}

// ratio returns a by b, and 0 where b is 0, as for a folder of tests only.
func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// quantile returns the smallest value that a share of all values does not exceed; 0 if
// there are no values. It takes no mean of two: p90 is the length of a real function.
func quantile(values []int, share float64) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(share*float64(len(sorted))+0.999999)-1, 0)]
}
