package canonicaljson

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf16"
)

// generator makes random documents with everything unusual in them, the same on each run.
type generator struct {
	*rand.Rand
	pool []string        // numbers to choose from
	keep map[string]bool // those that a double does not hold
	doc  []byte
	node []byte // doc, as Node gets it
}

func newGenerator() *generator { return &generator{Rand: rand.New(rand.NewPCG(1, 2))} }

// number makes a JSON number.
func (g *generator) number() string {
	switch g.IntN(8) {
	case 0:
		return g.sign() + strconv.Itoa(g.IntN(1000))
	case 1: // any double, in its shortest form or with needless digits
		f := math.Float64frombits(g.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return "1e400"
		}
		return strconv.FormatFloat(f, "eg"[g.IntN(2)], []int{-1, -1, 5, 16, 17, 25}[g.IntN(6)], 64)
	case 2: // prices and the like
		return g.sign() + strconv.Itoa(g.IntN(100_000)) + "." + g.digits(1+g.IntN(4))
	case 3: // near the limits of safe integers
		return g.sign() + strconv.FormatUint(1<<53-8+g.Uint64N(16), 10)
	case 4: // long
		return g.sign() + g.whole(1+g.IntN(30)) + g.fraction(g.IntN(30)) + g.exponent(30)
	case 5: // near the limits of a double, and where the notation changes
		return g.sign() + g.whole(1+g.IntN(3)) + g.fraction(g.IntN(20)) +
			"e" + strconv.Itoa([]int{-326, -323, -308, -9, -7, -6, 18, 20, 21, 22, 307, 308, 309}[g.IntN(13)])
	case 6: // zeros
		return g.sign() + "0" + []string{"", ".0", ".000", "e5", "E-7", ".0e+0", "e999"}[g.IntN(7)]
	}
	return g.sign() + g.whole(1+g.IntN(5)) + g.fraction(g.IntN(5)) + g.exponent(400)
}

func (g *generator) sign() string { return []string{"", "", "-"}[g.IntN(3)] }

func (g *generator) digits(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = "0001234567899"[g.IntN(13)]
	}
	return string(text)
}

func (g *generator) whole(n int) string {
	if text := strings.TrimLeft(g.digits(n), "0"); text != "" {
		return text
	}
	return "0"
}

func (g *generator) fraction(n int) string {
	if n == 0 {
		return ""
	}
	return "." + g.digits(n)
}

func (g *generator) exponent(most int) string {
	mark := []string{"", "e", "E", "e+", "e-", "E-00"}[g.IntN(6)]
	if mark == "" {
		return ""
	}
	return mark + strconv.Itoa(g.IntN(most))
}

// document returns a document, and the text that Node gets in its place.
func (g *generator) document() (doc, node []byte) {
	g.doc, g.node = nil, nil
	depth := 1 + g.IntN(6)
	if g.IntN(50) == 0 {
		depth = MaxDepth
	}
	g.value(depth)
	return g.doc, g.node
}

// write adds text to the document and to what Node gets.
func (g *generator) write(text string) {
	g.doc, g.node = append(g.doc, text...), append(g.node, text...)
}

func (g *generator) space() {
	if g.IntN(4) == 0 {
		g.write([]string{" ", "\n", "\r\n", "\t", "  "}[g.IntN(5)])
	}
}

// value writes a value that nests up to depth levels: in one long chain if depth is large.
func (g *generator) value(depth int) {
	g.space()
	defer g.space()
	switch kind := g.IntN(8); {
	case depth > 6, depth > 0 && kind < 3:
		g.object(depth - 1)
	case depth > 0 && kind < 4:
		g.array(depth - 1)
	case kind < 5:
		g.writeNumber()
	case kind < 6:
		g.write([]string{"true", "false", "null"}[g.IntN(3)])
	default:
		g.write(g.text())
	}
}

func (g *generator) writeNumber() {
	text := g.pool[g.IntN(len(g.pool))]
	g.doc = append(g.doc, text...)
	if g.keep[text] {
		text = markStart + text + markEnd
	}
	g.node = append(g.node, text...)
}

func (g *generator) array(depth int) {
	g.write("[")
	for i := range g.IntN(5) {
		if i > 0 {
			g.write(",")
		}
		g.value(depth)
	}
	g.write("]")
}

func (g *generator) object(depth int) {
	g.write("{")
	members := g.IntN(6)
	if depth >= 6 {
		members = 1
	}
	used := map[string]bool{}
	for range members {
		key, quoted := g.key()
		if used[key] {
			continue
		}
		if len(used) > 0 {
			g.write(",")
		}
		used[key] = true
		g.space()
		g.write(quoted)
		g.space()
		g.write(":")
		g.value(depth)
	}
	g.space()
	g.write("}")
}

// key makes a key, and a way to write it.
func (g *generator) key() (key, quoted string) {
	switch g.IntN(4) {
	case 0:
		key = strconv.FormatUint(g.Uint64N(1<<[]uint{2, 4, 8, 32, 33, 34}[g.IntN(6)]), 10)
	case 1:
		key = []string{
			"", "0", "00", "01", "-0", "-1", "1.0", "1e3", " 1", "+1", "4294967293", "4294967294", "4294967295",
			"4294967296", "9007199254740993", "__proto__", "constructor", "toJSON", "length",
		}[g.IntN(19)]
	default:
		key = string(rune('a'+g.IntN(26))) + g.digits(g.IntN(3))
	}
	quoted = `"`
	for _, c := range key {
		if g.IntN(10) == 0 {
			quoted += string(appendEscape(nil, c, g.IntN(2) == 0))
		} else {
			quoted += string(c)
		}
	}
	return key, quoted + `"`
}

// text makes a string literal of random characters, each written in one of its ways.
func (g *generator) text() string {
	text := []byte{'"'}
	for range g.IntN(12) {
		switch g.IntN(5) {
		case 0:
			text = append(text, []string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, "\u2028", "\u2029", "\x7f", "\ufeff", "\ufffd", "\U0010ffff"}[g.IntN(14)]...)
		case 1:
			text = appendEscape(text, g.character(), g.IntN(2) == 0)
		case 2:
			text = append(text, string(max(g.character(), 0x80))...)
		default:
			text = append(text, "abc 019{}[]:,<>&'/"[g.IntN(18)])
		}
	}
	return string(append(text, '"'))
}

func (g *generator) character() rune {
	c := rune(g.IntN([]int{0x20, 0x80, 0x800, 0x10000, 0x110000}[g.IntN(5)]))
	if utf16.IsSurrogate(c) {
		return 'x'
	}
	return c
}
