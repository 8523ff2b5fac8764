package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// measured returns the measures of one file of code.
func measured(t *testing.T, text string) *folder {
	t.Helper()
	folders, err := measure(write(t, map[string]string{"a.go": text}))
	if err != nil {
		t.Fatal(err)
	}
	return folders[0]
}

// TestLines: which lines count as comments, and which as code.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		reason, text    string
		comments, coded int
	}{
		{"the clause alone", "package a\n", 0, 1},
		{"empty lines", "package a\n\n\n\nvar x int\n", 0, 2},
		{"a doc comment", "// Package a is a sample.\npackage a\n", 1, 1},
		{"a comment of three lines", "// a\n//\n// b\n\npackage a\n", 3, 1},
		{"a comment behind code", "package a // not a line of its own\n", 0, 1},
		{"a block", "/* a\nb\n*/\npackage a\n", 3, 1},
		{"a block that ends before code", "/* a\nb */ package a\n", 1, 1},
		{"a comment in a string", "package a\n\nvar x = `\n// text\n`\n", 0, 4},
		{"a directive", "//go:build unix\n\npackage a\n", 1, 1},
		{"a brace alone", "package a\n\nfunc f() {\n\t// why\n}\n", 1, 3},
		{"no line end", "package a\n// why", 1, 1},
	} {
		got := measured(t, c.text)
		if got.comments != c.comments || got.coded != c.coded {
			t.Errorf("%s: %d comment lines and %d of code, want %d and %d", c.reason, got.comments, got.coded, c.comments, c.coded)
		}
	}
}

// TestDocumented: which identifiers are exported, and which comments document them.
func TestDocumented(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		exported     int
		missing      []string
	}{
		{"nothing", "func f() {}\nvar x int\ntype t struct{}", 0, nil},
		{"a function", "// F is.\nfunc F() {}\nfunc G() {}", 2, []string{"a.go:5: G"}},
		{"a method", "type T struct{} // is\nfunc (T) M() {}", 2, []string{"a.go:4: M"}},
		{"a method of a pointer", "type t struct{}\nfunc (*t) M() {}", 0, nil},
		{"methods of generic types", "// T is.\ntype T[K any] struct{}\nfunc (t T[K]) M() {}\n// P is.\ntype P[K, V any] struct{}\nfunc (t *P[K, V]) N() {}", 4, []string{"a.go:5: M", "a.go:8: N"}},
		{"a group with a comment", "// Both are.\nconst (\n\tA = 1\n\tB = 2\n)", 2, nil},
		{"a group with a comment for one", "const (\n\t// A is.\n\tA = 1\n\tB = 2\n)", 2, []string{"a.go:6: B"}},
		{"comments behind", "var (\n\tA = 1 // is\n\tb, C = 2, 3\n)", 2, []string{"a.go:5: C"}},
		{"several on a line", "// A and B are.\nvar A, B int", 2, nil},
		{"fields and methods of interfaces are not counted", "// T is.\ntype T struct{ F int }\n// I is.\ntype I interface{ M() }", 2, nil},
		{"a comment apart from it", "// about something else\n\nfunc F() {}", 1, []string{"a.go:5: F"}},
	} {
		got := measured(t, "package a\n\n"+c.text+"\n")
		if got.exported != c.exported || !slices.Equal(got.undocumented, c.missing) || got.documented != c.exported-len(c.missing) {
			t.Errorf("%s: %d exported, %d documented, without %q; want %d exported, without %q", c.reason, got.exported, got.documented, got.undocumented, c.exported, c.missing)
		}
	}
}

// TestFunctions: from func to the closing brace, without the comment above, with
// functions inside counted as a part.
func TestFunctions(t *testing.T) {
	got := measured(t, "package a\n\n// f is.\nfunc f() {}\n\nfunc g() {\n\tfunc() {\n\t}()\n}\n\nfunc h(\n\ta int,\n) int\n")
	want := []function{{"f", "a.go:4", 1}, {"g", "a.go:6", 4}, {"h", "a.go:11", 3}}
	if !slices.Equal(got.functions, want) {
		t.Errorf("%+v, want %+v", got.functions, want)
	}
}

// TestIsTest: what counts as a test.
func TestIsTest(t *testing.T) {
	for name, want := range map[string]bool{
		"a.go": false, "a/a.go": false, "a/a_test.go": true, "storage/storagetest/all.go": true, "e2etest/sub/a.go": false,
		"latest/a.go": true, // a folder with such a name would have to be called otherwise
		"test.go":     false, "a/contest.go": false,
	} {
		if got := isTest(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestFolders: which folders belong to the project.
func TestFolders(t *testing.T) {
	files := map[string]string{}
	for _, dir := range []string{
		".", "a", "a/b", "binary", "examples/go", // are
		".patched/badger", ".git", "a/testdata", "node_modules/x", "a/node_modules", "bench/results/1.0", "bin", // are not
	} {
		files[dir+"/x.go"] = "package x\n"
	}
	folders, err := measure(write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range folders {
		names = append(names, f.name)
	}
	if want := []string{".", "a", "a/b", "binary", "examples/go"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if _, err := measure("/no/such/folder"); err == nil {
		t.Error("a folder that is missing was measured")
	}
}

// TestSearchGo: words in comments, in strings and as identifiers, but not in code that
// only contains them.
func TestSearchGo(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		want         []string
	}{
		{"a comment", "// It tells.", []string{"3 tells"}},
		{"a comment behind code", "var x int // tells", []string{"3 tells"}},
		{"a phrase on two lines", "// all but\n// for one", []string{"3 but for"}},
		{"a block", "/* it\ngoes on */", []string{"3 goes on"}},
		{"a text", "var x = \"made anew\"", []string{"3 anew"}},
		{"a long text", "var x = `\nmade anew\n`", []string{"3 anew"}},
		{"a name", "var tray int", []string{"3 tray"}},
		{"a field", "type t struct{ hasty bool }", []string{"3 hasty"}},
		{"a name that contains one", "var trays, claimed, Room int", nil},
		{"a doc comment in old words", "// size gives the number.\nfunc size() {}", []string{"3 // size gives the"}},
		{"plain words", "// size returns the number, again.\nfunc size() { println(\"continues\") }", nil},
		{"a name in a text is none", "var x = \"tray\"", nil},
	} {
		root := write(t, map[string]string{"a.go": "package a\n\n" + c.text + "\n"})
		var got []string
		err := searchGo(root+"/a.go", "a.go", func(name string, line int, what, instead string) {
			got = append(got, fmt.Sprint(line, " ", what))
			if name != "a.go" || instead == "" {
				t.Errorf("%s: reported for %q, with %q instead", c.reason, name, instead)
			}
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: found %q, %v; want %q", c.reason, got, err, c.want)
		}
	}
}

// TestSearchFails: a file that cannot be read is not passed over as one without faults.
func TestSearchFails(t *testing.T) {
	none := func(string, int, string, string) {}
	if err := searchPage("/no/such/file", "x", none); err == nil {
		t.Error("a page that is missing has no words")
	}
	root := write(t, map[string]string{"long.md": strings.Repeat("x", 2<<20), "a.go": "no Go"})
	if err := searchPage(root+"/long.md", "long.md", none); err == nil {
		t.Error("a line of 2 MiB was searched, or passed over")
	}
	if err := searchGo(root+"/a.go", "a.go", none); err == nil {
		t.Error("a file that is not Go has no words")
	}
}

// TestTable: a line for each folder, then bench with all its folders, and all.
func TestTable(t *testing.T) {
	folders, err := measure(write(t, map[string]string{
		"a/a.go":            "// Package a is a sample.\npackage a\n\n// F is.\nfunc F() {\n}\n\nfunc G() {}\n",
		"a/a_test.go":       "package a\n\n\n\n",
		"bench/main.go":     "package main\n",
		"bench/load/l.go":   "package load\n\n",
		"bench/l_test.go":   "package main\n",
		"atest/fake.go":     "package atest\n",
		"bench/load/gen.go": "// Code generated by hand. DO NOT EDIT.\n\npackage load\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printTable(&out, folders); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"folder files code test test:code functions p50/p90/p99/max files p50/p90/max comments documented",
		"a 1 8 4 0.50 1/2/2/2 8/8/8 0.50 50 %",
		"atest 0 0 1 0.00 0/0/0/0 0/0/0 0.00 100 %",
		"bench 1 1 1 1.00 0/0/0/0 1/1/1 0.00 100 %",
		"bench/load 1 2 0 0.00 0/0/0/0 2/2/2 0.00 100 %",
		"bench, all of it 2 3 1 0.33 0/0/0/0 1/2/2 0.00 100 %",
		"all 3 11 6 0.55 1/2/2/2 2/8/8 0.33 50 %",
	}
	if !slices.Equal(got, want) {
		t.Errorf("wrote\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
