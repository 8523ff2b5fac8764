package webhook

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

// documentError tells what is wrong with a document that Canonical refuses, and
// where: it reads the document again up to the first fault.
func documentError(src []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(src))
	for {
		switch _, err := d.ReadToken(); {
		case err != nil:
			return tokenError(d, src, err)
		case d.StackDepth() > MaxDepth:
			return &FieldError{
				Field:  path(d, d.StackPointer()),
				Reason: fmt.Sprintf("nests deeper than %d levels", MaxDepth),
				Cause:  ErrTooDeep,
			}
		case d.StackDepth() == 0:
			return trailingError(d, src)
		}
	}
}

// tokenError explains why the decoder could not read a token.
func tokenError(d *jsontext.Decoder, src []byte, err error) error {
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return &FieldError{Reason: "is not valid JSON: it is empty", Cause: ErrSyntax}
	}
	at := min(syntactic.ByteOffset, int64(len(src)))
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &FieldError{Field: path(d, syntactic.JSONPointer), Reason: "is a duplicate key", Cause: ErrDuplicateKey}
	case startsInvalid(src[at:]):
		return &FieldError{
			Field:  path(d, syntactic.JSONPointer),
			Reason: fmt.Sprintf("is not valid UTF-8 at byte %d", at),
			Cause:  ErrInvalidUTF8,
		}
	case startsSurrogate(src[at:]):
		return &FieldError{
			Field:  path(d, syntactic.JSONPointer),
			Reason: fmt.Sprintf("has half of a surrogate pair at byte %d", at),
			Cause:  ErrInvalidUTF8,
		}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &FieldError{Reason: fmt.Sprintf("is not valid JSON: it ends too early, at byte %d", len(src)), Cause: ErrSyntax}
	}
	return &FieldError{Reason: fmt.Sprintf("is not valid JSON: %v at byte %d", syntactic.Err, at), Cause: ErrSyntax}
}

// trailingError explains what is wrong after a complete value.
func trailingError(d *jsontext.Decoder, src []byte) error {
	at := d.InputOffset()
	at += int64(len(src[at:]) - len(bytes.TrimLeft(src[at:], " \t\r\n")))
	return &FieldError{Reason: fmt.Sprintf("is not valid JSON: more text after the value, at byte %d", at), Cause: ErrSyntax}
}

// startsInvalid tells whether text starts with a byte that no UTF-8 has there.
func startsInvalid(text []byte) bool {
	r, size := utf8.DecodeRune(text)
	return r == utf8.RuneError && size == 1
}

// startsSurrogate tells whether text starts with an escaped surrogate.
func startsSurrogate(text []byte) bool {
	hex, ok := bytes.CutPrefix(text, []byte(`\u`))
	if !ok || len(hex) < 4 {
		return false
	}
	code, err := strconv.ParseUint(string(hex[:4]), 16, 16)
	return err == nil && utf16.IsSurrogate(rune(code))
}

// maxPath bounds the length of a path in bytes, since keys can be of any length.
const maxPath = 256

// path writes a place in the document that d reads the way FieldError does:
// items[3].name, with keys that are not plain words quoted: items["a b"].
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

// isWord tells whether a key can stand in a path without quotes.
func isWord(key string) bool {
	for i := range len(key) {
		c := key[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '$') {
			return false
		}
	}
	return key != ""
}
