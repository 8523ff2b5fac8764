package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

// session is a command on a terminal, with a user who types while it runs.
type session struct {
	t      *testing.T
	server *fixture
	keys   io.Writer
	mu     sync.Mutex
	screen bytes.Buffer
	ended  chan int // the exit code
	read   chan error
}

// startSession runs a command line on a terminal of 100 columns.
func startSession(t *testing.T, server *fixture, args ...string) *session {
	t.Helper()
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := pty.Setsize(master, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, server: server, keys: master, ended: make(chan int, 1), read: make(chan error, 1)}
	go func() {
		_, err := io.Copy(s, master)
		s.read <- err
	}()
	go func() {
		code := run(t.Context(), append([]string{"astrohook"}, args...), streams{In: slave, Out: slave, Err: slave})
		_ = slave.Close()
		s.ended <- code
	}()
	return s
}

func (s *session) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.Write(p)
}

// await waits until a condition holds.
func (s *session) await(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("waited for %s; the terminal has %q", what, s.screen.String())
		}
	}
}

// seen waits until a text is on the terminal.
func (s *session) seen(text string) {
	s.t.Helper()
	s.await(text, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(ansi.Strip(s.screen.String()), text)
	})
}

// asked waits until the server was asked for something.
func (s *session) asked(call string) {
	s.t.Helper()
	s.await(call, func() bool { return slices.Contains(s.server.called(), call) })
}

// press types keys.
func (s *session) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the end of the command, and returns its exit code and what it left in the
// terminal's own lines.
func (s *session) end() (code int, left string) {
	s.t.Helper()
	code = <-s.ended
	var failed *fs.PathError
	if err := <-s.read; err != nil && (!errors.As(err, &failed) || !errors.Is(failed.Err, syscall.EIO)) {
		s.t.Fatal(err)
	}
	all := s.screen.String()
	return code, ansi.Strip(all[strings.LastIndex(all, "\x1b[?1049l")+len("\x1b[?1049l"):])
}

// TestTop: the live table on a terminal takes another order, shows a webhook in full, filters,
// and leaves in the terminal's own lines what was on the screen.
func TestTop(t *testing.T) {
	s := startSession(t, startFixture(t), "top", "--every", "1h")
	s.seen("wh_38gwvb57w0000000000nvbzehn")
	s.asked("GET /api/overview?sort=backlog")
	s.press("s")
	s.asked("GET /api/overview?sort=age")
	s.press("j\r")
	s.asked("GET /api/webhooks/wh_38gwvb57w0000000000nvbzehn")
	s.press("\x1b") // a terminal cannot say whether that is a key or the beginning of one
	s.await("the table again", func() bool { return strings.Count(strings.Join(s.server.called(), "\n"), "sort=age") == 2 })
	s.press("/paused\r")
	s.seen("only with paused")
	s.press("q")
	code, left := s.end()
	if code != 0 || !strings.Contains(left, "vbzehn") || strings.Contains(left, "vbzehm") || !strings.Contains(left, "997 webhooks active") {
		t.Errorf("exit code %d, left on the terminal:\n%s", code, left)
	}
}

// TestTopInterrupted: Ctrl-C ends the table in order, also while a filter is typed.
func TestTopInterrupted(t *testing.T) {
	for _, before := range []string{"", "/wh"} {
		s := startSession(t, startFixture(t), "top")
		s.seen("wh_38gwvb57w0000000000nvbzehn")
		s.press(before + "\x03")
		if code, left := s.end(); code != 0 || !strings.Contains(left, "PENDING") {
			t.Errorf("after %q: exit code %d, left on the terminal:\n%s", before, code, left)
		}
	}
}
