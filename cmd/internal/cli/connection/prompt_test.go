//go:build linux

package connection

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// prompt is a terminal with a user in front of it.
type prompt struct {
	tty, user *os.File
	mu        sync.Mutex
	seen      bytes.Buffer
}

// newPrompt returns a terminal, which the test closes at its end.
func newPrompt(t *testing.T) *prompt {
	t.Helper()
	user, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	p := &prompt{tty: tty, user: user}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(p, user) // ends with an error when the terminal is closed
	}()
	t.Cleanup(func() {
		_ = tty.Close()
		<-done
		_ = user.Close()
	})
	return p
}

func (p *prompt) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

func (p *prompt) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// await waits until a text is on the screen.
func (p *prompt) await(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(p.String(), text) {
		select {
		case <-t.Context().Done():
			t.Fatalf("waited for %q in %q", text, p.String())
		case <-time.After(time.Millisecond):
		}
	}
}

// TestLoginAsks: at a terminal login asks for the token, and what is typed is not shown.
func TestLoginAsks(t *testing.T) {
	home(t)
	p := newPrompt(t)
	done := make(chan error, 1)
	go func() {
		c := Login{Name: "default", NoCheck: true}
		done <- c.Run(t.Context(), terminal.Streams{In: p.tty, Err: p.tty})
	}()
	p.await(t, "Token or API key for http://127.0.0.1:8080: ")
	for p.echoes(t) {
		time.Sleep(time.Millisecond) // the question stands before the echo is off
	}
	if _, err := io.WriteString(p.user, "ahk_1_seecret\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.await(t, "Commands use the profile default")
	if strings.Contains(p.String(), "seecret") {
		t.Errorf("the token is shown: %q", p.String())
	}
	if got, err := new(Flags).Target(); err != nil || got.Token != "ahk_1_seecret" {
		t.Errorf("%+v, %v", got, err)
	}
	if !p.echoes(t) {
		t.Error("the terminal does not show what is typed any more")
	}
}

// echoes reports whether the terminal shows what is typed.
func (p *prompt) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// TestLoginInterrupted: an interrupt of the question keeps nothing, and brings the echo back.
func TestLoginInterrupted(t *testing.T) {
	home(t)
	p := newPrompt(t)
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		c := Login{Name: "default", NoCheck: true}
		done <- c.Run(ctx, terminal.Streams{In: p.tty, Err: p.tty})
	}()
	p.await(t, "Token or API key")
	for p.echoes(t) {
		time.Sleep(time.Millisecond)
	}
	interrupt()
	if err := <-done; !errors.Is(err, errInterrupted) {
		t.Error(err)
	}
	if !p.echoes(t) || len(Names()) > 0 {
		t.Errorf("echo %t, profiles %q", p.echoes(t), Names())
	}
	_, _ = io.WriteString(p.user, "\n") // ends the read that is left behind
}
