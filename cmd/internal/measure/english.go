package main

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// word is one that the project does not use, and what to write in its place.
type word struct {
	pattern *regexp.Regexp // matched against a line, or a whole comment
	instead string         // for the reader: it is not put in its place
}

// words are those of comments, messages and pages. Each pattern is narrow: a word that is
// right in other places would have people switch the check off.
var words = []word{
	{regexp.MustCompile(`(?i)\btells\b`), `"reports whether", "returns", "says"`},
	{regexp.MustCompile(`(?i)^// \w+ gives (?:the|a|an|what|how|whether|all|each|nil)\b`), `"returns"`},
	{regexp.MustCompile(`(?i)\bbut for\b`), `"except"`},
	{regexp.MustCompile(`(?i)\banew\b`), `"again"`},
	{regexp.MustCompile(`(?i)\bgoes on\b`), `"continues"`},
	{regexp.MustCompile(`(?i)\bis through\b`), `"has finished"`},
	{regexp.MustCompile(`(?i)\b(?:lies|lie) back\b`), `"is in the past"`},
	{regexp.MustCompile(`(?i)\bnot by time\b`), `"not limited in time"`},
	{regexp.MustCompile(`(?i)\bin earnest\b`), `"in production"`},
	{regexp.MustCompile(`(?i)\banother than\b`), `"other than"`},
	{regexp.MustCompile(`(?i)\bis warned of\b`), `"is logged as a warning"`},
	{regexp.MustCompile(`(?i)\blest\b`), `"so that … does not"`},
	{regexp.MustCompile(`(?i)\bof (?:a few|which|whom) (?:the|it|nobody|nothing) \w+ (?:is|are|was) (?:not )?(?:told|known)\b`), "a sentence in normal order"},
}

// names are identifiers that have a plain name now. The whole identifier counts, so that
// claims and claimed are no claim.
var names = map[string]string{
	"tray": "inbox", "hasty": "notifyAtOnce", "hurry": "notifyAtOnce", "seat": "child", "claim": "permit",
	"ranks": "tier", "lingers": "idleTimeout", "aside": "offeredDuringRead", "suspect": "current", "letGo": "dropWindow",
	"land": "endAttempt", "room": "diskSpace or budget", "sighting": "scanMark", "meddled": "changedOutsideActor",
	"census": "pendingCount", "Census": "CheckReport", "synced": "commitMark", "rekeying": "reencryption", "outline": "jsonScanner",
	"owners": "clientOf", "hangUp": "closeInUse", "greet": "setUp", "allowedOnly": "a destination type",
	"holes": "blackHoles", "firstHalf": "halfOfTimeLeft", "orDefault": "cmp.Or",
}

// pages are the kinds of files in which every line is read by people. A name without an
// extension is a whole file name.
var pages = []string{".md", ".yaml", ".yml", ".sh", "Makefile", "Dockerfile"}

// exempt are files that name the words or quote the past.
func exempt(name string) bool {
	return strings.HasPrefix(filepath.ToSlash(name), "cmd/internal/measure/") || filepath.Base(name) == "CHANGELOG.md"
}

// printWords writes where a word stands that the project does not use, and what to write
// instead. It returns an error if there is one.
func printWords(w io.Writer, root string) error {
	found := 0
	report := func(name string, line int, what, instead string) {
		found++
		fmt.Fprintf(w, "%s:%d: %q: write %s\n", name, line, what, instead)
	}
	err := eachFile(root, func(path, name string) error {
		switch {
		case exempt(name):
			return nil
		case filepath.Ext(name) == ".go":
			return searchGo(path, name, report)
		case slices.Contains(pages, filepath.Ext(name)), slices.Contains(pages, filepath.Base(name)):
			return searchPage(path, name, report)
		}
		return nil
	})
	if err == nil && found > 0 {
		err = fmt.Errorf("words that the project does not use: %d", found)
	}
	return err
}

// reporter takes one place, the word that stands there, and what to write instead.
type reporter func(name string, line int, what, instead string)

// searchLine reports each word at most once a line: the writer reads the line anyway.
func searchLine(name string, line int, text string, report reporter) {
	for _, word := range words {
		if what := word.pattern.FindString(text); what != "" {
			report(name, line, what, word.instead)
		}
	}
}

// searchPage looks at every line of a file, up to 1 MiB each.
func searchPage(path, name string, report reporter) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		searchLine(name, n, lines.Text(), report)
	}
	return lines.Err()
}

// searchGo looks at the comments, strings and identifiers of a file. It parses the file,
// so that a word in an identifier's middle, or in a package's name, is none. A comment's
// lines are joined as well, because a phrase may stand on two.
func searchGo(path, name string, report reporter) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, group := range file.Comments {
		lines := make([]string, len(group.List))
		for i, c := range group.List {
			lines[i] = c.Text
		}
		whole := "// " + strings.ReplaceAll(strings.TrimPrefix(strings.Join(lines, " "), "// "), " // ", " ")
		searchLine(name, files.Position(group.Pos()).Line, whole, report)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				searchLine(name, files.Position(n.Pos()).Line, n.Value, report)
			}
		case *ast.Ident:
			if instead := names[n.Name]; instead != "" {
				report(name, files.Position(n.Pos()).Line, n.Name, instead)
			}
		}
		return true
	})
	return nil
}
