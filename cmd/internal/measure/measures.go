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
	files                []int // lines of each file of code
	functions            []int // lines of each function of code
	test                 int   // lines of tests
	comments, coded      int   // comment lines, and lines with code, of code
	exported, documented int
}

func (f *folder) add(o *folder) {
	f.files, f.functions = append(f.files, o.files...), append(f.functions, o.functions...)
	f.test += o.test
	f.comments, f.coded = f.comments+o.comments, f.coded+o.coded
	f.exported, f.documented = f.exported+o.exported, f.documented+o.documented
}

// code returns the lines of code files, comments and blank lines included.
func (f *folder) code() (lines int) {
	for _, n := range f.files {
		lines += n
	}
	return lines
}

// measure reads every Go file below root, but for hidden folders, testdata and
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

func (f *folder) read(path, name string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bytes.Count(text, []byte("\n"))
	if isTest(name) {
		f.test += lines
		return nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	f.files = append(f.files, lines)
	f.countLines(text)
	for _, d := range file.Decls {
		f.countDecl(files, d)
	}
	return nil
}

// countLines counts lines that hold a comment only, and lines with code.
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

func (f *folder) countDecl(files *token.FileSet, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f.functions = append(f.functions, files.Position(d.End()).Line-files.Position(d.Pos()).Line+1)
		if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv)) {
			f.count(d.Doc != nil)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			f.countSpec(d, spec)
		}
	}
}

func (f *folder) countSpec(d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			f.count(d.Doc != nil || s.Doc != nil || s.Comment != nil)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() {
				f.count(d.Doc != nil || s.Doc != nil || s.Comment != nil)
			}
		}
	}
}

func (f *folder) count(documented bool) {
	f.exported++
	if documented {
		f.documented++
	}
}

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

// printTable writes one line for each folder, one for bench, and one for all.
func printTable(w io.Writer, folders []*folder) error {
	all, bench := &folder{name: "all"}, &folder{name: "bench, all of it"}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "folder\tfiles\tcode\ttest\ttest:code\tfunctions p50/p90/p99/max\tfiles p50/p90/max\tcomments\tdocumented")
	for _, f := range folders {
		all.add(f)
		if strings.HasPrefix(f.name, "bench") {
			bench.add(f)
		}
		f.print(table)
	}
	bench.print(table)
	all.print(table)
	return table.Flush()
}

func (f *folder) print(w io.Writer) {
	documented := 100.0
	if f.exported > 0 {
		documented = 100 * float64(f.documented) / float64(f.exported)
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.2f\t%d/%d/%d/%d\t%d/%d/%d\t%.2f\t%.0f %%\n",
		f.name, len(f.files), f.code(), f.test, ratio(f.test, f.code()),
		quantile(f.functions, 0.5), quantile(f.functions, 0.9), quantile(f.functions, 0.99), quantile(f.functions, 1),
		quantile(f.files, 0.5), quantile(f.files, 0.9), quantile(f.files, 1),
		ratio(f.comments, f.coded), documented)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// quantile returns the smallest value that a share of all values does not exceed.
func quantile(values []int, share float64) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(share*float64(len(sorted))+0.999999)-1, 0)]
}
