package webhook

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Message says in words why the attempt failed, with its detail; "" if it did not fail.
func (a *Attempt) Message() string {
	reason := a.Outcome().Reason
	text := reason.MessageFor(a.StatusCode)
	switch {
	case a.Detail == "" || reason == ReasonNone:
		return text
	case text == "":
		return a.Detail
	}
	return text + ": " + a.Detail
}

// MessageFor says the reason in words where the response had this status code. Some
// codes are not what the others of their class are.
func (r Reason) MessageFor(code int) string {
	switch {
	case r == ReasonHTTP3xx && code == 300:
		return "the receiver answered 300 Multiple Choices: it offers several targets, and none of them is followed"
	case r == ReasonHTTP3xx && code == 304:
		return "the receiver answered 304 Not Modified, which is no answer to a POST"
	}
	return r.Message()
}

// Message says in words why the latest attempt failed, or why the delivery did; ""
// if neither did.
func (d *Delivery) Message() string {
	if last := d.LastAttempt(); last != nil && last.Outcome().Reason == d.Reason {
		return last.Message()
	}
	return d.Reason.Message()
}

// maxEncoding bounds what is kept of a response's Content-Encoding, in bytes.
const maxEncoding = 64

// bound cuts the texts of an attempt at their bounds.
func (a *Attempt) bound() {
	a.Detail = cut(a.Detail, MaxDetail)
	a.Location = cut(a.Location, MaxLocation)
	a.ResponseEncoding = cut(a.ResponseEncoding, maxEncoding)
}

// cut shortens a text to at most n bytes, and at the end of a character if it is UTF-8.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	end := n
	for end > n-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end]) // the rest is not kept in memory
}

// Long counts the bytes of the response that are kept only where there is room for
// them: of a body longer than MaxShortResponse and a Location longer than MaxShortLocation.
func (a *Attempt) Long() (bytes int) {
	if len(a.Response) > MaxShortResponse {
		bytes += len(a.Response)
	}
	if len(a.Location) > MaxShortLocation {
		bytes += len(a.Location)
	}
	return bytes
}

// ellipsis stands where a text was cut.
const ellipsis = "…"

// Cut is the attempt without what Long counts: with the beginnings only.
func (a Attempt) Cut() Attempt {
	a = a.Shortened()
	if len(a.Location) > MaxShortLocation {
		a.Location = cut(a.Location, MaxShortLocation-len(ellipsis)) + ellipsis
	}
	return a
}

// Listed is the delivery as lists show it: with its latest attempt, shortened. It
// shares no memory with a longer response.
func (d Delivery) Listed() Delivery {
	last := d.LastAttempt()
	switch {
	case last == nil:
	case len(last.Response) > MaxShortResponse:
		short := last.Shortened()
		short.Response = slices.Clone(short.Response)
		d.AttemptLog = []Attempt{short}
	case len(d.AttemptLog) > 1:
		d.AttemptLog = []Attempt{*last}
	}
	return d
}

// Shortened is the attempt with at most MaxShortResponse bytes of the response's body.
func (a Attempt) Shortened() Attempt {
	if len(a.Response) > MaxShortResponse {
		a.Response, a.ResponseTruncated = a.Response[:MaxShortResponse:MaxShortResponse], true
	}
	return a
}
