package output

import (
	"encoding/json"
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Field is one line of a card.
type Field struct {
	Title string
	Text  string // made printable; a field without text is left out
	Tone  Tone
}

// One prints one value of the API: with show if the printer's format is a table, and
// otherwise as it is.
func One[T any](p *Printer, value json.RawMessage, show func(*Printer, T) error) error {
	if p.Format != Table {
		return p.Value(value)
	}
	var decoded T
	if err := json.Unmarshal(value, &decoded); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	return show(p, decoded)
}

// Card prints fields, one a line, with their texts below one another. A text that is longer
// than the terminal is wide continues in further lines.
func (p *Printer) Card(fields []Field) error {
	indent := 0
	for _, f := range fields {
		if f.Text != "" {
			indent = max(indent, ansi.StringWidth(f.Title)+columnGap)
		}
	}
	var text strings.Builder
	for _, f := range fields {
		if f.Text == "" {
			continue
		}
		title := headStyle.Render(f.Title) + strings.Repeat(" ", indent-ansi.StringWidth(f.Title))
		for i, line := range p.wrapped(terminal.Printable(f.Text), indent) {
			if i > 0 {
				title = strings.Repeat(" ", indent)
			}
			text.WriteString(title + f.Tone.Paint(line) + "\n")
		}
	}
	return p.Text(text.String())
}

// wrapped returns a text in lines that leave room for an indentation.
func (p *Printer) wrapped(text string, indent int) []string {
	if p.width == 0 || p.width < 2*indent {
		return []string{text}
	}
	return strings.Split(lipgloss.Wrap(text, p.width-indent, " "), "\n")
}

// Section prints an empty line and a title, in front of a further table.
func (p *Printer) Section(title string) error {
	return p.Text("\n" + headStyle.Render(title) + "\n")
}
