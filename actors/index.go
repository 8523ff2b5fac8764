package actors

import (
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// index finds the endpoints that an event matches. It belongs to the router,
// who changes it in place: a change costs what the one endpoint has patterns,
// not what the index holds.
type index struct {
	endpoints map[webhook.EndpointNumber]indexed
	patterns  map[string][]webhook.EndpointNumber // of all clients, ascending
	clients   map[string]*tenant
	live      int      // endpoints that are not deleted
	names     []string // scratch of match
}

// indexed is what the index keeps of an endpoint.
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
	}
}

// put takes an endpoint as it is now. News that was overtaken is ignored.
func (x *index) put(e *webhook.Endpoint) {
	n := e.Number()
	old, known := x.endpoints[n]
	if known && old.revision >= e.Revision {
		return
	}
	now := indexed{
		revision: e.Revision,
		paused:   e.Status == webhook.EndpointPaused, disabled: e.Status == webhook.EndpointDisabled,
	}
	if !e.Deleted() {
		now.owner, now.patterns = x.tenant(e.ClientID), e.EventTypes
	}
	if old.owner != now.owner || !slices.Equal(old.patterns, now.patterns) {
		x.takeOut(n, old)
		x.takeIn(n, now)
	}
	x.endpoints[n] = now
}

// tenant returns the client of a name.
func (x *index) tenant(client string) *tenant {
	t := x.clients[client]
	if t == nil {
		t = &tenant{client: client}
		x.clients[client] = t
	}
	return t
}

func (x *index) takeIn(n webhook.EndpointNumber, e indexed) {
	if e.owner == nil {
		return
	}
	x.live++
	x.clients[e.owner.client] = e.owner // it may have had no endpoint for a moment
	for _, pattern := range e.patterns {
		insert(x.patterns, pattern, n)
	}
	e.owner.takeIn(n, e.patterns, x.endpoints)
}

func (x *index) takeOut(n webhook.EndpointNumber, e indexed) {
	if e.owner == nil {
		return
	}
	x.live--
	for _, pattern := range e.patterns {
		remove(x.patterns, pattern, n)
	}
	if e.owner.takeOut(n, e.patterns); len(e.owner.endpoints) == 0 {
		delete(x.clients, e.owner.client)
	}
}

// match returns the endpoints that an event matches, disabled ones too, ascending.
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

// matchLists returns what stands under some patterns, ascending.
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

// footprint returns what a client has registered.
func (x *index) footprint(client string) webhook.Footprint {
	out := webhook.Footprint{All: x.live}
	if t := x.clients[client]; t != nil {
		out.Webhooks, out.Patterns = len(t.endpoints), t.patternCount
	}
	return out
}

func insert(lists map[string][]webhook.EndpointNumber, key string, n webhook.EndpointNumber) {
	lists[key] = withNumber(lists[key], n)
}

func withNumber(list []webhook.EndpointNumber, n webhook.EndpointNumber) []webhook.EndpointNumber {
	if at, there := slices.BinarySearch(list, n); !there {
		return slices.Insert(list, at, n)
	}
	return list
}

func remove(lists map[string][]webhook.EndpointNumber, key string, n webhook.EndpointNumber) {
	list := withoutNumber(lists[key], n)
	if len(list) == 0 {
		delete(lists, key)
		return
	}
	lists[key] = list
}

func withoutNumber(list []webhook.EndpointNumber, n webhook.EndpointNumber) []webhook.EndpointNumber {
	if at, there := slices.BinarySearch(list, n); there {
		return slices.Delete(list, at, at+1)
	}
	return list
}
