package canonicaljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ why, in, want string }{
		{"white space goes", " { \"a\" :\t[ 1 , 2 ]\r\n} ", `{"a":[1,2]}`},
		{"any value is a document", ` null `, `null`},
		{"needless escapes go", `"\/\u0041\u00e9\u2028\u007f"`, "\"/Aé\u2028\u007f\""},
		{"short escapes, then lower-case hex", `"\u0008\u0009\u000A\u000c\u000D\u001F\u0000"`, `"\b\t\n\f\r\u001f\u0000"`},
		{"a pair of surrogates is one character", `"\ud83d\ude00"`, `"😀"`},
		{"HTML is not escaped", `"<\u003e&"`, `"<>&"`},
		{"a whole number has no fraction", `[1.0,-10.00,0.0,100]`, `[1,-10,0,100]`},
		{"no exponent below 1e21", `[1E2,1e20,1e21,1.5e300]`, `[100,100000000000000000000,1e+21,1.5e+300]`},
		{"from 22 digits on there is one", `[100000000000000000000,1000000000000000000000,-1000000000000000000000]`, `[100000000000000000000,1e+21,-1e+21]`},
		{"no exponent from 1e-6", `[0.000001,1e-6,0.0000001,1.50e-7,12e-8]`, `[0.000001,0.000001,1e-7,1.5e-7,1.2e-7]`},
		{"zero has no sign and no scale", `[-0,-0.0,0e9,0.000e-400,-0E+99999999999999999999]`, `[0,0,0,0,0]`},
		{"what no double holds stays", `[1e400,-1E400,1e-400,12345678901234567890,0.1000000000000000055]`, `[1e400,-1E400,1e-400,12345678901234567890,0.1000000000000000055]`},
		{"beyond 2^53 it depends on the number", `[9007199254740993,9007199254740992,1e23]`, `[9007199254740993,9007199254740992,1e+23]`},
		{"absurd exponents stay", `[1e999999999999999999999,1e-999999999999999999999]`, `[1e999999999999999999999,1e-999999999999999999999]`},
		{"the extremes of a double", `[5e-324,2.2250738585072014e-308,1.7976931348623157E308]`, `[5e-324,2.2250738585072014e-308,1.7976931348623157e+308]`},
		{"not the shortest form of its double", `[4.9e-324,1.7976931348623158e308]`, `[4.9e-324,1.7976931348623158e308]`},
		{"indices first, ascending", `{"b":1,"10":2,"a":3,"9":4}`, `{"9":4,"10":2,"b":1,"a":3}`},
		{"on every level", `[{"x":{"2":[{"b":0,"0":0}],"1":1.0}}]`, `[{"x":{"1":1,"2":[{"0":0,"b":0}]}}]`},
		{"what looks like an index but is none", `{"4294967295":1,"01":2,"-1":3,"1.0":4,"":5,"4294967294":6}`, `{"4294967294":6,"4294967295":1,"01":2,"-1":3,"1.0":4,"":5}`},
		{"an index written with escapes", `{"a":1,"\u0031":2}`, `{"1":2,"a":1}`},
		{"__proto__ is a key like others", `{"__proto__":{"a":1},"1":2}`, `{"1":2,"__proto__":{"a":1}}`},
		{"quotes and brackets inside of strings", `{"a\"":"}\\","[1.0":"\\\\\""}`, `{"a\"":"}\\","[1.0":"\\\\\""}`},
	} {
		got, err := Append([]byte("before"), []byte(c.in))
		if err != nil || string(got) != "before"+c.want {
			t.Errorf("%s:\n  in   %s\n  got  %s, %v\n  want %s", c.why, c.in, got, err, c.want)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		in    string
		cause error
		field string
		says  string
	}{
		{``, ErrSyntax, "", "it is empty"},
		{`  `, ErrSyntax, "", "it is empty"},
		{`{"a":`, ErrSyntax, "", "too early, at byte 5"},
		{`"abc`, ErrSyntax, "", "too early, at byte 4"},
		{`{"a":1} {"b":2}`, ErrSyntax, "", "more text after the value, at byte 8"},
		{`1 2`, ErrSyntax, "", "more text after the value, at byte 2"},
		{`{"a":tru}`, ErrSyntax, "", "at byte"},
		{`{"a":01}`, ErrSyntax, "", "at byte 6"},
		{`{"a":1,}`, ErrSyntax, "", "at byte 6"},
		{`{a:1}`, ErrSyntax, "", "at byte 1"},
		{`[NaN]`, ErrSyntax, "", "at byte 1"},
		{`"\x41"`, ErrSyntax, "", "at byte 1"},
		{"\"a\nb\"", ErrSyntax, "", "at byte 2"},
		{"\ufeff{}", ErrSyntax, "", "at byte 0"},
		{`{"items":[1,{"name":1,"name":2}]}`, ErrDuplicateKey, "items[1].name", "duplicate key"},
		{`{"a":1,"\u0061":2}`, ErrDuplicateKey, "a", "duplicate key"},
		{`{"a b":{"":{"x":1,"x":2}}}`, ErrDuplicateKey, `["a b"][""].x`, "duplicate key"},
		{`[[{"1":{"1":1,"1":2}}]]`, ErrDuplicateKey, "[0][0].1.1", "duplicate key"},
		{"{\"a\":[\"b\",\"\xff\"]}", ErrInvalidUTF8, "a[1]", "not valid UTF-8 at byte 11"},
		{"\"\xed\xa0\x80\"", ErrInvalidUTF8, "", "not valid UTF-8 at byte 1"},
		{"\"\xc0\xaf\"", ErrInvalidUTF8, "", "not valid UTF-8 at byte 1"},
		{"{\"a\":{\"\x80\":1}}", ErrInvalidUTF8, "a", "not valid UTF-8 at byte 7"},
		{`{"a":"x\ud800"}`, ErrInvalidUTF8, "a", "half of a surrogate pair at byte 7"},
		{`["\udc00\ud800"]`, ErrInvalidUTF8, "[0]", "half of a surrogate pair at byte 2"},
		{`["\ud83dab"]`, ErrInvalidUTF8, "[0]", "half of a surrogate pair at byte 2"},
		{deep(129), ErrTooDeep, strings.Repeat("[0]", 85) + "[…", "nests deeper than 128 levels"},
		{`{"a":` + deep(128) + `}`, ErrTooDeep, "a" + strings.Repeat("[0]", 85) + "…", "nests deeper than 128 levels"},
		{strings.Repeat(`{"a":`, 20_000), ErrTooDeep, "a" + strings.Repeat(".a", 127), "nests deeper than 128 levels"},
	} {
		got, err := Append([]byte("before"), []byte(c.in))
		var field *Error
		if !errors.As(err, &field) || !errors.Is(err, c.cause) || field.Path != c.field || !strings.Contains(field.Reason, c.says) {
			t.Errorf("%.60s: %#v; want %v in %q: %s", c.in, err, c.cause, c.field, c.says)
		}
		if string(got) != "before" {
			t.Errorf("%.60s: dst became %.80q", c.in, got)
		}
	}
	if _, err := Append(nil, []byte(deep(MaxDepth))); err != nil {
		t.Errorf("%d levels are allowed: %v", MaxDepth, err)
	}
}

func TestCanonicalAllocations(t *testing.T) {
	for _, c := range []struct {
		why  string
		doc  []byte
		most float64
	}{
		{"as published most often", typical, 0},
		{"rewritten in a pooled buffer", []byte(`{"a":1.0,"2":{"b":1e3,"1":null},"1":[0.10,-0]}`), 0},
		{"one for each string with escapes", []byte(`{"a":"x\u0041y"}`), 1},
	} {
		dst := make([]byte, 0, 1024)
		got := testing.AllocsPerRun(200, func() {
			if _, err := Append(dst, c.doc); err != nil {
				t.Fatal(err)
			}
		})
		if got > c.most+poolAllocations {
			t.Errorf("%s: %v allocations, want at most %v", c.why, got, c.most)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, doc := range []string{
		``, `null`, `"\ud83d\ude00\u2028"`, `{"10":1,"9":[1.0,-0,1e400],"a":{"\u0031":0}}`, `[1E2,0.1000000000000000055,1e21,0.0000001]`,
		`{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`, `{"__proto__":[],"":{}}`, strings.Repeat("[", 129), `1 2`, string(typical),
		`{"4294967294":0,"4294967295":1,"01":2}`, `[12345678901234567890,5e-324,1e-400,0e-99999]`, `{"\\":"\"\\\"","\"":1.50}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		before := bytes.Clone(src)
		got, err := Append(nil, src)
		if !bytes.Equal(src, before) {
			t.Fatalf("%q: source was changed to %q", before, src)
		}
		valid := jsontext.Value(src).IsValid() && nesting(src) <= MaxDepth
		if (err == nil) != valid {
			t.Fatalf("%q: valid is %v, error is %v", src, valid, err)
		}
		if err != nil {
			var field *Error
			if !errors.As(err, &field) || field.Cause == nil || len(field.Path) > maxPath+len("…") {
				t.Fatalf("%q: error %#v", src, err)
			}
			return
		}
		again, err := Append(nil, got)
		if err != nil || !bytes.Equal(got, again) {
			t.Fatalf("%q: canonical form %q becomes %q, %v", src, got, again, err)
		}
		if a, b := parseExactly(t, src), parseExactly(t, got); !reflect.DeepEqual(a, b) {
			t.Fatalf("%q: canonical form %q has another value", src, got)
		}
	})
}

// nesting returns how deep a document nests, counted without a parser.
func nesting(doc []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// parseExactly parses a document with the standard library; its numbers become
// exact fractions in text.
func parseExactly(t *testing.T, doc []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%q: %v", doc, err)
	}
	return exact(value)
}

// exact returns the value with each number as a fraction.
func exact(value any) any {
	switch v := value.(type) {
	case json.Number:
		return exactNumber(string(v))
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
	}
	return value
}

// exactNumber returns a number's value as a fraction. A number other than zero with an
// exponent beyond 2000 stays as it is: its fraction would have too many digits.
func exactNumber(text string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return "0"
	}
	if e, err := strconv.Atoi(exponent); exponent != "" && (err != nil || e < -2000 || e > 2000) {
		return text
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	return r.RatString()
}
