package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// ErrRefused is the answer of a user who does not agree.
var ErrRefused = errors.New("not confirmed")

// Consent is the flag of commands that ask before they change what cannot be changed back.
type Consent struct {
	Yes bool `short:"y" env:"-" help:"Do not ask."`
}

// Ask returns nil if the user agrees, by --yes or by an answer at the terminal. Where nobody
// can answer, --yes is required: a *settings.UsageError says so.
func (c *Consent) Ask(ctx context.Context, std terminal.Streams, question string) error {
	if c.Yes {
		return nil
	}
	if !terminal.Is(std.In) || !terminal.Is(std.Err) {
		return settings.Misuse("--yes is missing: nobody can be asked here")
	}
	_, _ = fmt.Fprintf(std.Err, "%s [y/N] ", question)
	answer := make(chan string, 1) // the goroutine is left behind at an interrupt, and ends with the process
	go func() {
		line, _ := bufio.NewReader(std.In).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return ErrRefused
	case <-ctx.Done():
		_, _ = fmt.Fprintln(std.Err)
		return ErrRefused
	}
}
