// Package terminal writes text for people: what a server or a sender wrote is made
// harmless, and numbers get their nouns.
//
// Formatting that several commands share belongs here. What a command prints, and
// in which order, belongs to the command.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// Printable returns the text with control characters and invalid UTF-8 replaced by
// question marks, so that text from elsewhere cannot steer the terminal.
func Printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return '?'
		}
		return c
	}, text)
}

// OrDash returns the printable text, or "-" for an empty one.
func OrDash(text string) string {
	if text == "" {
		return "-"
	}
	return Printable(text)
}

// Counted returns a number with its noun: 1 key, 2 keys.
func Counted[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, plural(noun))
}

// CountedOrNo is Counted, with "no keys" for 0.
func CountedOrNo[N int | int64](n N, noun string) string {
	if n == 0 {
		return "no " + plural(noun)
	}
	return Counted(n, noun)
}

// plural returns a noun's plural. It knows the regular forms only.
func plural(noun string) string {
	if stem, is := strings.CutSuffix(noun, "y"); is && !strings.HasSuffix(stem, "e") {
		return stem + "ies"
	}
	return noun + "s"
}

// Is reports whether w writes to a terminal.
func Is(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
