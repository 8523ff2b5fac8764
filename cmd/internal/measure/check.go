package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// The bounds that checkBounds holds the project to. CONTRIBUTING.md names them, too.
const (
	maxFiles           = 25 // files of code in one folder
	maxFunction        = 60 // lines of the longest function
	maxFunctionP90     = 22 // lines that nine functions in ten do not exceed
	maxFileP90         = 210
	minTestRatio       = 1.3 // lines of tests by lines of code
	minBenchRatio      = 0.8 // of bench: it measures, and what it measures is tested elsewhere
	minComments        = 0.2
	minDocumentedShare = 0.99
)

// nearest is the number of folders, or names, that a broken bound over all lists: those
// where the most is to be gained.
const nearest = 5

// checkBounds writes a line for each bound that is broken, with the folder or the
// function, and returns an error if there is one.
func checkBounds(w io.Writer, folders []*folder) error {
	c := checker{w: w}
	for _, f := range folders {
		c.checkFolder(f)
	}
	all, bench := sums(folders)
	c.checkLengths(all)
	c.checkRatios(all, bench, folders)
	if c.broken > 0 {
		return fmt.Errorf("broken bounds: %d", c.broken)
	}
	return nil
}

// checker counts broken bounds. It continues after the first: whoever mends them wants to
// see all.
type checker struct {
	w      io.Writer
	broken int
}

// report writes one line, and counts it.
func (c *checker) report(format string, args ...any) {
	c.broken++
	fmt.Fprintf(c.w, format+"\n", args...)
}

// checkFolder looks at the bounds that hold for each folder and each function.
func (c *checker) checkFolder(f *folder) {
	if n := len(f.files); n > maxFiles {
		c.report("%s: %d files of code, more than %d", f.name, n, maxFiles)
	}
	if !f.packageDoc && f.hasPackage {
		c.report("%s: the package has no doc comment", f.name)
	}
	for _, fn := range f.functions {
		if fn.lines > maxFunction {
			c.report("%s: %s has %d lines, more than %d", fn.at, fn.name, fn.lines, maxFunction)
		}
	}
}

// checkLengths looks at the longest tenth of functions and files.
func (c *checker) checkLengths(all *folder) {
	if p90 := quantile(all.functionLines(), 0.9); p90 > maxFunctionP90 {
		c.report("all: one function in ten has more than %d lines, p90 %d; the longest are", maxFunctionP90, p90)
		longest := slices.SortedFunc(slices.Values(all.functions), func(a, b function) int { return cmp.Compare(b.lines, a.lines) })
		for _, fn := range longest[:min(nearest, len(longest))] {
			fmt.Fprintf(c.w, "\t%s: %s, %d lines\n", fn.at, fn.name, fn.lines)
		}
	}
	if p90 := quantile(all.files, 0.9); p90 > maxFileP90 {
		c.report("all: one file in ten has more than %d lines, p90 %d", maxFileP90, p90)
	}
}

// checkRatios looks at the shares of tests, comments and documented identifiers. They
// hold over all, because a folder of a few lines need not have the same share.
func (c *checker) checkRatios(all, bench *folder, folders []*folder) {
	if r := ratio(all.test, all.code()); r < minTestRatio {
		c.report("all: %.3f lines of tests for each line of code, less than %.1f; what each folder lacks:", r, minTestRatio)
		c.worst(folders, func(f *folder) int { return int(minTestRatio*float64(f.code())) - f.test })
	}
	if r := ratio(bench.test, bench.code()); bench.code() > 0 && r < minBenchRatio {
		c.report("bench: %.3f lines of tests for each line of code, less than %.1f", r, minBenchRatio)
	}
	if r := ratio(all.comments, all.coded); r < minComments {
		c.report("all: %.3f comment lines for each line with code, less than %.1f; what each folder lacks:", r, minComments)
		c.worst(folders, func(f *folder) int { return int(minComments*float64(f.coded)) - f.comments })
	}
	if all.exported > 0 && ratio(all.documented, all.exported) < minDocumentedShare {
		c.report("all: %d of %d exported identifiers have a doc comment, less than %.0f %%; without one are", all.documented, all.exported, 100*minDocumentedShare)
		for _, at := range all.undocumented {
			fmt.Fprintf(c.w, "\t%s\n", at)
		}
	}
}

// worst lists the folders that lack the most lines. They are where a broken bound is
// mended with the least work, though none of them need have caused it.
func (c *checker) worst(folders []*folder, lacks func(*folder) int) {
	sorted := slices.SortedStableFunc(slices.Values(folders), func(a, b *folder) int { return cmp.Compare(lacks(b), lacks(a)) })
	for _, f := range sorted[:min(nearest, len(sorted))] {
		if n := lacks(f); n > 0 {
			fmt.Fprintf(c.w, "\t%s: %d lines\n", f.name, n)
		}
	}
}
