package httpapi

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// readOnly are members of a posted resource that only the server sets, as they
// were posted. A client may send back what it was shown: with their present
// values they mean nothing.
type readOnly map[string]jsontext.Value

// decodeShown is decode for the change of a resource that is shown as type R. It
// sets aside the members of R that v does not have; readOnly.check judges them.
func decodeShown[R any](ctx *fasthttp.RequestCtx, v any) (readOnly, error) {
	body, err := bodyOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := jsonbody.Check(body); err != nil {
		return nil, err
	}
	body, aside := setAside(body, memberNames(reflect.TypeFor[R]()), memberNames(reflect.TypeOf(v).Elem()))
	return aside, jsonbody.Unmarshal(body, v)
}

// setAside takes the members out of a valid object that are shown and not settable.
func setAside(body []byte, shown, settable []string) ([]byte, readOnly) {
	var members map[string]jsontext.Value
	if json.Unmarshal(body, &members) != nil { // decoding it says why
		return body, nil
	}
	aside := readOnly{}
	for name, value := range members {
		if slices.Contains(shown, name) && !slices.Contains(settable, name) {
			aside[name] = value
			delete(members, name)
		}
	}
	if len(aside) == 0 {
		return body, nil
	}
	rest, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return body, nil
	}
	return rest, aside
}

// check refuses members that have another value than in the resource as it is shown now.
func (r readOnly) check(now any, f *faults) {
	if len(r) == 0 {
		return
	}
	text, err := json.Marshal(now)
	var present map[string]jsontext.Value
	if err == nil {
		err = json.Unmarshal(text, &present)
	}
	if err != nil {
		f.add(fmt.Errorf("read the resource as it is: %w", err))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if !sameValue(r[name], present[name]) {
			f.add(invalid(name, "is read-only, and is not the present value"))
		}
	}
}

// sameValue reports whether two JSON values are the same; an absent one is null.
func sameValue(a, b jsontext.Value) bool {
	if len(b) == 0 {
		b = jsontext.Value("null")
	}
	first, err := webhook.Canonical(nil, a)
	if err != nil {
		return false
	}
	second, err := webhook.Canonical(nil, b)
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
