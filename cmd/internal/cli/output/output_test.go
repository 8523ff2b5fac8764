package output_test

import (
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// values returns a list of JSON values, and an error behind them unless that is nil.
func values(err error, texts ...string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for _, text := range texts {
			if !yield(json.RawMessage(text), nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// printer returns a printer for a format, and what it prints.
func printer(format string) (*output.Printer, *strings.Builder) {
	var out strings.Builder
	return output.Flags{Output: format}.Printer(terminal.Streams{Out: &out, Err: &out}), &out
}

// exact has what a program would lose that decodes JSON into its own numbers and maps.
const exact = `{"z":12345678901234567890,"a":1.0,"e":1e400,"t":"12","n":null,"x":{},"l":[],"u":"ü\u0000\u2028<&>"}`

// TestValues: the formats for programs keep the digits of numbers and the order of members.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		format string
		texts  []string
		want   string
	}{
		{output.JSON, nil, "[]\n"},
		{output.JSON, []string{`{"a": 1}`, `2`}, "[\n  {\n    \"a\": 1\n  },\n  2\n]\n"},
		{output.NDJSON, nil, ""},
		{output.NDJSON, []string{`{ "a" : 1.0 }`, exact}, "{\"a\":1.0}\n" + exact + "\n"},
		{output.YAML, nil, "[]\n"},
		{output.YAML, []string{exact, `"true"`}, "- z: 12345678901234567890\n  a: 1.0\n  e: 1e400\n  t: \"12\"\n  n: null\n  x: {}\n  l: []\n  u: \"ü\\0\\L<&>\"\n- \"true\"\n"},
	} {
		p, out := printer(c.format)
		if n, err := p.Values(values(nil, c.texts...)); err != nil || n != len(c.texts) || out.String() != c.want {
			t.Errorf("%s of %q: %d, %v\n%s\nwant\n%s", c.format, c.texts, n, err, out, c.want)
		}
	}
}

// TestValuesFail: what was read before an error is printed, and well-formed.
func TestValuesFail(t *testing.T) {
	failed := errors.New("the server has gone")
	for format, want := range map[string]string{output.JSON: "[\n  1\n]\n", output.NDJSON: "1\n", output.YAML: "- 1\n"} {
		p, out := printer(format)
		if n, err := p.Values(values(failed, "1")); !errors.Is(err, failed) || n != 1 || out.String() != want {
			t.Errorf("%s: %d, %v, %q", format, n, err, out)
		}
	}
	for _, format := range []string{output.JSON, output.NDJSON, output.YAML} {
		for _, broken := range []string{"<html>", "{", "", "1 2"} {
			p, _ := printer(format)
			if _, err := p.Values(values(nil, broken)); err == nil || !strings.Contains(err.Error(), "is not JSON") {
				t.Errorf("%s of %q: %v", format, broken, err)
			}
		}
	}
}

// TestValue: one value, and several YAML documents apart.
func TestValue(t *testing.T) {
	for format, want := range map[string]string{
		output.JSON: "{\n  \"a\": 1\n}\n2\n", output.NDJSON: "{\"a\":1}\n2\n", output.YAML: "a: 1\n---\n2\n",
	} {
		p, out := printer(format)
		if err := errors.Join(p.Value(json.RawMessage(`{"a":1}`)), p.Value(json.RawMessage("2"))); err != nil || out.String() != want {
			t.Errorf("%s: %v, %q", format, err, out)
		}
	}
}

type thing struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

var columns = []output.Column[thing]{
	{Title: "NAME", Text: func(t thing) string { return t.Name }},
	{Title: "TEXT", Text: func(t thing) string { return t.Text }, Least: 10},
	{Title: "AGAIN", Text: func(t thing) string { return t.Name }, Drop: 1},
	{Title: "LENGTH", Text: func(t thing) string { return output.Number(len(t.Text)) }, Drop: 2, Tone: func(thing) output.Tone { return output.Bad }},
}

// TestTableFits: a narrow screen loses the columns with the highest drop, then the ends of
// long cells, and never what has neither.
func TestTableFits(t *testing.T) {
	list := []string{`{"name":"first","text":"a text of twenty-four ce"}`, `{"name":"2","text":""}`, `{"name":"日本\u001b[2J","text":"x"}`}
	for width, want := range map[int]string{
		0: `NAME      TEXT                      AGAIN     LENGTH
first     a text of twenty-four ce  first     24
2         -                         2         -
日本?[2J  x                         日本?[2J  1
`,
		41: `NAME      TEXT           AGAIN     LENGTH
first     a text of tw…  first     24
2         -              2         -
日本?[2J  x              日本?[2J  1
`,
		37: `NAME      TEXT               AGAIN
first     a text of twenty…  first
2         -                  2
日本?[2J  x                  日本?[2J
`,
		30: `NAME      TEXT        AGAIN
first     a text of…  first
2         -           2
日本?[2J  x           日本?[2J
`,
		24: `NAME      TEXT
first     a text of twe…
2         -
日本?[2J  x
`,
		5: `NAME      TEXT
first     a text of…
2         -
日本?[2J  x
`,
	} {
		p, _ := printer(output.Table)
		var out strings.Builder
		n, err := output.List(p.Into(&out, width), values(nil, list...), columns)
		if got := plain(out.String()); err != nil || n != 3 || got != want {
			t.Errorf("%d columns: %v\n%s\nwant\n%s", width, err, got, want)
		}
	}
}

// plain returns a text without the sequences of colours.
func plain(text string) string {
	var b strings.Builder
	for inside := false; text != ""; text = text[1:] {
		switch {
		case text[0] == '\x1b':
			inside = true
		case inside:
			inside = text[0] != 'm'
		default:
			b.WriteByte(text[0])
		}
	}
	return b.String()
}

// TestList: a table has a heading only if there is something below it; after an error it has
// what came before.
func TestList(t *testing.T) {
	p, out := printer(output.Table)
	if n, err := output.List(p, values(nil), columns); n != 0 || err != nil || out.Len() > 0 {
		t.Errorf("%d, %v, %q", n, err, out)
	}
	failed := errors.New("the server has gone")
	if n, err := output.List(p, values(failed, `{"name":"a"}`), columns[:1]); n != 1 || !errors.Is(err, failed) || out.String() != "NAME\na\n" {
		t.Errorf("%d, %v, %q", n, err, out)
	}
	if _, err := output.List(p, values(nil, `[]`), columns); err == nil || !strings.Contains(err.Error(), "not what was expected") {
		t.Error(err)
	}
	p, out = printer(output.NDJSON)
	if n, err := output.List(p, values(nil, `{"name": "a", "more": 1}`), columns); n != 1 || err != nil || out.String() != "{\"name\":\"a\",\"more\":1}\n" {
		t.Errorf("%d, %v, %q", n, err, out)
	}
}

// TestCard: fields without a text are left out, and long texts continue below themselves.
func TestCard(t *testing.T) {
	fields := []output.Field{{Title: "id", Text: "wh_1"}, {Title: "a long title without text"}, {Title: "words", Text: "one two three\x07 four", Tone: output.Good}}
	p, out := printer(output.Table)
	if err := p.Card(fields); err != nil || out.String() != "id     wh_1\nwords  one two three? four\n" {
		t.Errorf("%v, %q", err, out)
	}
	var narrow strings.Builder
	if err := p.Into(&narrow, 17).Card(fields); err != nil || plain(narrow.String()) != "id     wh_1\nwords  one two\n       three?\n       four\n" {
		t.Errorf("%v, %q", err, plain(narrow.String()))
	}
}

// TestOne: a value for people is decoded, and for programs it is printed as it came.
func TestOne(t *testing.T) {
	show := func(p *output.Printer, v thing) error { return p.Line(v.Name) }
	for format, want := range map[string]string{output.Table: "a\n", output.NDJSON: "{\"name\":\"a\"}\n"} {
		p, out := printer(format)
		if err := output.One(p, json.RawMessage(`{"name": "a"}`), show); err != nil || out.String() != want {
			t.Errorf("%s: %v, %q", format, err, out)
		}
	}
	p, _ := printer(output.Table)
	if err := output.One(p, json.RawMessage(`[`), show); err == nil {
		t.Error("an answer that is not JSON passed")
	}
}

// TestNote: what is said about a result is not part of it.
func TestNote(t *testing.T) {
	var out, said strings.Builder
	p := output.Flags{Output: output.JSON}.Printer(terminal.Streams{Out: &out, Err: &said})
	p.Note("no webhooks")
	if out.Len() > 0 || said.String() != "no webhooks\n" {
		t.Errorf("%q, %q", &out, &said)
	}
}
