package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/cockroachdb/datadriven"
	"github.com/creack/pty"
)

// onTerminal runs a command line on a pseudo-terminal of a width, where it types the input,
// and returns what a user sees there, with its escape sequences.
func onTerminal(t *testing.T, columns int, input string, args ...string) (code int, seen string) {
	t.Helper()
	t.Setenv("TERM", "xterm-256color")
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = master.Close() }()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	var screen bytes.Buffer
	// The terminal echoes what is typed in its own time: before the program begins, so that
	// its words come after that.
	if _, err := io.WriteString(master, input); err != nil {
		t.Fatal(err)
	}
	echo := int64(len(input) + strings.Count(input, "\n")) // a line ends with two characters
	if _, err := io.CopyN(&screen, master, echo); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(&screen, master)
		read <- err
	}()
	code = run(t.Context(), append([]string{"astrohook"}, args...), streams{In: slave, Out: slave, Err: slave})
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	// A terminal whose program has gone is an input/output error on Linux.
	var failed *fs.PathError
	if err := <-read; err != nil && (!errors.As(err, &failed) || !errors.Is(failed.Err, syscall.EIO)) {
		t.Fatal(err)
	}
	return code, screen.String()
}

// times are the API's, of which a golden file cannot have the real ones.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// legible returns what was seen as a golden file has it: escape sequences as ‹1m›, lines as
// they end in a file, and one time for all.
func legible(seen string) string {
	seen = regexp.MustCompile(`\x1b\[([0-9;?]*[a-zA-Z])`).ReplaceAllString(seen, "‹$1›")
	seen = times.ReplaceAllString(strings.ReplaceAll(seen, "\r\n", "\n"), "2026-01-02T03:04:05.678Z")
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' {
			return '¤'
		}
		return c
	}, seen)
}

// TestTerminal: what users see, at the widths that terminals have. A file of
// testdata/terminal has for each command line its output; go test -rewrite writes them.
func TestTerminal(t *testing.T) {
	server := startFixture(t)
	datadriven.Walk(t, "testdata/terminal", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			columns, input := 80, ""
			d.MaybeScanArgs(t, "columns", &columns)
			d.MaybeScanArgs(t, "type", &input)
			t.Setenv("NO_COLOR", "1")
			if !d.HasArg("plain") { // Setenv before: it brings back what was set at the end
				if err := os.Unsetenv("NO_COLOR"); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("ASTROHOOK_SERVER", server.URL)
			t.Setenv("ASTROHOOK_TOKEN", "tok")
			if input != "" {
				input += "\n"
			}
			code, seen := onTerminal(t, columns, input, strings.Fields(d.Input)...)
			seen = strings.ReplaceAll(legible(seen), server.URL, "http://server")
			seen = regexp.MustCompile(`(answered in\S*  )\S+`).ReplaceAllString(seen, "${1}1ms")
			for line := range strings.Lines(regexp.MustCompile(`‹[^›]*›`).ReplaceAllString(seen, "")) {
				if strings.HasPrefix(line, "astrohook: ") || d.HasArg("long") {
					continue // an error is one line, however long
				}
				if n := ansi.StringWidth(strings.TrimSuffix(line, "\n")); n > columns {
					t.Errorf("%s: a line of %d characters on a terminal of %d: %s", d.Pos, n, columns, line)
				}
			}
			if code != 0 {
				seen += fmt.Sprintf("exit code %d\n", code)
			}
			return seen
		})
	})
}
