package eventinput

import (
	"fmt"
	"strings"
	"testing"
)

// TestEach divides batches in both forms. A bad event is reported in its place.
func TestEach(t *testing.T) {
	for _, c := range []struct{ why, body, contentType, want string }{
		{"an array", ` [ {"data":1} , {"data":[2]} ] `, "application/json", "1 [2]"},
		{"lines, by their media type", "[]\n{\"data\":1}", ContentLines + "; charset=utf-8", "bad 1"},
		{"lines, by their first byte", "{\"data\":1}\r\n\n  {\"data\":2}", "application/json", "1 2"},
		{"an event that is no object", `[7,{"data":1},"x",null]`, "", "bad 1 bad bad"},
		{"an unknown member", `[{"data":1},{"x":2,"data":2},{"data":3}]`, "", "1 bad 3"},
		{"a member twice", `[{"data":1,"data":2},{"data":3}]`, "", "bad 3"},
		{"a broken event that ends", `[{"data" 1},{"data":2},{"data":,"x":{"y":"}"}},{"data":3}]`, "", "bad 2 bad 3"},
		{"an event closed by the other bracket", `[{"data":1],{"data":2}]`, "", "bad 2"},
		{"a bad line", "{\"data\":1}\n{\"data\":\n{\"data\":2}", "", "1 bad 2"},
		{"no array", `"x"`, "", "error: must be a JSON array"},
		{"nothing", " \n ", "", "error: is missing"},
		{"no elements", "[ ]", "", "error: has no events"},
		{"lines that are empty", "\u00a0\n", ContentLines, "error: has no events"},
		{"a comma too many", `[{"data":1},]`, "", "error: is not valid JSON"},
		{"no comma", `[{"data":1} {"data":2}]`, "", "error: is not valid JSON"},
		{"not closed", `[{"data":1}`, "", "error: ends too early"},
		{"an event that does not end", `[{"data":{]`, "", "error: is not valid JSON"},
		{"text behind the end", `[{"data":1}]]`, "", "error: more text after the value"},
		{"four events", `[1,1,1,1]`, "", "bad bad bad bad"},
		{"five events", `[1,1,1,1,1]`, "", "error: has more than 4 events"},
		{"five lines", "1\n1\n1\n1\n1", ContentLines, "error: has more than 4 events"},
	} {
		var got []string
		err := NewBatch([]byte(c.body), []byte(c.contentType)).Each(4, func(in *Input, err error) {
			if err != nil {
				got = append(got, "bad")
				return
			}
			got = append(got, string(in.data))
		})
		if reason, wanted := strings.CutPrefix(c.want, "error: "); wanted {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %v, want %s", c.why, err, c.want)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v, want %s", c.why, got, err, c.want)
		}
	}
}

// TestEstimate: the estimate saves the caller's slices from growing, so it must not be
// below the number of events that are equally long, and not far above.
func TestEstimate(t *testing.T) {
	const event = `{"event_type":"a","data":{"n":1}}`
	for _, n := range []int{1, 2, 10, 1000} {
		for _, c := range []struct{ start, separator, end string }{{"[", ",", "]"}, {"", "\n", ""}, {" [ ", " , ", " ] "}} {
			body := c.start + strings.Repeat(event+c.separator, n-1) + event + c.end
			if got := NewBatch([]byte(body), nil).Estimate(); got < n || got > n+n/8+2 {
				t.Errorf("%d events after %q: %d", n, c.start, got)
			}
		}
	}
	for _, body := range []string{``, `[`, `x`, `[{`, `[]`} {
		if got := NewBatch([]byte(body), nil).Estimate(); got < 1 {
			t.Errorf("%q: %d", body, got)
		}
	}
}

func TestSpread(t *testing.T) {
	for body, want := range map[string]bool{
		"{\n\"data\": 1\n}":             true,
		"{\n\"data\": 1\n}\n{\"a\":1}":  true,
		"{\"data\":1}\n{\"data\":2}":    false,
		"{\n\"data\": nul\n}":           false,
		"{\n\"data\": ":                 false,
		"[\n{\"data\":1}\n]":            false,
		"{\"data\":1,\"data\":\n 2\n}":  false,
		" \n {\"data\":1,\n\"x\":[2]} ": true,
	} {
		if got := NewBatch([]byte(body), nil).Spread(); got != want {
			t.Errorf("%q: %t", body, got)
		}
	}
}

func ExampleBatch_Each() {
	body := []byte(`[{"event_type":"user.created","data":{"id":1.0}},{"event_type":"user.created","daten":{}}]`)
	err := NewBatch(body, []byte("application/json")).Each(1000, func(in *Input, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		name, _ := in.EventType()
		data, _ := in.Data()
		fmt.Printf("%s %s\n", name, data)
	})
	fmt.Println(err)
	// Output:
	// user.created {"id":1}
	// daten is not a known field
	// <nil>
}
