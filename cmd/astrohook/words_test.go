package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sql finds statements, and the names of tables and columns: no user reads them.
var sql = regexp.MustCompile("^`|\\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|ALTER|LOCK)\\b|^\"[a-z_.]+\"$")

// otherWord is what the code calls a webhook. Users never read it.
var otherWord = regexp.MustCompile(`(?i)endpoint`)

// pages are the documents for users. Those for contributors may say endpoint.
var pages = []string{
	"README.md", "SECURITY.md", "docs/tour.md", "docs/commands.md", "docs/settings.md", "docs/receiving.md", "docs/operations.md",
	"examples/README.md", "httpapi/openapi.yaml",
}

// TestOneWord: what users read says webhook: the documents, the help, and every
// text in the code that can become an answer, a log line or a metric.
func TestOneWord(t *testing.T) {
	for _, name := range pages {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if otherWord.MatchString(line) {
				t.Errorf("%s:%d: %s", name, i+1, line)
			}
		}
	}
	for _, command := range []string{"serve", "token", "key create", "publish", "listen", "verify", "check", "backup", "restore", "reencrypt", "webhooks add", "webhooks set", "deliveries list", "replay", "status", "doctor"} {
		if got := runCommand(t, "", append([]string{"help"}, strings.Fields(command)...)...); otherWord.MatchString(got.out) {
			t.Errorf("the help of %s:\n%s", command, got.out)
		}
	}
	for _, folder := range []string{"webhook", "httpapi", "storage", "cmd", "actors"} {
		checkTexts(t, filepath.Join("../..", folder))
	}
}

// checkTexts looks at the string literals of a folder's programs.
func checkTexts(t *testing.T, folder string) {
	t.Helper()
	files := token.NewFileSet()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// A test suite, and a package whose texts are SQL: tables have the names of the code.
		if entry.IsDir() && (entry.Name() == "storagetest" || entry.Name() == "pgstore") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if ok && text.Kind == token.STRING && otherWord.MatchString(text.Value) && text.Value != `"endpoint-"` &&
				!(strings.Contains(path, "pgstore") && sql.MatchString(text.Value)) {
				t.Errorf("%s: %s", files.Position(text.Pos()), text.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
