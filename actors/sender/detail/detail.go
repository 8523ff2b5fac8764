// Package detail has the words on a failed attempt that the owner of a webhook may
// read: webhook.Attempt.Detail.
//
// What belongs here: attaching such words to an error, finding them again, and
// making a stranger's text fit to be shown. What does not: the classes of failure,
// which are webhook.Reason. The words name nothing of the network that the server
// stands in: no address, no resolver, no proxy. They come from this code, or from
// the receiver, which its owner knows.
package detail

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook"
)

// explained is an error with words for the webhook's owner.
type explained struct {
	cause error
	words string
}

// Explain returns err with words for the webhook's owner. They replace the words
// that err has already; "" removes those.
func Explain(err error, words string) error { return &explained{cause: err, words: words} }

func (e *explained) Error() string {
	if e.words == "" {
		return e.cause.Error()
	}
	return e.words + ": " + e.cause.Error()
}

func (e *explained) Unwrap() error { return e.cause }

// Of returns the outermost words that Explain attached to err, fit for
// webhook.Attempt.Detail; "" if there are none.
func Of(err error) string {
	e, ok := errors.AsType[*explained](err)
	if !ok {
		return ""
	}
	return Printable([]byte(e.words), webhook.MaxDetail)
}

// Printable returns a stranger's text in a form that can be shown: valid UTF-8 of
// at most limit bytes, cut between characters, with ? in place of each character
// that is not printable. Control characters could otherwise change a terminal or
// forge a line of a log.
func Printable(text []byte, limit int) string {
	text = text[:min(len(text), 4*limit)] // no character has more than 4 bytes: this much is enough
	shown := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, string(text))
	for len(shown) > limit {
		_, size := utf8.DecodeLastRuneInString(shown)
		shown = shown[:len(shown)-size]
	}
	return shown
}
