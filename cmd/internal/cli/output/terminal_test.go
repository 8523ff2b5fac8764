package output_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// steering has characters that steer a terminal or turn the direction of a text: what JSON
// allows without an escape.
const steering = "a\u202eb\u2066c\u200fd\u007fe\u009b2Jf"

// decode returns what a text of a format means.
func decode(t *testing.T, format, text string) any {
	t.Helper()
	var value any
	var err error
	if format == output.YAML {
		err = yaml.Unmarshal([]byte(text), &value)
	} else {
		err = json.Unmarshal([]byte(text), &value)
	}
	if err != nil {
		t.Fatalf("%s: %v in %q", format, err, text)
	}
	return value
}

// TestTerminalIsNotSteered: on a screen, texts of the API cannot turn or clear it in any
// format, and mean what they meant.
func TestTerminalIsNotSteered(t *testing.T) {
	for _, format := range []string{output.JSON, output.NDJSON, output.YAML} {
		for _, text := range []string{steering, "a\u202eb", "\u2066", "\u200fa b", "\u007f", "a\u009b2J", "'\u202e\"\\", "\u202eü\u2028"} {
			p, _ := printer(format)
			var out strings.Builder
			quoted, err := json.Marshal(text)
			if err := errors.Join(err, p.Into(&out, 80).Value(json.RawMessage(fmt.Sprintf(`{%s:"x","y":[%s]}`, quoted, quoted)))); err != nil {
				t.Error(err)
			}
			if strings.ContainsAny(out.String(), "\u202e\u2066\u200f\u007f\u009b") {
				t.Errorf("%s: %q", format, out.String())
			}
			if got := decode(t, format, out.String()); !reflect.DeepEqual(got, map[string]any{text: "x", "y": []any{text}}) {
				t.Errorf("%s: %q means %q", format, out.String(), got)
			}
		}
	}
	p, out := printer(output.NDJSON)
	if err := p.Value(json.RawMessage(`"` + steering + `"`)); err != nil || out.String() != `"`+steering+"\"\n" {
		t.Errorf("what is no terminal does not get the bytes: %v, %q", err, out)
	}
	var line strings.Builder
	if err := p.Into(&line, 0).Line("a\x1b[2J\u202e\nb"); err != nil || line.String() != "a?[2J??b\n" {
		t.Errorf("%v, %q", err, line.String())
	}
}

// TestYAMLRoundTrip: a text stays a text in YAML, whatever it looks like, and its lines and
// spaces stay too.
func TestYAMLRoundTrip(t *testing.T) {
	for _, text := range []string{
		"", " ", "null", "~", "true", "1", "-1.5e3", "0x1f", "0o7", "1_000", ".inf", ".NaN", "2026-01-01", "2026-01-01T00:00:00Z", "<<", "=", "-", "- a", "a: b", "a:",
		"# a", "a #b", "&a", "*a", "!t", "%a", "@a", "`a", "{a}", "[a]", "'a", `"a`, "| a", "> a", "?", "---", "...", " a ", "a\n", "\u202ea\n\u202eb\n", "a\n\n", "\na", "\t{\n", "\u2028\na", " a\n b", "a\n b\n", "\t", "a\tb", "\r", "a\r\nb",
		"\u0085", "\u2028", "\ufeff", "\U0001f680", steering, strings.Repeat("long ", 50), "yes", "No", "ON", "off", "y", "12:30", "12:30:45.5",
	} {
		value, err := json.Marshal(map[string]any{"k": text, text: []any{text}})
		if err != nil {
			t.Fatal(err)
		}
		p, out := printer(output.YAML)
		if err := p.Value(value); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := decode(t, output.YAML, out.String()); !reflect.DeepEqual(got, map[string]any{"k": text, text: []any{text}}) {
			t.Errorf("%q: %q means %q", text, out, got)
		}
	}
}

// TestYAMLOfLines: texts of every start, end and kind of line are read back as they were,
// also where they are names of members. A receiver decides what stands in its answers.
func TestYAMLOfLines(t *testing.T) {
	texts := []string{""}
	for range 3 {
		longer := texts
		for _, text := range texts {
			for _, c := range []string{"\n", " ", "\t", "\r", "a", ":", "#", "\u2028", "\u202e"} {
				longer = append(longer, text+c)
			}
		}
		texts = longer
	}
	object := map[string]any{}
	for _, text := range texts {
		object[text] = []any{text, text + "\nb", "b\n" + text}
	}
	value, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	p, out := printer(output.YAML)
	if err := p.Value(value); err != nil {
		t.Fatal(err)
	}
	got, _ := decode(t, output.YAML, out.String()).(map[string]any)
	for text, want := range object {
		if !reflect.DeepEqual(got[text], want) {
			t.Errorf("%q: %q, want %q", text, got[text], want)
		}
	}
	if len(got) != len(object) {
		t.Errorf("%d members of %d", len(got), len(object))
	}
}

// TestYAMLOfOldReaders: YAML 1.1 has more words for truth values, and numbers to the base of
// 60. Texts that look so are quoted for its readers, and what only resembles them is not.
func TestYAMLOfOldReaders(t *testing.T) {
	for text, quoted := range map[string]bool{
		"yes": true, "NO": true, "On": true, "off": true, "=": true, "12:30": true, "-1:02:03.5": true, "1:2": true,
		"y": false, "yesterday": false, "not": false, "once": false, "12:75": false, "a:b": false, "12:30 h": false, "https://a.example:8443/": false,
	} {
		want := text + "\n"
		if quoted {
			want = `"` + text + "\"\n"
		}
		p, out := printer(output.YAML)
		if err := p.Value(json.RawMessage(`"` + text + `"`)); err != nil || out.String() != want {
			t.Errorf("%s: %v, %q", text, err, out)
		}
	}
}

// full is a disk, or a pipe, that takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestOutputFails: a result that cannot be written is an error of the command in each format
// and form.
func TestOutputFails(t *testing.T) {
	for _, format := range []string{output.Table, output.JSON, output.NDJSON, output.YAML} {
		p := output.Flags{Output: format}.Printer(terminal.Streams{Out: full{}, Err: full{}})
		show := func(p *output.Printer, v thing) error { return p.Card([]output.Field{{Title: "name", Text: v.Name}}) }
		_, list := output.List(p, values(nil, `{"name":"a"}`), columns)
		for what, err := range map[string]error{"one": output.One(p, json.RawMessage(`{"name":"a"}`), show), "list": list} {
			if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "print the result: ") {
				t.Errorf("%s of %s: %v", format, what, err)
			}
		}
		p.Note("what is said beside a result has no error")
	}
}

// TestSection: a title stands apart from what is above it.
func TestSection(t *testing.T) {
	p, out := printer(output.Table)
	err := errors.Join(p.Line("above"), p.Section("Attempts"), output.Rows(p, []thing{{Name: "a"}}, columns[:1]))
	if err != nil || out.String() != "above\n\nAttempts\nNAME\na\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// TestLinesFit: sentences and notes are broken between words on a screen, and are one line
// elsewhere.
func TestLinesFit(t *testing.T) {
	const text = "one two three four"
	p, _ := printer(output.Table)
	for width, want := range map[int]string{0: text + "\n", 18: text + "\n", 17: "one two three\nfour\n", 9: "one two\nthree\nfour\n"} {
		var out strings.Builder
		screen := p.Into(&out, width)
		if err := screen.Line(text); err != nil || plain(out.String()) != want {
			t.Errorf("%d columns: %v, %q", width, err, out.String())
		}
		out.Reset()
		if screen.Note(text); plain(out.String()) != want {
			t.Errorf("a note in %d columns: %q", width, out.String())
		}
	}
}

// TestCardOfNarrowScreens: where the titles take half of the screen, texts are not broken,
// and wide characters count for two columns.
func TestCardOfNarrowScreens(t *testing.T) {
	fields := []output.Field{{Title: "日本", Text: "a b c"}, {Title: "x", Text: "d"}}
	p, _ := printer(output.Table)
	for width, want := range map[int]string{0: "日本  a b c\nx     d\n", 11: "日本  a b c\nx     d\n", 12: "日本  a b c\nx     d\n"} {
		var out strings.Builder
		if err := p.Into(&out, width).Card(fields); err != nil || plain(out.String()) != want {
			t.Errorf("%d columns: %v, %q", width, err, plain(out.String()))
		}
	}
	var out strings.Builder
	if err := p.Into(&out, 80).Card([]output.Field{{Title: "a"}, {Title: "b"}}); err != nil || out.Len() > 0 {
		t.Errorf("a card without texts: %v, %q", err, out.String())
	}
}
