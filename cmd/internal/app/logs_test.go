package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logMethods are those of slog.Logger that take a message or keys.
var logMethods = []string{"Debug", "Info", "Warn", "Error", "With", "Log", "LogAttrs", "DebugContext", "InfoContext", "WarnContext", "ErrorContext"}

// oldKeys are keys that log lines no longer have. Log lines name a webhook by webhook_id,
// with client_id and target_host, and a delivery by delivery_id.
var oldKeys = []string{"endpoint", "endpoint_id", "webhook", "delivery", "client", "host"}

// endpointWord is the inner word for a webhook.
var endpointWord = regexp.MustCompile(`(?i)\bendpoints?\b`)

// TestLogWords: log lines name webhooks and deliveries as the API does, so that what
// they say can be looked up.
func TestLogWords(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	calls := 0
	for _, folder := range []string{"actors", "httpapi", "storage", "cmd", "webhook"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			calls += checkLogWords(t, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if calls < 20 {
		t.Error("only", calls, "calls were looked at")
	}
}

// checkLogWords looks at the texts in all calls of a file that log.
func checkLogWords(t *testing.T, path string) (calls int) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(logMethods, method.Sel.Name) || len(call.Args) == 0 {
			return true
		}
		calls++
		for _, text := range literals(call.Args) {
			if slices.Contains(oldKeys, text) || endpointWord.MatchString(text) {
				t.Errorf("%s: %q in a log line", set.Position(call.Pos()), text)
			}
		}
		return true
	})
	return calls
}

// literals returns all string literals in expressions.
func literals(in []ast.Expr) (texts []string) {
	for _, e := range in {
		ast.Inspect(e, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if plain, err := strconv.Unquote(text.Value); err == nil {
					texts = append(texts, plain)
				}
			}
			return true
		})
	}
	return texts
}
