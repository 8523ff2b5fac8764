package badgerstore

import (
	"slices"
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// backlog counts pending deliveries, in total and per endpoint. The total is exact from
// Open on, because each commit stores it. The counts per endpoint are the sum of what
// the pendingCount finds after Open and of what each committed change adds and removes;
// the two may arrive in any order.
type backlog struct {
	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]pending
	total      int64
}

// pending counts deliveries of an endpoint. While the pendingCount runs, a count can be
// below zero: a delivery may leave before it was counted.
type pending struct{ queued, retrying int64 }

// newBacklog returns a backlog in which nothing is pending.
func newBacklog() *backlog {
	return &backlog{byEndpoint: map[webhook.EndpointNumber]pending{}}
}

// apply counts what committed changes did.
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

// add counts deliveries that were found.
func (b *backlog) add(n webhook.EndpointNumber, p pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addLocked(n, p)
}

// addLocked keeps no zeros: the map is as large as the number of busy endpoints.
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

// of returns an endpoint's counts.
func (b *backlog) of(n webhook.EndpointNumber) pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byEndpoint[n]
	return pending{max(p.queued, 0), max(p.retrying, 0)}
}

// sumOf returns the sum of some endpoints' counts.
func (b *backlog) sumOf(endpoints []webhook.EndpointNumber) (sum int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range endpoints {
		p := b.byEndpoint[n]
		sum += max(p.queued, 0) + max(p.retrying, 0)
	}
	return sum
}

// from returns the endpoints with pending deliveries from a number on, ascending.
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

// start sets the total that the last commit stored, before anything is committed.
func (b *backlog) start(total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total = total
}

// sum returns the total.
func (b *backlog) sum() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.total, 0)
}
