package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Board is a table on a terminal that is looked at again and again, with keys for its order,
// its rows, and one of them in full.
type Board[T any] struct {
	Every  time.Duration // between two looks, 100ms at least
	Orders []string      // what a key takes one after the other
	Order  string        // one of them
	Filter string        // only rows that have this text; "" for all
	Noun   string        // a row, as in "webhook"

	Columns []output.Column[T]
	// Fetch returns the rows in an order, and the lines above them.
	Fetch func(ctx context.Context, order string) (head []string, rows []T, err error)
	// Name returns what a row is found by in the next look, and Has whether it has a text.
	Name func(row T) string
	Has  func(row T, text string) bool
	// Detail prints a row in full.
	Detail func(ctx context.Context, p *output.Printer, row T) error
}

// Show draws the board until the user ends it, or ctx ends. At the end the table stands in the
// terminal's own lines. While it runs, a failed look is shown and the next one is made.
func (b *Board[T]) Show(ctx context.Context, std terminal.Streams, p *output.Printer) error {
	if b.Every < leastEvery {
		return settings.Misuse(fmt.Sprintf("--every %s is less than %s", b.Every, leastEvery))
	}
	ctx, cancel := context.WithCancel(ctx) // a look under way ends with the screen
	defer cancel()
	s := newBoard(ctx, b, p)
	err := run(ctx, std, s)
	switch {
	case isUsage(s.err):
		return s.err
	case err != nil:
		return fmt.Errorf("show the table: %w", err)
	}
	for _, line := range s.head {
		if err := p.Line(line); err != nil {
			return err
		}
	}
	return output.Rows(p, s.shown(), b.Columns)
}

// board is a Board on the screen. Its methods run in the library's loop, and only looks beside
// it.
type board[T any] struct {
	Board[T]
	ctx     context.Context // here because the library's methods have none
	printer *output.Printer
	help    help.Model
	input   textinput.Model // of the filter, while it has the focus

	width, height int
	head          []string // of the last look that succeeded
	rows          []T
	at            time.Time // when that was
	err           error     // of the last look
	chosen        string    // the name of the row that the cursor is on
	opened        *T        // the row that is shown in full; nil for the table
	detail        string    // that row in full
	asked         int       // numbers the looks: only the last one counts
}

func newBoard[T any](ctx context.Context, b *Board[T], p *output.Printer) *board[T] {
	input := textinput.New()
	input.Prompt = "/"
	styles := input.Styles()
	styles.Cursor.Blink = false // which would draw the screen twice a second
	input.SetStyles(styles)
	return &board[T]{Board: *b, ctx: ctx, printer: p, help: help.New(), input: input}
}

// boardLook is the result of a look.
type boardLook[T any] struct {
	number int
	head   []string
	rows   []T
	detail string
	err    error
}

// boardDue asks for the look after the one with this number.
type boardDue struct{ number int }

// Init waits for the size of the terminal, which comes first.
func (s *board[T]) Init() tea.Cmd { return nil }

// look makes the next look, beside the loop: at the table, or at the row that is open.
func (s *board[T]) look() tea.Cmd {
	s.asked++
	number, order, width, opened := s.asked, s.Order, s.width, s.opened
	return func() tea.Msg {
		if opened == nil {
			head, rows, err := s.Fetch(s.ctx, order)
			return boardLook[T]{number: number, head: head, rows: rows, err: err}
		}
		var text strings.Builder
		err := s.Detail(s.ctx, s.printer.Into(&text, width), *opened)
		return boardLook[T]{number: number, detail: text.String(), err: err}
	}
}

// Update takes a key, a new size of the terminal, or a look.
func (s *board[T]) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case tea.WindowSizeMsg:
		first := s.width == 0
		s.width, s.height = m.Width, m.Height
		s.help.SetWidth(m.Width)
		if first {
			return s, s.look()
		}
	case tea.KeyPressMsg:
		return s, s.press(m)
	case boardDue:
		if m.number == s.asked {
			return s, s.look()
		}
	case boardLook[T]:
		return s, s.take(&m)
	case tea.PasteMsg:
		s.paste(m)
	}
	return s, nil
}

// paste adds a text to the filter that is typed.
func (s *board[T]) paste(text tea.PasteMsg) {
	if s.input.Focused() {
		s.input, _ = s.input.Update(text)
		s.Filter = s.input.Value()
	}
}

// take keeps the result of a look, unless another one has begun since.
func (s *board[T]) take(m *boardLook[T]) tea.Cmd {
	if m.number != s.asked {
		return nil
	}
	s.err = m.err
	switch {
	case isUsage(m.err):
		return tea.Quit
	case m.err != nil:
	case s.opened != nil:
		s.detail, s.at = m.detail, time.Now()
	default:
		s.head, s.rows, s.at = m.head, m.rows, time.Now()
	}
	return later(s.ctx, s.Every, boardDue{m.number})
}

// shown returns the rows that the filter leaves.
func (s *board[T]) shown() []T {
	return slices.DeleteFunc(slices.Clone(s.rows), func(row T) bool { return !s.Has(row, s.Filter) })
}

// cursor returns the place of the chosen row among those that are shown: the first one if it is
// not there any more.
func (s *board[T]) cursor(rows []T) int {
	return max(0, slices.IndexFunc(rows, func(row T) bool { return s.Name(row) == s.chosen }))
}

// The keys, with their help.
var (
	keyUp     = key.NewBinding(key.WithKeys("up", "k"), key.WithHelp("↑/k", "up"))
	keyDown   = key.NewBinding(key.WithKeys("down", "j"), key.WithHelp("↓/j", "down"))
	keyFirst  = key.NewBinding(key.WithKeys("home", "g"), key.WithHelp("g", "first"))
	keyLast   = key.NewBinding(key.WithKeys("end", "G"), key.WithHelp("G", "last"))
	keyEnter  = key.NewBinding(key.WithKeys("enter"), key.WithHelp("enter", "in full"))
	keyOrder  = key.NewBinding(key.WithKeys("s"), key.WithHelp("s", "order"))
	keyFilter = key.NewBinding(key.WithKeys("/"), key.WithHelp("/", "filter"))
	keyAgain  = key.NewBinding(key.WithKeys("r"), key.WithHelp("r", "look now"))
	keyHelp   = key.NewBinding(key.WithKeys("?", "h"), key.WithHelp("?", "help"))
	keyBack   = key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "back"))
	keyQuit   = key.NewBinding(key.WithKeys("q", "ctrl+c"), key.WithHelp("q", "end"))
)

// press carries out what a key asks for.
func (s *board[T]) press(m tea.KeyPressMsg) tea.Cmd {
	if s.input.Focused() {
		return s.edit(m)
	}
	switch {
	case key.Matches(m, keyQuit):
		return tea.Quit
	case key.Matches(m, keyBack):
		return s.back()
	case key.Matches(m, keyHelp):
		s.help.ShowAll = !s.help.ShowAll
	case key.Matches(m, keyAgain):
		return s.look()
	case s.opened == nil:
		return s.pressTable(m)
	}
	return nil
}

// pressTable carries out what a key asks of the table.
func (s *board[T]) pressTable(m tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(m, keyOrder):
		s.Order = s.Orders[(slices.Index(s.Orders, s.Order)+1)%len(s.Orders)]
		return s.look()
	case key.Matches(m, keyFilter):
		s.input.SetValue(s.Filter)
		s.input.CursorEnd()
		return s.input.Focus()
	}
	return s.move(m)
}

// move moves the cursor, or opens the row that it is on.
func (s *board[T]) move(m tea.KeyPressMsg) tea.Cmd {
	rows := s.shown()
	if len(rows) == 0 {
		return nil
	}
	at := s.cursor(rows)
	switch {
	case key.Matches(m, keyUp):
		at--
	case key.Matches(m, keyDown):
		at++
	case key.Matches(m, keyFirst):
		at = 0
	case key.Matches(m, keyLast):
		at = len(rows) - 1
	case key.Matches(m, keyEnter):
		s.opened, s.detail = &rows[at], ""
		return s.look()
	}
	s.chosen = s.Name(rows[min(max(at, 0), len(rows)-1)])
	return nil
}

// back leaves what is open, or else the filter, or else the board.
func (s *board[T]) back() tea.Cmd {
	switch {
	case s.help.ShowAll:
		s.help.ShowAll = false
		return nil
	case s.opened != nil:
		s.opened, s.err = nil, nil
		return s.look()
	case s.Filter != "":
		s.Filter = ""
		return nil
	}
	return tea.Quit
}

// edit takes a key for the filter, which holds while it is typed. Enter keeps it, and esc
// brings all rows back.
func (s *board[T]) edit(m tea.KeyPressMsg) tea.Cmd {
	switch m.String() {
	case "ctrl+c":
		return tea.Quit
	case "esc":
		s.input.Reset()
		s.input.Blur()
	case "enter":
		s.input.Blur()
	}
	var cmd tea.Cmd
	s.input, cmd = s.input.Update(m) // without the focus it takes nothing
	s.Filter = s.input.Value()
	return cmd
}
