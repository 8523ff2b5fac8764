package lane

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pureImports are the packages that the lane may import. What reads the clock, starts
// something or talks to somebody is not among them.
var pureImports = []string{
	"cmp", "errors", "fmt", "slices", "time",
	"github.com/corpastro/astrohook/webhook",
	"github.com/sony/gobreaker/v2",
	"golang.org/x/time/rate",
}

// pureTime are the functions of package time that compute. All others read the clock or
// start a timer.
var pureTime = []string{"Date", "ParseDuration", "Unix", "UnixMicro", "UnixMilli"}

// impurities returns what a file does that a pure core must not do.
func impurities(fset *token.FileSet, file *ast.File) (found []string) {
	report := func(n ast.Node, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), fmt.Sprintf(format, args...)))
	}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || spec.Name != nil || !slices.Contains(pureImports, path) {
			report(spec, "imports %s", spec.Path.Value)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "starts a goroutine")
		case *ast.SendStmt, *ast.SelectStmt:
			report(n, "uses a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				report(n, "waits on a channel")
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok {
				if of, ok := f.X.(*ast.Ident); ok && of.Name == "time" && of.Obj == nil && !slices.Contains(pureTime, f.Sel.Name) && f.Sel.Name != "Duration" {
					report(n, "calls time.%s", f.Sel.Name)
				}
			}
		}
		return true
	})
	return found
}

// TestLaneIsPure holds the package to its doc comment.
func TestLaneIsPure(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset, files := token.NewFileSet(), 0
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files++
		for _, impurity := range impurities(fset, file) {
			t.Error(impurity)
		}
	}
	if files < 5 {
		t.Errorf("only %d files were read: does the test still look at the package?", files)
	}
}

// TestImpurities shows that each rule finds what it forbids.
func TestImpurities(t *testing.T) {
	for _, c := range []struct {
		reason, source string
		want           int
	}{
		{"the clock", `import "time"; var a = time.Now()`, 1},
		{"how long ago is the clock too", `import "time"; func f(t time.Time) { _ = time.Since(t); _ = time.Until(t) }`, 2},
		{"timers", `import "time"; func f() { time.AfterFunc(1, f); time.Sleep(1); _, _ = time.NewTimer(1), time.After(1) }`, 4},
		{"a goroutine", `func f() { go f() }`, 1},
		{"a message to a channel", `func f(c chan int) { c <- 1 }`, 1},
		{"a message from a channel", `func f(c chan int) { <-c }`, 1},
		{"a choice of channels", `func f() { select {} }`, 1},
		{"protoactor", `import "github.com/asynkron/protoactor-go/actor"`, 1},
		{"locks and goroutines of the library", `import "sync"`, 1},
		{"the clock by another name", `import clock "time"; var a = clock.Now()`, 1},
		{"chance", `import "math/rand/v2"`, 1},
		{"times as values", `import "time"; func f(t time.Time) bool { return t.Add(time.Second).After(time.Unix(1, 0)) }`, 0},
		{"a duration made of a number", `import "time"; var a = time.Duration(3)`, 0},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "core.go", "package core; "+c.source, 0)
		if err != nil {
			t.Fatal(c.reason, err)
		}
		if found := impurities(fset, file); len(found) != c.want {
			t.Errorf("%s: found %q, want %d", c.reason, found, c.want)
		}
	}
}
