package webhook

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDigits is how many significant digits the shortest form of a double has at most.
const maxDigits = 17

// plainLength is how many digits ECMAScript writes at most before it uses an exponent.
const plainLength = 21

// writtenAsNumber tells whether appendNumber leaves a valid JSON number as it is.
func writtenAsNumber(text []byte) bool {
	var buf [32]byte
	return bytes.Equal(text, appendNumber(buf[:0], text))
}

// plain tells, of most numbers that appendNumber leaves as they are, that it does:
// those that ECMAScript would write in the same way if they were doubles. If they
// are not, they stay too.
func plain(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) > plainLength {
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
		return text[0] != '-' || digits[0] != '0' // -0
	}
	// 1.50 would be written 1.5, and 0.0000001 as 1e-7.
	return digits[len(digits)-1] != '0' && (digits[0] != '0' || digits[2] != '0')
}

// appendNumber appends a valid JSON number in the form that ECMAScript gives its
// nearest double if that has the same decimal value, else as it is written.
func appendNumber(dst, text []byte) []byte {
	if plain(text) {
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

// double returns the double whose shortest form is the number, if there is one.
func (d *decimal) double() (float64, bool) {
	if d.exponent < leastQuick {
		return d.tinyDouble()
	}
	value, err := d.parse()
	return value, err == nil && d.isShortestOf(value) // an error: too large
}

// leastQuick is the exponent from which on strconv.ParseFloat is quick. For the
// numbers below, next to the smallest normal double, it takes 12 µs each, which a
// document of many such numbers would multiply.
const leastQuick = -300

// tinyDouble is double for numbers below leastQuick. It need not find the nearest
// double: it looks at all those near an approximation, and only the one asked for
// has the number as its shortest form.
func (d *decimal) tinyDouble() (float64, bool) {
	const scale = 40
	scaled := *d
	scaled.exponent += scale
	if scaled.exponent < leastQuick { // less than half of the smallest double
		return 0, false
	}
	value, err := scaled.parse()
	if err != nil {
		return 0, false
	}
	// Three roundings of at most an ulp each lie between the two.
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

// parse returns the nearest double. It does not read the text as it was written:
// ParseFloat is wrong about exponents of six digits.
func (d *decimal) parse() (float64, error) {
	var buf [32]byte
	return strconv.ParseFloat(string(d.appendTo(buf[:0])), 64)
}

// isShortestOf reports whether the number is the shortest form of a double.
func (d *decimal) isShortestOf(value float64) bool {
	var buf [32]byte
	shortest, _ := parseDecimal(strconv.AppendFloat(buf[:0], value, 'e', -1, 64))
	return shortest == *d
}

// decimal is a decimal number: 0.d₁d₂d₃… × 10^exponent, with neither leading nor
// trailing zeros among its digits. Zero has no digits.
type decimal struct {
	negative bool
	digits   [maxDigits]byte
	length   int
	exponent int
}

// appendTo appends the number in a form that strconv reads.
func (d *decimal) appendTo(dst []byte) []byte {
	if d.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, '.')
	dst = append(dst, d.digits[:d.length]...)
	return strconv.AppendInt(append(dst, 'e'), int64(d.exponent), 10)
}

// maxExponent bounds the exponents that are looked at; a double's are far smaller.
const maxExponent = 400

// parseDecimal reads a valid JSON number. It gives up on one that no double's
// shortest form can equal: too many digits, or too far from 1.
func parseDecimal(text []byte) (decimal, bool) {
	var d decimal
	mantissa, exponent := text, []byte(nil)
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	if mantissa[0] == '-' {
		d.negative, mantissa = true, mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	position, zeros := 0, 0 // of the digits read; of the zeros since the last one kept
	for _, part := range [2][]byte{whole, fraction} {
		for _, c := range part {
			switch {
			case c == '0':
				zeros++
			case d.length == 0:
				d.digits[0], d.length, d.exponent = c, 1, len(whole)-position
				zeros = 0
			case d.length+zeros >= maxDigits:
				return d, false
			default:
				d.length = appendDigit(&d.digits, d.length, zeros, c)
				zeros = 0
			}
			position++
		}
	}
	if d.length == 0 {
		return decimal{}, true
	}
	return d, d.shift(exponent)
}

// appendDigit adds a digit after as many zeros, and gives the new length.
func appendDigit(digits *[maxDigits]byte, length, zeros int, c byte) int {
	for range zeros {
		digits[length] = '0'
		length++
	}
	digits[length] = c
	return length + 1
}

// shift adds the written exponent to the number's own.
func (d *decimal) shift(exponent []byte) bool {
	if exponent != nil {
		e, err := strconv.Atoi(string(exponent))
		if err != nil {
			return false
		}
		d.exponent += e
	}
	return -maxExponent <= d.exponent && d.exponent <= maxExponent
}
