// Package live shows what changes while a command runs: a result that is watched, the
// progress of long work, and questions.
//
// All of it is for people: it goes to the standard error, except a watched result, and is
// left out where that is no terminal. What a result looks like belongs to cli/output.
package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// leastEvery bounds how often a server is asked by one command.
const leastEvery = 100 * time.Millisecond

// Watch has the flags of a result that can be watched.
type Watch struct {
	output.Flags `embed:""`

	Watch bool          `short:"w" env:"-" help:"Show the result again and again, until Ctrl-C."`
	Every time.Duration `env:"-" default:"2s" help:"Time between two looks with --watch."`
}

// Print writes one look at a result. It is called again for each further look.
type Print func(ctx context.Context, p *output.Printer) error

// Show prints a result once or, with --watch, until ctx ends: in place on a terminal, and
// one look after the other elsewhere and in the formats for programs. While it watches, a
// failed look is shown and the next one is made: a server that restarts comes back.
func (w *Watch) Show(ctx context.Context, std terminal.Streams, draw Print) error {
	if !w.Watch {
		return draw(ctx, w.Printer(std))
	}
	if w.Every < leastEvery {
		return settings.Misuse(fmt.Sprintf("--every %s is less than %s", w.Every, leastEvery))
	}
	if w.Output == output.Table && terminal.Is(std.Out) && terminal.Is(std.In) {
		return w.inPlace(ctx, std, draw)
	}
	return w.repeat(ctx, std, draw)
}

// repeat prints one look after the other.
func (w *Watch) repeat(ctx context.Context, std terminal.Streams, draw Print) error {
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	p := w.Printer(std)
	for {
		err := draw(ctx, p)
		switch {
		case ctx.Err() != nil:
			return nil
		case isUsage(err):
			return err
		case err != nil:
			fmt.Fprintln(std.Err, "astrohook: "+err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// isUsage reports whether the next look would fail as this one did.
func isUsage(err error) bool {
	_, is := errors.AsType[*settings.UsageError](err)
	return is
}

// inPlace shows the looks on the terminal's other screen. At the end the last one stands in
// the terminal's own lines.
func (w *Watch) inPlace(ctx context.Context, std terminal.Streams, draw Print) error {
	ctx, cancel := context.WithCancel(ctx) // a look under way ends with the screen
	defer cancel()
	s := &screen{ctx: ctx, every: w.Every, draw: draw, printer: w.Printer(std)}
	err := run(ctx, std, s)
	switch {
	case isUsage(s.err):
		return s.err
	case err != nil:
		return fmt.Errorf("show the result: %w", err)
	}
	return s.printer.Text(s.text)
}

// run shows a model on the terminal until it ends or ctx does, which is no error.
func run(ctx context.Context, std terminal.Streams, model tea.Model) error {
	program := tea.NewProgram(model, tea.WithContext(ctx), tea.WithInput(std.In), tea.WithOutput(std.Out), tea.WithoutSignalHandler())
	if _, err := program.Run(); ctx.Err() == nil {
		return err
	}
	return nil
}

// screen shows a result, and makes the next look when it is due. Looks never overlap.
type screen struct {
	ctx     context.Context // here because the library's methods have none
	every   time.Duration
	draw    Print
	printer *output.Printer

	width, height int
	text          string    // of the last look that succeeded
	at            time.Time // when that was
	err           error     // of the last look
}

// look is the result of one look.
type look struct {
	text string
	err  error
}

// due asks for the next look.
type due struct{}

// Init waits for the size of the terminal, which comes first.
func (s *screen) Init() tea.Cmd { return nil }

// Update takes a key, a new size of the terminal, or a look.
func (s *screen) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case tea.WindowSizeMsg:
		first := s.width == 0
		s.width, s.height = m.Width, m.Height
		if first {
			return s, s.look
		}
	case tea.KeyPressMsg:
		if key := m.String(); key == "q" || key == "ctrl+c" || key == "esc" {
			return s, tea.Quit
		}
	case due:
		return s, s.look
	case look:
		if s.err = m.err; m.err == nil {
			s.text, s.at = m.text, time.Now()
		}
		if isUsage(m.err) {
			return s, tea.Quit
		}
		return s, later(s.ctx, s.every, due{})
	}
	return s, nil
}

// later sends a message after a time. Unlike the library's Tick it ends with ctx.
func later(ctx context.Context, after time.Duration, message tea.Msg) tea.Cmd {
	return func() tea.Msg {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			return message
		case <-ctx.Done():
			return nil
		}
	}
}

// look makes one look, beside the loop that shows it.
func (s *screen) look() tea.Msg {
	var text strings.Builder
	err := s.draw(s.ctx, s.printer.Into(&text, s.width))
	return look{text.String(), err}
}

// View returns the screen: the last look, as much of it as there is room for, and a line
// about the next one.
func (s *screen) View() tea.View {
	foot := s.foot()
	lines := strings.Split(strings.TrimSuffix(s.text, "\n"), "\n")
	if height := s.height - 2 - strings.Count(foot, "\n"); height > 0 && len(lines) > height {
		lines = append(lines[:height-1:height-1], output.Quiet.Paint(fmt.Sprintf("… %d more lines", len(lines)-height+1)))
	}
	view := tea.NewView(strings.Join(lines, "\n") + "\n\n" + foot)
	view.AltScreen = true
	return view
}

// foot returns the last line of the screen, or several about an error.
func (s *screen) foot() string {
	switch {
	case s.err != nil:
		return output.Bad.Paint(lipgloss.Wrap(terminal.Printable(s.err.Error()), s.width, " "))
	case s.at.IsZero():
		return output.Quiet.Paint("Asking the server …")
	}
	return output.Quiet.Paint(fmt.Sprintf("%s, every %s; q ends", s.at.Format(time.TimeOnly), s.every))
}
