package member

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// backlog returns endpoints with as much pending as is given after each number.
func backlog(numbersAndPending ...int) (list []webhook.Summary) {
	for i := 0; i < len(numbersAndPending); i += 2 {
		list = append(list, webhook.Summary{
			Endpoint: webhook.ID{Endpoint: webhook.EndpointNumber(numbersAndPending[i])}, Pending: int64(numbersAndPending[i+1]),
		})
	}
	return list
}

// pairs returns what backlog took.
func pairs(list []webhook.Summary) (numbersAndPending []int) {
	for i := range list {
		numbersAndPending = append(numbersAndPending, int(list[i].Endpoint.Endpoint), int(list[i].Pending))
	}
	return numbersAndPending
}

// TestRankedOfAll: either node lists the endpoints of both in one order. An endpoint that
// both name, as its part moves, is there once. A node that does not answer is named.
func TestRankedOfAll(t *testing.T) {
	p := newPair(t)
	p.locals[0].ranked = webhook.Ranking{Endpoints: backlog(2, 90, 6, 50, 1, 30)}
	p.locals[1].ranked = webhook.Ranking{Endpoints: backlog(3, 90, 1, 60, 5, 10)}
	for i, ask := range p.asks {
		for most, want := range map[int][]int{0: nil, 2: {2, 90, 3, 90}, 9: {2, 90, 3, 90, 1, 60, 6, 50, 5, 10}} {
			r, err := ask.Ranked(t.Context(), webhook.ByPending, most)
			if err != nil || !slices.Equal(pairs(r.Endpoints), want) || r.Truncated || r.Unowned || r.Missing != nil {
				t.Errorf("node %d, %d at most: %v, %+v, %v; want %v", i, most, pairs(r.Endpoints), r.Coverage, err, want)
			}
		}
	}
	p.locals[1].mu.Lock()
	p.locals[1].ranked.Truncated = true
	p.locals[1].mu.Unlock()
	if r, err := p.asks[0].Ranked(t.Context(), webhook.ByPending, 9); err != nil || !r.Truncated {
		t.Errorf("what another node has cut off is not said: %+v, %v", r.Coverage, err)
	}
	if err := p.members[1].server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := p.asks[0].Ranked(t.Context(), webhook.ByPending, 9)
	if err != nil || !slices.Equal(pairs(r.Endpoints), []int{2, 90, 6, 50, 1, 30}) || !slices.Equal(r.Missing, []string{"node"}) {
		t.Errorf("without the other node: %v, %+v, %v", pairs(r.Endpoints), r.Coverage, err)
	}
	p.locals[0].mu.Lock()
	p.locals[0].failing = webhook.ErrShuttingDown
	p.locals[0].mu.Unlock()
	if _, err := p.asks[0].Ranked(t.Context(), webhook.ByPending, 9); !errors.Is(err, webhook.ErrShuttingDown) {
		t.Errorf("the node's own error: %v", err)
	}
}

// TestOverviewOfAll: both nodes report the figures of both together, and one alone when the
// other one is silent.
func TestOverviewOfAll(t *testing.T) {
	p := newPair(t)
	noon := time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)
	started := noon.Add(-time.Hour)
	p.locals[0].overview = webhook.Overview{
		StartedAt: started, LookedAt: noon, Pending: 100, MaxPending: 1000, InFlight: 3, BreakersOpen: 1,
		Endpoints: map[webhook.EndpointStatus]int{webhook.EndpointActive: 7},
		Rates:     []webhook.Rate{{Over: time.Minute, Known: time.Minute, Accepted: 1, Delivered: 2, Failed: 0.5}},
		Series:    webhook.Series{From: noon, Minutes: []webhook.Minute{{Known: true, Accepted: 60, Pending: 9}, {Known: true, Delivered: 5}}},
		Worst:     backlog(2, 90, 6, 50),
	}
	p.locals[1].overview = webhook.Overview{
		StartedAt: noon, LookedAt: noon.Add(-time.Second), Pending: 100, MaxPending: 1000, InFlight: 4, BreakersOpen: 2,
		Endpoints: map[webhook.EndpointStatus]int{webhook.EndpointActive: 7},
		Oldest:    map[webhook.EndpointStatus]time.Time{webhook.EndpointActive: noon.Add(-time.Minute)},
		Rates:     []webhook.Rate{{Over: time.Minute, Known: 30 * time.Second, Accepted: 10}},
		Series:    webhook.Series{From: noon.Add(time.Minute), Minutes: []webhook.Minute{{Known: true, Accepted: 40, Delivered: 2, Pending: 8}}},
		Worst:     backlog(3, 70),
	}
	for i, ask := range p.asks {
		o, err := ask.Overview(t.Context(), webhook.OverviewQuery{By: webhook.ByPending, Series: true})
		if err != nil {
			t.Fatal(err)
		}
		if !o.StartedAt.Equal([]time.Time{started, noon}[i]) || !o.LookedAt.Equal(noon.Add(-time.Second)) || o.Pending != 100 || o.InFlight != 7 ||
			o.BreakersOpen != 3 || o.Endpoints[webhook.EndpointActive] != 7 || !o.Oldest[webhook.EndpointActive].Equal(noon.Add(-time.Minute)) {
			t.Errorf("node %d: %+v", i, o)
		}
		if want := (webhook.Rate{Over: time.Minute, Known: time.Minute, Accepted: 6, Delivered: 2, Failed: 0.5}); o.Rates[0] != want {
			t.Errorf("node %d: %+v, want %+v", i, o.Rates[0], want)
		}
		if got := pairs(o.Worst); !slices.Equal(got, []int{2, 90, 3, 70, 6, 50}) {
			t.Errorf("node %d: the worst are %v", i, got)
		}
		want := []webhook.Minute{{Known: true, Accepted: 60, Pending: 9}, {Known: true, Accepted: 40, Delivered: 7, Pending: 8}}
		if !o.Series.From.Equal(noon) || !slices.Equal(o.Series.Minutes, want) {
			t.Errorf("node %d: %+v", i, o.Series)
		}
		if !reflect.DeepEqual(o.Coverage, webhook.Coverage{}) {
			t.Errorf("node %d: %+v is left out", i, o.Coverage)
		}
	}
	if err := p.members[0].server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	o, err := p.asks[1].Overview(t.Context(), webhook.OverviewQuery{By: webhook.ByPending})
	if err != nil || o.InFlight != 4 || !slices.Equal(o.Missing, []string{"node"}) || len(o.Series.Minutes) > 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestLaidOver: minutes of two nodes are added where both have them; of a day and a bit the
// first minutes go.
func TestLaidOver(t *testing.T) {
	noon := time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)
	series := func(from int, accepted ...int64) (s webhook.Series) {
		s.From = noon.Add(time.Duration(from) * time.Minute)
		for _, n := range accepted {
			s.Minutes = append(s.Minutes, webhook.Minute{Known: n > 0, Accepted: n, Pending: 10 * n})
		}
		return s
	}
	for _, c := range []struct {
		reason     string
		a, b, want webhook.Series
	}{
		{"one has none", webhook.Series{}, series(0, 1), series(0, 1)},
		{"none has any", webhook.Series{}, webhook.Series{}, webhook.Series{}},
		{"one after the other, with a gap", series(0, 1), series(3, 4, 5), series(0, 1, 0, 0, 4, 5)},
		{"one within the other", series(0, 1, 2, 3), series(1, 0), series(0, 1, 2, 3)},
	} {
		for _, got := range []webhook.Series{laidOver(c.a, c.b), laidOver(c.b, c.a)} {
			if !got.From.Equal(c.want.From) || !slices.Equal(got.Minutes, c.want.Minutes) {
				t.Errorf("%s: %+v, want %+v", c.reason, got, c.want)
			}
		}
	}
	both := laidOver(series(0, 1, 2), series(1, 5))
	if got := both.Minutes[1]; got != (webhook.Minute{Known: true, Accepted: 7, Pending: 50}) {
		t.Errorf("%+v", got)
	}
	long := laidOver(series(0, make([]int64, minutesOfDay)...), series(5, make([]int64, minutesOfDay)...))
	if len(long.Minutes) != minutesOfDay || !long.From.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%d minutes from %s", len(long.Minutes), long.From)
	}
}

// TestListsOfACluster: webhooks that wait on two nodes stand in one order, whichever node is
// asked for the list, page by page, or for the overview.
func TestListsOfACluster(t *testing.T) {
	a, b := two(t, webhook.ClientLimits{})
	var want []string
	for i := range 8 {
		body := fmt.Sprintf(`{"event_type":"user.created","target_url":"https://example.com/%d","status":"paused"}`, i)
		id, _ := a.call(201, acme, "POST", "/api/webhooks", body)["id"].(string)
		want = append([]string{id}, want...) // each later one gets an event less, and is younger
		a.call(202, publisher, "POST", "/api/events", `{"event_type":"user.created","data":1}`)
	}
	slices.Reverse(want)
	listed := func(n *node, query string) (ids []string) {
		for path := "/api/webhooks?limit=3&" + query; ; {
			page := n.call(200, admin, "GET", path, "")
			for _, entry := range page["data"].([]any) {
				ids = append(ids, entry.(map[string]any)["id"].(string))
			}
			next, more := page["next_cursor"].(string)
			if !more {
				return ids
			}
			path = "/api/webhooks?limit=3&" + query + "&cursor=" + next
		}
	}
	for name, n := range map[string]*node{"first": a, "second": b} {
		eventually(t, "all webhooks in the list of the "+name, func() bool {
			return slices.Equal(listed(n, "sort=backlog"), want) && slices.Equal(listed(n, "sort=age"), want)
		})
		eventually(t, "all webhooks in the overview of the "+name, func() bool {
			o := n.call(200, admin, "GET", "/api/overview?sort=pending", "")
			var ids []string
			for _, w := range o["worst"].([]any) {
				ids = append(ids, w.(map[string]any)["webhook_id"].(string))
			}
			return slices.Equal(ids, want)
		})
	}
}
