// Package output prints what the API answered: as a table for people, or as JSON, NDJSON or
// YAML for programs.
//
// Formats, columns, colours and the watching of a result belong here. Which columns a
// resource has belongs to the commands, and questions and progress to cli/live.
//
// The formats for programs have the API's own members and bytes: a number of twenty digits
// stays as it is. Tables leave out columns where the terminal is narrow; what is no terminal
// gets all of them, whole.
package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// The formats.
const (
	Table  = "table"
	JSON   = "json"
	NDJSON = "ndjson"
	YAML   = "yaml"
)

// Flags choose the format of a result.
type Flags struct {
	Output string `short:"o" enum:"table,json,ndjson,yaml" default:"table" help:"Form of the result: table, json, ndjson (one JSON value a line) or yaml."`
}

// Printer prints results in one format. It is for one goroutine.
type Printer struct {
	Format string // one of the constants

	out    io.Writer // what programs read
	styled io.Writer // the same, for text with colours: drops those that out cannot show
	notes  io.Writer // for what is said about a result
	width  int       // columns of the terminal; 0 for as many as are needed
	escape bool      // out is a terminal, which must not be steered by a JSON text
	began  bool      // a YAML document was printed before
}

// Printer returns a printer for a command's streams. Colours are for terminals only, and
// NO_COLOR switches them off.
func (f Flags) Printer(std terminal.Streams) *Printer {
	return &Printer{
		Format: f.Output, out: std.Out, styled: colorprofile.NewWriter(std.Out, os.Environ()), notes: std.Err,
		width: terminal.Width(std.Out), escape: terminal.Is(std.Out),
	}
}

// Into returns a printer of the same format for a screen of a width in columns. It keeps
// colours: whoever draws the screen leaves out what the terminal cannot show.
func (p *Printer) Into(w io.Writer, width int) *Printer {
	return &Printer{Format: p.Format, out: w, styled: w, notes: w, width: width, escape: true}
}

// Width returns the columns of the terminal; 0 for as many as are needed.
func (p *Printer) Width() int { return p.width }

// Values prints a list of JSON values for programs as they come: what has been printed of a
// long list when an error ends it can be read, and is well-formed. It returns how many it
// printed.
func (p *Printer) Values(values iter.Seq2[json.RawMessage, error]) (n int, err error) {
	list := jsonList{p: p}
	for value, failed := range values {
		if err = failed; err == nil {
			err = list.add(value)
		}
		if err != nil {
			break
		}
	}
	return list.n, errors.Join(err, list.end())
}

// Value prints one JSON value for programs.
func (p *Printer) Value(value json.RawMessage) error {
	switch p.Format {
	case YAML:
		return p.yaml(value, false)
	case NDJSON:
		return p.line(value)
	}
	text, err := indented(value, "")
	if err != nil {
		return err
	}
	return p.print(append(text, '\n'))
}

// Text prints text for people. Colours in it, and nothing else, may be escape sequences.
func (p *Printer) Text(text string) error {
	if _, err := io.WriteString(p.styled, text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// Note says something about a result, in a line of its own: on the standard error, or below
// the result on a screen.
func (p *Printer) Note(text string) {
	_, _ = fmt.Fprintln(p.notes, strings.Join(p.wrapped(text, 0), "\n"))
}

// Line prints a sentence for people, which is made printable.
func (p *Printer) Line(text string) error {
	return p.Text(strings.Join(p.wrapped(terminal.Printable(text), 0), "\n") + "\n")
}

// print writes a JSON text.
func (p *Printer) print(text []byte) error {
	if p.escape {
		text = escaped(text)
	}
	if _, err := p.out.Write(text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// line prints a value in one line.
func (p *Printer) line(value json.RawMessage) error {
	var text bytes.Buffer
	if err := json.Compact(&text, value); err != nil {
		return fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	text.WriteByte('\n')
	return p.print(text.Bytes())
}
