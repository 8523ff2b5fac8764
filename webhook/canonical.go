package webhook

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical appends the canonical form of the JSON document src to dst: what
// JavaScript's JSON.stringify(JSON.parse(src)) gives, wherever that loses nothing.
//
//   - No white space; strings with the fewest escapes.
//   - Numbers as ECMAScript writes them (ECMA-262, Number::toString) if the
//     nearest double is written with the same decimal value: 1.0 becomes 1. Any
//     other number is kept as written: 1e400, 12345678901234567890.
//   - Keys in JavaScript's order: those that are array indices (0 to 4294967294)
//     first and ascending, then the others as written.
//
// It refuses what is not exactly one JSON value, a key twice in one object,
// invalid UTF-8 (an escaped surrogate without its pair too) and nesting deeper
// than MaxDepth. The error is a *FieldError whose cause is ErrSyntax,
// ErrDuplicateKey, ErrInvalidUTF8 or ErrTooDeep; dst is then returned as it was.
//
// src is not kept. Nothing is allocated if dst has room and no string of src has
// escapes that must change.
func Canonical(dst, src []byte) ([]byte, error) {
	start := len(dst)
	out, err := jsontext.AppendFormat(dst, src)
	if err != nil {
		return dst, documentError(src)
	}
	s := look(out[start:])
	if s.depth > MaxDepth {
		return dst, documentError(src)
	}
	if !s.numbers && !s.indices {
		return out, nil
	}
	return rewrite(out, start), nil
}

// survey is what a compact document is like.
type survey struct {
	depth   int  // of its nesting
	numbers bool // some number is not written as ECMAScript does
	indices bool // some key is an array index
}

// look surveys a valid document without white space.
func look(text []byte) survey {
	var s survey
	depth := 0
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '"':
			end := stringEnd(text, i)
			if end < len(text) && text[end] == ':' && !s.indices {
				_, s.indices = arrayIndex(text[i+1 : end-1])
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
			s.numbers = s.numbers || !writtenAsNumber(text[i:end])
			i = end
		default: // a comma, a colon, or a letter of true, false or null
			i++
		}
	}
	return s
}

// stringEnd gives the position after the string that starts at text[start].
func stringEnd(text []byte, start int) int {
	i := start + 1
	for {
		i += bytes.IndexByte(text[i:], '"')
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

// numberEnd gives the position after the number that starts at text[start].
func numberEnd(text []byte, start int) int {
	for i := start; i < len(text); i++ {
		switch text[i] {
		case ',', ']', '}':
			return i
		}
	}
	return len(text)
}

// maxArrayIndex is the largest key that ECMAScript orders as a number (ECMA-262, array index).
const maxArrayIndex = 1<<32 - 2

// arrayIndex reads a key that is an array index: a number up to maxArrayIndex as
// ECMAScript writes it, so no sign and no leading zero.
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
