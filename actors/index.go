package actors

import (
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// index finds the endpoints that an event matches. It belongs to the router, which
// changes it in place: an immutable index that is swapped would cost a copy of
// everything for each endpoint that changes. So a change costs time in proportion to
// the one endpoint's patterns, and nobody else may read the index.
type index struct {
	endpoints map[webhook.EndpointNumber]indexed
	patterns  map[string][]webhook.EndpointNumber // of all clients, each list ascending
	clients   map[string]*tenant                  // those with endpoints that are not deleted
	live      int                                 // endpoints that are not deleted
	// statuses lists the endpoints that are not deleted by status, each list ascending.
	statuses map[webhook.EndpointStatus][]webhook.EndpointNumber
	names    []string // scratch memory of match, to save an allocation
	// registered is called at each change, with the status before and after it; "" for an
	// endpoint that is new or deleted.
	registered func(n webhook.EndpointNumber, was, is webhook.EndpointStatus)
}

// indexed is what the index keeps of an endpoint. A deleted endpoint keeps its entry,
// because its revision makes late news of it harmless.
type indexed struct {
	owner    *tenant  // nil if it was deleted
	patterns []string // nil if it was deleted
	paused   bool
	disabled bool
	revision uint64
}

func newIndex() *index {
	return &index{
		endpoints: make(map[webhook.EndpointNumber]indexed),
		patterns:  make(map[string][]webhook.EndpointNumber),
		clients:   make(map[string]*tenant),
		statuses:  make(map[webhook.EndpointStatus][]webhook.EndpointNumber),

		registered: func(webhook.EndpointNumber, webhook.EndpointStatus, webhook.EndpointStatus) {},
	}
}

// status returns the endpoint's status; "" if it is deleted, or unknown.
func (e *indexed) status() webhook.EndpointStatus {
	switch {
	case e.owner == nil:
		return ""
	case e.paused:
		return webhook.EndpointPaused
	case e.disabled:
		return webhook.EndpointDisabled
	}
	return webhook.EndpointActive
}

// put indexes an endpoint as it is now. Changes may arrive out of order, as several
// goroutines store them: a revision that is not newer is ignored, and put reports false.
func (x *index) put(e *webhook.Endpoint) (newer bool) {
	n := e.Number()
	old, known := x.endpoints[n]
	if known && old.revision >= e.Revision {
		return false
	}
	now := indexed{
		revision: e.Revision,
		paused:   e.Status == webhook.EndpointPaused, disabled: e.Status == webhook.EndpointDisabled,
	}
	if !e.Deleted() {
		now.owner, now.patterns = x.tenant(e.ClientID), e.EventTypes
	}
	if old.owner != now.owner || !slices.Equal(old.patterns, now.patterns) {
		x.remove(n, old)
		x.insert(n, now)
	}
	x.endpoints[n] = now
	if was, is := old.status(), now.status(); was != is {
		x.statuses[was] = withoutNumber(x.statuses[was], n)
		if is != "" {
			x.statuses[is] = withNumber(x.statuses[is], n)
		}
	}
	x.registered(n, old.status(), now.status())
	return true
}

// tenant returns the client with a name, and makes it if need be.
func (x *index) tenant(client string) *tenant {
	t := x.clients[client]
	if t == nil {
		t = &tenant{client: client}
		x.clients[client] = t
	}
	return t
}

// insert adds an endpoint to the lists of its patterns; remove undoes it.
func (x *index) insert(n webhook.EndpointNumber, e indexed) {
	if e.owner == nil {
		return
	}
	x.live++
	x.clients[e.owner.client] = e.owner // put may just have removed its last endpoint
	for _, pattern := range e.patterns {
		insertNumber(x.patterns, pattern, n)
	}
	e.owner.insert(n, e.patterns, x.endpoints)
}

func (x *index) remove(n webhook.EndpointNumber, e indexed) {
	if e.owner == nil {
		return
	}
	x.live--
	for _, pattern := range e.patterns {
		removeNumber(x.patterns, pattern, n)
	}
	if e.owner.remove(n, e.patterns); len(e.owner.endpoints) == 0 {
		delete(x.clients, e.owner.client)
	}
}

// match returns the endpoints that an event matches, disabled ones too, ascending. The
// slice is the caller's.
func (x *index) match(e *webhook.Event) []webhook.EndpointNumber {
	x.names = webhook.AppendPatterns(x.names[:0], e.Type)
	if e.ClientID == "" {
		return matchLists(x.patterns, x.names)
	}
	t := x.clients[e.ClientID]
	switch {
	case t == nil:
		return nil
	case t.patterns != nil:
		return matchLists(t.patterns, x.names)
	}
	var found []webhook.EndpointNumber
	for _, n := range t.endpoints {
		if slices.ContainsFunc(x.endpoints[n].patterns, func(p string) bool { return webhook.MatchType(p, e.Type) }) {
			found = append(found, n)
		}
	}
	return found
}

// matchLists returns the endpoints that have any of some patterns, ascending, each once.
// It sorts only where several lists meet: an event for all clients may match a million.
func matchLists(patterns map[string][]webhook.EndpointNumber, names []string) []webhook.EndpointNumber {
	var found []webhook.EndpointNumber
	lists := 0
	for _, name := range names {
		if matched := patterns[name]; len(matched) > 0 {
			found = append(found, matched...)
			lists++
		}
	}
	if lists > 1 {
		slices.Sort(found)
		found = slices.Compact(found)
	}
	return found
}

// list returns endpoints that a query selects, newest first.
func (x *index) list(q *webhook.EndpointQuery) (page webhook.EndpointNumbers) {
	lists := x.shortest(q)
	if q.Before != 0 {
		for i, list := range lists {
			at, _ := slices.BinarySearch(list, q.Before)
			lists[i] = list[:at]
		}
	}
	n := takeLast(lists)
	for looks := q.Looks; n != 0 && looks > 0 && len(page.Numbers) < q.Limit; looks-- {
		if e := x.endpoints[n]; e.selected(q) {
			page.Numbers = append(page.Numbers, n)
		}
		page.Next = n
		n = takeLast(lists)
	}
	if n == 0 {
		page.Next = 0
	}
	return page
}

// selected reports whether a query selects the endpoint, its place aside.
func (e *indexed) selected(q *webhook.EndpointQuery) bool {
	return e.owner != nil && (q.ClientID == "" || q.ClientID == e.owner.client) && (q.Status == "" || q.Status == e.status()) &&
		(q.EventType == "" || slices.ContainsFunc(e.patterns, func(p string) bool { return webhook.MatchType(p, q.EventType) }))
}

// shortest returns the fewest endpoints among which all are that a query selects: those of the
// client, of the status, or of the patterns that match the type. The lists must not be changed.
func (x *index) shortest(q *webhook.EndpointQuery) (best [][]webhook.EndpointNumber) {
	size := -1
	offer := func(lists ...[]webhook.EndpointNumber) {
		total := 0
		for _, list := range lists {
			total += len(list)
		}
		if size < 0 || total < size {
			best, size = lists, total
		}
	}
	patterns := x.patterns
	if q.ClientID != "" {
		t := x.clients[q.ClientID]
		if t == nil {
			return nil
		}
		offer(t.endpoints)
		patterns = t.patterns
	}
	if q.Status != "" {
		offer(x.statuses[q.Status])
	}
	if q.EventType != "" && patterns != nil {
		x.names = webhook.AppendPatterns(x.names[:0], q.EventType)
		matching := make([][]webhook.EndpointNumber, len(x.names))
		for i, name := range x.names {
			matching[i] = patterns[name]
		}
		offer(matching...)
	}
	if size < 0 {
		offer(x.statuses[webhook.EndpointActive], x.statuses[webhook.EndpointPaused], x.statuses[webhook.EndpointDisabled])
	}
	return best
}

// takeLast removes the largest number from the ends of ascending lists, and returns it; 0 if
// they are empty.
func takeLast(lists [][]webhook.EndpointNumber) (last webhook.EndpointNumber) {
	for _, list := range lists {
		if len(list) > 0 {
			last = max(last, list[len(list)-1])
		}
	}
	for i, list := range lists {
		if len(list) > 0 && list[len(list)-1] == last {
			lists[i] = list[:len(list)-1]
		}
	}
	return last
}

// footprint counts what a client has registered, and what all clients have.
func (x *index) footprint(client string) webhook.Footprint {
	out := webhook.Footprint{All: x.live}
	if t := x.clients[client]; t != nil {
		out.Webhooks, out.Patterns = len(t.endpoints), t.patternCount
	}
	return out
}

// insertNumber adds an endpoint to the list of a pattern.
func insertNumber(lists map[string][]webhook.EndpointNumber, key string, n webhook.EndpointNumber) {
	lists[key] = withNumber(lists[key], n)
}

// withNumber returns an ascending list with a number in it.
func withNumber(list []webhook.EndpointNumber, n webhook.EndpointNumber) []webhook.EndpointNumber {
	if at, there := slices.BinarySearch(list, n); !there {
		return slices.Insert(list, at, n)
	}
	return list
}

// removeNumber removes an endpoint from the list of a pattern. Empty lists go, so that
// patterns nobody has any more cost nothing.
func removeNumber(lists map[string][]webhook.EndpointNumber, key string, n webhook.EndpointNumber) {
	list := withoutNumber(lists[key], n)
	if len(list) == 0 {
		delete(lists, key)
		return
	}
	lists[key] = list
}

// withoutNumber returns an ascending list without a number.
func withoutNumber(list []webhook.EndpointNumber, n webhook.EndpointNumber) []webhook.EndpointNumber {
	if at, there := slices.BinarySearch(list, n); there {
		return slices.Delete(list, at, at+1)
	}
	return list
}
