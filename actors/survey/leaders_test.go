package survey

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestStanding: a round of many endpoints leaves those with the largest backlog, and the
// oldest ones, in order, in memory that is bounded.
func TestStanding(t *testing.T) {
	const endpoints = 5 * MaxLeaders
	s := New(3, noon)
	r := s.NewRound()
	random := rand.New(rand.NewPCG(1, 2))
	pending := random.Perm(endpoints)
	for n, p := range pending {
		r.Look(queued(webhook.EndpointNumber(n+1), time.Duration(endpoints-p)*time.Second), int64(p))
	}
	if len(r.ages.list) >= 2*MaxLeaders || cap(r.ages.list) > 4*MaxLeaders {
		t.Errorf("%d endpoints are kept in memory for %d", len(r.ages.list), cap(r.ages.list))
	}
	if err := r.End(noon, named); err != nil {
		t.Fatal(err)
	}
	found := s.Findings().Standing
	for i := range MaxLeaders {
		if w := found[webhook.ByPending].Endpoints[i]; w.Pending != int64(endpoints-1-i) || pending[w.Endpoint.Endpoint-1] != endpoints-1-i {
			t.Fatalf("by backlog, %d: %+v", i, w)
		}
		if w := found[webhook.ByAge].Endpoints[i]; w.Pending != int64(i) {
			t.Fatalf("by age, %d: %+v", i, w)
		}
	}
	if all := found[webhook.ByPending]; len(all.Endpoints) != MaxLeaders || !all.Truncated {
		t.Errorf("%d are listed, truncated %t", len(all.Endpoints), all.Truncated)
	}
	for n := range webhook.EndpointNumber(MaxLeaders) {
		r.Look(queued(n+1, time.Second), 1)
	}
	if err := r.End(noon, named); err != nil {
		t.Fatal(err)
	}
	if all := s.Findings().Standing[webhook.ByAge]; len(all.Endpoints) != MaxLeaders || all.Truncated {
		t.Errorf("of a round that fits %d are listed, truncated %t", len(all.Endpoints), all.Truncated)
	}
}

// TestPartial: what a part of a round has seen is told apart, and takes the place of nothing.
func TestPartial(t *testing.T) {
	s := New(3, noon)
	r := s.NewRound()
	r.Look(queued(7, time.Hour), 5)
	found := r.Partial(noon)
	if !found.Partial || found.Rounds != 0 || len(found.Ranked[webhook.ByAge]) != 1 || found.Standing[webhook.ByAge].Endpoints[0].Endpoint.Endpoint != 7 {
		t.Errorf("%+v", found)
	}
	if kept := s.Findings(); kept.Partial || len(kept.Ranked) > 0 {
		t.Errorf("the survey keeps %+v", kept)
	}
}

// TestFailingInOrder: those that failed are in order of the part that failed, for an hour.
func TestFailingInOrder(t *testing.T) {
	s := New(3, noon)
	s.Registered(2, "", webhook.EndpointPaused)
	s.Attempted(1, webhook.Tally{Successes: 90, Failures: 10}, noon)
	s.Attempted(2, webhook.Tally{Failures: 50}, noon)
	s.Attempted(3, webhook.Tally{Successes: 1, Failures: 1}, noon.Add(-time.Hour))
	all := s.Failing(noon)
	got := all.Endpoints
	if all.Truncated {
		t.Error("three endpoints are too many")
	}
	if len(got) != 2 || got[0].Endpoint.Endpoint != 2 || got[0].Status != webhook.EndpointPaused || got[1].Attempts.Failures != 10 {
		t.Errorf("%+v", got)
	}
}
