package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// unusual is data of events that a careless serialiser changes. Numbers that a double
// cannot hold are left out: JavaScript changes them, and the server does not.
var unusual = []string{
	`null`, `true`, `0`, `""`, `[]`, `{}`, `"text"`, `[[],{},[[]]]`,
	// Numbers: JavaScript has one form for each.
	`{"n":1.0}`, `{"n":1.50}`, `{"n":-0}`, `{"n":-0.0}`, `{"n":0e7}`, `{"n":0.1}`, `{"n":100}`, `{"n":1e2}`, `{"n":1E+2}`,
	`{"n":1e20}`, `{"n":1e21}`, `{"n":123456789012345680000}`, `{"n":1.5e300}`, `{"n":1e-6}`, `{"n":0.000001}`, `{"n":1e-7}`,
	`{"n":0.00000012}`, `{"n":5e-324}`, `{"n":1.7976931348623157e308}`, `{"n":9007199254740991}`, `{"n":-9007199254740992}`,
	`{"n":4.35}`, `{"n":0.30000000000000004}`, `{"n":2.2250738585072014e-308}`, `{"n":1000000000000000000000}`,
	`[1.0,2.00,3e0,-1.0,10E-1]`,
	// Keys: integer-like ones come first, ascending.
	`{"b":1,"a":2}`, `{"10":1,"9":2,"b":3,"1":4,"a":5,"0":6}`, `{"z":{"2":{"b":0,"1":0},"1":0},"3":0}`,
	`{"01":1,"1":2,"-1":3,"1.0":4,"1e3":5," 1":6,"+1":7,"00":8}`,
	`{"x":0,"4294967294":1,"4294967295":2,"4294967296":3,"2147483648":4,"9007199254740993":5,"7":6}`,
	`{"\u0032":"2","\u0031":"1","x":0}`, `{"":1,"a":{"":{"":2}}}`,
	`{"__proto__":{"admin":true},"constructor":1,"toString":2,"hasOwnProperty":3,"length":4,"valueOf":5}`,
	"{\"a\":1,\"A\":2,\"\u00e1\":3,\"a\u0301\":4}", // two ways to write one letter are two keys
	// Strings: JavaScript escapes little.
	`"\/"`, `"a\/b</script>"`, `"\"\\\b\f\n\r\t"`, `"\u0000\u0001\u001f\u007f"`, `"\u0041\u00e9\u20AC"`, `"é€😀"`,
	`"\ud83d\ude00"`, `"\uD83D\uDE00\u0022"`, `"\u2028\u2029"`, "\"\u2028\u2029\"", `"&<>'\u0026\u003c\u003e"`, `"\ufeff"`, "\"\ufeff\ufffd\uffff\"",
	"\"\x7f\"", `"\u000b\u000B"`, "\"\U0010ffff\"", `{"\u2028\n\"\\":"\u2029"}`,
	// White space, anywhere it may be.
	" { \"a\" :\t1 ,\r\n\"b\" : [ 1 , 2 , { } , [ ] ] } ",
	// Depth and size.
	strings.Repeat(`[`, 120) + strings.Repeat(`]`, 120),
	strings.Repeat(`{"k":`, 120) + `1` + strings.Repeat(`}`, 120),
	`"` + strings.Repeat(`long \u00e9 \" `, 6000) + `"`,
	`[` + strings.Repeat(`1.0,`, 10_000) + `2]`,
}

// corpus returns the data to publish: the unusual data, and n texts made from a seed.
func corpus(seed uint64, n int) []string {
	texts := append([]string(nil), unusual...)
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		w := writer{r: r}
		w.value(5)
		texts = append(texts, w.String())
	}
	return texts
}

// writer writes JSON in as many ways as the grammar allows.
type writer struct {
	strings.Builder
	r *rand.Rand
}

func (w *writer) value(depth int) {
	w.space()
	defer w.space()
	kinds := 7
	if depth == 0 {
		kinds = 5
	}
	switch w.r.IntN(kinds) {
	case 0:
		w.WriteString([]string{"true", "false", "null"}[w.r.IntN(3)])
	case 1, 2:
		w.number()
	case 3, 4:
		w.text()
	case 5:
		w.list('[', ']', func(int) { w.value(depth - 1) })
	case 6:
		w.object(depth)
	}
}

func (w *writer) list(first, last byte, item func(i int)) {
	w.WriteByte(first)
	n := w.r.IntN(6)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		item(i)
	}
	if n == 0 {
		w.space()
	}
	w.WriteByte(last)
}

// object writes keys that differ: the i-th one ends in i, or is a small number.
func (w *writer) object(depth int) {
	base := w.r.IntN(1000)
	w.list('{', '}', func(i int) {
		w.space()
		if w.r.IntN(2) == 0 {
			w.quoted(strconv.Itoa((base*7919 + i*(3000-base)) % 10_000_019))
		} else {
			w.quoted(w.runes(4) + "_" + strconv.Itoa(i))
		}
		w.space()
		w.WriteByte(':')
		w.value(depth - 1)
	})
}

func (w *writer) space() {
	for w.r.IntN(3) == 0 {
		w.WriteByte(" \t\r\n"[w.r.IntN(4)])
	}
}

// number writes a random double with as few digits as it needs to be read as the same
// double.
func (w *writer) number() {
	var f float64
	switch w.r.IntN(4) {
	case 0:
		f = float64(w.r.IntN(2_000_001) - 1_000_000)
	case 1:
		f = float64(w.r.IntN(1_000_000)) / 1000
	case 2:
		f = math.Ldexp(w.r.Float64(), w.r.IntN(160)-80)
	case 3:
		for f = math.NaN(); math.IsNaN(f) || math.IsInf(f, 0); {
			f = math.Float64frombits(w.r.Uint64())
		}
	}
	text := strconv.FormatFloat(f, "eEgG"[w.r.IntN(4)], -1, 64)
	if math.Abs(f) < 1e20 && math.Abs(f) > 1e-20 && w.r.IntN(2) == 0 {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !strings.ContainsAny(text, ".eE") && w.r.IntN(2) == 0 {
		text += []string{".0", ".000", "e0", "E+00"}[w.r.IntN(4)]
	}
	w.WriteString(text)
}

func (w *writer) text() { w.quoted(w.runes(20)) }

// runes returns up to n characters from all corners of Unicode.
func (w *writer) runes(n int) string {
	var b strings.Builder
	for range w.r.IntN(n + 1) {
		switch w.r.IntN(6) {
		case 0:
			b.WriteRune(rune(w.r.IntN(0x20)))
		case 1, 2:
			b.WriteRune(rune(0x20 + w.r.IntN(0x60)))
		case 3:
			b.WriteRune([]rune("\"\\/\u2028\u2029\ufeff\u007f\u0085<>&")[w.r.IntN(11)])
		case 4:
			b.WriteRune(rune(0x80 + w.r.IntN(0xd800-0x80)))
		case 5:
			b.WriteRune(rune(0x10000 + w.r.IntN(0x100000)))
		}
	}
	return b.String()
}

// quoted writes a string, with some characters escaped in one of the ways that JSON has.
func (w *writer) quoted(s string) {
	w.WriteByte('"')
	for _, c := range s {
		short := strings.IndexRune("\"\\/\b\f\n\r\t", c)
		switch {
		case short >= 0 && (c != '/' || w.r.IntN(2) == 0) && w.r.IntN(2) == 0:
			w.WriteString([]string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`}[short])
		case c < 0x20 || c == '"' || c == '\\' || w.r.IntN(4) == 0:
			w.escaped(c)
		default:
			w.WriteRune(c)
		}
	}
	w.WriteByte('"')
}

func (w *writer) escaped(c rune) {
	format := []string{`\u%04x`, `\u%04X`}[w.r.IntN(2)]
	if c < 0x10000 {
		fmt.Fprintf(w, format, c)
		return
	}
	c -= 0x10000
	fmt.Fprintf(w, format+format, 0xd800+c>>10, 0xdc00+c&0x3ff)
}
