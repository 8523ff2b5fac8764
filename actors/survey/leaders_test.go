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
	if len(r.ages) >= 2*MaxLeaders || cap(r.ages) > 4*MaxLeaders {
		t.Errorf("%d endpoints are kept in memory for %d", len(r.ages), cap(r.ages))
	}
	if err := r.End(noon, named); err != nil {
		t.Fatal(err)
	}
	found := s.Findings().Standing
	for i := range MaxLeaders {
		if w := found[webhook.ByPending][i]; w.Pending != int64(endpoints-1-i) || pending[w.Endpoint.Endpoint-1] != endpoints-1-i {
			t.Fatalf("by backlog, %d: %+v", i, w)
		}
		if w := found[webhook.ByAge][i]; w.Pending != int64(i) {
			t.Fatalf("by age, %d: %+v", i, w)
		}
	}
	if n := len(found[webhook.ByPending]); n != MaxLeaders {
		t.Errorf("%d are listed", n)
	}
}

// TestFailingInOrder: those that failed are in order of the part that failed, for an hour.
func TestFailingInOrder(t *testing.T) {
	s := New(3, noon)
	s.Registered(2, "", webhook.EndpointPaused)
	s.Attempted(1, webhook.Tally{Successes: 90, Failures: 10}, noon)
	s.Attempted(2, webhook.Tally{Failures: 50}, noon)
	s.Attempted(3, webhook.Tally{Successes: 1, Failures: 1}, noon.Add(-time.Hour))
	got := s.Failing(noon)
	if len(got) != 2 || got[0].Endpoint.Endpoint != 2 || got[0].Status != webhook.EndpointPaused || got[1].Attempts.Failures != 10 {
		t.Errorf("%+v", got)
	}
}
