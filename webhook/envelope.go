package webhook

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendTime appends t in UTC as every body, header and answer shows it: RFC 3339 with
// exactly three decimals, cut off, not rounded: "2025-05-17T10:30:45.123Z". The year must
// have four digits. time.Time.AppendFormat interprets its layout each time and takes half as
// long again.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), int(month))
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), hour)
	dst = appendTwo(append(dst, ':'), minute)
	dst = appendTwo(append(dst, ':'), second)
	milli := t.Nanosecond() / 1e6
	return append(appendTwo(append(dst, '.'), milli/10), byte('0'+milli%10), 'Z')
}

// appendTwo appends a number below 100 as two digits.
func appendTwo(dst []byte, value int) []byte {
	return append(dst, byte('0'+value/10), byte('0'+value%10))
}

// FormatTime returns the text that AppendTime appends.
func FormatTime(t time.Time) string { return string(AppendTime(make([]byte, 0, 24), t)) }

// AppendBody appends the body of an attempt as the receiver gets it: the delivery's id,
// the time of the attempt, the event's type and its data, which must be in canonical form
// (see package canonicaljson).
//
// AppendBody allocates nothing if dst has room for len(data) and about 120 bytes more.
func AppendBody(dst []byte, id ID, at time.Time, eventType string, data []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = DeliveryID.Append(dst, id)
	dst = append(dst, `","timestamp":"`...)
	dst = AppendTime(dst, at)
	dst = append(dst, `","event_type":`...)
	// The error is about invalid UTF-8, which becomes U+FFFD. No valid event type has any.
	dst, _ = jsontext.AppendQuote(dst, eventType)
	dst = append(dst, `,"data":`...)
	dst = append(dst, data...)
	return append(dst, '}')
}
