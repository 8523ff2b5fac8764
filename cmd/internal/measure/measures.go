package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// isTest reports whether a file counts as a test: a _test.go file, or one of a folder
// whose name ends in "test", which holds a conformance suite or a shared fake.
func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.go") || strings.HasSuffix(filepath.Dir(name), "test")
}

// folder has the measures of one folder, or of several together.
type folder struct {
	name                 string
	files                []int      // lines of each file of code
	functions            []function // of code
	test                 int        // lines of tests
	comments, coded      int        // comment lines, and lines with code, of code
	exported, documented int
	undocumented         []string // where each exported identifier without a comment stands
	// hasPackage is set if the folder has a package beside its _test.go files, and
	// packageDoc if that has a doc comment.
	hasPackage, packageDoc bool
}

// function is one function or method.
type function struct {
	name, at string // at is FILE:LINE
	lines    int
}

// add adds another folder's measures to those of f.
func (f *folder) add(o *folder) {
	f.files, f.functions = append(f.files, o.files...), append(f.functions, o.functions...)
	f.test += o.test
	f.comments, f.coded = f.comments+o.comments, f.coded+o.coded
	f.exported, f.documented = f.exported+o.exported, f.documented+o.documented
	f.undocumented = append(f.undocumented, o.undocumented...)
}

// functionLines returns the length of each function.
func (f *folder) functionLines() []int {
	lines := make([]int, len(f.functions))
	for i, fn := range f.functions {
		lines[i] = fn.lines
	}
	return lines
}

// code returns the lines of code files, comments and blank lines included.
func (f *folder) code() (lines int) {
	for _, n := range f.files {
		lines += n
	}
	return lines
}

// measure reads every Go file below root, except in hidden folders, testdata and
// modules of others, and returns the folders by name.
func measure(root string) ([]*folder, error) {
	found := make(map[string]*folder)
	err := eachFile(root, func(path, name string) error {
		if filepath.Ext(path) != ".go" {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		if found[dir] == nil {
			found[dir] = &folder{name: dir}
		}
		return found[dir].read(path, name)
	})
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *folder) int { return strings.Compare(a.name, b.name) }), nil
}

// eachFile visits the files of the project below root; name is the path from there.
// Hidden folders hold copies of others' code (.patched) and tools, testdata what need not
// read well, results what a program has written.
func eachFile(root string, visit func(path, name string) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(base, ".") || slices.Contains([]string{"node_modules", "testdata", "results", "bin"}, base)) {
				return filepath.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(path, name)
	})
}

// read adds the measures of one file. Generated files count for nothing.
func (f *folder) read(path, name string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bytes.Count(text, []byte("\n"))
	if strings.HasSuffix(name, "_test.go") {
		f.test += lines
		return nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.ToSlash(name), text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	f.hasPackage, f.packageDoc = true, f.packageDoc || file.Doc != nil
	if isTest(name) {
		f.test += lines
		return nil
	}
	f.files = append(f.files, lines)
	f.countLines(text)
	for _, d := range file.Decls {
		f.countDecl(files, d)
	}
	return nil
}

// countLines counts lines that hold a comment only, and lines with code. It scans tokens
// rather than text, so that a comment inside a string is none.
func (f *folder) countLines(text []byte) {
	var s scanner.Scanner
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	s.Init(file, text, nil, scanner.ScanComments)
	code, comment := make(map[int]bool), make(map[int]bool)
	for {
		at, kind, literal := s.Scan()
		if kind == token.EOF {
			break
		}
		if kind == token.SEMICOLON && literal == "\n" {
			continue
		}
		first := file.Line(at)
		in := code
		if kind == token.COMMENT {
			in = comment
		}
		for line := first; line <= first+strings.Count(literal, "\n"); line++ {
			in[line] = true
		}
	}
	f.coded += len(code)
	for line := range comment {
		if !code[line] {
			f.comments++
		}
	}
}

// countDecl counts a function, and whether what the declaration exports is documented.
func (f *folder) countDecl(files *token.FileSet, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f.functions = append(f.functions, function{
			name: d.Name.Name, at: place(files, d.Pos()), lines: files.Position(d.End()).Line - files.Position(d.Pos()).Line + 1,
		})
		if d.Recv == nil || exportedReceiver(d.Recv) {
			f.count(files, d.Name, d.Doc != nil)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			f.countSpec(files, d, spec)
		}
	}
}

// countSpec counts what one line of a declaration exports. Its own comment counts, one at
// the end of the line, and the group's.
func (f *folder) countSpec(files *token.FileSet, d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		f.count(files, s.Name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
	case *ast.ValueSpec:
		for _, name := range s.Names {
			f.count(files, name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
		}
	}
}

// count counts a name if it is exported.
func (f *folder) count(files *token.FileSet, name *ast.Ident, documented bool) {
	if !name.IsExported() {
		return
	}
	f.exported++
	if documented {
		f.documented++
		return
	}
	f.undocumented = append(f.undocumented, place(files, name.Pos())+": "+name.Name)
}

// place returns FILE:LINE, the form in which editors find it.
func place(files *token.FileSet, at token.Pos) string {
	p := files.Position(at)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// exportedReceiver reports whether a method belongs to an exported type. Methods of others
// are not on any page of documentation.
func exportedReceiver(list *ast.FieldList) bool {
	kind := list.List[0].Type
	for {
		switch t := kind.(type) {
		case *ast.StarExpr:
			kind = t.X
		case *ast.IndexExpr:
			kind = t.X
		case *ast.IndexListExpr:
			kind = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return false
		}
	}
}

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
