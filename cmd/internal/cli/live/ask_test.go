package live_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// TestAsk: only a yes is a yes.
func TestAsk(t *testing.T) {
	for answer, agreed := range map[string]bool{"y\n": true, "YES\n": true, " yes \n": true, "\n": false, "n\n": false, "yesterday\n": false, "\x04": false} {
		tty, written, end := screen(t)
		done := make(chan error, 1)
		go func() {
			done <- new(live.Consent).Ask(t.Context(), terminal.Streams{In: tty, Err: tty}, "Delete it?")
		}()
		written.await(t, "Delete it? [y/N] ")
		written.press(t, answer)
		if err := <-done; agreed != (err == nil) || err != nil && !errors.Is(err, live.ErrRefused) {
			t.Errorf("%q: %v", answer, err)
		}
		end()
	}
}

// TestAskNobody: --yes is not asked, and where nobody can answer it is required. An
// interrupt is no yes.
func TestAskNobody(t *testing.T) {
	nowhere := terminal.Streams{In: strings.NewReader("y\n"), Err: &strings.Builder{}}
	if err := (&live.Consent{Yes: true}).Ask(t.Context(), nowhere, "?"); err != nil {
		t.Error(err)
	}
	if err := new(live.Consent).Ask(t.Context(), nowhere, "?"); err == nil || !strings.Contains(err.Error(), "--yes is missing") {
		t.Error(err)
	}
	tty, _, end := screen(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(live.Consent).Ask(ctx, terminal.Streams{In: tty, Err: tty}, "?"); !errors.Is(err, live.ErrRefused) {
		t.Error(err)
	}
	end()
}
