package survey

import (
	"cmp"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// MaxLeaders bounds the endpoints of a list in order, 150 bytes each.
const MaxLeaders = 4096

// leaders keeps the endpoints with the largest keys: twice MaxLeaders, of which the
// smaller half goes whenever they are so many.
type leaders struct {
	list    []keyed
	dropped bool // some did not fit
}

// keyed is an endpoint with the key by which it is compared.
type keyed struct {
	key float64
	sight
}

func (s *leaders) put(key float64, seen *sight) {
	if s.list = append(s.list, keyed{key, *seen}); len(s.list) == 2*MaxLeaders {
		s.cut()
	}
}

// cut brings the endpoints in order, and drops those beyond MaxLeaders.
func (s *leaders) cut() {
	slices.SortFunc(s.list, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.number, b.number))
	})
	s.dropped = s.dropped || len(s.list) > MaxLeaders
	s.list = s.list[:min(len(s.list), MaxLeaders)]
}

// best returns the endpoints in order.
func (s *leaders) best() (r webhook.Ranking) {
	s.cut()
	r.Truncated, r.Endpoints = s.dropped, make([]webhook.Summary, len(s.list))
	for i := range s.list {
		r.Endpoints[i] = s.list[i].Summary
		r.Endpoints[i].Endpoint.Endpoint = s.list[i].number
	}
	return r
}

// Failing returns up to MaxLeaders endpoints with failed attempts in the last hour, in the
// order of webhook.ByFailures, with their attempts only.
func (s *Survey) Failing(now time.Time) webhook.Ranking {
	var list leaders
	s.mu.Lock()
	list.dropped = len(s.failing) == maxFailing
	for n, f := range s.failing {
		if now.Sub(f.at) < failuresKept {
			list.put(f.Weight(), &sight{n, webhook.Summary{Status: cmp.Or(s.held[n], webhook.EndpointActive), Attempts: f.Tally}})
		}
	}
	s.mu.Unlock()
	return list.best()
}
