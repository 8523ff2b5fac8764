package canonicaljson_test

import (
	"errors"
	"fmt"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// The form has no white space, the fewest escapes, numbers as JavaScript writes them unless
// they would lose digits, and keys that are array indices first.
func ExampleAppend() {
	for _, text := range []string{
		`{ "b": 1.0, "a": "\u00e9\/" }`,
		`{"x": 1e2, "10": true, "9": null}`,
		`[12345678901234567890, 1e400, -0]`,
	} {
		form, err := canonicaljson.Append(nil, []byte(text))
		fmt.Println(string(form), err)
	}
	// Output:
	// {"b":1,"a":"é/"} <nil>
	// {"9":null,"10":true,"x":100} <nil>
	// [12345678901234567890,1e400,0] <nil>
}

// An error says where the document is wrong, and which rule it breaks.
func ExampleError() {
	_, err := canonicaljson.Append(nil, []byte(`{"items":[{"name":1,"name":2}]}`))
	fmt.Println(err)
	fmt.Println(errors.Is(err, canonicaljson.ErrDuplicateKey))
	// Output:
	// items[0].name is a duplicate key
	// true
}

// Two documents that differ only in the order of members become equal.
func ExampleAppendSorted() {
	for _, text := range []string{`{"b":[{"d":1,"c":2}],"a":1}`, `{"a":1,"b":[{"c":2,"d":1}]}`} {
		fmt.Println(string(canonicaljson.AppendSorted(nil, []byte(text))))
	}
	// Output:
	// {"a":1,"b":[{"c":2,"d":1}]}
	// {"a":1,"b":[{"c":2,"d":1}]}
}
