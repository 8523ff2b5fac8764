package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// tenant is what the router knows about one client that has endpoints.
type tenant struct {
	client    string
	endpoints []webhook.EndpointNumber // that are not deleted, ascending
	// patterns lists the endpoints by pattern, as the index does for all clients; nil for
	// up to fewEndpoints, which match asks one by one.
	patterns     map[string][]webhook.EndpointNumber
	patternCount int

	// pending is the number of pending deliveries that storage counted at countedAt,
	// and of those accepted since; limit is the largest number allowed. Deliveries that
	// end meanwhile are not subtracted, so pending errs on the safe side.
	pending, limit int64
	countedAt      time.Time
	// loggedAt is when the log last named the client as full.
	loggedAt time.Time
}

// fewEndpoints is the number of endpoints up to which a client has no map of patterns:
// most clients have few, and a map for each would cost more memory than it saves time.
const fewEndpoints = 16

// insert adds an endpoint, whose patterns all may not hold yet; remove undoes it.
func (t *tenant) insert(n webhook.EndpointNumber, patterns []string, all map[webhook.EndpointNumber]indexed) {
	t.endpoints = withNumber(t.endpoints, n)
	t.patternCount += len(patterns)
	if t.patterns == nil && len(t.endpoints) > fewEndpoints {
		t.patterns = make(map[string][]webhook.EndpointNumber)
		for _, other := range t.endpoints {
			for _, pattern := range all[other].patterns {
				if other != n {
					insertNumber(t.patterns, pattern, other)
				}
			}
		}
	}
	if t.patterns != nil {
		for _, pattern := range patterns {
			insertNumber(t.patterns, pattern, n)
		}
	}
	t.countedAt = time.Time{}
}

func (t *tenant) remove(n webhook.EndpointNumber, patterns []string) {
	t.endpoints = withoutNumber(t.endpoints, n)
	t.patternCount -= len(patterns)
	if t.patterns != nil {
		for _, pattern := range patterns {
			removeNumber(t.patterns, pattern, n)
		}
	}
	t.countedAt = time.Time{}
}

const (
	// countAge is the age at which a client's count of pending deliveries is replaced
	// by a fresh one, because deliveries end and are replayed without the router.
	countAge = time.Second
	// countPause is the least time between two counts while a client seems to be full:
	// a refusal should be right, and counting for each event would be too slow.
	countPause = 10 * time.Millisecond
)

// full reports whether a client has as many pending deliveries as it may have. It
// counts them in storage, from counters in memory, if its own count is too old.
func (r *router) full(t *tenant, now time.Time) bool {
	age := now.Sub(t.countedAt)
	if age >= countAge || t.pending >= t.limit && age >= countPause {
		t.pending, t.countedAt = r.shared.store.PendingOf(t.endpoints), now
		t.limit = r.shared.options.ClientLimits(t.client).OrNone().Pending
	}
	if t.pending < t.limit {
		return false
	}
	if now.Sub(t.loggedAt) >= fullLogged {
		t.loggedAt = now
		r.shared.log.Warn("a client has as many pending deliveries as it may have: events for it alone are refused, its deliveries of others are withheld",
			"client_id", t.client, "pending", t.pending, "setting", webhook.LimitPending)
	}
	return true
}

// fullLogged is the least time between two log lines about one full client.
const fullLogged = time.Minute

// fullError is the error of a publication to a client that has too much pending.
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

// checkPending returns the error with which an event to an endpoint's client would be
// refused now.
func (r *router) checkPending(n webhook.EndpointNumber) error {
	if t := r.index.endpoints[n].owner; t != nil && r.full(t, time.Now()) {
		return t.fullError()
	}
	return nil
}
