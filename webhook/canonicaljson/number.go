package canonicaljson

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// isCanonicalNumber reports whether appendNumber leaves a valid JSON number as it is.
func isCanonicalNumber(text []byte) bool {
	var buf [32]byte
	return bytes.Equal(text, appendNumber(buf[:0], text))
}

// appendNumber appends the canonical form of a valid JSON number: as ECMAScript
// writes its nearest double if that has the same decimal value, else as it is written.
func appendNumber(dst, text []byte) []byte {
	if staysAsWritten(text) {
		return append(dst, text...)
	}
	written, ok := parseDecimal(text)
	if !ok {
		return append(dst, text...)
	}
	if written.length == 0 {
		return append(dst, '0')
	}
	value, ok := written.double()
	if !ok {
		return append(dst, text...)
	}
	return jsontext.AppendFloat(dst, value, 64)
}

// maxPlainDigits is how many digits ECMAScript writes without an exponent at most
// (ECMA-262, Number::toString: up to 10²¹).
const maxPlainDigits = 21

// staysAsWritten reports, without parsing, whether a number surely stays as it is
// written. A number passes if ECMAScript would write it in these digits in case a
// double holds it; if no double does, appendNumber keeps the text anyway. The test
// catches nearly all numbers that publishers send. A number that fails is parsed,
// and may stay as well. The text need not be a valid number: if it is none, the
// result has no meaning.
func staysAsWritten(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > maxPlainDigits {
		return false
	}
	dot := -1
	for i, c := range digits {
		switch {
		case c == '.':
			dot = i
		case c < '0' || c > '9':
			return false // an exponent
		}
	}
	if dot < 0 {
		return text[0] != '-' || digits[0] != '0' // ECMAScript writes -0 as 0
	}
	if dot == len(digits)-1 {
		return false // no number
	}
	// ECMAScript writes 1.50 as 1.5, and 0.0000001 as 1e-7. A number whose first
	// decimal, digits[2] after "0.", is not zero is far from needing an exponent.
	return digits[len(digits)-1] != '0' && (digits[0] != '0' || digits[2] != '0')
}

// double returns the double whose shortest form is the number. It reports false if
// there is none, because the number has more digits than a double holds, or is too
// large or too small.
func (d *decimal) double() (float64, bool) {
	if d.exponent < minFastExponent {
		return d.tinyDouble()
	}
	value, err := d.parse()
	return value, err == nil && d.isShortestOf(value) // an error: too large
}

// minFastExponent is the smallest exponent for which strconv.ParseFloat takes its
// fast path. For smaller numbers, near the smallest normal double, it takes 12 µs
// each: a document of 30,000 of them would hold a processor for 0.4 s.
const minFastExponent = -300

// tinyDouble is double for numbers below minFastExponent. It need not find the
// nearest double: it compares the number with the shortest form of each double
// near an approximation, and at most one of them is equal.
func (d *decimal) tinyDouble() (float64, bool) {
	// The approximation: parse the number 10^40 times as large, which is fast, and
	// multiply by 10^-40.
	const scale = 40
	scaled := *d
	scaled.exponent += scale
	if scaled.exponent < minFastExponent { // less than half of the smallest double
		return 0, false
	}
	value, err := scaled.parse()
	if err != nil {
		return 0, false
	}
	// Parsing, the constant and the product are each rounded by at most an ulp, so
	// the double in question is at most three steps away.
	const near = 3
	above := value * 1e-40
	below := above
	for range 1 + near {
		for _, candidate := range [2]float64{above, below} {
			if d.isShortestOf(candidate) {
				return candidate, true
			}
		}
		above, below = math.Nextafter(above, math.Inf(+1)), math.Nextafter(below, math.Inf(-1))
	}
	return 0, false
}

// parse returns the nearest double. It formats the digits again in place of parsing
// the publisher's text: ParseFloat misreads exponents of six digits.
func (d *decimal) parse() (float64, error) {
	var buf [32]byte
	return strconv.ParseFloat(string(d.appendTo(buf[:0])), 64)
}

// isShortestOf reports whether the number is the shortest form of a double. Being
// the nearest double is not enough: 0.1000000000000000055 is nearest to the double
// that is written 0.1, which has another decimal value.
func (d *decimal) isShortestOf(value float64) bool {
	var buf [32]byte
	shortest, _ := parseDecimal(strconv.AppendFloat(buf[:0], value, 'e', -1, 64))
	return shortest == *d
}
