package live_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
)

// seen is what was written to a terminal.
type seen struct {
	keys io.Writer // of the terminal's user
	mu   sync.Mutex
	text bytes.Buffer
}

// press presses keys.
func (s *seen) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		t.Fatal(err)
	}
}

func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until a text was written.
func (s *seen) await(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(s.String(), text) {
		select {
		case <-t.Context().Done():
			t.Fatalf("waited for %q in %q", text, s.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// screen returns a terminal, what is written to it, and a function that closes it.
func screen(t *testing.T) (terminal *os.File, written *seen, end func()) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERM", "xterm-256color")
	written = &seen{keys: master}
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(written, master)
		read <- err
	}()
	return slave, written, func() {
		_ = slave.Close()
		var failed *fs.PathError
		if err := <-read; err != nil && (!errors.As(err, &failed) || !errors.Is(failed.Err, syscall.EIO)) {
			t.Error(err)
		}
		_ = master.Close()
	}
}

// TestProgress: work that takes a second gets a bar, with how much of how much, which is
// gone at the end. Stop may be called twice, by a defer and before the result.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		reason string
		begin  func(io.Writer) *live.Progress
		want   []string
	}{
		{"of a known number", func(w io.Writer) *live.Progress { return live.Items(w, "Replaying", 1000) }, []string{"Replaying ", "[===", "25 %", "250 / 1000"}},
		{"of an unknown number", func(w io.Writer) *live.Progress { return live.Items(w, "Counting", 0) }, []string{"Counting ", "250 "}},
		{"of bytes", func(w io.Writer) *live.Progress { return live.Bytes(w, "Backing up", 0) }, []string{"Backing up ", "250.0 b"}},
		{"of a share", func(w io.Writer) *live.Progress {
			p := live.Share(w, "Restoring")
			p.Set(0, 1000) // what is said first
			p.Set(0, 2000)
			return p
		}, []string{"Restoring ", "[===", "12 %"}},
		{"of work without a number", func(w io.Writer) *live.Progress { return live.Work(w, "Checking") }, []string{"Checking ", "1s"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			terminal, written, end := screen(t)
			p := c.begin(terminal)
			if n, err := p.Write(make([]byte, 250)); n != 250 || err != nil {
				t.Error(n, err)
			}
			for _, want := range c.want {
				written.await(t, want)
			}
			p.Stop()
			p.Stop()
			end()
			if !strings.HasSuffix(written.String(), "\x1b[1A\x1b[J") {
				t.Errorf("the bar stays: %q", written)
			}
		})
	}
}

// TestProgressOfShortWork: what is done at once shows no bar, and neither does what is no
// terminal.
func TestProgressOfShortWork(t *testing.T) {
	terminal, written, end := screen(t)
	p := live.Items(terminal, "Replaying", 10)
	p.Add(5)
	p.Set(10, 10)
	p.Stop()
	end()
	if text := written.String(); text != "" {
		t.Errorf("written %q", text)
	}
	var file strings.Builder
	p = live.Bytes(&file, "Backing up", 10)
	p.Add(5)
	p.Set(7, 10)
	p.Stop()
	if file.Len() > 0 {
		t.Errorf("written %q", file.String())
	}
}
