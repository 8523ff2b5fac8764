package badgerstore

import (
	"slices"
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// backlog counts what is pending, per endpoint and in total. The total is right
// from Open on: it is stored with each commit. Per endpoint it is what a census
// finds after Open, and what every committed change adds and removes; the two may
// arrive in any order.
type backlog struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]pending
	total      int64
}

// pending counts deliveries. While the census runs, a count can be below zero.
type pending struct{ queued, retrying int64 }

func newBacklog() *backlog {
	return &backlog{byEndpoint: map[webhook.EndpointNumber]pending{}}
}

func (b *backlog) apply(changes []*change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range changes {
		b.total += c.pending()
		for i := range c.moves {
			m := &c.moves[i]
			b.addLocked(m.id.Endpoint, pending{int64(m.queued), int64(m.retrying)})
		}
	}
}

func (b *backlog) add(n webhook.EndpointNumber, p pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addLocked(n, p)
}

func (b *backlog) addLocked(n webhook.EndpointNumber, p pending) {
	sum := b.byEndpoint[n]
	sum.queued += p.queued
	sum.retrying += p.retrying
	if sum == (pending{}) {
		delete(b.byEndpoint, n)
		return
	}
	b.byEndpoint[n] = sum
}

// of gives an endpoint's counts.
func (b *backlog) of(n webhook.EndpointNumber) pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byEndpoint[n]
	return pending{max(p.queued, 0), max(p.retrying, 0)}
}

// sumOf returns what some endpoints have together.
func (b *backlog) sumOf(endpoints []webhook.EndpointNumber) (sum int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range endpoints {
		p := b.byEndpoint[n]
		sum += max(p.queued, 0) + max(p.retrying, 0)
	}
	return sum
}

// from returns the endpoints with something pending from a number on, ascending.
func (b *backlog) from(first webhook.EndpointNumber) (found []webhook.EndpointNumber) {
	b.mu.Lock()
	for n := range b.byEndpoint {
		if n >= first {
			found = append(found, n)
		}
	}
	b.mu.Unlock()
	slices.Sort(found)
	return found
}

// start sets the count of all that is pending, before anything is committed.
func (b *backlog) start(total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total = total
}

func (b *backlog) sum() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.total, 0)
}
