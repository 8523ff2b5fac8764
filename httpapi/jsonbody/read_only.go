package jsonbody

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// ReadOnly are members of a posted resource that only the server sets, as they were
// posted. A client may send back the resource that it was shown: with their present values
// the members mean nothing, so that reading, changing one member and writing works.
type ReadOnly map[string]jsontext.Value

// DecodeShown is Decode for the change of a resource that is shown as type R. It sets readOnly
// the members of R that v, a pointer to a struct, does not have; ReadOnly.Check judges them
// when the resource is known.
func DecodeShown[R any](body []byte, v any) (ReadOnly, error) {
	if err := Check(body); err != nil {
		return nil, err
	}
	body, readOnly := setAside(body, memberNames(reflect.TypeFor[R]()), memberNames(reflect.TypeOf(v).Elem()))
	return readOnly, Unmarshal(body, v)
}

// setAside removes the members that are shown and not settable from a valid object, and
// returns them.
func setAside(body []byte, shown, settable []string) ([]byte, ReadOnly) {
	var members map[string]jsontext.Value
	if json.Unmarshal(body, &members) != nil { // Unmarshal reports why
		return body, nil
	}
	readOnly := ReadOnly{}
	for name, value := range members {
		if slices.Contains(shown, name) && !slices.Contains(settable, name) {
			readOnly[name] = value
			delete(members, name)
		}
	}
	if len(readOnly) == 0 {
		return body, nil
	}
	rest, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return body, nil
	}
	return rest, readOnly
}

// Check refuses members that have another value than in the resource as it is shown now.
func (r ReadOnly) Check(now any, f *Faults) {
	if len(r) == 0 {
		return
	}
	text, err := json.Marshal(now)
	var present map[string]jsontext.Value
	if err == nil {
		err = json.Unmarshal(text, &present)
	}
	if err != nil {
		f.Add(fmt.Errorf("read the resource as it is: %w", err))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if !sameValue(r[name], present[name]) {
			f.Add(invalid(name, "is read-only, and is not the present value"))
		}
	}
}

// sameValue reports whether two JSON values are the same; an absent one is null.
func sameValue(a, b jsontext.Value) bool {
	if len(b) == 0 {
		b = jsontext.Value("null")
	}
	first, err := canonicaljson.Append(nil, a)
	if err != nil {
		return false
	}
	second, err := canonicaljson.Append(nil, b)
	return err == nil && bytes.Equal(first, second)
}

// memberNames returns the names of the JSON members that a struct has, those of
// embedded structs included.
func memberNames(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			names = append(names, memberNames(field.Type)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	return names
}
