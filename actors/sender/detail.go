package sender

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook"
)

// explained is an error with words that the endpoint's client may read. They name
// nothing of the network that the server stands in: no address, no resolver.
type explained struct {
	cause  error
	detail string
}

// explain adds words for the endpoint's client to an error. They replace those that
// are there already; "" takes them away.
func explain(err error, detail string) error { return &explained{cause: err, detail: detail} }

func (e *explained) Error() string {
	if e.detail == "" {
		return e.cause.Error()
	}
	return e.detail + ": " + e.cause.Error()
}

func (e *explained) Unwrap() error { return e.cause }

// detailOf returns an error's words for the endpoint's client, fit for
// webhook.Attempt.Detail; "" if it has none.
func detailOf(err error) string {
	e, ok := errors.AsType[*explained](err)
	if !ok {
		return ""
	}
	return printable([]byte(e.detail), webhook.MaxDetail)
}

// printable returns a text of someone else's in a form that can be shown: at most
// limit bytes of it, with ? for what is not printable.
func printable(text []byte, limit int) string {
	text = text[:min(len(text), 4*limit)] // a character's bytes at the most
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
