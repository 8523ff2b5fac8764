package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

func endpoint(n webhook.EndpointNumber, client string, patterns ...string) webhook.Endpoint {
	return webhook.Endpoint{
		ID: webhook.ID{Endpoint: n}, ClientID: client, EventTypes: patterns,
		Status: webhook.EndpointActive, Revision: 1,
	}
}

// TestIndexAgreesWithMatchType: whatever endpoints are put, in whatever order, a match
// returns the same as asking each of them.
func TestIndexAgreesWithMatchType(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	types := []string{"user.created", "user.updated", "user.plan.changed", "report.generated", "user"}
	patterns := append([]string{"*", "user.*", "user.plan.*", "report.*"}, types...)
	x, now := newIndex(), map[webhook.EndpointNumber]webhook.Endpoint{}
	for range 2000 {
		n := webhook.EndpointNumber(1 + random.IntN(40))
		e := endpoint(n, fmt.Sprint("client", n%(1+n%3))) // some have many
		e.Revision = now[n].Revision + 1
		for _, i := range random.Perm(len(patterns))[:1+random.IntN(3)] {
			e.EventTypes = append(e.EventTypes, patterns[i])
		}
		if random.IntN(10) == 0 {
			e.DeletedAt = time.Now()
		}
		e.Status = []webhook.EndpointStatus{webhook.EndpointActive, webhook.EndpointPaused, webhook.EndpointDisabled}[random.IntN(3)]
		now[n] = e
		x.put(&e)
		event := webhook.Event{Type: types[random.IntN(len(types))], ClientID: []string{"", "client0"}[random.IntN(2)]}
		if got, want := x.match(&event), matchAll(now, &event); !slices.Equal(got, want) {
			t.Fatalf("%s of %q: got %v, want %v", event.Type, event.ClientID, got, want)
		}
		wantFootprint(t, x, now, e.ClientID)
	}
}

func wantFootprint(t *testing.T, x *index, all map[webhook.EndpointNumber]webhook.Endpoint, client string) {
	t.Helper()
	var want webhook.Footprint
	for _, e := range all {
		if e.Deleted() {
			continue
		}
		want.All++
		if e.ClientID == client {
			want.Webhooks++
			want.Patterns += len(e.EventTypes)
		}
	}
	if got := x.footprint(client); got != want {
		t.Fatalf("%s has %+v, want %+v", client, got, want)
	}
}

func matchAll(all map[webhook.EndpointNumber]webhook.Endpoint, event *webhook.Event) []webhook.EndpointNumber {
	var found []webhook.EndpointNumber
	for n, e := range all {
		matches := slices.ContainsFunc(e.EventTypes, func(p string) bool { return webhook.MatchType(p, event.Type) })
		if matches && !e.Deleted() && (event.ClientID == "" || event.ClientID == e.ClientID) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return found
}

func TestIndexIgnoresOvertakenNews(t *testing.T) {
	x := newIndex()
	newer, older := endpoint(1, "a", "user.created"), endpoint(1, "a", "*")
	newer.Revision = 2
	x.put(&newer)
	x.put(&older)
	if got := x.match(&webhook.Event{Type: "report.generated"}); len(got) > 0 {
		t.Fatal("the older revision won:", got)
	}
}

func BenchmarkIndexMatch(b *testing.B) {
	x := newIndex()
	for n := webhook.EndpointNumber(1); n <= 10_000; n++ {
		e := endpoint(n, fmt.Sprint("client", n), fmt.Sprintf("type%d.created", n))
		x.put(&e)
	}
	event := webhook.Event{Type: "type77.created"}
	b.ReportAllocs()
	for b.Loop() {
		if len(x.match(&event)) != 1 {
			b.Fatal("no match")
		}
	}
}
