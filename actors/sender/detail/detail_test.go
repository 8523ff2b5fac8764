package detail

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook"
)

// TestPrintable: the result is valid text within its bounds, whatever the input.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain text": "plain text", "a\r\nb\tc": "a??b?c", "\xff\xfe": "??", "12345678901": "1234567890",
		"123456789é": "123456789", "日本語日本語": "日本語", "\u200b\u202e": "??",
	} {
		if got := Printable([]byte(text), 10); got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// FuzzPrintable holds the bounds for all bytes and limits.
func FuzzPrintable(f *testing.F) {
	f.Add([]byte("plain"), 3)
	f.Add([]byte("日本語"), 4)
	f.Add([]byte("\xff\x00\u202e"), 2)
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		limit &= 0xff
		got := Printable(text, limit)
		if len(got) > limit || !utf8.ValidString(got) {
			t.Fatalf("%q within %d became %q", text, limit, got)
		}
		if again := Printable([]byte(got), limit); again != got {
			t.Fatalf("%q became %q, and that %q", text, got, again)
		}
	})
}

// TestWordsOfErrors: the outermost words count, and no wrapping loses them or the
// class.
func TestWordsOfErrors(t *testing.T) {
	inner := Explain(io.EOF, "the receiver closed")
	for _, c := range []struct {
		why  string
		err  error
		want string
	}{
		{"no error", nil, ""},
		{"an error without words", io.EOF, ""},
		{"words", inner, "the receiver closed"},
		{"wrapped", fmt.Errorf("attempt: %w", inner), "the receiver closed"},
		{"wrapped beside another error", fmt.Errorf("%w, after %w", inner, io.ErrShortWrite), "the receiver closed"},
		{"replaced", Explain(fmt.Errorf("head: %w", inner), "only hints came"), "only hints came"},
		{"removed", Explain(inner, ""), ""},
		{"rude", Explain(io.EOF, "it said \x1b[2J"), "it said ?[2J"},
	} {
		if got := Of(c.err); got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, got, c.want)
		}
		if c.err != nil && !errors.Is(c.err, io.EOF) {
			t.Errorf("%s: %v has lost its class", c.why, c.err)
		}
	}
	if got := Of(Explain(io.EOF, strings.Repeat("é", webhook.MaxDetail))); len(got) > webhook.MaxDetail {
		t.Errorf("%d bytes are more than a detail may have", len(got))
	}
}

// TestErrorText: the log has words and cause; without words it has the cause only.
func TestErrorText(t *testing.T) {
	for want, err := range map[string]error{
		"the receiver closed: EOF": Explain(io.EOF, "the receiver closed"),
		"EOF":                      Explain(io.EOF, ""),
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
