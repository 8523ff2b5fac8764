package canonicaljson

import (
	"bytes"
	"strconv"
)

// maxDigits is how many significant digits the shortest form of a double has at
// most (IEEE 754: 17 digits identify every double).
const maxDigits = 17

// maxExponent bounds the exponents that a decimal can have. A double's lie between
// -324 and 309; the rest of the range lets the comparison fail instead of parseDecimal.
const maxExponent = 400

// decimal is a decimal number: 0.d₁d₂d₃… × 10^exponent, with neither leading nor
// trailing zeros among its digits, so that equal numbers are equal as structs. Zero
// has no digits.
type decimal struct {
	negative bool
	digits   [maxDigits]byte // ASCII; those after length are 0
	length   int
	exponent int
}

// appendTo appends the number in a form that strconv parses.
func (d *decimal) appendTo(dst []byte) []byte {
	if d.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, '.')
	dst = append(dst, d.digits[:d.length]...)
	return strconv.AppendInt(append(dst, 'e'), int64(d.exponent), 10)
}

// parseDecimal parses a valid JSON number. It reports false for a number that no
// double's shortest form can equal: one with more than maxDigits digits, or with an
// exponent beyond maxExponent.
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
	position := 0 // how many digits were read
	zeros := 0    // how many zeros were read since the last other digit
	for _, part := range [2][]byte{whole, fraction} {
		for _, c := range part {
			switch {
			case c == '0':
				zeros++ // counted as digits only when another digit follows
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
		return decimal{}, true // zero, whatever its sign and exponent
	}
	return d, d.shift(exponent)
}

// appendDigit adds zeros and then a digit, and returns the new length.
func appendDigit(digits *[maxDigits]byte, length, zeros int, c byte) int {
	for range zeros {
		digits[length] = '0'
		length++
	}
	digits[length] = c
	return length + 1
}

// shift adds the exponent that was written, nil if there was none, to the number's
// own. It reports whether the sum is within maxExponent.
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
