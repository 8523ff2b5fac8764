package survey

import (
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// noted returns the numbers of a list.
func noted(r webhook.Ranking) (list []webhook.EndpointNumber) {
	for i := range r.Endpoints {
		list = append(list, r.Endpoints[i].Endpoint.Endpoint)
	}
	return list
}

// TestNoted: each list has the endpoints that may be in its state, newest first, for an hour,
// until they are deleted or have another receiver.
func TestNoted(t *testing.T) {
	s := New(3, noon)
	s.Attempted(1, webhook.Tally{Successes: 1, Failures: 9}, noon)
	s.Attempted(2, webhook.Tally{Successes: 99, Failures: 1}, noon)
	s.Attempted(3, webhook.Tally{Failures: 9}, noon.Add(-time.Hour))
	s.Slow(1, noon)
	s.Slow(4, noon)
	s.Slow(5, noon.Add(-time.Hour))
	r := s.NewRound()
	for n := range webhook.EndpointNumber(8) {
		w := queued(n+1, time.Minute)
		if n+1 == 2 || n+1 == 7 {
			w.Gate.OpenUntil = noon
		}
		r.Look(w, 1)
	}
	if err := r.End(noon, named); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		reason string
		change func()
		want   map[webhook.Order][]webhook.EndpointNumber
	}{
		{"as noted", func() {}, map[webhook.Order][]webhook.EndpointNumber{
			webhook.ByOpen: {7, 2, 1}, webhook.ByFailing: {1}, webhook.BySlow: {4, 1},
		}},
		{"another receiver", func() { s.Forget(1) }, map[webhook.Order][]webhook.EndpointNumber{
			webhook.ByOpen: {7, 2}, webhook.ByFailing: nil, webhook.BySlow: {4},
		}},
		{"deleted", func() { s.Registered(4, webhook.EndpointActive, "") }, map[webhook.Order][]webhook.EndpointNumber{
			webhook.ByOpen: {7, 2}, webhook.ByFailing: nil, webhook.BySlow: nil,
		}},
	} {
		step.change()
		for by, want := range step.want {
			if got := s.Noted(by, s.Findings(), noon); !slices.Equal(noted(got), want) || got.Truncated {
				t.Errorf("%s, %s: %v, truncated %t; want %v", step.reason, by, noted(got), got.Truncated, want)
			}
		}
	}
	if len(s.slow) != 0 || len(s.failing) != 1 {
		t.Errorf("%d slow ones and %d failing ones are in memory", len(s.slow), len(s.failing))
	}
}

// TestNotedIsBounded: more than a list has room for are cut off, which is said, and the newest
// ones stay; what is slow without end takes bounded memory.
func TestNotedIsBounded(t *testing.T) {
	s := New(3, noon)
	for n := range webhook.EndpointNumber(MaxLeaders + 1) {
		s.Slow(n+1, noon)
	}
	got := s.Noted(webhook.BySlow, nil, noon)
	if list := noted(got); !got.Truncated || len(list) != MaxLeaders || list[0] != MaxLeaders+1 || list[MaxLeaders-1] != 2 {
		t.Errorf("%d, truncated %t", len(list), got.Truncated)
	}
	for n := range webhook.EndpointNumber(maxFailing + 10) {
		s.Slow(n+1, noon)
	}
	if len(s.slow) != maxFailing {
		t.Errorf("%d are in memory", len(s.slow))
	}
}
