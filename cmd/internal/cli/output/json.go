package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
)

// jsonList prints the values of a list: an array in JSON, a line each in NDJSON, a sequence
// in YAML.
type jsonList struct {
	p *Printer
	n int // values so far
}

// add prints one value.
func (l *jsonList) add(value json.RawMessage) error {
	l.n++
	switch l.p.Format {
	case NDJSON:
		return l.p.line(value)
	case YAML:
		return l.p.yaml(value, true)
	}
	text, err := indented(value, "  ")
	if err != nil {
		return err
	}
	before := ",\n  "
	if l.n == 1 {
		before = "[\n  "
	}
	return l.p.print(append([]byte(before), text...))
}

// end prints the end of the list, which may be empty.
func (l *jsonList) end() error {
	switch {
	case l.p.Format == YAML && l.n == 0:
		return l.p.print([]byte("[]\n"))
	case l.p.Format != JSON:
		return nil
	case l.n == 0:
		return l.p.print([]byte("[]\n"))
	}
	return l.p.print([]byte("\n]\n"))
}

// indented returns a JSON text in lines, those after the first behind the prefix. Numbers
// and strings keep their bytes.
func indented(value json.RawMessage, prefix string) ([]byte, error) {
	var text bytes.Buffer
	if err := json.Indent(&text, value, prefix, "  "); err != nil {
		return nil, fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

// escaped returns a JSON text, or a YAML text that has such characters in double quotes only,
// with those characters written as \uXXXX that could steer a terminal. JSON allows them in
// strings only, where both forms mean the same.
func escaped(text []byte) []byte {
	if !bytes.ContainsFunc(text, steers) {
		return text
	}
	var safe bytes.Buffer
	for _, c := range string(text) {
		if steers(c) {
			fmt.Fprintf(&safe, `\u%04x`, c)
			continue
		}
		safe.WriteRune(c)
	}
	return safe.Bytes()
}

// steers reports whether a character could steer a terminal. Those below a space are escaped
// in every text already, except for the ends of lines.
func steers(c rune) bool {
	return c > '\u001f' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)
}
