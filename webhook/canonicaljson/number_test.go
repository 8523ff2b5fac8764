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
