package jsonbody

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// TestNumbers: whole numbers and others at the bounds of what can be kept.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		body  string
		count int64
		ratio float64
		says  string
	}{
		{`{"count":9223372036854775807}`, math.MaxInt64, 0, ""},
		{`{"count":-9223372036854775808}`, math.MinInt64, 0, ""},
		{`{"count":9223372036854775808}`, 0, 0, "count must be a whole number"},
		{`{"count":1e2}`, 0, 0, "count must be a whole number"},
		{`{"count":"1"}`, 0, 0, "count must be a whole number"},
		{`{"count":true}`, 0, 0, "count must be a whole number"},
		{`{"ratio":1.7976931348623157e308}`, 0, math.MaxFloat64, ""},
		{`{"ratio":-0.5e-3}`, 0, -0.0005, ""},
		{`{"ratio":NaN}`, 0, 0, "body is not valid JSON"},
		{`{"ratio":01}`, 0, 0, "body is not valid JSON"},
		{`{"ratio":[1]}`, 0, 0, "ratio must be a number"},
	} {
		var in input
		err := Decode([]byte(c.body), &in)
		if c.says == "" && (err != nil || in.Count.Value != c.count || in.Ratio.Value != c.ratio) {
			t.Errorf("%s: %d, %g, %v", c.body, in.Count.Value, in.Ratio.Value, err)
		}
		if c.says != "" && (err == nil || !strings.HasPrefix(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.body, err, c.says)
		}
	}
}

// TestOptional distinguishes what is absent, null, empty and given, at each depth.
func TestOptional(t *testing.T) {
	for _, c := range []struct {
		body        string
		set, null   bool
		given       bool
		value, deep string
	}{
		{`{}`, false, false, false, "", ""},
		{`{"name":null,"inner":null}`, true, true, false, "", ""},
		{`{"name":"","inner":{}}`, true, false, true, "", ""},
		{`{"name":"ä\u0000","inner":{"deep":"x"}}`, true, false, true, "ä\x00", "x"},
	} {
		var in input
		if err := Decode([]byte(c.body), &in); err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if n := in.Name; n.Set != c.set || n.Null != c.null || n.Given() != c.given || n.Value != c.value {
			t.Errorf("%s: name %+v", c.body, n)
		}
		if i := in.Inner; i.Set != c.set || i.Null != c.null || i.Given() != c.given || i.Value.Deep.Value != c.deep {
			t.Errorf("%s: inner %+v", c.body, i)
		}
	}
}

// TestDepth: a body may be as deep as canonical JSON, and no deeper; what is in a member
// that does not exist is judged, too.
func TestDepth(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(`{"hidden":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`)
	}
	deepest := 0
	for depth := 1; Check(nested(depth)) == nil; depth++ {
		deepest = depth
	}
	if err := Check(nested(deepest + 1)); deepest < 100 || deepest > 200 || !errors.Is(err, canonicaljson.ErrTooDeep) {
		t.Errorf("%d levels are let through: %v", deepest, err)
	}
	if err := Decode(nested(deepest), new(input)); err == nil || err.Error() != "hidden is not a known field" {
		t.Errorf("the deepest: %v", err)
	}
	if err := Decode(nested(100_000), new(input)); !errors.Is(err, canonicaljson.ErrTooDeep) {
		t.Errorf("100,000 levels: %v", err)
	}
}

// TestFieldOf: members are separated by points, and indexes stand in brackets.
func TestFieldOf(t *testing.T) {
	for pointer, want := range map[jsontext.Pointer]string{
		"":               Whole,
		"/name":          "name",
		"/inner/deep":    "inner.deep",
		"/event_types/3": "event_types[3]",
		"/a/0/1/b":       "a[0][1].b",
		"/a~1b/c~0d":     "a/b.c~d",
		"/headers/X-1":   "headers.X-1",
		"/" + jsontext.Pointer(strings.Repeat("x", MaxField)):   strings.Repeat("x", MaxField),
		"/" + jsontext.Pointer(strings.Repeat("x", MaxField+1)): strings.Repeat("x", MaxField) + "…",
	} {
		if got := fieldOf(pointer); got != want {
			t.Errorf("%q: %q, want %q", pointer, got, want)
		}
	}
}

// TestIsBlank: only JSON's own white space is none.
func TestIsBlank(t *testing.T) {
	for body, want := range map[string]bool{"": true, " \t\r\n": true, "\u00a0": false, "\v": false, "\x00": false, " {} ": false} {
		if got := IsBlank([]byte(body)); got != want {
			t.Errorf("%q: %t, want %t", body, got, want)
		}
	}
}

// TestDecodeShownRefuses: a body is judged as by Decode, whatever read-only members it has.
func TestDecodeShownRefuses(t *testing.T) {
	for _, c := range []struct {
		body, says string
		cause      error
	}{
		{"", "body is missing: the call needs a JSON object", canonicaljson.ErrSyntax},
		{`[]`, "body must be a JSON object", nil},
		{`{"id":"a","id":"a"}`, "id is a duplicate key", canonicaljson.ErrDuplicateKey},
		{`{"keys":[{"a":1,"a":1}]}`, "keys[0].a is a duplicate key", canonicaljson.ErrDuplicateKey},
		{"{\"id\":\"\xff\"}", "id is not valid UTF-8", canonicaljson.ErrInvalidUTF8},
		{`{"id":"a","inner":{"id":"a"}}`, "inner.id is not a known field", nil},
	} {
		_, err := DecodeShown[resource]([]byte(c.body), new(input))
		_, ok := errors.AsType[*webhook.FieldError](err)
		if !ok || !strings.HasPrefix(err.Error(), c.says) || c.cause != nil && !errors.Is(err, c.cause) {
			t.Errorf("%s: %v, want %q", c.body, err, c.says)
		}
	}
}

// TestSetAside: only what is shown and not settable is set aside; all else is read as usual,
// and a body without such members is read as it is.
func TestSetAside(t *testing.T) {
	var in input
	shown, err := DecodeShown[resource]([]byte(`{"name":"new","id":"x1","count":7,"keys":[1, 2]}`), &in)
	if err != nil || in.Name.Value != "new" || in.Count.Value != 7 {
		t.Errorf("%+v, %v", in, err)
	}
	if len(shown) != 2 || string(shown["id"]) != `"x1"` || string(shown["keys"]) != `[1, 2]` {
		t.Errorf("set aside are %v", shown)
	}
	body := []byte(` { "name" : "a" } `)
	rest, shown := setAside(body, []string{"id"}, []string{"name"})
	if &rest[0] != &body[0] || len(shown) > 0 {
		t.Errorf("%s, %v: the body is another one", rest, shown)
	}
}

// TestReadOnlyFaults: all members with another value are named, in the order of their names.
// A resource that cannot be shown is no fault of the caller.
func TestReadOnlyFaults(t *testing.T) {
	posted := ReadOnly{"keys": jsontext.Value(`["b"]`), "id": jsontext.Value(`1`), "created_at": jsontext.Value(`"2025"`)}
	var f Faults
	posted.Check(resource{ID: "1", shownMembers: shownMembers{CreatedAt: "2025", Keys: []string{"a"}}}, &f)
	const reason = " is read-only, and is not the present value"
	if len(f) != 2 || f[0].Error() != "id"+reason || f[1].Error() != "keys"+reason {
		t.Errorf("%v", []error(f))
	}
	f = nil
	if posted.Check(struct{ C chan int }{}, &f); len(f) != 1 {
		t.Fatalf("%v", []error(f))
	}
	if _, ok := errors.AsType[*webhook.FieldError](f[0]); ok {
		t.Errorf("the caller is told %v", f[0])
	}
	f = nil
	if (ReadOnly{}).Check(struct{ C chan int }{}, &f); len(f) > 0 {
		t.Errorf("nothing was posted: %v", f)
	}
}

// TestSameValue compares values, not their spelling.
func TestSameValue(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2]}`, ` { "a" : 1 , "b" : [ 2 ] } `, true},
		{`"\u0061"`, `"a"`, true},
		{`[1,2]`, `[2,1]`, false},
		{`null`, ``, true},
		{`""`, ``, false},
		{`"1"`, `1`, false},
		{`{`, `{`, false},
		{`"a"`, `"b`, false},
		{`"a"`, `"a" x`, false},
	} {
		if got := sameValue(jsontext.Value(c.a), jsontext.Value(c.b)); got != c.want {
			t.Errorf("%s and %s: %t, want %t", c.a, c.b, got, c.want)
		}
	}
}
