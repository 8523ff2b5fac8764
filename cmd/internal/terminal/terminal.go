// Package terminal has the streams of a command, and text for people: what a server or a
// sender wrote is made harmless, and numbers get their nouns.
//
// What the commands know about terminals, and words that several of them share, belong
// here. Tables and formats belong to cli/output, and what a command prints, and in which
// order, to the command.
package terminal

import (
	"fmt"
	"strings"
	"unicode"
)

// Printable returns the text with invalid UTF-8, control characters and those that change
// the direction of writing replaced by question marks, so that text from elsewhere cannot
// steer the terminal, or show itself in another order.
func Printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == unicode.ReplacementChar {
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
	return fmt.Sprintf("%d %s", n, Plural(noun))
}

// CountedOrNo is Counted, with "no keys" for 0.
func CountedOrNo[N int | int64](n N, noun string) string {
	if n == 0 {
		return "no " + Plural(noun)
	}
	return Counted(n, noun)
}

// Plural returns a noun's plural. It knows the regular forms only.
func Plural(noun string) string {
	if stem, is := strings.CutSuffix(noun, "y"); is && !strings.HasSuffix(stem, "e") {
		return stem + "ies"
	}
	return noun + "s"
}
