package terminal_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain":            "plain",
		"\x1b[31mred":      "?[31mred",
		"two\nlines\t\x7f": "two?lines??",
		"bad \xff byte":    "bad ? byte",
		"größer 日本":        "größer 日本",
	} {
		if got := terminal.Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if terminal.OrDash("") != "-" || terminal.OrDash("\a") != "?" {
		t.Error("OrDash does not stand for an empty text only")
	}
}

func TestIs(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if terminal.Is(file) || terminal.Is(new(bytes.Buffer)) {
		t.Error("a file or a buffer counts as a terminal")
	}
}

func ExampleCounted() {
	fmt.Println(terminal.Counted(1, "key"))
	fmt.Println(terminal.Counted(2, "delivery"))
	fmt.Println(terminal.CountedOrNo(0, "key"))
	// Output:
	// 1 key
	// 2 deliveries
	// no keys
}
