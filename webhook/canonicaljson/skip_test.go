package canonicaljson

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// TestSkip finds the end of the first value, and what its canonical form needs.
func TestSkip(t *testing.T) {
	for _, c := range []struct {
		why, text string
		end       int
		shape     Shape
	}{
		{"a string", `"a",1`, 3, Shape{}},
		{"a string with quotes inside", `"a\"\\" x`, 7, Shape{}},
		{"a string that looks like an index", `"1"`, 3, Shape{}},
		{"a word", `true]`, 4, Shape{}},
		{"a number", `12.5 `, 4, Shape{}},
		{"a number in another form", `1.0,`, 3, Shape{rewriteNumbers: true}},
		{"a number that no double holds", `1e400}`, 5, Shape{}},
		{"half a number", `-`, 1, Shape{rewriteNumbers: true}},
		{"half a fraction", `1.]`, 2, Shape{rewriteNumbers: true}},
		{"an object", `{"a":[1,{}]} {`, 12, Shape{depth: 3}},
		{"brackets inside of strings", `["]","}"]`, 9, Shape{depth: 1}},
		{"brackets that do not match", `[}1`, 2, Shape{depth: 1}},
		{"an index for a key", `{"a":0,"10":1}`, 14, Shape{depth: 1, reorderKeys: true}},
		{"an index with white space behind it", "{\"10\" \n:1}", 10, Shape{depth: 1, reorderKeys: true}},
		{"an index with an escape", `{"\u0031":1}`, 12, Shape{depth: 1, reorderKeys: true}},
		{"an index with an escape inside", `{"1\u0031":1}`, 13, Shape{depth: 1, reorderKeys: true}},
		{"digits that are no index", `{"01":1,"1x":2,"4294967295":3}`, 30, Shape{depth: 1}},
		{"an index for a value", `["10",{"a":"7"}]`, 16, Shape{depth: 2}},
		{"numbers with white space", "[ 0.5 , 0.05\t]", 14, Shape{depth: 1}},
	} {
		end, shape, ok := Skip([]byte(c.text), 0)
		if !ok || end != c.end || shape != c.shape {
			t.Errorf("%s: %q: %d %+v %t, want %d %+v", c.why, c.text, end, shape, ok, c.end, c.shape)
		}
	}
	for _, text := range []string{``, `"`, `"a\"`, `[`, `{"a":1`, `["]`, `,`, `]`, ` 1`} {
		if end, _, ok := Skip([]byte(text), 0); ok {
			t.Errorf("%q ends at %d", text, end)
		}
	}
}

// FuzzSkip: a valid document is skipped to its end, wherever it starts, and the shape
// suffices: the form that AppendShaped writes is that of a rewrite that looks at everything.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{
		`{"b":1.0,"10":[1e3,-0],"9":{"\u00e9":"\u2028\u0007"}}`, ` [ true , "x" ] `, `{"\u0031":0,"a":1}`, "{\"2\" \t:1,\"1\":2}", `[1.,-,01]`, `[0.05,1e400]`,
		string(typical),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		start := len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
		end, shape, ok := Skip(text, start)
		if ok && (end <= start || end > len(text)) {
			t.Fatalf("%q is skipped to %d", text, end)
		}
		if !jsontext.Value(text).IsValid() {
			return
		}
		if !ok || len(bytes.TrimLeft(text[end:], " \t\r\n")) > 0 {
			t.Fatalf("%q is valid, and is skipped to %d, %t", text, end, ok)
		}
		got, err := AppendShaped(nil, text, shape)
		want, wantErr := AppendShaped(nil, text, Shape{depth: shape.depth, rewriteNumbers: true, reorderKeys: true})
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q: %q, %v; want %q, %v", text, got, err, want, wantErr)
		}
	})
}
