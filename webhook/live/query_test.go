package live_test

import (
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// TestEveryMemberNarrows: a query selects the item that it describes in full, and each of
// its members alone can leave the item out.
func TestEveryMemberNarrows(t *testing.T) {
	item := live.Item{
		Kind: live.Attempt, Webhook: webhook.ID{Seq: 1, Endpoint: 7}, ClientID: "a", EventType: "user.created", Status: "delivered",
	}
	full := live.Query{
		Kinds: []live.Kind{live.Attempt}, ClientID: "a", Endpoint: 7, EventType: "user.created", Status: "delivered", Local: true,
		After: live.Place{Run: "r", Number: 9}, // says where to begin, and selects nothing
	}
	if !full.Selects(&item) {
		t.Fatal("the item that the query describes is left out")
	}
	for why, change := range map[string]func(i *live.Item){
		"kind":       func(i *live.Item) { i.Kind = live.Delivery },
		"client":     func(i *live.Item) { i.ClientID = "A" },
		"no client":  func(i *live.Item) { i.ClientID = "" },
		"endpoint":   func(i *live.Item) { i.Webhook.Endpoint = 0 },
		"event type": func(i *live.Item) { i.EventType = "user" },
		"status":     func(i *live.Item) { i.Status = "" },
		"node":       func(i *live.Item) { i.Remote = true },
	} {
		other := item
		if change(&other); full.Selects(&other) {
			t.Errorf("with another %s it is selected", why)
		}
	}
	for why, change := range map[string]func(i *live.Item){
		"number":           func(i *live.Item) { i.Number = 3 },
		"rest of its ID":   func(i *live.Item) { i.Webhook.Seq, i.Webhook.Nonce = 2, 3 },
		"delivery's ID":    func(i *live.Item) { i.Delivery = webhook.ID{Seq: 5, Endpoint: 8} },
		"code and reason":  func(i *live.Item) { i.Code, i.Reason = 503, webhook.ReasonTimeout },
		"change and count": func(i *live.Item) { i.Change, i.Attempt = "paused", 9 },
	} {
		other := item
		if change(&other); !full.Selects(&other) {
			t.Errorf("with another %s it is left out", why)
		}
	}
}

// TestKinds: a query that names all kinds shows what one without kinds shows, and each kind
// has a text of its own.
func TestKinds(t *testing.T) {
	if sorted := slices.Sorted(slices.Values(live.Kinds)); len(slices.Compact(sorted)) != 4 {
		t.Errorf("%q are the kinds", live.Kinds)
	}
	for _, kind := range live.Kinds {
		i := live.Item{Kind: kind}
		if q := (live.Query{Kinds: live.Kinds}); !q.Selects(&i) {
			t.Errorf("%s is in none of all kinds", kind)
		}
		for _, other := range live.Kinds {
			if q := (live.Query{Kinds: []live.Kind{other}}); q.Selects(&i) != (kind == other) {
				t.Errorf("%s is selected by %s: %t", kind, other, kind != other)
			}
		}
	}
}
