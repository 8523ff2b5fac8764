package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// desk is a board of letters without a terminal: the test is the library's loop.
type desk struct {
	*board[string]
	t      *testing.T
	orders []string // of the looks
	failed error    // of the next looks
	quit   bool
	letter int // rows
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, letter: 6}
	d.board = newBoard(t.Context(), &Board[string]{
		Every: time.Hour, Orders: []string{"up", "down"}, Order: "up", Noun: "letter",
		Columns: []output.Column[string]{{Title: "LETTER", Text: func(s string) string { return s }}},
		Fetch: func(_ context.Context, order string) ([]string, []string, error) {
			d.orders = append(d.orders, order)
			var rows []string
			for i := range d.letter {
				rows = append(rows, fmt.Sprintf("%c-letter", 'a'+i))
			}
			if order == "down" {
				slices.Reverse(rows)
			}
			return []string{fmt.Sprintf("%d letters\x1b", len(rows))}, rows, d.failed
		},
		Name: func(s string) string { return s }, Has: strings.Contains,
		Detail: func(_ context.Context, p *output.Printer, s string) error {
			return errors.Join(d.failed, p.Text("all of "+s+"\n"))
		},
	}, output.Flags{Output: output.Table}.Printer(terminal.Streams{Out: &strings.Builder{}, Err: &strings.Builder{}}))
	return d
}

// send passes a message on, and what comes of it, but no ticks.
func (d *desk) send(message tea.Msg) {
	d.t.Helper()
	_, cmd := d.Update(message)
	if cmd == nil || d.input.Focused() { // a cursor that blinks
		return
	}
	if _, isDue := message.(boardLook[string]); isDue && d.err == nil {
		return // the tick
	}
	switch next := cmd().(type) {
	case boardLook[string]:
		_, _ = d.Update(next)
	case tea.QuitMsg:
		d.quit = true
	}
}

// press presses keys: a name, or the letters of a text.
func (d *desk) press(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		switch k {
		case "enter":
			d.send(tea.KeyPressMsg{Code: tea.KeyEnter})
		case "esc":
			d.send(tea.KeyPressMsg{Code: tea.KeyEscape})
		case "down":
			d.send(tea.KeyPressMsg{Code: tea.KeyDown})
		case "backspace":
			d.send(tea.KeyPressMsg{Code: tea.KeyBackspace})
		default:
			for _, c := range k {
				d.send(tea.KeyPressMsg{Code: c, Text: string(c)})
			}
		}
	}
}

// lines returns what is on the screen, with > before the row that the cursor is on.
func (d *desk) lines() (lines []string) {
	for _, line := range strings.Split(d.View().Content, "\n") {
		mark := ""
		if strings.Contains(line, "\x1b[7m") {
			mark = ">"
		}
		lines = append(lines, mark+strings.TrimRight(ansi.Strip(line), " "))
	}
	return lines
}

// shows checks the lines above the foot.
func (d *desk) shows(reason string, want ...string) {
	d.t.Helper()
	lines := d.lines()
	if i := slices.Index(lines, ""); i < 0 || !slices.Equal(lines[:i], want) {
		d.t.Errorf("%s: the screen is\n%s\nwant\n%s", reason, strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestBoard: the keys of a table, in the order of a user who looks around.
func TestBoard(t *testing.T) {
	d := newDesk(t)
	d.shows("before the size is known")
	d.send(tea.WindowSizeMsg{Width: 60, Height: 20})
	d.shows("at first", "6 letters?", "LETTER", ">a-letter", "b-letter", "c-letter", "d-letter", "e-letter", "f-letter")
	d.press("j", "down")
	d.shows("two down", "6 letters?", "LETTER", "a-letter", "b-letter", ">c-letter", "d-letter", "e-letter", "f-letter")
	d.press("s")
	d.shows("in another order, on the same row", "6 letters?", "LETTER", "f-letter", "e-letter", "d-letter", ">c-letter", "b-letter", "a-letter")
	d.press("G", "j")
	d.shows("not below the last", "6 letters?", "LETTER", "f-letter", "e-letter", "d-letter", "c-letter", "b-letter", ">a-letter")
	d.press("enter")
	d.shows("a row in full", "all of a-letter")
	d.press("s", "j", "/")
	d.shows("where keys of the table do nothing", "all of a-letter")
	d.press("esc", "g", "k")
	d.shows("back, and not above the first", "6 letters?", "LETTER", ">f-letter", "e-letter", "d-letter", "c-letter", "b-letter", "a-letter")
	d.press("/", "q-", "backspace", "backspace", "b-")
	d.shows("while a filter is typed", "6 letters?", "LETTER", ">b-letter")
	d.press("enter")
	if foot := d.lines()[4]; !strings.Contains(foot, "by down; only with b-") {
		t.Errorf("the state is %q", foot)
	}
	d.send(tea.PasteMsg{Content: "z"}) // while no filter is typed
	d.press("/")
	d.send(tea.PasteMsg{Content: "x"})
	d.press("enter")
	d.shows("without a row", "6 letters?", "None of 6 letters has this text.")
	d.press("j", "enter")
	d.shows("of which none can be opened", "6 letters?", "None of 6 letters has this text.")
	d.press("esc")
	d.shows("without the filter", "6 letters?", "LETTER", ">f-letter", "e-letter", "d-letter", "c-letter", "b-letter", "a-letter")
	d.press("/", "c", "esc")
	if d.Filter != "" || d.quit {
		t.Errorf("a filter that was left is %q", d.Filter)
	}
	d.press("?")
	if text := strings.Join(d.lines(), "\n"); !strings.Contains(text, "look now") || !strings.Contains(text, "first") {
		t.Errorf("the help is\n%s", text)
	}
	d.press("esc")
	if d.quit {
		t.Error("esc ends the board where it should close the help")
	}
	d.press("r", "q")
	if want := []string{"up", "down", "down", "down"}; !d.quit || !slices.Equal(d.orders, want) {
		t.Errorf("ended: %t, looks %q, want %q", d.quit, d.orders, want)
	}
}

// TestBoardLooks: a failed look is shown above what the last one found, a late one is left out,
// and a wrong flag ends the board.
func TestBoardLooks(t *testing.T) {
	d := newDesk(t)
	d.send(tea.WindowSizeMsg{Width: 60, Height: 20})
	d.failed = errors.New("the server has\x1b[31m gone")
	d.press("r")
	d.shows("what was found before", "6 letters?", "LETTER", ">a-letter", "b-letter", "c-letter", "d-letter", "e-letter", "f-letter")
	if text := strings.Join(d.lines(), "\n"); !strings.Contains(text, "the server has?[31m gone") {
		t.Errorf("the error is not shown:\n%s", text)
	}
	d.press("enter")
	d.failed = nil
	d.press("esc")
	late := boardLook[string]{number: d.asked - 1, rows: []string{"late"}}
	d.send(late)
	if slices.Contains(d.rows, "late") || d.err != nil {
		t.Errorf("%q, %v", d.rows, d.err)
	}
	d.letter = 0
	d.press("r")
	d.shows("nothing", "0 letters?", "No letter stands out.")
	asked := d.asked
	d.send(boardDue{asked - 1})
	if d.asked != asked {
		t.Error("a look follows one that was replaced")
	}
	d.send(boardDue{asked})
	if d.asked != asked+1 {
		t.Error("no look follows the last one")
	}
	d.failed = settings.Misuse("--sort is wrong")
	_, cmd := d.Update(d.look()())
	if _, quit := cmd().(tea.QuitMsg); !quit {
		t.Error("the board waits for a flag to become right")
	}
}

// TestBoardIsSmall: on a small terminal the row with the cursor is always there, no line is
// wider than the terminal, and the screen is not longer.
func TestBoardIsSmall(t *testing.T) {
	d := newDesk(t)
	for _, size := range []tea.WindowSizeMsg{{Width: 30, Height: 8}, {Width: 12, Height: 6}, {Width: 200, Height: 7}} {
		d.send(size)
		d.press("r", "g")
		for range 6 {
			lines := d.lines()
			if len(lines) > size.Height || !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, ">") }) {
				t.Errorf("%v: the screen is\n%s", size, strings.Join(lines, "\n"))
			}
			for _, line := range lines {
				if ansi.StringWidth(strings.TrimPrefix(line, ">")) > size.Width {
					t.Errorf("%v: too wide: %q", size, line)
				}
			}
			d.press("j")
		}
	}
	d.send(tea.WindowSizeMsg{Width: 60, Height: 6})
	d.Detail = func(_ context.Context, p *output.Printer, _ string) error {
		return p.Text(strings.Repeat("line\n", 20))
	}
	d.press("enter")
	d.shows("a long row in full", "line", "line", "… 18 more lines")
}
