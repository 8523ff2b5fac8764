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
	start := bytes.IndexFunc(src, isNoSpace)
	if start < 0 {
		return dst, explain(src)
	}
	_, shape, ok := Skip(src, start)
	if !ok {
		return dst, explain(src)
	}
	return AppendShaped(dst, src, shape)
}

// isNoSpace reports whether a character is none of JSON's white space.
func isNoSpace(c rune) bool { return c != ' ' && c != '\t' && c != '\r' && c != '\n' }

// AppendShaped is Append for a src whose shape is known from Skip. White space may stand
// around the value.
func AppendShaped(dst, src []byte, shape Shape) ([]byte, error) {
	start := len(dst)
	out, err := jsontext.AppendFormat(dst, src)
	if err != nil || shape.depth > MaxDepth {
		return dst, explain(src)
	}
	// Most documents need no second pass: AppendFormat has removed white space and
	// needless escapes, and publishers mostly write numbers as ECMAScript does.
	if !shape.rewriteNumbers && !shape.reorderKeys {
		return out, nil
	}
	return rewrite(out, start), nil
}

// stringEnd returns the position after the string that starts at text[start] of a
// valid document.
func stringEnd(text []byte, start int) int {
	end, _ := stringEndWithin(text, start)
	return end
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
