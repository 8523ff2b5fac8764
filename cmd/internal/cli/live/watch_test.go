package live_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// watching returns the flags of a result that is watched.
func watching(format string, every time.Duration) live.Watch {
	return live.Watch{Flags: output.Flags{Output: format}, Watch: true, Every: every}
}

// TestWatchElsewhere: where there is no terminal one look follows the other until the end,
// also after a look that failed.
func TestWatchElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var out, said strings.Builder
		looks := 0
		w := watching(output.NDJSON, 2*time.Second)
		err := w.Show(ctx, terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &said}, func(_ context.Context, p *output.Printer) error {
			looks++
			if looks == 2 {
				return errors.New("the server has gone")
			}
			return p.Value(fmt.Appendf(nil, "%d", looks))
		})
		if err != nil || out.String() != "1\n3\n" || said.String() != "astrohook: the server has gone\n" {
			t.Errorf("%v, %q, %q", err, out.String(), said.String())
		}
	})
}

// TestWatchOnce: without --watch there is one look, and its error is the command's. A wrong
// flag is no reason to look again.
func TestWatchOnce(t *testing.T) {
	std := terminal.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	failed := errors.New("the server has gone")
	w := live.Watch{Flags: output.Flags{Output: output.JSON}}
	if err := w.Show(t.Context(), std, func(context.Context, *output.Printer) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	w = watching(output.JSON, time.Hour)
	misuse := settings.Misuse("--limit is negative")
	if err := w.Show(t.Context(), std, func(context.Context, *output.Printer) error { return misuse }); !errors.Is(err, misuse) {
		t.Error(err)
	}
	w = watching(output.JSON, time.Millisecond)
	if err := w.Show(t.Context(), std, nil); err == nil || !strings.Contains(err.Error(), "less than 100ms") {
		t.Error(err)
	}
}

// TestWatchInPlace: on a terminal looks replace one another on the other screen, with a line
// about a look that failed; a key ends, and the last look stays.
func TestWatchInPlace(t *testing.T) {
	for name, key := range map[string]string{"q": "q", "Ctrl-C": "\x03"} {
		t.Run(name, func(t *testing.T) {
			tty, written, end := screen(t)
			var looks atomic.Int64
			w := watching(output.Table, 100*time.Millisecond)
			done := make(chan error, 1)
			std := terminal.Streams{In: tty, Out: tty, Err: io.Discard}
			go func() {
				done <- w.Show(t.Context(), std, func(_ context.Context, p *output.Printer) error {
					if n := looks.Add(1); n == 2 {
						return errors.New("the server has\x1b[31m gone")
					}
					return p.Line(fmt.Sprintf("look at %d things", looks.Load()))
				})
			}()
			written.await(t, "\x1b[?1049h") // the other screen
			written.await(t, "look at 1")
			written.await(t, "the server has?[31m gone")
			written.await(t, "q ends")
			for looks.Load() < 4 {
				time.Sleep(time.Millisecond)
			}
			written.press(t, key)
			if err := <-done; err != nil {
				t.Error(err)
			}
			end()
			after := written.String()
			if i := strings.LastIndex(after, "\x1b[?1049l"); i < 0 || !strings.Contains(after[i:], "look at ") {
				t.Errorf("the last look is not in the terminal's own lines: %q", after)
			}
		})
	}
}
