package eventinput

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// accepted returns what Parse makes of a text, and whether the text and all its members
// are well-formed.
func accepted(text []byte) (in Input, ok bool) {
	in, err := Parse(text)
	if err != nil {
		return in, false
	}
	return in, wellFormed(&in)
}

// wellFormed reports whether all members that an input has are valid JSON.
func wellFormed(in *Input) bool {
	for _, raw := range [][]byte{in.eventType, in.clientID, in.key, in.data} {
		if raw != nil && !referenceCanonical(raw) {
			return false
		}
	}
	return true
}

// FuzzParse compares the scanner with a full parser: a text that passes is valid JSON
// with these members, and a valid object of known members passes.
func FuzzParse(f *testing.F) {
	for _, c := range malformed {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(`{"event_type":"a","data":{"b":["}\"",[]]},"client_id":null,"idempotency_key":"\u00e9"}`))
	f.Add([]byte(`{"d\u0061ta":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, ok := accepted(text)
		valid := jsontext.Value(text).IsValid()
		if ok && !valid {
			t.Fatalf("%q passes, but is not valid JSON", text)
		}
		if !valid {
			return
		}
		parsed := members(t, text)
		if parsed == nil {
			if ok {
				t.Fatalf("%q passes, but is no object", text)
			}
			return
		}
		known := map[string][]byte{"event_type": in.eventType, "data": in.data, "client_id": in.clientID, "idempotency_key": in.key}
		for name := range parsed {
			if _, is := known[name]; !is {
				if ok {
					t.Fatalf("%q passes with the member %q", text, name)
				}
				return
			}
		}
		if !ok && referenceCanonical(text) {
			t.Fatalf("%q is refused", text)
		}
		for name, raw := range known {
			if ok && string(raw) != string(parsed[name]) {
				t.Fatalf("%q: %s is %q, not %q", text, name, raw, parsed[name])
			}
		}
	})
}

// members returns the raw members of a valid document that is an object; nil for others.
func members(t *testing.T, text []byte) map[string]jsontext.Value {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(text))
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

// FuzzBatch compares Each, which scans good events once, with the reader that divides
// first: both find the same events, and the same is wrong with them. It also compares the
// division with a full parser.
func FuzzBatch(f *testing.F) {
	for _, c := range malformed {
		f.Add([]byte(`[{"data":1},`+c.text+`,{"data":2}]`), false)
		f.Add([]byte("{\"data\":1}\r\n\n "+c.text+"\n{\"data\":2}"), true)
	}
	for _, text := range []string{`[{"a":1},[2],"]",4]`, `[1 2]`, `[[}]]`, ` [ ] `, `[{"data":1]}`, `[{"data":"},{"}]`, "\n\n", "\u00a0"} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Add(bytes.Repeat([]byte("1\n"), fuzzMost+2), true)
	f.Add([]byte(`[1`+string(bytes.Repeat([]byte(",1"), fuzzMost))+`]`), false)
	f.Fuzz(func(t *testing.T, text []byte, lines bool) {
		b := Batch{body: text, lines: lines}
		wanted, broken, wantErr := referenceEvents(b, fuzzMost)
		n, good := 0, true
		err := b.Each(fuzzMost, func(in *Input, err error) {
			good = good && err == nil && wellFormed(in)
			if wantErr == nil {
				if fmt.Sprint(err) != fmt.Sprint(broken[n]) {
					t.Fatalf("%q: event %d: %v, not %v", text, n, err, broken[n])
				}
				if err == nil && fmt.Sprintf("%+v", *in) != fmt.Sprintf("%+v", wanted[n]) {
					t.Fatalf("%q: event %d: %+v, not %+v", text, n, *in, wanted[n])
				}
			}
			n++
		})
		switch {
		case (err == nil) != (wantErr == nil), !errors.Is(wantErr, errReferenceMany) && fmt.Sprint(err) != fmt.Sprint(wantErr):
			t.Fatalf("%q: %v, not %v", text, err, wantErr)
		case n > fuzzMost, err == nil && n != len(wanted):
			t.Fatalf("%q: %d events, not %d", text, n, len(wanted))
		case !lines && err == nil && good && !jsontext.Value(text).IsValid():
			t.Fatalf("%q passes, but is not valid JSON", text)
		}
	})
}

// fuzzMost is how many events the batches of FuzzBatch may have.
const fuzzMost = 20
