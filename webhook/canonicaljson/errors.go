package canonicaljson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Causes for which Append refuses a document.
var (
	// ErrSyntax reports text that is not exactly one JSON value.
	ErrSyntax = errors.New("not valid JSON")
	// ErrDuplicateKey reports an object with the same key twice.
	ErrDuplicateKey = errors.New("duplicate key")
	// ErrInvalidUTF8 reports text that is not UTF-8, or that escapes a surrogate
	// without its pair.
	ErrInvalidUTF8 = errors.New("invalid UTF-8")
	// ErrTooDeep reports a document that nests deeper than MaxDepth.
	ErrTooDeep = errors.New("nested too deep")
)

// Error reports where a document is wrong, and why.
type Error struct {
	// Path leads from the document's root to the fault: items[3].name, or
	// items["a b"] for a key that is not a plain word. It is "" for the document
	// itself, and at most maxPath bytes and an ellipsis long.
	Path string
	// Reason continues a sentence that begins with the path: "is a duplicate key".
	Reason string
	// Cause is ErrSyntax, ErrDuplicateKey, ErrInvalidUTF8 or ErrTooDeep.
	Cause error
}

// Error returns the path and the reason as one sentence part.
func (e *Error) Error() string {
	if e.Path == "" {
		return "the value " + e.Reason
	}
	return e.Path + " " + e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// explain returns the error for a document that Append refuses. It reads the
// document again, up to the first fault: the first reading keeps no positions, so
// that valid documents do not pay for the messages of wrong ones.
func explain(src []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(src))
	for {
		switch _, err := d.ReadToken(); {
		case err != nil:
			return tokenError(d, src, err)
		case d.StackDepth() > MaxDepth:
			return &Error{path(d, d.StackPointer()), fmt.Sprintf("nests deeper than %d levels", MaxDepth), ErrTooDeep}
		case d.StackDepth() == 0:
			return trailingError(d, src)
		}
	}
}

// tokenError returns the error for the token that the decoder could not read.
func tokenError(d *jsontext.Decoder, src []byte, err error) error {
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return &Error{Reason: "is not valid JSON: it is empty", Cause: ErrSyntax}
	}
	at := min(syntactic.ByteOffset, int64(len(src)))
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &Error{path(d, syntactic.JSONPointer), "is a duplicate key", ErrDuplicateKey}
	case startsInvalid(src[at:]):
		return &Error{path(d, syntactic.JSONPointer), fmt.Sprintf("is not valid UTF-8 at byte %d", at), ErrInvalidUTF8}
	case startsSurrogate(src[at:]):
		return &Error{path(d, syntactic.JSONPointer), fmt.Sprintf("has half of a surrogate pair at byte %d", at), ErrInvalidUTF8}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Reason: fmt.Sprintf("is not valid JSON: it ends too early, at byte %d", len(src)), Cause: ErrSyntax}
	}
	return &Error{Reason: fmt.Sprintf("is not valid JSON: %v at byte %d", syntactic.Err, at), Cause: ErrSyntax}
}

// trailingError returns the error for text after a complete value.
func trailingError(d *jsontext.Decoder, src []byte) error {
	at := d.InputOffset()
	at += int64(len(src[at:]) - len(bytes.TrimLeft(src[at:], " \t\r\n")))
	return &Error{Reason: fmt.Sprintf("is not valid JSON: more text after the value, at byte %d", at), Cause: ErrSyntax}
}

// startsInvalid reports whether text starts with a byte that begins no UTF-8 character.
func startsInvalid(text []byte) bool {
	r, size := utf8.DecodeRune(text)
	return r == utf8.RuneError && size == 1
}

// startsSurrogate reports whether text starts with an escaped surrogate.
func startsSurrogate(text []byte) bool {
	hex, ok := bytes.CutPrefix(text, []byte(`\u`))
	if !ok || len(hex) < 4 {
		return false
	}
	code, err := strconv.ParseUint(string(hex[:4]), 16, 16)
	return err == nil && utf16.IsSurrogate(rune(code))
}

// maxPath bounds the length of a path in bytes: keys come from outside and can be
// as long as the document.
const maxPath = 256

// path formats a pointer into the document that d reads, in the form of Error.Path.
// The decoder's stack says which levels are arrays, since an index in a pointer
// looks like a key.
func path(d *jsontext.Decoder, p jsontext.Pointer) string {
	var text []byte
	level := 0
	for token := range p.Tokens() {
		level++
		kind := jsontext.KindBeginObject
		if level <= d.StackDepth() {
			kind, _ = d.StackIndex(level)
		}
		switch {
		case kind == jsontext.KindBeginArray:
			text = append(append(append(text, '['), token...), ']')
		case !isWord(token):
			text = append(strconv.AppendQuote(append(text, '['), token), ']')
		case len(text) > 0:
			text = append(append(text, '.'), token...)
		default:
			text = append(text, token...)
		}
		if len(text) > maxPath {
			return string(bytes.ToValidUTF8(text[:maxPath], nil)) + "…"
		}
	}
	return string(text)
}

// isWord reports whether a key can stand in a path without quotes.
func isWord(key string) bool {
	for i := range len(key) {
		c := key[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '$') {
			return false
		}
	}
	return key != ""
}
