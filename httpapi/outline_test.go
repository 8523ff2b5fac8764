package httpapi

import (
	"bytes"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook"
)

// accepted tells what readEnvelope and the checks of its members make of a text.
func accepted(text []byte) (e envelope, ok bool) {
	e, err := readEnvelope(text)
	if err != nil {
		return e, false
	}
	for _, raw := range [][]byte{e.eventType, e.clientID, e.key, e.data} {
		if raw == nil {
			continue
		}
		if _, err := webhook.Canonical(nil, raw); err != nil {
			return e, false
		}
	}
	return e, true
}

// FuzzEnvelope holds the outline against a full parser: what passes is valid JSON
// with these members, and a valid object of known members passes.
func FuzzEnvelope(f *testing.F) {
	for i := range badEvents {
		if len(badEvents[i].body) < 1000 {
			f.Add([]byte(badEvents[i].body))
		}
	}
	f.Add([]byte(`{"event_type":"a","data":{"b":["}\"",[]]},"client_id":null,"idempotency_key":"\u00e9"}`))
	f.Add([]byte(`{"d\u0061ta":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, ok := accepted(text)
		var parsed map[string]jsontext.Value
		valid := jsontext.Value(text).IsValid()
		if ok && !valid {
			t.Fatalf("%q passes, but is not valid JSON", text)
		}
		if !valid {
			return
		}
		parsed = members(t, text)
		if parsed == nil {
			if ok {
				t.Fatalf("%q passes, but is no object", text)
			}
			return
		}
		known := map[string][]byte{"event_type": e.eventType, "data": e.data, "client_id": e.clientID, "idempotency_key": e.key}
		for name := range parsed {
			if _, is := known[name]; !is {
				if ok {
					t.Fatalf("%q passes with the member %q", text, name)
				}
				return
			}
		}
		if _, err := webhook.Canonical(nil, text); !ok && err == nil {
			t.Fatalf("%q is refused", text)
		}
		if ok {
			for name, raw := range known {
				if string(raw) != string(parsed[name]) {
					t.Fatalf("%q: %s is %q, not %q", text, name, raw, parsed[name])
				}
			}
		}
	})
}

// members gives the raw members of a valid document that is an object; nil for others.
func members(t *testing.T, text []byte) map[string]jsontext.Value {
	t.Helper()
	d := jsontext.NewDecoder(newReader(text))
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil
	}
	if _, err := d.ReadToken(); err != nil {
		t.Fatal(err)
	}
	found := map[string]jsontext.Value{}
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		found[key] = value.Clone()
	}
	return found
}

// FuzzBatch divides arrays: what passes whole and in each part is valid, with as
// many elements.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`[{"a":1},[2],"]",4]`))
	f.Add([]byte(`[1 2]`))
	f.Add([]byte(`[[}]]`))
	f.Add([]byte(` [ ] `))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := outline{text: text}
		n, good := 0, true
		err := o.elements(func(value []byte) error {
			n++
			good = good && jsontext.Value(value).IsValid()
			return nil
		})
		valid := jsontext.Value(text).IsValid() && text[firstByte(text)] == '['
		if err == nil && good && !valid {
			t.Fatalf("%q passes", text)
		}
		if valid && (err != nil || !good) {
			t.Fatalf("%q is refused: %v", text, err)
		}
	})
}

// FuzzBatchLines divides NDJSON: its lines without the empty ones, in order, up to
// one more than a batch may have.
func FuzzBatchLines(f *testing.F) {
	f.Add([]byte("{\"a\":1}\r\n\n  {\"a\":2}"))
	f.Add([]byte("\n\n"))
	f.Add(bytes.Repeat([]byte("1\n"), MaxBatch+2))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := splitLines(text)
		var want [][]byte
		for _, line := range bytes.Split(text, []byte("\n")) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				want = append(want, line)
			}
		}
		want = want[:min(len(want), MaxBatch+1)]
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%q is divided into %q", text, got)
		}
	})
}
