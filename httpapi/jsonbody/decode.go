package jsonbody

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// Decode reads body, which must be one JSON object, into v. It refuses members that v
// does not have, and everything that canonicaljson.Append refuses.
func Decode(body []byte, v any) error {
	if err := Check(body); err != nil {
		return err
	}
	return Unmarshal(body, v)
}

// Check reports what is wrong with a body that is not one JSON object, or that
// canonicaljson.Append refuses. It exists apart from Unmarshal because the JSON library
// does not bound the depth, and names neither the place of a repeated member nor the
// byte of invalid UTF-8.
func Check(body []byte) error {
	if IsBlank(body) {
		return Missing("a JSON object")
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	var err error
	*scratch, err = canonicaljson.Append((*scratch)[:0], body)
	if err != nil {
		return InField(err, "")
	}
	if (*scratch)[0] != '{' {
		return invalid(Whole, "must be a JSON object")
	}
	return nil
}

// scratches holds buffers for the canonical forms that Check makes and forgets. A body
// has at most 1 MiB, which bounds each of them.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// Unmarshal reads a body that Check let through into v.
func Unmarshal(body []byte, v any) error {
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return mismatch(err)
	}
	return nil
}

// mismatch explains why a well-formed document does not fit the Go value.
func mismatch(err error) error {
	s, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return fmt.Errorf("decode the body: %w", err)
	}
	field := fieldOf(s.JSONPointer)
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return invalid(field, "is not a known field")
	case s.GoType == nil:
		return invalid(field, "has the wrong type")
	case errors.Is(s.Err, jsontext.ErrDuplicateName):
		return invalid(field, "is given twice")
	}
	return invalid(field, "must be "+typeName(s.GoType))
}

// typeName returns the JSON type that a Go type is decoded from, with its article.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// Optional is a member of an object that may be absent or null. A plain Go field could
// not distinguish the three cases that PATCH needs (RFC 7396): leave, reset, set.
type Optional[T any] struct {
	Value T
	// Set reports that the member is present; Null that it is null, and Value is zero.
	Set, Null bool
}

// UnmarshalJSONFrom reads the member's value. The JSON library calls it only for members
// that are present.
func (o *Optional[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	o.Set = true
	if d.PeekKind() == jsontext.KindNull {
		o.Null = true
		return d.SkipValue()
	}
	return json.UnmarshalDecode(d, &o.Value)
}

// Given reports whether there is a value: the member is present and not null.
func (o *Optional[T]) Given() bool { return o.Set && !o.Null }
