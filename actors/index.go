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
	clients   map[string][]webhook.EndpointNumber // ascending
	names     []string                            // scratch of match
}

// indexed is what the index keeps of an endpoint.
type indexed struct {
	client   string
	patterns []string // nil if it accepts no events
	revision uint64
}

func newIndex() *index {
	return &index{
		endpoints: make(map[webhook.EndpointNumber]indexed),
		patterns:  make(map[string][]webhook.EndpointNumber),
		clients:   make(map[string][]webhook.EndpointNumber),
	}
}

// put takes an endpoint as it is now. News that was overtaken is ignored.
func (x *index) put(e *webhook.Endpoint) {
	n := e.Number()
	old, known := x.endpoints[n]
	if known && old.revision >= e.Revision {
		return
	}
	for _, pattern := range old.patterns {
		remove(x.patterns, pattern, n)
	}
	if len(old.patterns) > 0 {
		remove(x.clients, old.client, n)
	}
	now := indexed{client: e.ClientID, revision: e.Revision}
	if e.Accepts() {
		now.patterns = e.EventTypes
	}
	x.endpoints[n] = now
	for _, pattern := range now.patterns {
		insert(x.patterns, pattern, n)
	}
	if len(now.patterns) > 0 {
		insert(x.clients, now.client, n)
	}
}

// match gives the endpoints that an event matches, ascending.
func (x *index) match(e *webhook.Event) []webhook.EndpointNumber {
	if e.ClientID != "" {
		return x.matchClient(e)
	}
	var found []webhook.EndpointNumber
	lists := 0
	x.names = webhook.AppendPatterns(x.names[:0], e.Type)
	for _, pattern := range x.names {
		if matched := x.patterns[pattern]; len(matched) > 0 {
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

func (x *index) matchClient(e *webhook.Event) []webhook.EndpointNumber {
	var found []webhook.EndpointNumber
	for _, n := range x.clients[e.ClientID] {
		if slices.ContainsFunc(x.endpoints[n].patterns, func(p string) bool { return webhook.MatchType(p, e.Type) }) {
			found = append(found, n)
		}
	}
	return found
}

func insert(lists map[string][]webhook.EndpointNumber, key string, n webhook.EndpointNumber) {
	list := lists[key]
	if at, there := slices.BinarySearch(list, n); !there {
		lists[key] = slices.Insert(list, at, n)
	}
}

func remove(lists map[string][]webhook.EndpointNumber, key string, n webhook.EndpointNumber) {
	list := lists[key]
	at, there := slices.BinarySearch(list, n)
	switch {
	case !there:
	case len(list) == 1:
		delete(lists, key)
	default:
		lists[key] = slices.Delete(list, at, at+1)
	}
}
