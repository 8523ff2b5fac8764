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

// TestIndexLists: page by page a list has what asking each endpoint would select, newest
// first, and no page looks at more than it may.
func TestIndexLists(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	statuses := []webhook.EndpointStatus{webhook.EndpointActive, webhook.EndpointPaused, webhook.EndpointDisabled}
	patterns := []string{"*", "user.*", "user.created", "user.plan.changed", "report.*", "report.generated"}
	x, now := newIndex(), map[webhook.EndpointNumber]webhook.Endpoint{}
	for range 1000 {
		n := webhook.EndpointNumber(1 + random.IntN(120))
		e := endpoint(n, fmt.Sprint("client", n%(1+n%4)))
		e.Revision, e.Status = now[n].Revision+1, statuses[random.IntN(3)]
		for _, i := range random.Perm(len(patterns))[:1+random.IntN(3)] {
			e.EventTypes = append(e.EventTypes, patterns[i])
		}
		if random.IntN(10) == 0 {
			e.DeletedAt = time.Now()
		}
		now[n] = e
		x.put(&e)
	}
	for range 2000 {
		q := webhook.EndpointQuery{
			ClientID: []string{"", "client0", "client1", "nobody"}[random.IntN(4)], Status: append(statuses, "")[random.IntN(4)],
			EventType: []string{"", "user.created", "user.plan.changed", "report.generated", "other.type"}[random.IntN(5)],
			Looks:     1 + random.IntN(150), Limit: 1 + random.IntN(50),
		}
		var want, got []webhook.EndpointNumber
		for n := webhook.EndpointNumber(120); n > 0; n-- {
			e, known := now[n]
			if known && !e.Deleted() && (q.ClientID == "" || e.ClientID == q.ClientID) && (q.Status == "" || e.Status == q.Status) &&
				(q.EventType == "" || slices.ContainsFunc(e.EventTypes, func(p string) bool { return webhook.MatchType(p, q.EventType) })) {
				want = append(want, n)
			}
		}
		for pages := 0; ; pages++ {
			page := x.list(&q)
			if len(page.Numbers) > min(q.Limit, q.Looks) || pages > 120 {
				t.Fatalf("%d numbers on page %d of %+v", len(page.Numbers), pages, q)
			}
			got = append(got, page.Numbers...)
			if q.Before = page.Next; q.Before == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v lists %v, want %v", q, got, want)
		}
	}
}

// TestIndexListsTheFewest: a rare status, a rare pattern and a small client are found without
// a look at what else there is.
func TestIndexListsTheFewest(t *testing.T) {
	x := newIndex()
	for n := range webhook.EndpointNumber(10_000) {
		e := endpoint(n+1, "many", "user.*")
		switch n {
		case 10:
			e.Status = webhook.EndpointPaused
		case 20:
			e.EventTypes = []string{"rare.type"}
		case 30:
			e.ClientID = "few"
		}
		x.put(&e)
	}
	for n, q := range map[webhook.EndpointNumber]webhook.EndpointQuery{
		11: {Status: webhook.EndpointPaused, EventType: "user.created"}, 21: {EventType: "rare.type", Status: webhook.EndpointActive},
		31: {ClientID: "few", EventType: "user.created"},
	} {
		q.Looks, q.Limit = 1, 5
		if page := x.list(&q); !slices.Equal(page.Numbers, []webhook.EndpointNumber{n}) || page.Next != 0 {
			t.Errorf("%+v: %+v", q, page)
		}
	}
}
