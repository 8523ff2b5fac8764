package canonicaljson

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestTinyNumbers compares the fast path for numbers near the smallest double with
// strconv's exact one: for every form of random doubles, and for decimals that are near
// no double.
func TestTinyNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(text string) {
		t.Helper()
		d, ok := parseDecimal([]byte(text))
		if !ok {
			return
		}
		exact, err := d.parse()
		want := err == nil && d.isShortestOf(exact)
		if got, found := d.double(); found != want || found && got != exact {
			t.Fatalf("%s: got %v, %v; want %v, %v", text, got, found, exact, want)
		}
	}
	for _, text := range []string{
		"5e-324", "4e-324", "3e-324", "2e-324", "1e-324", "1e-330", "9e-399", "4.9e-324", "4.9406564584124654e-324", "1e-323", "-5e-324", "-1e-323",
		"2.2250738585072014e-308", "2.2250738585072011e-308", "1e-300", "9.999999999999999e-301", "1e-301", "99999999999999999e-340",
	} {
		check(text)
	}
	for range 20_000 {
		value := math.Float64frombits(random.Uint64N(1<<58) >> random.IntN(58)) // up to some 1e-290
		if random.IntN(2) == 0 {
			value = -value
		}
		check(strconv.FormatFloat(value, 'e', -1, 64))
		check(strconv.FormatFloat(value, 'e', random.IntN(17), 64))
		check(strconv.FormatUint(random.Uint64N(1<<56), 10) + "e-" + strconv.Itoa(290+random.IntN(50)))
	}
}

// BenchmarkTinyNumbers makes the canonical form of 250 kB of numbers near the smallest
// double. With strconv's exact path it took 0.46 s.
func BenchmarkTinyNumbers(b *testing.B) {
	text := []byte("[5e-324")
	for len(text) < 250<<10 {
		text = append(text, ",1.5e-310"...)
	}
	text = append(text, ']')
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = Append(dst[:0], text); err != nil {
			b.Fatal(err)
		}
	}
}

// TestParseDecimal: equal numbers are equal as structs, however they are written, and what no
// double's shortest form can equal is refused.
func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // in the form of appendTo; "" if it is refused
	}{
		{"0", ".e0"},
		{"-0.00e99", ".e0"},
		{"1", ".1e1"},
		{"100", ".1e3"},
		{"1e2", ".1e3"},
		{"0.1E3", ".1e3"},
		{"1.00", ".1e1"},
		{"-12.5", "-.125e2"},
		{"0.00125e4", ".125e2"},
		{"12345678901234567", ".12345678901234567e17"},
		{"123456789012345678", ""},
		{"123456789012345670000", ".12345678901234567e21"},
		{"1e398", ".1e399"},
		{"1e400", ""},
		{"1e-402", ""},
		{"1e999999999999999999999", ""},
		{"0.1000000000000000055", ""},
	} {
		d, ok := parseDecimal([]byte(c.text))
		if ok != (c.want != "") {
			t.Errorf("%s: parsed is %v", c.text, ok)
			continue
		}
		if got := string(d.appendTo(nil)); ok && got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

// TestStaysAsWritten: the test that spares most numbers their parsing never passes a number that
// would change.
func TestStaysAsWritten(t *testing.T) {
	g := newGenerator()
	passed := 0
	for range 50_000 {
		text := g.number()
		if !staysAsWritten([]byte(text)) {
			continue
		}
		passed++
		d, ok := parseDecimal([]byte(text))
		if !ok {
			continue // no double holds it: it stays in any case
		}
		value, ok := d.double()
		if d.length == 0 {
			value, ok = 0, true
		}
		if form := strconv.FormatFloat(value, 'f', -1, 64); ok && form != text && math.Abs(value) < 1e21 {
			t.Fatalf("%s stays, and ECMAScript writes %s", text, form)
		}
	}
	if passed < 10_000 {
		t.Errorf("only %d numbers pass", passed)
	}
}
