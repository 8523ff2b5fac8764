package webhook

import (
	"math/rand/v2"
	"testing"
	"time"
)

// step makes one of the transitions that a delivery's status allows, at random, and names it.
func step(r *rand.Rand, d Delivery, now time.Time, p RetryPolicy) (Delivery, string) {
	if d.Status.Finished() {
		return d.Requeue(), "Requeue"
	}
	switch r.IntN(12) {
	case 0:
		return d.Cancel(ReasonCancelled, now), "Cancel"
	case 1:
		return d.Fail(ReasonPanic, now), "Fail"
	case 2:
		if d.Status == Retrying {
			return d.Requeue(), "Requeue"
		}
	}
	codes := []int{200, 302, 404, 410, 429, 500, 503, 0}
	a := Attempt{At: now, Duration: time.Duration(r.IntN(1000)) * time.Millisecond, StatusCode: codes[r.IntN(len(codes))]}
	if a.StatusCode == 0 {
		a.Failure = ReasonTimeout
	}
	if r.IntN(4) == 0 {
		a.RetryAfter = time.Duration(r.Int64N(int64(48 * time.Hour)))
	}
	return d.Attempted(a, p, r.Float64()), "Attempted"
}

// broken returns which rule of a delivery's state does not hold; "" if all hold.
func broken(d *Delivery, p RetryPolicy) string {
	switch {
	case (d.Status == Retrying) == d.NextAttemptAt.IsZero():
		return "exactly a retrying delivery has a next attempt"
	case d.Status.Finished() == d.FinishedAt.IsZero():
		return "exactly a finished delivery has an end"
	case d.Status == Delivered && d.Reason != ReasonNone:
		return "what was delivered has no reason of failure"
	case (d.Status == Failed || d.Status == Cancelled || d.Status == Retrying) && d.Reason == ReasonNone:
		return "what was not delivered has a reason"
	case d.Spent < 0 || d.Spent > d.Attempts:
		return "the attempts of earlier series are among all attempts"
	case d.Attempts-d.Spent > p.MaxAttempts:
		return "a series has no more attempts than the policy allows"
	case d.Status == Retrying && d.Attempts-d.Spent >= p.MaxAttempts:
		return "a series that used up its attempts is over"
	case len(d.AttemptLog) != min(d.Attempts, MaxAttemptLog):
		return "the log has the latest attempts, up to its bound"
	case len(d.AttemptLog) > 0 && d.LastAttempt().Number != d.Attempts:
		return "the last attempt of the log is the latest"
	}
	return ""
}

// TestDeliveryRules walks through random transitions and checks after each that the state
// is one that storage, the API and the lane can rely on.
func TestDeliveryRules(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[Status]int{}
	for range 300 {
		p := RetryPolicy{MaxAttempts: 1 + r.IntN(8), Initial: time.Second, Multiplier: 2, MaxDelay: time.Minute, Jitter: 0.1}
		d, now := queued(), begun
		for range 60 {
			now = now.Add(time.Duration(r.IntN(int(time.Hour))))
			before := d
			var name string
			d, name = step(r, d, now, p)
			seen[d.Status]++
			if rule := broken(&d, p); rule != "" {
				t.Fatalf("%s: after %s\nfrom %+v\nto   %+v", rule, name, before, d)
			}
			if d.Attempts < before.Attempts || d.Attempts > before.Attempts+1 || d.ID != before.ID || d.EventType != before.EventType {
				t.Fatalf("%s changed what it must not: from %+v to %+v", name, before, d)
			}
			if d.Status == Retrying && d.NextAttemptAt.Time().Before(now) {
				t.Fatalf("the next attempt is due at %v, before %v", d.NextAttemptAt.Time(), now)
			}
		}
	}
	for _, s := range Statuses {
		if s != Processing && seen[s] < 100 {
			t.Errorf("the walk came to %s only %d times", s, seen[s])
		}
	}
	if seen[Processing] > 0 {
		t.Error("a transition led to processing, which is never stored")
	}
}

// TestListed: lists show the latest attempt, short, and keep no memory of longer ones alive.
func TestListed(t *testing.T) {
	long := make([]byte, 10*MaxShortResponse)
	short := long[:MaxShortResponse:MaxShortResponse]
	attempt := func(n int, response []byte) Attempt { return Attempt{Number: n, Response: response} }
	for _, c := range []struct {
		why       string
		log       []Attempt
		number    int // of the attempt listed; 0 for none
		truncated bool
	}{
		{"no attempt", nil, 0, false},
		{"one, short", []Attempt{attempt(1, short)}, 1, false},
		{"one, long", []Attempt{attempt(1, long)}, 1, true},
		{"the latest of several", []Attempt{attempt(1, long), attempt(2, short), attempt(3, short)}, 3, false},
		{"the latest of several, long", []Attempt{attempt(1, short), attempt(2, long)}, 2, true},
	} {
		d := Delivery{AttemptLog: c.log}
		got := d.Listed()
		if len(d.AttemptLog) != len(c.log) {
			t.Errorf("%s: the delivery itself was changed", c.why)
		}
		last := got.LastAttempt()
		if c.number == 0 {
			if last != nil {
				t.Errorf("%s: %+v", c.why, last)
			}
			continue
		}
		if len(got.AttemptLog) != 1 || last.Number != c.number || last.ResponseTruncated != c.truncated || len(last.Response) > MaxShortResponse {
			t.Errorf("%s: %+v", c.why, got.AttemptLog)
		}
		if cap(last.Response) > 2*MaxShortResponse {
			t.Errorf("%s: %d bytes stay in memory", c.why, cap(last.Response))
		}
	}
}
