package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// TestOverview: what the dispatcher and the disk say, in the order that the caller asks for.
func TestOverview(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Disk = func() view.Disk { return view.Disk{Free: 5, Reserve: 2, Storage: 9} } })
	now := time.Now()
	summary := func(n webhook.EndpointNumber, age time.Duration, until time.Time) webhook.Summary {
		return webhook.Summary{
			Endpoint: webhook.ID{Seq: 1, Endpoint: n}, ClientID: "acme", Status: webhook.EndpointActive, Pending: int64(n),
			OldestAt: now.Add(-age), OpenUntil: until, Attempts: webhook.Tally{Successes: 1, Failures: 3},
		}
	}
	f.dispatcher.overview = webhook.Overview{
		StartedAt: now.Add(-time.Hour), LookedAt: now, Pending: 12, MaxPending: 100, InFlight: 3, BreakersOpen: 1,
		Endpoints: map[webhook.EndpointStatus]int{webhook.EndpointActive: 7, webhook.EndpointPaused: 2, webhook.EndpointDisabled: 1},
		Oldest:    map[webhook.EndpointStatus]time.Time{webhook.EndpointActive: now.Add(-time.Minute), webhook.EndpointPaused: now.Add(-time.Hour)},
		Rates:     []webhook.Rate{{Over: time.Minute, Known: 30 * time.Second, Accepted: 1.5, Delivered: 2, Failed: 0.25}},
	}
	f.dispatcher.worst = map[webhook.Order][]webhook.Summary{
		webhook.ByAge:      {summary(1, time.Minute, now.Add(time.Hour)), summary(2, time.Second, now.Add(-time.Second))},
		webhook.ByPending:  {summary(2, time.Second, time.Time{})},
		webhook.ByFailures: {summary(3, 0, time.Time{})},
	}
	r := f.want(t, 200, admin, "GET", "/api/overview", "")
	for _, part := range []string{
		`"pending":12,"pending_limit":100,"oldest_pending_age_ms":60`, `"in_flight":3,"breakers_open":1`, `"webhooks":{"active":7,"paused":2,"disabled":1}`,
		`"rates":[{"over_seconds":60,"known_seconds":30,"events_accepted":1.5,"deliveries_delivered":2,"deliveries_failed":0.25}]`,
		`"disk":{"free_bytes":5,"reserve_bytes":2,"storage_bytes":9}`, `"last_hour":{"successes":1,"failures":3,"success_ratio":0.25}`,
		`"circuit_breaker":{"state":"open","open_until":"`, `"circuit_breaker":{"state":"half_open"}`,
	} {
		if !strings.Contains(string(r.body), part) {
			t.Errorf("no %s in %s", part, r.body)
		}
	}
	for sort, first := range map[string]webhook.EndpointNumber{"": 1, "?sort=age": 1, "?sort=pending": 2, "?sort=failures": 3} {
		r := f.want(t, 200, admin, "GET", "/api/overview"+sort, "")
		id := webhook.EndpointID.Format(webhook.ID{Seq: 1, Endpoint: first})
		if !strings.Contains(string(r.body), `"worst":[{"webhook_id":"`+id+`"`) {
			t.Errorf("%q: the first one is not %s: %s", sort, id, r.body)
		}
	}
	f.dispatcher.overview.Series = webhook.Series{From: time.Unix(60, 0), Minutes: []webhook.Minute{
		{Known: true, Accepted: 1, Delivered: 2, Failed: 3, Pending: 4}, {}, {Known: true, Pending: 5},
	}}
	const minutes = `"series":{"step_seconds":60,"from":"1970-01-01T00:01:00.000Z","events_accepted":[1,null,0],"deliveries_delivered":[2,null,0],` +
		`"deliveries_failed":[3,null,0],"pending":[4,null,5]}`
	for query, want := range map[string]bool{"": true, "?series=true": true, "?series=false": false} {
		if r := f.want(t, 200, admin, "GET", "/api/overview"+query, ""); strings.Contains(string(r.body), minutes) != want || !want && strings.Contains(string(r.body), "series") {
			t.Errorf("%q: %s", query, r.body)
		}
	}
	for query, field := range map[string]string{"?series=1": "series", "?series=": "series", "?sort=name": "sort", "?sort=": "sort", "?client_id=acme": "client_id", "?order=age": "order"} {
		if r := f.want(t, 422, admin, "GET", "/api/overview"+query, ""); r.text(t, "field") != field {
			t.Errorf("%s: %s", query, r.body)
		}
	}
}

// TestOverviewWithoutDisk: a backend that has no disk of its own leaves it out.
func TestOverviewWithoutDisk(t *testing.T) {
	f := newFixture(t)
	if r := f.want(t, 200, admin, "GET", "/api/overview", ""); strings.Contains(string(r.body), "disk") {
		t.Errorf("%s", r.body)
	}
}

// TestCoverage: what the dispatcher leaves out is said, in the overview and in a list in an
// order of its own; where nothing is left out, nothing is said.
func TestCoverage(t *testing.T) {
	f := newFixture(t)
	for want, c := range map[string]webhook.Coverage{
		`"incomplete":true,"nodes_missing":["a","b"]}`: {Missing: []string{"a", "b"}},
		`"incomplete":true}`:                           {Unowned: true},
		`"truncated":true}`:                            {Truncated: true},
		`]}`:                                           {},
	} {
		f.dispatcher.overview.Coverage = c
		for _, path := range []string{"/api/overview?series=false", "/api/webhooks?sort=backlog"} {
			if r := f.want(t, 200, admin, "GET", path, ""); !strings.HasSuffix(strings.TrimSpace(string(r.body)), want) {
				t.Errorf("%s: %s, want %s", path, r.body, want)
			}
		}
		if r := f.want(t, 200, admin, "GET", "/api/webhooks", ""); strings.Contains(string(r.body), "truncated") {
			t.Errorf("a list by time: %s", r.body)
		}
	}
}
