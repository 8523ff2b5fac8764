package webhook

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWaitingOf(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	soon, later := now.Add(time.Minute), now.Add(time.Hour)
	id := ID{Seq: 1, Endpoint: 1}
	breaker := Waiting{For: WaitBreaker, Until: soon}
	for _, c := range []struct {
		why    string
		d      Delivery
		status EndpointStatus
		p      Progress
		want   Waiting
	}{
		{"what is finished waits for nothing", Delivery{Status: Failed}, EndpointActive, Progress{Waiting: breaker}, Waiting{}},
		{
			"nor what is in flight",
			Delivery{Status: Queued},
			EndpointActive,
			Progress{Started: map[ID]time.Time{id: now}, Waiting: breaker},
			Waiting{},
		},
		{"the endpoint's cause", Delivery{Status: Queued}, EndpointActive, Progress{Waiting: breaker}, breaker},
		{"nothing is known", Delivery{Status: Queued}, EndpointActive, Progress{}, Waiting{For: WaitTurn}},
		{"a pause counts before all", Delivery{Status: Retrying, NextAttemptAt: DueAt(later)}, EndpointPaused, Progress{Waiting: breaker}, Waiting{For: WaitPause}},
		{"so does disabling", Delivery{Status: Queued}, EndpointDisabled, Progress{Waiting: breaker}, Waiting{For: WaitDisabled}},
		{"a test goes through a pause", Delivery{Status: Queued}, EndpointPaused, Progress{ByHand: []ID{id}}, Waiting{For: WaitTurn}},
		{"by hand goes through a breaker", Delivery{Status: Queued}, EndpointActive, Progress{ByHand: []ID{id}, Waiting: breaker}, Waiting{For: WaitTurn}},
		{
			"a retry that is due after the breaker",
			Delivery{Status: Retrying, NextAttemptAt: DueAt(later)},
			EndpointActive,
			Progress{Waiting: breaker},
			Waiting{For: WaitRetryTime, Until: DueAt(later).Time()},
		},
		{
			"a retry that is due before it",
			Delivery{Status: Retrying, NextAttemptAt: DueAt(now.Add(time.Second))},
			EndpointActive,
			Progress{Waiting: breaker},
			breaker,
		},
		{
			"a retry that is not due needs no turn",
			Delivery{Status: Retrying, NextAttemptAt: DueAt(soon)},
			EndpointActive,
			Progress{Waiting: Waiting{For: WaitTurn}},
			Waiting{For: WaitRetryTime, Until: DueAt(soon).Time()},
		},
		{"one that is due does", Delivery{Status: Retrying, NextAttemptAt: DueAt(now)}, EndpointActive, Progress{}, Waiting{For: WaitTurn}},
	} {
		c.d.ID = id
		if got := c.p.Of(&c.d, c.status, now); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.why, got, c.want)
		}
	}
}

func TestWaitingOfNext(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	later := now.Add(time.Hour)
	hold := Waiting{For: WaitHold, Until: now.Add(time.Minute)}
	for _, c := range []struct {
		why      string
		w        Waiting
		backlog  Backlog
		status   EndpointStatus
		inFlight int
		want     Waiting
	}{
		{"nothing is pending", hold, Backlog{}, EndpointActive, 0, Waiting{}},
		{"all that is pending is in flight", hold, Backlog{Queued: 2}, EndpointActive, 2, Waiting{}},
		{"one waits", hold, Backlog{Queued: 3}, EndpointActive, 2, hold},
		{"only a retry", Waiting{}, Backlog{Retrying: 1, NextRetryAt: later}, EndpointActive, 0, Waiting{WaitRetryTime, later}},
		{"a retry behind what is queued", Waiting{}, Backlog{Queued: 1, Retrying: 1, NextRetryAt: later}, EndpointActive, 0, Waiting{For: WaitTurn}},
		{"paused", hold, Backlog{Queued: 1}, EndpointPaused, 0, Waiting{For: WaitPause}},
		{"disabled", Waiting{}, Backlog{Retrying: 1}, EndpointDisabled, 0, Waiting{For: WaitDisabled}},
	} {
		if got := c.w.OfNext(&c.backlog, c.status, c.inFlight, now); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.why, got, c.want)
		}
	}
}

// TestWaitingAlwaysHasACause: whoever looks at a pending delivery that is not in flight learns
// what it waits for, and a time that it is told lies ahead.
func TestWaitingAlwaysHasACause(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := rand.New(rand.NewPCG(9, 10))
	causes := []Wait{WaitNone, WaitBreaker, WaitHold, WaitRate, WaitSlot, WaitTurn}
	seen := map[Wait]bool{}
	for range 5000 {
		id := ID{Seq: 1 + r.Uint64N(3), Endpoint: 1}
		d := Delivery{ID: id, Status: Statuses[r.IntN(len(Statuses))]}
		if d.Status == Retrying {
			d.NextAttemptAt = DueAt(now.Add(time.Duration(r.Int64N(int64(2*time.Hour))) - time.Hour))
		}
		p := Progress{Waiting: Waiting{For: causes[r.IntN(len(causes))]}}
		if p.Waiting.For == WaitBreaker || p.Waiting.For == WaitHold || p.Waiting.For == WaitRate {
			p.Waiting.Until = now.Add(1 + time.Duration(r.Int64N(int64(time.Hour))))
		}
		inFlight := r.IntN(4) == 0
		if inFlight {
			p.Started = map[ID]time.Time{id: now}
		}
		if r.IntN(4) == 0 {
			p.ByHand = []ID{{Seq: 9}, id}
		}
		status := []EndpointStatus{EndpointActive, EndpointPaused, EndpointDisabled}[r.IntN(3)]
		got := p.Of(&d, status, now)
		seen[got.For] = true
		if waits := !inFlight && !d.Status.Finished(); waits != (got.For != WaitNone) {
			t.Fatalf("%+v of %+v, in flight %v: waits for %q", d, p, inFlight, got.For)
		}
		if !got.Until.IsZero() && !got.Until.After(now) {
			t.Fatalf("%+v of %+v: waits for %q until %v, which is over", d, p, got.For, got.Until)
		}
		if got.For == WaitRetryTime && !got.Until.Equal(d.NextAttemptAt.Time()) {
			t.Fatalf("%+v: its retry is due at %v, not %v", d, d.NextAttemptAt.Time(), got.Until)
		}
	}
	for _, cause := range append(causes, WaitPause, WaitDisabled, WaitRetryTime) {
		if !seen[cause] {
			t.Errorf("nothing waited for %q", cause)
		}
	}
}
