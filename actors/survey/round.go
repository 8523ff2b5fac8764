package survey

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Findings are what one round of the watchdog found.
type Findings struct {
	// At is when the round ended.
	At time.Time
	// Rounds is how many rounds have ended, this one included; 0 before the first.
	Rounds int64
	// Partial reports that the round has not seen all endpoints.
	Partial bool
	// Oldest has the time at which the oldest delivery at a head was accepted, by the
	// status of its endpoint; there is no entry where nothing is pending.
	Oldest map[webhook.EndpointStatus]time.Time
	// BreakersOpen counts the active endpoints with pending deliveries whose breaker is
	// open or half-open.
	BreakersOpen int
	// Worst are the endpoints that stand out: by the age of what is pending, by how much
	// is pending and by failed attempts in turn, each once.
	Worst []webhook.Summary
	// Standing has up to MaxLeaders endpoints by age, by how much is pending, and of those
	// whose breaker is open or half-open.
	Standing map[webhook.Order]webhook.Ranking
	// Ranked has up to webhook.MaxWorst endpoints in each order, the worst one first, also
	// those that do not stand out. They are not named: of the ID there is the number only.
	Ranked map[webhook.Order][]webhook.Summary
}

const (
	// behind is the age of a pending delivery from which its endpoint may be named. Below
	// it names would change with every round: whoever is at work has something pending.
	behind = time.Minute
	// leastFailures is how many attempts of an hour must have failed before an endpoint is
	// named for them alone, and leastRatio which part.
	leastFailures = 5
	leastRatio    = 0.1
)

// sight is one endpoint as a round sees it.
type sight struct {
	number webhook.EndpointNumber
	webhook.Summary
}

// Round gathers what its owner sees until it has seen all endpoints. It is not safe for
// concurrent use.
type Round struct {
	survey    *Survey
	last      webhook.EndpointNumber // that was seen
	oldest    map[webhook.EndpointStatus]time.Time
	open      int
	byAge     ranking
	byBacklog ranking
	// ages and backlogs are the longer lists.
	ages, backlogs, opened leaders
	// failing are the endpoints that are pending and failed lately: maxFailing at most.
	failing map[webhook.EndpointNumber]sight
}

// NewRound begins a look at all endpoints with pending deliveries.
func (s *Survey) NewRound() *Round {
	return &Round{
		survey:    s,
		oldest:    make(map[webhook.EndpointStatus]time.Time),
		byAge:     ranking{most: s.kept()},
		byBacklog: ranking{most: s.kept()},
		failing:   make(map[webhook.EndpointNumber]sight),
	}
}

// again begins the round from its beginning, in the memory that it has.
func (r *Round) again() {
	next := r.survey.NewRound()
	next.ages.list, next.backlogs.list, next.opened.list = r.ages.list[:0], r.backlogs.list[:0], r.opened.list[:0]
	*r = *next
}

// Look notes an endpoint with pending deliveries; pending is their number. Endpoints come
// in ascending order; one that is not larger than the last one begins the round again, as
// after a failed read.
func (r *Round) Look(w *webhook.Wake, pending int64) {
	s := r.survey
	if w.Endpoint <= r.last {
		r.again()
	}
	r.last = w.Endpoint
	s.mu.Lock()
	status := cmp.Or(s.held[w.Endpoint], webhook.EndpointActive)
	tally, fails := s.failing[w.Endpoint]
	s.mu.Unlock()
	seen := sight{w.Endpoint, webhook.Summary{
		Status: status, Pending: pending, OldestAt: oldestHead(w), OpenUntil: w.Gate.OpenUntil, Attempts: tally.Tally,
	}}
	if known, there := r.oldest[status]; !there || seen.OldestAt.Before(known) {
		r.oldest[status] = seen.OldestAt
	}
	if status == webhook.EndpointActive && !seen.OpenUntil.IsZero() {
		r.open++
	}
	old, large := webhook.ByAge.Key(&seen.Summary), webhook.ByPending.Key(&seen.Summary)
	r.byAge.put(old, &seen)
	r.byBacklog.put(large, &seen)
	r.ages.put(old, &seen)
	r.backlogs.put(large, &seen)
	if !seen.OpenUntil.IsZero() {
		r.opened.put(float64(w.Endpoint), &seen)
	}
	if fails {
		r.failing[w.Endpoint] = seen
	}
}

// oldestHead returns when the older of an endpoint's two heads was accepted.
func oldestHead(w *webhook.Wake) time.Time {
	queued, scheduled := w.Queued, w.Scheduled.ID
	if queued == (webhook.ID{}) || scheduled != (webhook.ID{}) && scheduled.Seq < queued.Seq {
		return scheduled.Time()
	}
	return queued.Time()
}

// End makes the findings of the round, which has seen all endpoints, and begins the next
// one. name returns an endpoint's ID and client; it is called for endpoints that the
// findings before did not name, three times their bound at most. An endpoint that it does
// not find is left out. Its other errors are returned, and that endpoint is left out, too.
func (r *Round) End(now time.Time, name func(webhook.EndpointNumber) (webhook.ID, string, error)) error {
	found, err := r.sum(now, name)
	r.survey.last.Store(found)
	return err
}

// Partial returns the findings of a round that has not seen all endpoints, without names.
// The survey does not keep them.
func (r *Round) Partial(now time.Time) *Findings {
	found, _ := r.sum(now, func(webhook.EndpointNumber) (webhook.ID, string, error) {
		return webhook.ID{}, "", webhook.ErrNotFound
	})
	found.Rounds, found.Partial = r.survey.Findings().Rounds, true
	return found
}

// sum makes the findings of what the round has seen, and begins the next one.
func (r *Round) sum(now time.Time, name func(webhook.EndpointNumber) (webhook.ID, string, error)) (*Findings, error) {
	s := r.survey
	defer r.again()
	failing := s.worstFailing(r, now)
	found := &Findings{At: now, Rounds: s.Findings().Rounds + 1, Oldest: r.oldest, BreakersOpen: r.open, Ranked: map[webhook.Order][]webhook.Summary{
		webhook.ByAge: ranked(r.byAge.best), webhook.ByPending: ranked(r.byBacklog.best), webhook.ByFailures: ranked(failing),
	}}
	found.Standing = map[webhook.Order]webhook.Ranking{webhook.ByAge: r.ages.best(), webhook.ByPending: r.backlogs.best(), webhook.ByOpen: r.opened.best()}
	known := make(map[webhook.EndpointNumber]webhook.Summary)
	for _, w := range s.Findings().Worst {
		known[w.Endpoint.Endpoint] = w
	}
	var failed error
	for _, seen := range inTurn(s.most, behindOnly(r.byAge.best, now), behindOnly(r.byBacklog.best, now), manyFailures(failing)) {
		if named, there := known[seen.number]; there {
			seen.Endpoint, seen.ClientID = named.Endpoint, named.ClientID
		} else if id, client, err := name(seen.number); err == nil {
			seen.Endpoint, seen.ClientID = id, client
		} else {
			if !errors.Is(err, webhook.ErrNotFound) {
				failed = err
			}
			continue
		}
		found.Worst = append(found.Worst, seen.Summary)
	}
	return found, failed
}

// worstFailing returns the endpoints of which the largest part of the attempts failed, and
// drops those that have made none for an hour. It passes all that failed lately, of which
// there are maxFailing at most: 2 ms.
func (s *Survey) worstFailing(r *Round, now time.Time) []sight {
	best := ranking{most: s.kept()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(now)
	for n, f := range s.failing {
		seen, pending := r.failing[n]
		if !pending {
			seen = sight{n, webhook.Summary{Status: cmp.Or(s.held[n], webhook.EndpointActive)}}
		}
		seen.Attempts = f.Tally
		best.put(f.Weight(), &seen)
	}
	return best.best
}

// behindOnly returns those that have waited long enough to be named.
func behindOnly(all []sight, now time.Time) (late []sight) {
	for _, s := range all {
		if now.Sub(s.OldestAt) >= behind {
			late = append(late, s)
		}
	}
	return late
}

// manyFailures returns those of which enough attempts failed to be named for that alone.
func manyFailures(all []sight) (failing []sight) {
	for _, s := range all {
		if s.Attempts.Failures >= leastFailures && s.Attempts.FailureRatio() >= leastRatio {
			failing = append(failing, s)
		}
	}
	return failing
}

// ranked returns the first of a ranking for an overview.
func ranked(best []sight) (out []webhook.Summary) {
	for i := range best[:min(len(best), webhook.MaxWorst)] {
		best[i].Endpoint.Endpoint = best[i].number
		out = append(out, best[i].Summary)
	}
	return out
}

// inTurn takes from several lists the first one, then the second one of each and so on, each
// endpoint once, up to most.
func inTurn(most int, lists ...[]sight) (taken []sight) {
	for i := range most {
		for _, list := range lists {
			if i >= len(list) || len(taken) == most ||
				slices.ContainsFunc(taken, func(t sight) bool { return t.number == list[i].number }) {
				continue
			}
			taken = append(taken, list[i])
		}
	}
	return taken
}

// ranking keeps the few of many endpoints that have the largest keys, in falling order.
type ranking struct {
	most int
	keys []float64
	best []sight // of the same length
}

// put takes an endpoint into the ranking if it belongs there; of those with the same key the
// one with the smallest number comes first, so that two rounds over the same endpoints find
// the same ones. It allocates nothing once the ranking is full.
func (r *ranking) put(key float64, s *sight) {
	at := len(r.keys)
	for at > 0 && (r.keys[at-1] < key || r.keys[at-1] == key && r.best[at-1].number > s.number) {
		at--
	}
	if at == r.most {
		return
	}
	if len(r.keys) == r.most {
		r.keys, r.best = r.keys[:r.most-1], r.best[:r.most-1]
	}
	r.keys, r.best = slices.Insert(r.keys, at, key), slices.Insert(r.best, at, *s)
}
