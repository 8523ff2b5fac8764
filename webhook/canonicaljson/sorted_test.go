package canonicaljson

import (
	"strings"
	"testing"
)

func TestAppendSorted(t *testing.T) {
	for _, c := range []struct{ why, in, want string }{
		{"members are sorted", `{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{"on every level", `[{"b":{"d":1,"c":2},"a":[{"f":1,"e":2}]}]`, `[{"a":[{"e":2,"f":1}],"b":{"c":2,"d":1}}]`},
		{"by bytes, so that indices are keys as others", `{"2":0,"10":0,"a":0}`, `{"10":0,"2":0,"a":0}`},
		{"a key counts with its quotes, so that a space comes before its end", `{"ab":1,"a":2,"a b":3}`, `{"a b":3,"a":2,"ab":1}`},
		{"elements keep their order", `[3,1,2]`, `[3,1,2]`},
		{"numbers stay as they are", `{"b":1e400,"a":0.1}`, `{"a":0.1,"b":1e400}`},
		{"an empty object", `{}`, `{}`},
		{"a value alone", `"x"`, `"x"`},
	} {
		before := c.in
		if got := string(AppendSorted([]byte("before"), []byte(c.in))); got != "before"+c.want || c.in != before {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
	}
}

// FuzzAppendSorted checks that sorting keeps every byte, and changes a sorted document
// no more.
func FuzzAppendSorted(f *testing.F) {
	f.Add([]byte(`{"b":[{"2":1,"1":{}}],"a":1e2}`))
	f.Add([]byte(strings.Repeat(`{"a":1,"a":`, 3)))
	f.Fuzz(func(t *testing.T, src []byte) {
		data, err := Append(nil, src)
		if err != nil {
			return
		}
		sorted := AppendSorted(nil, data)
		again, err := Append(nil, sorted)
		if err != nil || len(sorted) != len(data) {
			t.Fatalf("%s became %s: %v", data, sorted, err)
		}
		if twice := AppendSorted(nil, again); string(twice) != string(sorted) {
			t.Fatalf("%s is sorted, and becomes %s", sorted, twice)
		}
	})
}
