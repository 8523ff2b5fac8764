package storage

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const someBody = 64 << 10

// taken counts the bodies of one endpoint that are kept when it tries as many times.
func taken(b *BodyBudget, e webhook.EndpointNumber, tries int, now time.Time) (kept int) {
	for range tries {
		if b.Take(e, someBody, now) {
			b.Committed(someBody)
			kept++
		}
	}
	return kept
}

func TestBodyBudgetBoundsAnEndpoint(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	if got := taken(b, 1, 1000, now); got != EndpointBodyBurst/someBody {
		t.Errorf("%d bodies at once", got)
	}
	seconds := 0
	for range 10 * 64 { // a minute in steps that are shorter than a byte's time
		now = now.Add(time.Second / 10)
		seconds += taken(b, 1, 1, now)
	}
	if want := 64 * EndpointBodyRate / someBody; seconds != want {
		t.Errorf("%d bodies in 64 s, want %d", seconds, want)
	}
	if got := taken(b, 1, 1000, now.Add(24*time.Hour)); got != EndpointBodyBurst/someBody {
		t.Errorf("%d bodies at once after a day", got)
	}
}

// TestBodyBudgetBoundsTheServer: many greedy endpoints leave some for one that is not.
func TestBodyBudgetBoundsTheServer(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	all := 0
	for e := range webhook.EndpointNumber(16) {
		all += taken(b, e+1, 1000, now)
	}
	if got := all * someBody; got < ServerBodyBurst/2 || got > ServerBodyBurst {
		t.Errorf("%d bytes at once", got)
	}
	if all = taken(b, 100, 1, now); all != 1 {
		t.Error("an endpoint that kept nothing yet gets nothing")
	}
	for e := range webhook.EndpointNumber(1000) {
		all += taken(b, 101+e, 10, now)
	}
	if got := all * someBody; got > ServerBodyBurst/2 {
		t.Errorf("%d bytes more", got)
	}
}

func TestBodyBudgetBoundsMemoryAndDisk(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	waiting := 0
	for e := range webhook.EndpointNumber(1000) {
		if b.Take(e, someBody, now) {
			waiting += someBody
		}
	}
	if waiting != MaxWaitingBodies {
		t.Errorf("%d bytes wait", waiting)
	}
	b.Committed(someBody)
	if !b.Take(2000, someBody, now) || b.Take(2001, someBody, now) {
		t.Error("what was committed is not given back")
	}
	b.Committed(MaxWaitingBodies)
	b.Kept(MaxKeptBodies + 1)
	if b.Take(2002, someBody, now) {
		t.Error("a body is kept although the disk has enough of them")
	}
	b.Kept(0)
	if !b.Take(2002, someBody, now) {
		t.Error("no body is kept although there is room again")
	}
}

// TestBodyBudgetForgetsEndpoints: its own memory is bounded.
func TestBodyBudgetForgetsEndpoints(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	for e := range webhook.EndpointNumber(100 * minSweep) {
		b.Take(e, webhook.MaxShortResponse+1, now)
		b.Committed(webhook.MaxShortResponse + 1)
		now = now.Add(time.Second)
	}
	if got := len(b.endpoints); got > 2*minSweep {
		t.Errorf("%d endpoints are remembered", got)
	}
}

// TestBodyBudgetBearsClocks: a clock that is stepped back stops nothing for good.
func TestBodyBudgetBearsClocks(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	taken(b, 1, 1000, now)
	now = now.Add(-24 * time.Hour)
	taken(b, 1, 1, now)
	if taken(b, 1, 1, now.Add(time.Minute)) != 1 {
		t.Error("nothing is kept a minute after the clock was stepped back")
	}
}

// TestBodyBudgetReservesHalf: an endpoint that has used up half of its own budget may
// not use the second half of the server's, and one that has not may.
func TestBodyBudgetReservesHalf(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	for e := range webhook.EndpointNumber(ServerBodyBurst / EndpointBodyBurst) {
		taken(b, e+1, EndpointBodyBurst/someBody, now) // until half of the server's is left
	}
	for _, c := range []struct {
		reason string
		e      webhook.EndpointNumber
		want   bool
	}{
		{"a greedy endpoint", 1, false},
		{"an endpoint that kept nothing", 1000, true},
		{"the same again, within half of its own", 1000, true},
	} {
		if got := b.Take(c.e, someBody, now); got != c.want {
			t.Errorf("%s: %v", c.reason, got)
		}
	}
}

// TestBodyBudgetRefusalsCostNothing: what was not kept does not count.
func TestBodyBudgetRefusalsCostNothing(t *testing.T) {
	b, now := NewBodyBudget(), time.Unix(1_800_000_000, 0)
	for range 100 {
		if b.Take(1, EndpointBodyBurst+1, now) {
			t.Fatal("more than an endpoint's burst is kept at once")
		}
	}
	if !b.Take(1, EndpointBodyBurst, now) {
		t.Error("refused bodies have used up the budget")
	}
}

// TestBucket: the rate holds however the time is cut up, down to parts of a byte.
func TestBucket(t *testing.T) {
	const burst, rate = 1000, 10
	for _, step := range []time.Duration{time.Millisecond, 7 * time.Millisecond, time.Second, time.Minute} {
		b, now := bucket{}, time.Unix(1_800_000_000, 0)
		b.fill(now, burst, rate)
		b.left = 0
		for spent := time.Duration(0); spent < 50*time.Second; spent += step {
			now = now.Add(step)
			b.fill(now, burst, rate)
		}
		want := min(int(now.Sub(time.Unix(1_800_000_000, 0)).Seconds()*rate), burst)
		if b.left < want-1 || b.left > want {
			t.Errorf("in steps of %s: %d bytes, want %d", step, b.left, want)
		}
	}
}

// TestBound: a response keeps what there is room for, and the caller's attempt stays as
// it was.
func TestBound(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		response, location int
		full               bool // no room is left
		kept, taken        int  // bytes of the response; of the budget
	}{
		"a short response":           {webhook.MaxShortResponse, 9, false, webhook.MaxShortResponse, 0},
		"a short one without room":   {webhook.MaxShortResponse, 9, true, webhook.MaxShortResponse, 0},
		"a long one":                 {5000, 9, false, 5000, 5000},
		"a long one without room":    {5000, 9, true, webhook.MaxShortResponse, 0},
		"a long Location beside one": {5000, 1000, false, 5000, 6000},
		"no response":                {0, 0, true, 0, 0},
	} {
		b := NewBodyBudget()
		if c.full {
			b.Kept(MaxKeptBodies + 1)
		}
		attempts := []webhook.Attempt{{Number: 1}, {Number: 2, Response: make([]byte, c.response), Location: string(make([]byte, c.location))}}
		d := webhook.Delivery{ID: webhook.ID{Seq: 1, Endpoint: 1}, Attempts: 2, AttemptLog: attempts}
		bounded, taken := b.Bound(d, now)
		last := bounded.LastAttempt()
		if taken != c.taken || len(bounded.AttemptLog) != 1 || last.Number != 2 || len(last.Response) != c.kept {
			t.Errorf("%s: %d bytes taken, %d kept of attempt %d; want %d, %d", name, taken, len(last.Response), last.Number, c.taken, c.kept)
		}
		if cut := c.kept < c.response; last.ResponseTruncated != cut {
			t.Errorf("%s: truncated is %t", name, last.ResponseTruncated)
		}
		if len(d.AttemptLog) != 2 || len(attempts[1].Response) != c.response || attempts[1].ResponseTruncated {
			t.Errorf("%s: the caller's attempt was changed", name)
		}
		if b.waiting != taken {
			t.Errorf("%s: %d bytes wait for their commit, taken were %d", name, b.waiting, taken)
		}
	}
	if bounded, taken := NewBodyBudget().Bound(webhook.Delivery{Attempts: 3}, now); taken != 0 || bounded.AttemptLog != nil {
		t.Errorf("without an attempt: %+v, %d bytes", bounded, taken)
	}
}
