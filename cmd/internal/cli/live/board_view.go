package live

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// chosenStyle is the look of the row that the cursor is on.
var chosenStyle = lipgloss.NewStyle().Reverse(true)

// View returns the screen: the table or the row that is open, and below it what the keys do.
func (s *board[T]) View() tea.View {
	foot := s.foot()
	height := s.height - len(foot) - 1
	lines := s.table(height)
	if s.opened != nil {
		lines = clipped(strings.Split(strings.TrimSuffix(s.detail, "\n"), "\n"), height)
	}
	view := tea.NewView(strings.Join(append(append(lines, ""), foot...), "\n"))
	view.AltScreen = true
	return view
}

// clipped returns as many lines as fit, and says how many there are more.
func clipped(lines []string, height int) []string {
	if height < 1 || len(lines) <= height {
		return lines
	}
	return append(lines[:height-1:height-1], output.Quiet.Paint(fmt.Sprintf("… %d more lines", len(lines)-height+1)))
}

// table returns the lines of the table. Where not all rows fit, those around the
// cursor are shown.
func (s *board[T]) table(height int) []string {
	var lines []string
	for _, line := range s.head {
		lines = append(lines, ansi.Truncate(terminal.Printable(line), s.width, "…"))
	}
	rows := s.shown()
	if len(rows) == 0 {
		return append(lines, s.nothing()...)
	}
	var text strings.Builder
	_ = output.Rows(s.printer.Into(&text, s.width), rows, s.Columns) // into memory
	table := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	lines, table = append(lines, table[0]), table[1:]
	at := s.cursor(rows)
	table[at] = chosenStyle.Width(s.width).Render(ansi.Strip(table[at]))
	if height -= len(lines); height < len(table) {
		height = max(height, 1)
		first := min(max(at-height/2, 0), len(table)-height)
		table = table[first : first+height]
	}
	return append(lines, table...)
}

// nothing returns the line in place of rows.
func (s *board[T]) nothing() []string {
	switch {
	case s.at.IsZero():
		return nil
	case len(s.rows) > 0:
		return []string{"None of " + terminal.Counted(len(s.rows), s.Noun) + " has this text."}
	}
	return []string{"No " + s.Noun + " stands out."}
}

// foot returns the lines below: the filter that is typed or the state, and the keys.
func (s *board[T]) foot() []string {
	keys := strings.Split(s.help.View(keysOf{s.opened != nil}), "\n")
	if s.input.Focused() {
		return append([]string{s.input.View()}, output.Quiet.Paint("enter keeps the filter, esc leaves it"))
	}
	if s.err != nil {
		return append(strings.Split(output.Bad.Paint(lipgloss.Wrap(terminal.Printable(s.err.Error()), s.width, " ")), "\n"), keys...)
	}
	if s.at.IsZero() {
		return append([]string{output.Quiet.Paint("Asking the server …")}, keys...)
	}
	state := fmt.Sprintf("%s, every %s; by %s", s.at.Format(time.TimeOnly), s.Every, s.Order)
	if s.Filter != "" {
		state += "; only with " + terminal.Printable(s.Filter)
	}
	return append([]string{output.Quiet.Paint(ansi.Truncate(state, s.width, "…"))}, keys...)
}

// keysOf are the keys as the help shows them: of the table, or of a row that is open.
type keysOf struct{ opened bool }

// ShortHelp returns the keys of the line that is always there.
func (k keysOf) ShortHelp() []key.Binding {
	if k.opened {
		return []key.Binding{keyBack, keyAgain, keyHelp, keyQuit}
	}
	return []key.Binding{keyOrder, keyFilter, keyEnter, keyHelp, keyQuit}
}

// FullHelp returns all keys, in columns.
func (k keysOf) FullHelp() [][]key.Binding {
	if k.opened {
		return [][]key.Binding{{keyBack, keyAgain}, {keyHelp, keyQuit}}
	}
	return [][]key.Binding{{keyUp, keyDown, keyFirst, keyLast}, {keyOrder, keyFilter, keyEnter, keyAgain}, {keyBack, keyHelp, keyQuit}}
}
