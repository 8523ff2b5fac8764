package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
