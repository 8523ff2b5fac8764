package canonicaljson

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"math/big"
	"os/exec"
	"testing"
	"unicode/utf16"
)

// nodeProgram answers each line, a document in base64, with what JavaScript makes of it.
const nodeProgram = `
require('readline').createInterface({input: process.stdin, crlfDelay: Infinity}).on('line', line => {
  const doc = Buffer.from(line, 'base64').toString('utf8')
  process.stdout.write(Buffer.from(JSON.stringify(JSON.parse(doc)), 'utf8').toString('base64') + '\n')
})`

// javaScript returns JSON.stringify(JSON.parse(doc)) of each document, from one Node process.
func javaScript(t *testing.T, docs [][]byte) [][]byte {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not on PATH: install Node.js to run the tests")
	}
	var input bytes.Buffer
	for _, doc := range docs {
		input.WriteString(base64.StdEncoding.EncodeToString(doc) + "\n")
	}
	cmd := exec.Command(path, "-e", nodeProgram)
	cmd.Stdin = &input
	var failure bytes.Buffer
	cmd.Stderr = &failure
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, failure.Bytes())
	}
	answers := make([][]byte, 0, len(docs))
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		answer, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	if len(answers) != len(docs) {
		t.Fatalf("node answered %d of %d documents", len(answers), len(docs))
	}
	return answers
}

// TestCanonicalNumbersAgainstNode checks the rule for numbers: Node's form if that is the
// same decimal number, by exact arithmetic, else the number as it is written.
func TestCanonicalNumbersAgainstNode(t *testing.T) {
	g := newGenerator()
	docs := make([][]byte, 0, 40_000)
	for range cap(docs) {
		docs = append(docs, []byte(g.number()))
	}
	kept := 0
	for i, js := range javaScript(t, docs) {
		want := js
		if lossy(string(docs[i]), string(js)) {
			want = docs[i]
			kept++
		}
		got, err := Append(nil, docs[i])
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: got %s, %v; want %s (node: %s)", docs[i], got, err, want, js)
		}
	}
	if kept < 2000 || kept > len(docs)-2000 {
		t.Errorf("%d of %d numbers lose something in a double; the corpus is one-sided", kept, len(docs))
	}
}

// lossy reports whether Node's form of a number is another decimal number.
func lossy(written, js string) bool {
	if js == "null" { // infinite
		return true
	}
	a, ok := new(big.Rat).SetString(written)
	b, too := new(big.Rat).SetString(js)
	return !ok || !too || a.Cmp(b) != 0
}

// TestCanonicalAgainstNode compares whole documents. Where a number is lossy,
// Node gets a string in its place, and the test puts the number back into Node's answer.
func TestCanonicalAgainstNode(t *testing.T) {
	g := newGenerator()
	g.keep = keptNumbers(t, g)
	var docs, forNode [][]byte
	for range 12_000 {
		doc, replaced := g.document()
		docs, forNode = append(docs, doc), append(forNode, replaced)
	}
	for _, doc := range codePointDocuments() {
		docs, forNode = append(docs, doc), append(forNode, doc)
	}
	for i, js := range javaScript(t, forNode) {
		want := unreplace(js)
		got, err := Append(nil, docs[i])
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("document %d:\n  in   %.2000s\n  got  %.2000s, %v\n  want %.2000s", i, docs[i], got, err, want)
		}
	}
}

// Marks around a number that Node must not see.
const markStart, markEnd = "\"<number ", " number>\""

func unreplace(js []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(js, []byte(markStart), nil), []byte(markEnd), nil)
}

// keptNumbers returns which numbers of a set are lossy, as Node shows.
func keptNumbers(t *testing.T, g *generator) map[string]bool {
	t.Helper()
	docs := make([][]byte, 3000)
	for i := range docs {
		docs[i] = []byte(g.number())
	}
	keep := map[string]bool{}
	for i, js := range javaScript(t, docs) {
		keep[string(docs[i])] = lossy(string(docs[i]), string(js))
		g.pool = append(g.pool, string(docs[i]))
	}
	return keep
}

// codePointDocuments returns documents with every code point that UTF-8 has, as it is and
// escaped, in values and in keys.
func codePointDocuments() [][]byte {
	var docs [][]byte
	const step = 0x1000
	for first := rune(0); first < 0x110000; first += step {
		raw, escaped := []byte{'"'}, []byte{'"'}
		for c := first; c < first+step; c++ {
			if utf16.IsSurrogate(c) {
				continue
			}
			escaped = appendEscape(escaped, c, c%2 == 0)
			if c >= ' ' && c != '"' && c != '\\' {
				raw = append(raw, string(c)...)
			}
		}
		raw, escaped = append(raw, '"'), append(escaped, '"')
		docs = append(docs, raw, escaped,
			fmt.Appendf(nil, `{"a":0,%s:[{%s:%s}]}`, raw, escaped, raw))
	}
	return docs
}

// appendEscape appends the escape of a character, a pair of surrogates if it needs two.
func appendEscape(dst []byte, c rune, upper bool) []byte {
	format := `\u%04x`
	if upper {
		format = `\u%04X`
	}
	if c < 0x10000 {
		return fmt.Appendf(dst, format, c)
	}
	a, b := utf16.EncodeRune(c)
	return fmt.Appendf(fmt.Appendf(dst, format, a), format, b)
}
