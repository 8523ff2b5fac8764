package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPatchSeries: the patches are numbered without gaps, and each one's header names
// tests that exist and a place upstream.
func TestPatchSeries(t *testing.T) {
	patches, err := filepath.Glob("patches/*")
	if err != nil || len(patches) == 0 {
		t.Fatal(patches, err)
	}
	tests := testNames(t)
	for i, path := range patches {
		if prefix := fmt.Sprintf("patches/%04d-", i+1); !strings.HasPrefix(path, prefix) || filepath.Ext(path) != ".patch" {
			t.Errorf("%s: want a name that begins with %s and ends with .patch", path, prefix)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		header, _, found := strings.Cut(string(text), "\ndiff --git ")
		reason, fields, named := strings.Cut(header, "\nTest: ")
		test, upstream, linked := strings.Cut(fields, "\nUpstream: ")
		if !found || !named || !linked || len(reason) < 100 || len(upstream) < 10 {
			t.Errorf("%s: the header lacks a reason, a test or a place upstream:\n%s", path, header)
		}
		for _, name := range testName.FindAllString(test, -1) {
			if !tests[name] {
				t.Errorf("%s: there is no test %s", path, name)
			}
		}
		if !testName.MatchString(test) {
			t.Errorf("%s: %q names no test", path, test)
		}
	}
}

var testName = regexp.MustCompile(`\bTest[A-Za-z]+`)

// testNames returns the tests of this package and of badgerstore.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "../*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				names[found[1]] = true
			}
		}
	}
	return names
}
