package terminal_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"unicode"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain":            "plain",
		"\x1b[31mred":      "?[31mred",
		"two\nlines\t\x7f": "two?lines??",
		"bad \xff byte":    "bad ? byte",
		"größer 日本":        "größer 日本",
		"a\u202eb\u2066c":  "a?b?c", // would show what follows from right to left
		"\u009b2J":         "?2J",   // a control sequence begins with this, too
		"":                 "",
	} {
		if got := terminal.Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzPrintable: whatever a sender writes, no control character reaches the terminal.
func FuzzPrintable(f *testing.F) {
	f.Add("\x1b]0;title\x07")
	f.Add("\xc2")
	f.Fuzz(func(t *testing.T, text string) {
		printable := terminal.Printable(text)
		for _, c := range printable {
			if unicode.IsControl(c) || c == unicode.ReplacementChar {
				t.Errorf("%q became %q", text, printable)
			}
		}
		if again := terminal.Printable(printable); again != printable {
			t.Errorf("%q became %q at the second time", printable, again)
		}
	})
}

func TestOrDash(t *testing.T) {
	for text, want := range map[string]string{"": "-", "\a": "?", "-": "-", " ": " ", "a": "a"} {
		if got := terminal.OrDash(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestIs: colours and text logs are for terminals only, not for files, pipes and what
// stands in for a stream in tests.
func TestIs(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if terminal.Is(file) || terminal.Is(write) || terminal.Is(new(bytes.Buffer)) {
		t.Error("a file, a pipe or a buffer counts as a terminal")
	}
	for _, f := range []*os.File{file, read, write} {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if terminal.Is(file) {
		t.Error("a closed file counts as a terminal")
	}
}

func ExampleCounted() {
	fmt.Println(terminal.Counted(1, "key"))
	fmt.Println(terminal.Counted(2, "delivery"))
	fmt.Println(terminal.Counted(int64(3), "event type"))
	fmt.Println(terminal.CountedOrNo(0, "key"))
	fmt.Println(terminal.CountedOrNo(0, "delivery"))
	// Output:
	// 1 key
	// 2 deliveries
	// 3 event types
	// no keys
	// no deliveries
}
