package survey

import (
	"cmp"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// SlowFrom is the time to an answer from which its endpoint may be slow: all answers whose
// time is shown as a second or longer take longer.
const SlowFrom = 750 * time.Millisecond

// Slow notes that an endpoint's receiver took SlowFrom or longer to answer. What answers
// sooner needs no call.
func (s *Survey) Slow(n webhook.EndpointNumber, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.slow[n]; known || len(s.slow) < maxFailing {
		s.slow[n] = at
	}
}

// Noted returns up to MaxLeaders endpoints, newest first, among which all are that have a
// state: for webhook.ByOpen those with a failed attempt in the last hour, and those whose
// breaker was found open in a round; for webhook.ByFailing those of whose attempts enough
// failed; for webhook.BySlow those that took long to answer in the last hour.
func (s *Survey) Noted(by webhook.Order, found *Findings, now time.Time) (r webhook.Ranking) {
	var numbers []webhook.EndpointNumber
	s.mu.Lock()
	switch by {
	case webhook.BySlow:
		r.Truncated = len(s.slow) == maxFailing
		for n, at := range s.slow {
			if now.Sub(at) < failuresKept {
				numbers = append(numbers, n)
			}
		}
	default:
		r.Truncated = len(s.failing) == maxFailing
		for n, f := range s.failing {
			if now.Sub(f.at) < failuresKept && (by == webhook.ByOpen || f.FailureRatio() >= leastRatio) {
				numbers = append(numbers, n)
			}
		}
	}
	s.mu.Unlock()
	if by == webhook.ByOpen {
		open := found.Standing[webhook.ByOpen]
		r.Truncated = r.Truncated || open.Truncated
		for i := range open.Endpoints {
			numbers = append(numbers, open.Endpoints[i].Endpoint.Endpoint)
		}
	}
	slices.SortFunc(numbers, func(a, b webhook.EndpointNumber) int { return cmp.Compare(b, a) })
	numbers = slices.Compact(numbers)
	r.Truncated = r.Truncated || len(numbers) > MaxLeaders
	for _, n := range numbers[:min(len(numbers), MaxLeaders)] {
		r.Endpoints = append(r.Endpoints, webhook.Summary{Endpoint: webhook.ID{Endpoint: n}})
	}
	return r
}

// forgetLocked drops what is older than an hour.
func (s *Survey) forgetLocked(now time.Time) {
	for n, f := range s.failing {
		if now.Sub(f.at) >= failuresKept {
			delete(s.failing, n)
		}
	}
	for n, at := range s.slow {
		if now.Sub(at) >= failuresKept {
			delete(s.slow, n)
		}
	}
}
