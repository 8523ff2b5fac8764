package webhook

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendTime appends t in UTC as every body, header and answer shows it: RFC 3339
// with exactly three decimals, cut off, not rounded: "2025-05-17T10:30:45.123Z".
// The year must have four digits.
func AppendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, timeLayout) }

// FormatTime gives the text that AppendTime appends.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// AppendBody appends the body of an attempt, byte for byte what the receiver
// gets: the delivery's id, the time of the attempt, the event's type and its
// canonical data (see Canonical), which must be valid.
//
// It allocates nothing if dst has room for len(data) and about 120 bytes more.
func AppendBody(dst []byte, id ID, at time.Time, eventType string, data []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = DeliveryID.Append(dst, id)
	dst = append(dst, `","timestamp":"`...)
	dst = AppendTime(dst, at)
	dst = append(dst, `","event_type":`...)
	// The error is about invalid UTF-8, which no valid event type has; it becomes U+FFFD.
	dst, _ = jsontext.AppendQuote(dst, eventType)
	dst = append(dst, `,"data":`...)
	dst = append(dst, data...)
	return append(dst, '}')
}
