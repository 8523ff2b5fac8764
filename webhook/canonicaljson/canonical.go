package canonicaljson

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds how deep a document nests. It also bounds the recursion of
// value, which runs on a publisher's text.
const MaxDepth = 128

// Append appends the canonical form of the JSON document src to dst:
//
//   - No white space; strings with the fewest escapes.
//   - Numbers as ECMAScript writes them (ECMA-262, Number::toString) if the
//     nearest double is written with the same decimal value: 1.0 becomes 1. Any
//     other number stays as it is written: 1e400, 12345678901234567890.
//   - Keys in JavaScript's order (ECMA-262, OrdinaryOwnPropertyKeys): array
//     indices (0 to 4294967294) first and ascending, then the others as written.
//
// Append refuses text that is not exactly one JSON value, an object with the same
// key twice, invalid UTF-8 (an escaped surrogate without its pair too) and nesting
// deeper than MaxDepth. The error is an *Error whose Cause is ErrSyntax,
// ErrDuplicateKey, ErrInvalidUTF8 or ErrTooDeep; Append then returns dst as it was.
//
// Append does not keep src. It allocates nothing if dst has room and every string
// of src has the fewest escapes already.
func Append(dst, src []byte) ([]byte, error) {
	start := len(dst)
	out, err := jsontext.AppendFormat(dst, src)
	if err != nil {
		return dst, explain(src)
	}
	s := inspect(out[start:])
	if s.depth > MaxDepth {
		return dst, explain(src)
	}
	// Most documents need no second pass: AppendFormat has removed white space and
	// needless escapes, and publishers mostly write numbers as ECMAScript does.
	if !s.rewriteNumbers && !s.reorderKeys {
		return out, nil
	}
	return rewrite(out, start), nil
}

// shape is what inspect found in a compact document.
type shape struct {
	depth          int  // how deep the document nests
	rewriteNumbers bool // some number is not written as ECMAScript does
	reorderKeys    bool // some key is an array index, and may have to move
}

// inspect reads a valid document without white space once.
func inspect(text []byte) shape {
	var s shape
	depth := 0
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '"':
			end := stringEnd(text, i)
			if end < len(text) && text[end] == ':' && !s.reorderKeys {
				_, s.reorderKeys = arrayIndex(text[i+1 : end-1])
			}
			i = end
		case '{', '[':
			depth++
			s.depth = max(s.depth, depth)
			i++
		case '}', ']':
			depth--
			i++
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := numberEnd(text, i)
			s.rewriteNumbers = s.rewriteNumbers || !isCanonicalNumber(text[i:end])
			i = end
		default: // a comma, a colon, or a letter of true, false or null
			i++
		}
	}
	return s
}

// stringEnd returns the position after the string that starts at text[start].
func stringEnd(text []byte, start int) int {
	i := start + 1
	for {
		i += bytes.IndexByte(text[i:], '"')
		// A quote ends the string unless an odd number of backslashes precedes it.
		// The opening quote stops the count.
		escapes := 0
		for text[i-1-escapes] == '\\' {
			escapes++
		}
		i++
		if escapes%2 == 0 {
			return i
		}
	}
}

// numberEnd returns the position after the number, or the word true, false or
// null, that starts at text[start] of a document without white space.
func numberEnd(text []byte, start int) int {
	for i := start; i < len(text); i++ {
		switch text[i] {
		case ',', ']', '}':
			return i
		}
	}
	return len(text)
}

// maxArrayIndex is the largest key that ECMAScript orders as a number (ECMA-262,
// section 6.1.7: an array index is at most 2³² - 2).
const maxArrayIndex = 1<<32 - 2

// arrayIndex parses a key that is an array index: a number up to maxArrayIndex as
// ECMAScript writes it, without sign and leading zeros. It reports false for every
// other key; "01" and "1.0" are plain names for JavaScript.
func arrayIndex(key []byte) (uint64, bool) {
	if len(key) == 0 || len(key) > len("4294967294") || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range key {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n <= maxArrayIndex
}
