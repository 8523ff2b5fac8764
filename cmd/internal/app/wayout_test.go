package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// outward are the names by which code opens connections of its own.
var outward = []string{
	"net.Dial", "net.DialTimeout", "net.DialTCP", "net.DialUDP", "net.Dialer", "tls.Dial", "tls.DialWithDialer", "tls.Dialer", "tls.Client",
	"http.Get", "http.Head", "http.Post", "http.PostForm", "http.Client", "http.Transport", "http.DefaultClient", "http.DefaultTransport",
	"fasthttp.Client", "fasthttp.HostClient", "fasthttp.PipelineClient", "fasthttp.LBClient", "fasthttp.TCPDialer", "fasthttp.Dial",
	"fasthttp.DialTimeout", "fasthttp.DialDualStack", "fasthttp.Do", "fasthttp.DoTimeout", "fasthttp.Get", "fasthttp.GetTimeout", "fasthttp.Post",
}

// selectors returns all uses of x.Name in the code, tests left out, below a folder.
func selectors(t *testing.T, folder string) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if of, ok := n.X.(*ast.Ident); ok {
					found[of.Name+"."+n.Sel.Name] = append(found[of.Name+"."+n.Sel.Name], path)
				}
			case *ast.Ident:
				found[n.Name] = append(found[n.Name], path)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestOneWayOut: no code of the server connects to anything but the sender's dialer, and
// the sessions of the database, which the operator names.
func TestOneWayOut(t *testing.T) {
	dialer := filepath.Join(root, "actors", "sender", "dialer.go")
	sessions := filepath.Join(root, "storage", "pgstore", "session", "session.go")
	dials := 0
	for _, folder := range []string{"actors", "httpapi", "storage", "webhook", "cmd/internal/app"} {
		used := selectors(t, folder)
		for _, name := range outward {
			for _, path := range used[name] {
				if path != dialer && path != sessions && !strings.HasSuffix(filepath.Dir(path), "test") { // receivertest and its like are fakes for tests
					t.Errorf("%s uses %s: requests leave through actors/sender only", path, name)
				}
				dials++
			}
		}
	}
	if dials == 0 {
		t.Error("the sender's own dialer was not found: does the test still look at the right places?")
	}
}

// TestCertificatesAreAlwaysVerified: no code turns the verification of certificates off.
func TestCertificatesAreAlwaysVerified(t *testing.T) {
	for _, folder := range []string{"actors", "httpapi", "storage", "webhook", "cmd"} {
		if paths := selectors(t, folder)["InsecureSkipVerify"]; len(paths) > 0 {
			t.Errorf("InsecureSkipVerify is used in %s", slices.Compact(paths))
		}
	}
}
