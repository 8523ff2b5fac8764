package eventinput

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// malformed are texts that are no events, and the field that Parse names. An empty field
// means that the structure is right and only a member's check finds the fault.
var malformed = []struct{ why, text, field string }{
	{"nothing", ``, "body"},
	{"white space only", " \r\n\t", "body"},
	{"no object", `[]`, "body"},
	{"a string", `"user.created"`, "body"},
	{"not closed", `{"event_type":"a"`, "body"},
	{"closed by the other bracket", `{"event_type":"a"]`, "body"},
	{"closed twice", `{"event_type":"a"}}`, "body"},
	{"two events", `{"data":1}{"data":2}`, "body"},
	{"a comma too many", `{"data":1,}`, "body"},
	{"a comma first", `{,"data":1}`, "body"},
	{"no comma", `{"data":1 "event_type":"a"}`, "body"},
	{"no colon", `{"data" 1}`, "body"},
	{"no value", `{"data":}`, "body"},
	{"a bare name", `{data:1}`, "body"},
	{"a name that does not end", `{"data:1}`, "body"},
	{"an escaped quote at the end", `{"data":"x\"}`, "body"},
	{"a byte order mark", "\ufeff{}", "body"},
	{"a NUL byte behind it", "{}\x00", "body"},
	{"a name that is no string", "{\"d\xff\":1}", "body"},
	{"an unknown member", `{"payload":1}`, "payload"},
	{"another case", `{"Data":1}`, "Data"},
	{"a member twice", `{"data":1,"data":1}`, "data"},
	{"a member twice, once escaped", `{"data":1,"d\u0061ta":1}`, "data"},
	{"a member twice, null first", `{"client_id":null,"client_id":"a"}`, "client_id"},
	{"brackets crossed inside", `{"data":[{]}}`, ""},
	{"no literal", `{"data":nul}`, ""},
	{"a number with a leading zero", `{"data":01}`, ""},
}

func TestParseRefuses(t *testing.T) {
	for _, c := range malformed {
		_, err := Parse([]byte(c.text))
		field := ""
		if f, ok := errors.AsType[*webhook.FieldError](err); ok {
			field = f.Field
		}
		if field != c.field || (err == nil) != (c.field == "") {
			t.Errorf("%s: %q: %v, want the field %q", c.why, c.text, err, c.field)
		}
	}
}

// TestUnknownMemberIsClipped: the name comes from the caller, and goes into the answer.
func TestUnknownMemberIsClipped(t *testing.T) {
	_, err := Parse([]byte(`{"` + strings.Repeat("ä", 1000) + `":1}`))
	f, ok := errors.AsType[*webhook.FieldError](err)
	if !ok || len(f.Field) > 300 || !strings.HasSuffix(f.Field, "…") {
		t.Errorf("%v", err)
	}
}

// parsed is Parse for a text whose structure is right.
func parsed(t *testing.T, text string) Input {
	t.Helper()
	in, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return in
}

// TestMembers reads each member in its usual and unusual forms.
func TestMembers(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"all members", `{"event_type":"a.b","data":{"x":1},"client_id":"acme","idempotency_key":"k"}`, `type a.b, client acme true, key k, data {"x":1}`},
		{"in any order, with white space", " {\t\"data\" : [ 1 , 2 ] ,\r\n\"event_type\" : \"a\" } ", `type a, client  false, key , data [1,2]`},
		{"null is absent, except for data", `{"event_type":"a","data":null,"client_id":null,"idempotency_key":null}`, `type a, client  false, key , data null`},
		{"escapes", `{"event\u005ftype":"a\u002eb","data":"\u00e9","client_id":"\u0061","idempotency_key":"\ud83d\ude00"}`, `type a.b, client a true, key 😀, data "é"`},
		{"beyond ASCII", `{"event_type":"ä","data":"ö","client_id":"ü","idempotency_key":"kéy"}`, `type ä, client ü true, key kéy, data "ö"`},
		{"an empty client is named", `{"event_type":"a","data":1,"client_id":""}`, `type a, client  true, key , data 1`},
		{"brackets and quotes inside of strings", `{"event_type":"a","data":{"a":"}]\"\\","b":["{"]}}`, `type a, client  false, key , data {"a":"}]\"\\","b":["{"]}`},
		{"canonical data", `{"event_type":"a","data":{"b":1.0,"1":"\/"}}`, `type a, client  false, key , data {"1":"/","b":1}`},
	} {
		in := parsed(t, c.text)
		kind, err := in.EventType()
		id, named, clientErr := in.ClientID()
		key, keyErr := in.Key()
		data, dataErr := in.Data()
		got := fmt.Sprintf("type %s, client %s %t, key %s, data %s", kind, id, named, key, data)
		if err := errors.Join(err, clientErr, keyErr, dataErr); err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.why, err, got, c.want)
		}
	}
}

// TestBadMembers has events whose structure is right and of which one member is refused.
func TestBadMembers(t *testing.T) {
	deep := strings.Repeat("[", canonicaljson.MaxDepth+1) + strings.Repeat("]", canonicaljson.MaxDepth+1)
	for _, c := range []struct {
		why, text, field string
		cause            error
	}{
		{"no type", `{}`, "event_type", nil},
		{"a type that is null", `{"event_type":null}`, "event_type", nil},
		{"a type that is a number", `{"event_type":1}`, "event_type", nil},
		{"a type that is no JSON", `{"event_type":tru}`, "event_type", canonicaljson.ErrSyntax},
		{"a type with a line break", "{\"event_type\":\"a\nb\"}", "event_type", canonicaljson.ErrSyntax},
		{"a type that is no UTF-8", "{\"event_type\":\"\xff\"}", "event_type", canonicaljson.ErrInvalidUTF8},
		{"a client that is a number", `{"client_id":7}`, "client_id", nil},
		{"half of a surrogate", `{"client_id":"\ud800"}`, "client_id", canonicaljson.ErrInvalidUTF8},
		{"a key that is true", `{"idempotency_key":true}`, "idempotency_key", nil},
		{"an empty key", `{"idempotency_key":""}`, "idempotency_key", nil},
		{"a long key", `{"idempotency_key":"` + strings.Repeat("ä", MaxKey+1) + `"}`, "idempotency_key", nil},
		{"no data", `{}`, "data", nil},
		{"a key twice in the data", `{"data":{"a":[{"b":1,"b":2}]}}`, "data.a[0].b", canonicaljson.ErrDuplicateKey},
		{"an escape that is none", `{"data":"\x"}`, "data", canonicaljson.ErrSyntax},
		{"brackets crossed", `{"data":[{]}}`, "data", canonicaljson.ErrSyntax},
		{"data that is too deep", `{"data":` + deep + `}`, "data[0][0]", canonicaljson.ErrTooDeep},
		{"data that is too large", `{"data":"` + strings.Repeat("x", webhook.MaxPayload-1) + `"}`, "data", ErrTooLarge},
	} {
		in := parsed(t, c.text)
		read := map[string]func() error{
			"event_type":      func() error { _, err := in.EventType(); return err },
			"client_id":       func() error { _, _, err := in.ClientID(); return err },
			"idempotency_key": func() error { _, err := in.Key(); return err },
			"data":            func() error { _, err := in.Data(); return err },
		}
		member, _, _ := strings.Cut(strings.ReplaceAll(c.field, "[", "."), ".")
		err := read[member]()
		f, ok := errors.AsType[*webhook.FieldError](err)
		if !ok || !strings.HasPrefix(f.Field, c.field) || !errors.Is(f.Cause, c.cause) {
			t.Errorf("%s: %v, want the field %s and the cause %v", c.why, err, c.field, c.cause)
		}
	}
}

// TestLimits has values that are exactly as large as allowed.
func TestLimits(t *testing.T) {
	in := parsed(t, `{"idempotency_key":"`+strings.Repeat("ä", MaxKey)+`","data":"`+strings.Repeat("x", webhook.MaxPayload-2)+`"}`)
	if _, err := in.Key(); err != nil {
		t.Error(err)
	}
	if data, err := in.Data(); err != nil || len(data) != webhook.MaxPayload {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestDataOwnsItsMemory: the dispatcher keeps the data when the request's buffer has been
// used for another request, and keeps no more room than the data needs.
func TestDataOwnsItsMemory(t *testing.T) {
	text := []byte(`{"data":[` + strings.Repeat(" ", 1000) + `1]}`)
	in, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	data, err := in.Data()
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	if string(data) != "[1]" || cap(data) > 100 {
		t.Errorf("%q with room for %d bytes", data, cap(data))
	}
}
