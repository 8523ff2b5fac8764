package loadgen

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacerKeepsItsSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		out := make(chan turn)
		go pacer{start: start, rate: 500, count: 1000}.run(t.Context(), time.Sleep, out)
		want := 0
		for got := range out {
			due := start.Add(time.Duration(want) * 2 * time.Millisecond)
			if got.n != want || !got.due.Equal(due) || !time.Now().Equal(due) {
				t.Fatalf("turn %d is due at %s and came at %s, want turn %d at %s",
					got.n, got.due.Sub(start), time.Since(start), want, due.Sub(start))
			}
			want++
		}
		if want != 1000 {
			t.Errorf("%d turns, want 1000", want)
		}
	})
}

// A consumer that stalls must find the turns that came due meanwhile, at the
// times when they were due: else a server that stalls would look fast.
func TestPacerChargesAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		out := make(chan turn)
		go pacer{start: start, rate: 100, count: 300}.run(t.Context(), time.Sleep, out)
		var longest, total time.Duration
		for got := range out {
			if got.n == 100 {
				time.Sleep(time.Second)
			}
			late := time.Since(got.due)
			longest = max(longest, late)
			total += late
		}
		if longest != time.Second {
			t.Errorf("the longest wait is %s, want the whole stall", longest)
		}
		// 100 turns came due in the stall, evenly: half of it each, on average.
		if want := 50*time.Second + 500*time.Millisecond; total != want {
			t.Errorf("the waits sum up to %s, want %s", total, want)
		}
		if time.Since(start) != 2990*time.Millisecond {
			t.Errorf("the schedule ended after %s", time.Since(start))
		}
	})
}

// Rounding must not add up: after an hour the schedule is where it should be.
func TestPacerDoesNotDrift(t *testing.T) {
	start := time.Unix(1000, 0)
	p := pacer{start: start, rate: 3} // a third of a second is no whole number of nanoseconds
	for n, want := range map[int]time.Duration{0: 0, 3: time.Second, 3 * 3600: time.Hour, 3 * 86400: 24 * time.Hour} {
		if got := p.due(n).Sub(start); (got - want).Abs() > time.Microsecond {
			t.Errorf("request %d is due after %s, want %s", n, got, want)
		}
	}
}

// A schedule hands no request out early, on a real clock either.
func TestSleepOnThread(t *testing.T) {
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 3 * time.Millisecond} {
		begin := time.Now()
		sleepOnThread(d)
		if took := time.Since(begin); took < d {
			t.Errorf("slept %s of %s", took, d)
		}
	}
}

func TestPacerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		out := make(chan turn)
		go pacer{start: time.Now(), rate: 1, count: 1000}.run(ctx, time.Sleep, out)
		<-out
		cancel()
		for range out {
			t.Error("a turn after the end")
		}
	})
}
