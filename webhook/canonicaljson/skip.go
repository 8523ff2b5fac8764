package canonicaljson

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Shape is what Skip saw of a value: what its canonical form needs besides the removal of
// white space and needless escapes. The zero Shape is that of a short word or a string.
type Shape struct {
	depth          int  // how deep the value nests
	rewriteNumbers bool // some number may not be written as ECMAScript does
	reorderKeys    bool // some key may be an array index, and may have to move
}

// Skip returns the position after the JSON value that starts at text[start], which is no
// white space, and the value's shape. It matches brackets and quotes and checks nothing
// else: for a value that is not valid, the position is a guess that the same brackets
// lead to, and the shape has no meaning. Skip reports false if the value does not end.
//
// It exists for callers that must find the end of a value anyway: with the shape,
// AppendShaped need not look at the text for it again.
func Skip(text []byte, start int) (end int, shape Shape, ok bool) {
	if start == len(text) {
		return start, shape, false
	}
	switch text[start] {
	case '"':
		end, ok = stringEndWithin(text, start)
	case '{', '[':
		end, ok = shape.skipNested(text, start)
	default:
		end = literalEnd(text, start)
		shape.addNumber(text[start:end])
		ok = end > start
	}
	return end, shape, ok
}

// skipNested is Skip for an object or an array. It counts brackets of both kinds together:
// AppendFormat finds those that do not match.
func (s *Shape) skipNested(text []byte, start int) (end int, ok bool) {
	depth := 0
	for i := start; i < len(text); {
		switch c := text[i]; c {
		case '"':
			end, ok := stringEndWithin(text, i)
			if !ok {
				return 0, false
			}
			s.addString(text, i, end)
			i = end
		case '{', '[':
			depth++
			s.depth = max(s.depth, depth)
			i++
		case '}', ']':
			depth--
			i++
			if depth == 0 {
				return i, true
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := literalEnd(text, i)
			s.addNumber(text[i:end])
			i = end
		default: // a comma, a colon, white space, or a letter of true, false or null
			i++
		}
	}
	return 0, false
}

// addString looks at the string text[start:end], which matters if it is a key.
func (s *Shape) addString(text []byte, start, end int) {
	if s.reorderKeys || end == start+len(`""`) {
		return
	}
	switch c := text[start+1]; {
	case c == '\\': // whatever it stands for may be a digit
		s.reorderKeys = isKey(text, end)
	case '0' <= c && c <= '9':
		key := text[start+1 : end-1]
		_, index := arrayIndex(key)
		s.reorderKeys = (index || bytes.IndexByte(key, '\\') >= 0) && isKey(text, end)
	}
}

// isKey reports whether a string that ends at text[end] is a key: a colon follows.
func isKey(text []byte, end int) bool {
	for ; end < len(text); end++ {
		switch text[end] {
		case ' ', '\t', '\r', '\n':
		default:
			return text[end] == ':'
		}
	}
	return false
}

// addNumber looks at a number, or at what stands in the place of one. Only a valid number
// may reach isCanonicalNumber, so one that is rare enough to need it is checked first.
func (s *Shape) addNumber(text []byte) {
	if s.rewriteNumbers || len(text) == 0 || staysAsWritten(text) {
		return
	}
	s.rewriteNumbers = !jsontext.Value(text).IsValid() || !isCanonicalNumber(text)
}

// stringEndWithin returns the position after the string that starts at text[start]; false
// if it does not end. It searches for quotes rather than looking at each byte, since
// strings are most of a document.
func stringEndWithin(text []byte, start int) (int, bool) {
	for i := start + 1; ; {
		next := bytes.IndexByte(text[i:], '"')
		if next < 0 {
			return 0, false
		}
		i += next + 1
		// A quote ends the string unless an odd number of backslashes precedes it.
		// The opening quote stops the count.
		escapes := 0
		for text[i-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i, true
		}
	}
}

// literalEnd returns the position after the number, true, false, null, or whatever stands
// in their place, that starts at text[start].
func literalEnd(text []byte, start int) int {
	for i := start; i < len(text); i++ {
		switch text[i] {
		case ',', ':', ']', '}', '[', '{', '"', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return len(text)
}
