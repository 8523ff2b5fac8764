package actors

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// answers that travel through channels, not through mailboxes.
var replies = []string{"published"}

// TestMessagesAreComplete: every message that an actor handles is declared in messages.go
// with a comment on who sends it, and every message there is handled.
func TestMessagesAreComplete(t *testing.T) {
	files := sources(t)
	declared := messageDocs(files["messages.go"])
	handled := handledTypes(files)
	for name, doc := range declared {
		if len(strings.Fields(doc)) < 6 {
			t.Errorf("messages.go says too little about %s: %q", name, doc)
		}
		if !handled[name] && !slices.Contains(replies, name) {
			t.Errorf("no actor handles %s", name)
		}
	}
	for name := range handled {
		if _, there := declared[name]; !there {
			t.Errorf("an actor handles %s, which messages.go does not declare", name)
		}
	}
	if len(declared) < 25 || len(handled) < 25 {
		t.Errorf("only %d messages and %d handled types were found: does the test still look in the right places?",
			len(declared), len(handled))
	}
}

// sources parses the package's files, without tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]*ast.File)
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = file
		}
	}
	return files
}

// messageDocs returns the types of a file with their comments. A type without one has
// that of the type before it, whose comment names it.
func messageDocs(file *ast.File) map[string]string {
	docs := make(map[string]string)
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		last := ""
		for _, spec := range group.Specs {
			spec := spec.(*ast.TypeSpec)
			name := spec.Name.Name
			if spec.Doc != nil {
				last = spec.Doc.Text()
			} else if !strings.Contains(last, name) {
				last = ""
			}
			docs[name] = last
		}
	}
	return docs
}

// handledTypes returns the package's own types that type switches of actors name.
func handledTypes(files map[string]*ast.File) map[string]bool {
	types := make(map[string]bool)
	for file := range maps.Values(files) {
		ast.Inspect(file, func(n ast.Node) bool {
			choice, ok := n.(*ast.TypeSwitchStmt)
			if !ok {
				return true
			}
			for _, clause := range choice.Body.List {
				for _, expr := range clause.(*ast.CaseClause).List {
					if star, ok := expr.(*ast.StarExpr); ok {
						if name, ok := star.X.(*ast.Ident); ok {
							types[name.Name] = true
						}
					}
				}
			}
			return true
		})
	}
	return types
}
