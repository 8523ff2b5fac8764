package output

import (
	"encoding/json"
	"errors"
	"iter"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/x/ansi"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// columnGap is the space between two columns.
const columnGap = 2

// Column is one column of a table of values of type T.
type Column[T any] struct {
	Title string
	// Text returns the text of a cell, which is made printable; "" is shown as a dash.
	Text func(T) string
	// Tone returns the meaning of a cell's colour; nil for none.
	Tone func(T) Tone
	// Drop says when the column is left out: where a table is too wide, the one with the
	// highest number is first. 0 for a column that is always there.
	Drop int
	// Least is the width down to which cells may be cut at their end where the table is too
	// wide; 0 for a column that is always whole.
	Least int
}

// List prints a list of values of the API: as a table if that is the printer's format, and
// otherwise as they are. It returns how many there were. After an error it prints those
// before. Nothing is printed for a table without rows.
func List[T any](p *Printer, values iter.Seq2[json.RawMessage, error], columns []Column[T]) (int, error) {
	if p.Format != Table {
		return p.Values(values)
	}
	var rows []T
	var failed error
	for value, err := range values {
		var row T
		if err == nil && json.Unmarshal(value, &row) != nil {
			err = errUnexpected
		}
		if failed = err; err != nil {
			break
		}
		rows = append(rows, row)
	}
	return len(rows), errors.Join(failed, Rows(p, rows, columns))
}

// errUnexpected is the error of an answer that the API does not have.
var errUnexpected = errors.New("the server's answer is not what was expected")

// Rows prints a table of values, whatever the printer's format is.
func Rows[T any](p *Printer, rows []T, columns []Column[T]) error {
	if len(rows) == 0 {
		return nil
	}
	g := newGrid(rows, columns)
	g.fit(p.width)
	return p.Text(g.render())
}

// grid is a table as text, column by column.
type grid struct {
	columns []gridColumn
	rows    int
}

// gridColumn is one column as text.
type gridColumn struct {
	title string
	cells []string
	tones []Tone // by row; nil for a column without colours
	width int    // of the widest cell, or what fit has left of it
	drop  int
	least int // 0 for a column that is never cut
}

// newGrid returns the cells of a table.
func newGrid[T any](rows []T, columns []Column[T]) *grid {
	g := &grid{rows: len(rows)}
	for _, c := range columns {
		column := gridColumn{title: c.Title, width: ansi.StringWidth(c.Title), drop: c.Drop, least: c.Least}
		for _, row := range rows {
			cell := terminal.OrDash(c.Text(row))
			column.cells = append(column.cells, cell)
			column.width = max(column.width, ansi.StringWidth(cell))
			if c.Tone != nil {
				column.tones = append(column.tones, c.Tone(row))
			}
		}
		g.columns = append(g.columns, column)
	}
	return g
}

// fit makes the table as narrow as a terminal: it leaves out columns until the others fit
// in their shortest form, and then cuts the widest of those that may be cut. A width of 0
// changes nothing.
func (g *grid) fit(width int) {
	if width == 0 {
		return
	}
	for g.total(true) > width && g.dropOne() {
		continue
	}
	for excess := g.total(false) - width; excess > 0; excess-- {
		if widest := g.widest(); widest != nil {
			widest.width--
		}
	}
}

// total returns the width of the table, with columns that may be cut in their shortest form
// or as they are.
func (g *grid) total(shortest bool) int {
	total := columnGap * (len(g.columns) - 1)
	for _, c := range g.columns {
		if shortest && c.least > 0 {
			total += min(c.width, c.least)
			continue
		}
		total += c.width
	}
	return total
}

// dropOne leaves out the column with the highest drop. It reports false if all that are
// left must stay.
func (g *grid) dropOne() bool {
	highest := 0
	for i, c := range g.columns {
		if c.drop > g.columns[highest].drop {
			highest = i
		}
	}
	if g.columns[highest].drop == 0 {
		return false
	}
	g.columns = append(g.columns[:highest:highest], g.columns[highest+1:]...)
	return true
}

// widest returns the widest column that can still be cut; nil if there is none.
func (g *grid) widest() *gridColumn {
	var widest *gridColumn
	for i := range g.columns {
		c := &g.columns[i]
		if c.least > 0 && c.width > c.least && (widest == nil || c.width > widest.width) {
			widest = c
		}
	}
	return widest
}

// render returns the lines of the table.
func (g *grid) render() string {
	t := table.New().Border(lipgloss.Border{}).Wrap(false).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).BorderColumn(false)
	var titles []string
	for _, c := range g.columns {
		titles = append(titles, c.title)
	}
	t.Headers(titles...)
	for row := range g.rows {
		var cells []string
		for _, c := range g.columns {
			cells = append(cells, ansi.Truncate(c.cells[row], c.width, "…"))
		}
		t.Row(cells...)
	}
	t.StyleFunc(g.style)
	var text strings.Builder
	for line := range strings.Lines(t.String()) {
		text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return text.String()
}

// style returns the look of a cell.
func (g *grid) style(row, column int) lipgloss.Style {
	style := lipgloss.NewStyle()
	c := g.columns[column]
	switch {
	case row == table.HeaderRow:
		style = headStyle
	case c.tones != nil:
		style = c.tones[row].style()
	}
	if column < len(g.columns)-1 {
		style = style.PaddingRight(columnGap)
	}
	return style
}
