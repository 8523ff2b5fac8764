package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMapNamesEveryPackage: CONTRIBUTING.md has a row for each folder with Go files, and for
// no other.
func TestMapNamesEveryPackage(t *testing.T) {
	folders, err := measure(root)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(readPage(t, "CONTRIBUTING.md"), "| package | what belongs in it |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .").FindAllStringSubmatch(table, -1) {
		named = append(named, row[1])
	}
	for _, f := range folders {
		if !slices.Contains(named, filepath.ToSlash(f.name)) {
			t.Errorf("the map of CONTRIBUTING.md has no row for %s", f.name)
		}
	}
	for _, name := range named {
		if found, err := filepath.Glob(filepath.Join(root, name, "*.go")); err != nil || len(found) == 0 {
			t.Errorf("the map of CONTRIBUTING.md names %s, which is no package", name)
		}
	}
}

// TestDecisionsAreListed: the index has a link to each record.
func TestDecisionsAreListed(t *testing.T) {
	records, err := filepath.Glob(filepath.Join(root, "docs/decisions/0*.md"))
	if err != nil || len(records) < 5 {
		t.Fatalf("%d records: %v", len(records), err)
	}
	index := readPage(t, "docs/decisions/README.md")
	for _, record := range records {
		if !strings.Contains(index, "]("+filepath.Base(record)+")") {
			t.Errorf("docs/decisions/README.md has no link to %s", filepath.Base(record))
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noWord  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinksLeadSomewhere: each relative link of a page names a file of the project, and its
// fragment a heading of that file.
func TestLinksLeadSomewhere(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && name != "..") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" || strings.Contains(filepath.ToSlash(path), "/bench/results/") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			checked++
			if problem := follow(path, found[1]); problem != "" {
				t.Errorf("%s: the link to %s: %s", path, found[1], problem)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 50 {
		t.Errorf("only %d links were found", checked)
	}
}

// follow returns what is wrong with a link of a page, or "".
func follow(page, target string) string {
	file, fragment, _ := strings.Cut(target, "#")
	where := page
	if file != "" {
		where = filepath.Join(filepath.Dir(page), file)
	}
	if _, err := os.Stat(where); err != nil {
		return "there is no such file"
	}
	if fragment == "" {
		return ""
	}
	text, err := os.ReadFile(where)
	if err != nil {
		return err.Error()
	}
	for _, h := range heading.FindAllStringSubmatch(string(text), -1) {
		if anchor(h[1]) == fragment {
			return ""
		}
	}
	return "it has no such heading"
}

// anchor returns the fragment that leads to a heading, as GitHub makes it.
func anchor(heading string) string {
	return strings.ReplaceAll(noWord.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var (
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]+\b`)
	testInCode = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]+)\(`)
)

// testsInCode returns the names of all tests, fuzz targets and benchmarks.
func testsInCode(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := eachFile(root, func(path, name string) error {
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range testInCode.FindAllStringSubmatch(string(text), -1) {
			names[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestNamedTestsExist: a promise whose test was renamed or removed would look proved.
func TestNamedTestsExist(t *testing.T) {
	exist := testsInCode(t)
	for _, page := range []string{"docs/guarantees.md", "docs/design.md", "docs/decisions/0001-own-http1-client.md", "storage/DESIGN.md", "CONTRIBUTING.md"} {
		for _, name := range testName.FindAllString(readPage(t, page), -1) {
			if !exist[name] {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

// TestFuzzTargetsAreListed: docs/guarantees.md names each fuzz target.
func TestFuzzTargetsAreListed(t *testing.T) {
	page := testName.FindAllString(readPage(t, "docs/guarantees.md"), -1)
	for name := range testsInCode(t) {
		if strings.HasPrefix(name, "Fuzz") && !slices.Contains(page, name) {
			t.Errorf("docs/guarantees.md does not name %s", name)
		}
	}
}

// TestLockFilesNameNoRegistry: npm takes packages from the registry that the machine is set up
// for, so a lock file must not name another one.
func TestLockFilesNameNoRegistry(t *testing.T) {
	found := 0
	err := eachFile(root, func(path, name string) error {
		if filepath.Base(name) != "package-lock.json" {
			return nil
		}
		found++
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), `"resolved"`) {
			t.Errorf("%s says where packages come from", name)
		}
		return err
	})
	if err != nil || found < 2 {
		t.Errorf("%d lock files, %v", found, err)
	}
}
