package webhook

import "testing"

func TestFailureRatio(t *testing.T) {
	for _, c := range []struct {
		reason string
		tally  Tally
		want   float64
	}{
		{"no attempts", Tally{}, 0},
		{"no failure", Tally{Successes: 3}, 0},
		{"failures only", Tally{Failures: 3}, 1},
		{"some", Tally{Successes: 3, Failures: 1}, 0.25},
	} {
		if got := c.tally.FailureRatio(); got != c.want {
			t.Errorf("%s: %v, want %v", c.reason, got, c.want)
		}
	}
}
