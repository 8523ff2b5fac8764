package jsonbody

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// input is a body as a call may have it.
type input struct {
	Name  Optional[string]   `json:"name"`
	Count Optional[int64]    `json:"count"`
	Ratio Optional[float64]  `json:"ratio"`
	On    Optional[bool]     `json:"on"`
	Tags  Optional[[]string] `json:"tags"`
	Inner Optional[inner]    `json:"inner"`
}

type inner struct {
	Deep Optional[string] `json:"deep"`
}

// TestDecode reads what is absent, null and present.
func TestDecode(t *testing.T) {
	var in input
	if err := Decode([]byte(` {"name":"a","count":null,"tags":["x"],"inner":{"deep":null}} `), &in); err != nil {
		t.Fatal(err)
	}
	if !in.Name.Given() || in.Name.Value != "a" || !in.Count.Set || !in.Count.Null || in.Count.Given() || in.Ratio.Set {
		t.Errorf("%+v", in)
	}
	if len(in.Tags.Value) != 1 || !in.Inner.Given() || !in.Inner.Value.Deep.Null {
		t.Errorf("%+v", in)
	}
}

// TestDecodeRefuses names the field and says what is wrong with it.
func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 129) + strings.Repeat("]", 129)
	for _, c := range []struct {
		why, body, says string
		cause           error
	}{
		{"nothing", ``, "body is missing: the call needs a JSON object", canonicaljson.ErrSyntax},
		{"white space", " \n", "body is missing", canonicaljson.ErrSyntax},
		{"no JSON", `name=a`, "body is not valid JSON", canonicaljson.ErrSyntax},
		{"cut off", `{"name":"a"`, "body is not valid JSON: it ends too early", canonicaljson.ErrSyntax},
		{"two objects", `{}{}`, "body is not valid JSON: more text after the value", canonicaljson.ErrSyntax},
		{"an array", `[]`, "body must be a JSON object", nil},
		{"null", `null`, "body must be a JSON object", nil},
		{"a key twice", `{"name":"a","name":"b"}`, "name is a duplicate key", canonicaljson.ErrDuplicateKey},
		{"a key twice inside", `{"inner":{"deep":"a","deep":"b"}}`, "inner.deep is a duplicate key", canonicaljson.ErrDuplicateKey},
		{"no UTF-8", "{\"name\":\"\xff\"}", "name is not valid UTF-8", canonicaljson.ErrInvalidUTF8},
		{"too deep", `{"name":` + deep + `}`, "name[0]", canonicaljson.ErrTooDeep},
		{"an unknown member", `{"nmae":"a"}`, "nmae is not a known field", nil},
		{"an unknown member inside", `{"inner":{"deeper":1}}`, "inner.deeper is not a known field", nil},
		{"another case", `{"Name":"a"}`, "Name is not a known field", nil},
		{"no string", `{"name":1}`, "name must be a string", nil},
		{"no whole number", `{"count":1.5}`, "count must be a whole number", nil},
		{"no number", `{"ratio":"1"}`, "ratio must be a number", nil},
		{"no truth", `{"on":1}`, "on must be true or false", nil},
		{"no array", `{"tags":"a"}`, "tags must be an array", nil},
		{"a bad entry", `{"tags":["a",1]}`, "tags[1] must be a string", nil},
		{"no object", `{"inner":"a"}`, "inner must be an object", nil},
	} {
		var in input
		err := Decode([]byte(c.body), &in)
		if _, ok := errors.AsType[*webhook.FieldError](err); !ok || !strings.HasPrefix(err.Error(), c.says) || c.cause != nil && !errors.Is(err, c.cause) {
			t.Errorf("%s: %v, want %q", c.why, err, c.says)
		}
	}
}

// TestFieldsAreBounded: the caller chooses the names of unknown members.
func TestFieldsAreBounded(t *testing.T) {
	var in input
	err := Decode([]byte(`{"`+strings.Repeat("ü", 10_000)+`":1}`), &in)
	f, ok := errors.AsType[*webhook.FieldError](err)
	if !ok || len(f.Field) > MaxField+len("…") || !strings.HasSuffix(f.Field, "ü…") {
		t.Errorf("%.300v", err)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"äöü", 3, "ä…"}, {"", 0, ""}, {"a", 0, "…"}} {
		if got := Clip(c.text, c.limit); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// TestInField places an error inside of a field, whichever package it is from.
func TestInField(t *testing.T) {
	_, document := canonicaljson.Append(nil, []byte(`{"a":[1,{"b":1,"b":2}]}`))
	plain := errors.New("disk")
	for _, c := range []struct {
		err   error
		field string
		want  string
	}{
		{document, "data", "data.a[1].b is a duplicate key"},
		{document, "", "a[1].b is a duplicate key"},
		{&webhook.FieldError{Field: "[3]", Reason: "is empty"}, "event_types", "event_types[3] is empty"},
		{&webhook.FieldError{Reason: "is empty"}, "", "body is empty"},
		{fmt.Errorf("decode: %w", &webhook.FieldError{Reason: "is empty"}), "name", "name is empty"},
		{plain, "name", "disk"},
	} {
		if got := InField(c.err, c.field); got.Error() != c.want {
			t.Errorf("%v in %q: %v, want %s", c.err, c.field, got, c.want)
		}
	}
}

// TestFaults: no fault is no error, one is itself, and several are a list that is no chain.
func TestFaults(t *testing.T) {
	var f Faults
	f.Add(nil)
	if err := f.Err(); err != nil {
		t.Errorf("no fault: %v", err)
	}
	first, second := errors.New("first"), errors.New("second")
	f.Add(first)
	if err := f.Err(); !errors.Is(err, first) {
		t.Errorf("one fault: %v", err)
	}
	f.Add(second)
	list, ok := errors.AsType[Faults](fmt.Errorf("update: %w", f.Err()))
	if !ok || len(list) != 2 || list.Error() != "first" || errors.Is(f.Err(), second) {
		t.Errorf("two faults: %v", list)
	}
}

// resource is what the API shows of an input.
type resource struct {
	ID string `json:"id"`
	shownMembers
	Name string `json:"name"`
}

type shownMembers struct {
	CreatedAt string   `json:"created_at,omitzero"`
	Keys      []string `json:"keys,omitempty"`
	Ignored   string   `json:"-"`
}

// TestReadOnly: a client may send back what it was shown, with the present values.
func TestReadOnly(t *testing.T) {
	now := resource{ID: "x1", Name: "old", shownMembers: shownMembers{CreatedAt: "2025", Keys: []string{"a"}}}
	for _, c := range []struct{ why, body, says string }{
		{"nothing that is read-only", `{"name":"new"}`, ""},
		{"the present values", `{"id":"x1","created_at":"2025","keys":["a"],"name":"new"}`, ""},
		{"written in another way", `{"id":"\u00781","keys":[ "a" ]}`, ""},
		{"another value", `{"id":"x2"}`, "id is read-only, and is not the present value"},
		{"null for a value", `{"id":null}`, "id is read-only"},
		{"another type", `{"keys":"a"}`, "keys is read-only"},
		{"an unknown member", `{"hidden":"x"}`, "hidden is not a known field"},
		{"a member that is never shown", `{"Ignored":"x"}`, "Ignored is not a known field"},
		{"a bad member beside", `{"id":"x1","name":7}`, "name must be a string"},
	} {
		var in input
		shown, err := DecodeShown[resource]([]byte(c.body), &in)
		var f Faults
		if f.Add(err); err == nil {
			shown.Check(now, &f)
		}
		if err := f.Err(); (err == nil) != (c.says == "") || err != nil && !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.why, err, c.says)
		}
	}
	absent := resource{ID: "x1"}
	shown, err := DecodeShown[resource]([]byte(`{"created_at":null,"keys":null}`), new(input))
	var f Faults
	shown.Check(absent, &f)
	if err != nil || f.Err() != nil {
		t.Errorf("null for what is absent: %v, %v", err, f.Err())
	}
}

func TestTime(t *testing.T) {
	if got := Time(time.Time{}); got != "" {
		t.Errorf("no time: %q", got)
	}
	at := time.Date(2025, 5, 17, 12, 30, 45, 123456789, time.FixedZone("", 2*3600))
	if got := Time(at); got != "2025-05-17T10:30:45.123Z" {
		t.Errorf("%q", got)
	}
}

func ExampleDecode() {
	var in struct {
		Name  Optional[string] `json:"name"`
		Limit Optional[int64]  `json:"limit"`
	}
	fmt.Println(Decode([]byte(`{"name":"a","limit":null}`), &in), in.Name.Value, in.Limit.Null)
	fmt.Println(Decode([]byte(`{"limit":"10"}`), &in))
	fmt.Println(Decode([]byte(`{"limti":10}`), &in))
	// Output:
	// <nil> a true
	// limit must be a whole number
	// limti is not a known field
}

// FuzzDecode compares with the standard library: what passes is valid there too, with the
// same values, and every error names a field of bounded length.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"name":"a","count":null,"ratio":1e3,"on":true,"tags":["x","\u00e9"],"inner":{"deep":null}}`, `{"count":1.0}`, `{"count":9223372036854775808}`,
		`{"name":"a","name":"b"}`, `{"Name":"a"}`, `[]`, `{"tags":[null]}`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, ` {"on":false} x`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in input
		if err := Decode(body, &in); err != nil {
			fault, ok := errors.AsType[*webhook.FieldError](err)
			if !ok || fault.Field == "" || len(fault.Field) > 2*MaxField {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		var plain struct {
			Name  *string  `json:"name"`
			Ratio *float64 `json:"ratio"`
			On    *bool    `json:"on"`
		}
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("%q passes, and not with the standard library: %v", body, err)
		}
		if in.Name.Given() != (plain.Name != nil) || plain.Name != nil && *plain.Name != in.Name.Value {
			t.Fatalf("%q: name %+v", body, in.Name)
		}
		if in.Ratio.Given() != (plain.Ratio != nil) || plain.Ratio != nil && *plain.Ratio != in.Ratio.Value {
			t.Fatalf("%q: ratio %+v", body, in.Ratio)
		}
		if in.On.Given() != (plain.On != nil) || plain.On != nil && *plain.On != in.On.Value {
			t.Fatalf("%q: on %+v", body, in.On)
		}
	})
}
