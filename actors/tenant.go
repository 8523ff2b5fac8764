package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// tenant is what the router knows of one client.
type tenant struct {
	client    string
	endpoints []webhook.EndpointNumber // that are not deleted, ascending
	// patterns are those of the endpoints, as in the index; nil for a few endpoints,
	// which are asked one by one.
	patterns     map[string][]webhook.EndpointNumber
	patternCount int

	// pending is at least what storage counted at countedAt and what was accepted
	// since; limit is how much it may be.
	pending, limit int64
	countedAt      time.Time
	// toldAt is when the log last told that it is full.
	toldAt time.Time
}

// fewEndpoints is up to how many endpoints of a client are asked one by one.
const fewEndpoints = 16

func (t *tenant) takeIn(n webhook.EndpointNumber, patterns []string, all map[webhook.EndpointNumber]indexed) {
	t.endpoints = withNumber(t.endpoints, n)
	t.patternCount += len(patterns)
	if t.patterns == nil && len(t.endpoints) > fewEndpoints {
		t.patterns = make(map[string][]webhook.EndpointNumber)
		for _, other := range t.endpoints {
			for _, pattern := range all[other].patterns {
				if other != n {
					insert(t.patterns, pattern, other)
				}
			}
		}
	}
	if t.patterns != nil {
		for _, pattern := range patterns {
			insert(t.patterns, pattern, n)
		}
	}
	t.countedAt = time.Time{}
}

func (t *tenant) takeOut(n webhook.EndpointNumber, patterns []string) {
	t.endpoints = withoutNumber(t.endpoints, n)
	t.patternCount -= len(patterns)
	if t.patterns != nil {
		for _, pattern := range patterns {
			remove(t.patterns, pattern, n)
		}
	}
	t.countedAt = time.Time{}
}

// A client's pending deliveries are counted again after countAge, because of what was
// delivered or replayed meanwhile; and after countPause where it seems to have too many.
const (
	countAge   = time.Second
	countPause = 10 * time.Millisecond
)

// full reports whether a client has as many pending deliveries as it may have.
func (r *router) full(t *tenant, now time.Time) bool {
	age := now.Sub(t.countedAt)
	if age >= countAge || t.pending >= t.limit && age >= countPause {
		t.pending, t.countedAt = r.shared.store.PendingOf(t.endpoints), now
		t.limit = r.shared.options.ClientLimits(t.client).OrNone().Pending
	}
	if t.pending < t.limit {
		return false
	}
	if now.Sub(t.toldAt) >= fullLogged {
		t.toldAt = now
		r.shared.log.Warn("a client has as many pending deliveries as it may have: events for it alone are refused, its deliveries of others are withheld",
			"client_id", t.client, "pending", t.pending, "setting", webhook.LimitPending)
	}
	return true
}

// fullLogged is how often the log names one client that is full.
const fullLogged = time.Minute

// fullError is the answer to one who publishes to a client that has too much pending.
func (t *tenant) fullError() error {
	return &webhook.RetryAfterError{After: 10 * time.Second, Err: &webhook.LimitError{
		Client: t.client, Setting: webhook.LimitPending, Max: t.limit, Has: t.pending, Cause: webhook.ErrTooManyPending,
	}}
}

// checkVolume refuses an event for one client that has had too many bytes of them.
func (r *router) checkVolume(e *webhook.Event, now time.Time) error {
	if e.ClientID == "" {
		return nil
	}
	perDay := r.shared.options.ClientLimits(e.ClientID).Bytes
	if perDay <= 0 {
		return nil
	}
	bytes := int64(len(e.Data)) + eventOverhead
	wait := r.volumes.Take(e.ClientID, bytes, perDay, now)
	if wait == 0 {
		return nil
	}
	return &webhook.RetryAfterError{After: wait, Err: &webhook.LimitError{
		Client: e.ClientID, Setting: webhook.LimitBytes, Max: perDay, Has: perDay, Cause: webhook.ErrShareUsed,
	}}
}
