package webhook

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxEncoding bounds Attempt.ResponseEncoding, in bytes: it comes from the receiver.
const maxEncoding = 64

// bound cuts the texts of an attempt at their bounds, whatever the sender left in them.
func (a *Attempt) bound() {
	a.Detail = cut(a.Detail, MaxDetail)
	a.Location = cut(a.Location, MaxLocation)
	a.ResponseEncoding = cut(a.ResponseEncoding, maxEncoding)
	a.ResponseHead = cut(a.ResponseHead, MaxResponseHead)
}

// cut shortens a text to at most n bytes. It cuts UTF-8 at the end of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	end := n
	for end > n-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end]) // so that the rest is not kept in memory
}

// Long returns how many bytes of the response storage keeps only while there is space
// for them: a body longer than MaxShortResponse, a Location longer than MaxShortLocation,
// and the head.
func (a *Attempt) Long() (bytes int) {
	if len(a.Response) > MaxShortResponse {
		bytes += len(a.Response)
	}
	if len(a.Location) > MaxShortLocation {
		bytes += len(a.Location)
	}
	return bytes + len(a.ResponseHead)
}

// ellipsis marks the place where a text was cut.
const ellipsis = "…"

// Cut returns the attempt with the beginnings only of the texts that Long counts.
func (a Attempt) Cut() Attempt {
	a = a.Shortened()
	if len(a.Location) > MaxShortLocation {
		a.Location = cut(a.Location, MaxShortLocation-len(ellipsis)) + ellipsis
	}
	return a
}

// Listed returns the delivery as lists show it: with its latest attempt, shortened. It
// shares no memory with a longer response, which a list of many would keep alive.
func (d Delivery) Listed() Delivery {
	last := d.LastAttempt()
	switch {
	case last == nil:
	case last.ResponseHead != "", len(last.Response) > MaxShortResponse:
		short := last.Shortened()
		short.Response = slices.Clone(short.Response)
		d.AttemptLog = []Attempt{short}
	case len(d.AttemptLog) > 1:
		d.AttemptLog = []Attempt{*last}
	}
	return d
}

// Shortened returns the attempt with at most MaxShortResponse bytes of the response's
// body, and without its head. It shares memory with the attempt.
func (a Attempt) Shortened() Attempt {
	a.ResponseHead = ""
	if len(a.Response) > MaxShortResponse {
		a.Response, a.ResponseTruncated = a.Response[:MaxShortResponse:MaxShortResponse], true
	}
	return a
}
