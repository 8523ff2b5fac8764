package webhook

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAttemptMessage(t *testing.T) {
	for _, c := range []struct {
		attempt  Attempt
		has, not string
	}{
		{Attempt{StatusCode: 200, Detail: "fine"}, "", "fine"},
		{Attempt{StatusCode: 300}, "300 Multiple Choices", "redirect"},
		{Attempt{StatusCode: 301}, "redirect", "304"},
		{Attempt{StatusCode: 304}, "304 Not Modified", "redirect"},
		{Attempt{StatusCode: 308}, "redirect", "304"},
		{Attempt{StatusCode: 500}, ReasonHTTP5xx.Message(), ":"},
		{Attempt{Failure: ReasonTLSExpired, Detail: "on 2026-01-01"}, ReasonTLSExpired.Message() + ": on 2026-01-01", "\n"},
		{Attempt{Failure: ReasonReset, StatusCode: 304}, ReasonReset.Message(), "304"},
	} {
		got := c.attempt.Message()
		if !strings.Contains(got, c.has) || strings.Contains(got, c.not) || (c.has == "") != (got == "") {
			t.Errorf("%+v: %q", c.attempt, got)
		}
	}
}

func TestDeliveryMessage(t *testing.T) {
	d := queued().Attempted(answer(304), RetryPolicy{MaxAttempts: 1}, 0)
	if got := d.Message(); !strings.Contains(got, "304") {
		t.Errorf("failed with 304: %q", got)
	}
	cancelled := d.Cancel(ReasonCancelled, begun)
	if got := cancelled.Message(); got != ReasonCancelled.Message() {
		t.Errorf("cancelled after 304: %q", got)
	}
}

// TestAttemptedBoundsTexts: what a receiver sends is not kept without bound.
func TestAttemptedBoundsTexts(t *testing.T) {
	long := strings.Repeat("é", 2000)
	a := answer(302)
	a.Detail, a.Location, a.ResponseEncoding = long, "x"+long, long
	d := queued().Attempted(a, RetryPolicy{MaxAttempts: 1}, 0)
	got := d.LastAttempt()
	for name, c := range map[string]struct {
		text string
		most int
	}{"detail": {got.Detail, MaxDetail}, "location": {got.Location, MaxLocation}, "encoding": {got.ResponseEncoding, 64}} {
		if len(c.text) > c.most || len(c.text) < c.most-1 || !utf8.ValidString(c.text) {
			t.Errorf("%s has %d bytes, ends with %q", name, len(c.text), c.text[len(c.text)-2:])
		}
	}
}

func TestCut(t *testing.T) {
	a := Attempt{Response: make([]byte, MaxShortResponse), Location: strings.Repeat("l", MaxShortLocation)}
	if c := a.Cut(); a.Long() != 0 || c.Location != a.Location || len(c.Response) != MaxShortResponse || c.ResponseTruncated {
		t.Errorf("a short one is cut to %+v", c)
	}
	a.Location += "l"
	if c := a.Cut(); a.Long() != MaxShortLocation+1 || len(c.Location) != MaxShortLocation || !strings.HasSuffix(c.Location, "l…") {
		t.Errorf("long by %d, cut to %q", a.Long(), c.Location)
	}
	a.Response = append(a.Response, 0)
	if c := a.Cut(); a.Long() != MaxShortLocation+MaxShortResponse+2 || c.Long() != 0 || !c.ResponseTruncated {
		t.Errorf("long by %d, cut to %+v", a.Long(), c)
	}
}

func TestShortened(t *testing.T) {
	a := Attempt{Response: []byte(strings.Repeat("x", MaxShortResponse+1))}
	if s := a.Shortened(); len(s.Response) != MaxShortResponse || !s.ResponseTruncated {
		t.Errorf("%d bytes, truncated %v", len(s.Response), s.ResponseTruncated)
	}
	a.Response = a.Response[:MaxShortResponse]
	if s := a.Shortened(); len(s.Response) != MaxShortResponse || s.ResponseTruncated {
		t.Errorf("%d bytes, truncated %v", len(s.Response), s.ResponseTruncated)
	}
}
