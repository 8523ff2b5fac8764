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
type leaders []keyed

// keyed is an endpoint with the key by which it is compared.
type keyed struct {
	key float64
	sight
}

func (s *leaders) put(key float64, seen *sight) {
	if *s = append(*s, keyed{key, *seen}); len(*s) == 2*MaxLeaders {
		s.cut()
	}
}

// cut brings the endpoints in order, and drops those beyond MaxLeaders.
func (s *leaders) cut() {
	slices.SortFunc(*s, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.number, b.number))
	})
	*s = (*s)[:min(len(*s), MaxLeaders)]
}

// best returns the endpoints in order.
func (s *leaders) best() []webhook.Summary {
	s.cut()
	out := make([]webhook.Summary, len(*s))
	for i := range *s {
		out[i] = (*s)[i].Summary
		out[i].Endpoint.Endpoint = (*s)[i].number
	}
	return out
}

// Failing returns up to MaxLeaders endpoints with failed attempts in the last hour, in the
// order of webhook.ByFailures and the form of Findings.Ranked, with their attempts only.
func (s *Survey) Failing(now time.Time) []webhook.Summary {
	var list leaders
	s.mu.Lock()
	for n, f := range s.failing {
		if now.Sub(f.at) < failuresKept {
			list.put(weight(f.Tally), &sight{n, webhook.Summary{Status: cmp.Or(s.held[n], webhook.EndpointActive), Attempts: f.Tally}})
		}
	}
	s.mu.Unlock()
	return list.best()
}
