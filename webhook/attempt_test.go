package webhook

import (
	"strings"
	"testing"
)

func TestOutcome(t *testing.T) {
	retry := func(r Reason) Outcome { return Outcome{Verdict: Retryable, Reason: r} }
	down := func(r Reason) Outcome { return Outcome{Verdict: Retryable, Reason: r, Down: true} }
	slow := func(r Reason) Outcome { return Outcome{Verdict: Retryable, Reason: r, SlowDown: true, Down: true} }
	success := Outcome{Verdict: Success}
	for _, c := range []struct {
		why     string
		code    int
		failure Reason
		want    Outcome
	}{
		{"the first success", 200, ReasonNone, success},
		{"accepted is success too", 202, ReasonNone, success},
		{"no content", 204, ReasonNone, success},
		{"the last success", 299, ReasonNone, success},
		{"a redirect is not followed", 300, ReasonNone, retry(ReasonHTTP3xx)},
		{"nor is a permanent one", 308, ReasonNone, retry(ReasonHTTP3xx)},
		{"not modified is no success", 304, ReasonNone, retry(ReasonHTTP3xx)},
		{"the receiver may be mended", 400, ReasonNone, retry(ReasonHTTP4xx)},
		{"its secret may be mended", 401, ReasonNone, retry(ReasonHTTP4xx)},
		{"not there yet", 404, ReasonNone, retry(ReasonHTTP4xx)},
		{"it waited in vain for the request", 408, ReasonNone, down(ReasonHTTP4xx)},
		{"it does not like this message", 422, ReasonNone, retry(ReasonHTTP4xx)},
		{"gone for good", 410, ReasonNone, Outcome{Verdict: Refused, Reason: ReasonGone}},
		{"beside it", 411, ReasonNone, retry(ReasonHTTP4xx)},
		{"too many requests", 429, ReasonNone, slow(ReasonLimited)},
		{"the last of its kind", 499, ReasonNone, retry(ReasonHTTP4xx)},
		{"the receiver's fault says nothing of load", 500, ReasonNone, down(ReasonHTTP5xx)},
		{"nor this", 501, ReasonNone, down(ReasonHTTP5xx)},
		{"bad gateway", 502, ReasonNone, slow(ReasonHTTP5xx)},
		{"unavailable", 503, ReasonNone, slow(ReasonHTTP5xx)},
		{"gateway timeout", 504, ReasonNone, slow(ReasonHTTP5xx)},
		{"beside them", 505, ReasonNone, down(ReasonHTTP5xx)},
		{"beyond all codes", 999, ReasonNone, down(ReasonHTTP5xx)},
		{"an informational status only", 101, ReasonNone, down(ReasonHTTP1xx)},
		{"no status at all", 0, ReasonNone, down(ReasonHTTP1xx)},
		{"no name", 0, ReasonDNS, down(ReasonDNS)},
		{"a refused address can be allowed later", 0, ReasonBlockedAddress, down(ReasonBlockedAddress)},
		{"no connection", 0, ReasonConnect, down(ReasonConnect)},
		{"no handshake", 0, ReasonTLS, down(ReasonTLS)},
		{"no answer in time", 0, ReasonTimeout, down(ReasonTimeout)},
		{"cut off", 0, ReasonReset, down(ReasonReset)},
		{"no HTTP", 0, ReasonProtocol, down(ReasonProtocol)},
		{"a code without a whole response does not count", 200, ReasonReset, down(ReasonReset)},
	} {
		a := Attempt{StatusCode: c.code, Failure: c.failure}
		if got := a.Outcome(); got != c.want {
			t.Errorf("%s (%d %s): got %+v, want %+v", c.why, c.code, c.failure, got, c.want)
		}
	}
}

func TestReasons(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons {
		if r == ReasonNone || seen[r] || r.Message() == "" || strings.ToLower(string(r)) != string(r) {
			t.Errorf("reason %q: seen before %v, message %q", r, seen[r], r.Message())
		}
		seen[r] = true
	}
	if len(messages) != len(Reasons) || ReasonNone.Message() != "" {
		t.Errorf("%d messages for %d reasons; none says %q", len(messages), len(Reasons), ReasonNone.Message())
	}
	for code := range 1000 {
		if r := (&Attempt{StatusCode: code}).Outcome().Reason; r != ReasonNone && !seen[r] {
			t.Errorf("code %d has the reason %q, which is not listed", code, r)
		}
	}
}

// TestCodeFilter: a filter is a class, a code, or none; it looks at the latest attempt.
func TestCodeFilter(t *testing.T) {
	for _, text := range []string{"none", "2xx", "3xx", "4xx", "5xx", "100", "404", "599", ""} {
		if f, ok := ParseCodeFilter(text); !ok || string(f) != text {
			t.Errorf("%q is %q, %v", text, f, ok)
		}
	}
	for _, text := range []string{"1xx", "6xx", "xx", "2XX", "99", "600", "+404", "0404", "4 4", "-1", "None"} {
		if f, ok := ParseCodeFilter(text); ok {
			t.Errorf("%q is taken for %q", text, f)
		}
	}
	for _, c := range []struct {
		filter CodeFilter
		code   int
		want   bool
	}{
		{"", 0, true},
		{"", 500, true},
		{"2xx", 200, true},
		{"2xx", 299, true},
		{"2xx", 300, false},
		{"4xx", 404, true},
		{"404", 404, true},
		{"404", 410, false},
		{NoCode, 0, true},
		{NoCode, 200, false},
		{"5xx", 0, false},
	} {
		if got := c.filter.Selects(&Attempt{StatusCode: c.code}); got != c.want {
			t.Errorf("%q selects %d: %v", c.filter, c.code, got)
		}
	}
	for filter, want := range map[CodeFilter]bool{"": true, NoCode: false, "2xx": false, "404": false} {
		if got := filter.Selects(nil); got != want {
			t.Errorf("%q selects what was never attempted: %v", filter, got)
		}
	}
}
