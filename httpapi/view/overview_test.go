package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// jsonOf returns a value's JSON.
func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOverview shows a server at its start, and one at work. Lists are never null; of the
// disk nothing is shown where nothing is known.
func TestOverview(t *testing.T) {
	now := accepted
	_, endpoint := pending()
	for _, c := range []struct {
		reason string
		o      webhook.Overview
		disk   *Disk
		want   string
	}{
		{
			"at the start",
			webhook.Overview{StartedAt: now, LookedAt: now, MaxPending: 100},
			nil,
			`{"started_at":"2025-05-17T10:30:45.123Z","looked_at":"2025-05-17T10:30:45.123Z","pending":0,"pending_limit":100,
			"oldest_pending_age_ms":0,"in_flight":0,"breakers_open":0,"webhooks":{"active":0,"paused":0,"disabled":0},"rates":[],"worst":[]}`,
		},
		{
			"at work",
			webhook.Overview{
				StartedAt: now.Add(-time.Hour), LookedAt: now.Add(-time.Second), Pending: 12, MaxPending: 100, InFlight: 3, BreakersOpen: 1,
				Endpoints: map[webhook.EndpointStatus]int{webhook.EndpointActive: 5, webhook.EndpointPaused: 2, webhook.EndpointDisabled: 1},
				Oldest: map[webhook.EndpointStatus]time.Time{
					webhook.EndpointActive: now.Add(-90 * time.Second), webhook.EndpointPaused: now.Add(-time.Hour),
				},
				Rates: []webhook.Rate{
					{Over: time.Minute, Known: time.Minute, Accepted: 1.5, Delivered: 3, Failed: 0.25},
					{Over: 5 * time.Minute, Known: 90 * time.Second},
				},
				Worst: []webhook.Summary{
					{
						Endpoint: endpoint, ClientID: "acme", Status: webhook.EndpointActive, Pending: 9, OldestAt: now.Add(-1500 * time.Millisecond),
						OpenUntil: now.Add(time.Minute), Attempts: webhook.Tally{Successes: 1, Failures: 3},
					},
				},
			},
			&Disk{Free: 3, Reserve: 2, Storage: 1},
			`{"started_at":"2025-05-17T09:30:45.123Z","looked_at":"2025-05-17T10:30:44.123Z","pending":12,"pending_limit":100,
			"oldest_pending_age_ms":90000,"in_flight":3,"breakers_open":1,"webhooks":{"active":5,"paused":2,"disabled":1},
			"rates":[{"over_seconds":60,"known_seconds":60,"events_accepted":1.5,"deliveries_delivered":3,"deliveries_failed":0.25},
			{"over_seconds":300,"known_seconds":90,"events_accepted":0,"deliveries_delivered":0,"deliveries_failed":0}],
			"disk":{"free_bytes":3,"reserve_bytes":2,"storage_bytes":1},
			"worst":[{"webhook_id":"` + webhook.EndpointID.Format(endpoint) + `","client_id":"acme","status":"active","pending":9,
			"oldest_pending_age_ms":1500,"circuit_breaker":{"state":"open","open_until":"2025-05-17T10:31:45.123Z"},
			"last_hour":{"successes":1,"failures":3,"success_ratio":0.25}}]}`,
		},
	} {
		want := strings.NewReplacer("\n", "", "\t", "").Replace(c.want)
		if got := jsonOf(t, NewOverview(&c.o, c.disk, now)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.reason, got, want)
		}
	}
}

// TestBreaker: a breaker has an end only while it is open, its last moment included.
func TestBreaker(t *testing.T) {
	now := accepted
	for until, want := range map[time.Time]string{
		{}:                       `{"state":"closed"}`,
		now.Add(-1):              `{"state":"half_open"}`,
		now:                      `{"state":"open","open_until":"2025-05-17T10:30:45.123Z"}`,
		now.Add(1500e6):          `{"state":"open","open_until":"2025-05-17T10:30:46.623Z"}`,
		now.Add(-24 * time.Hour): `{"state":"half_open"}`,
	} {
		if got := jsonOf(t, newBreaker(until, now)); got != want {
			t.Errorf("until %v: %s, want %s", until, got, want)
		}
	}
}

// TestOutcomes: without an attempt there is no ratio, and a ratio of 0 is one.
func TestOutcomes(t *testing.T) {
	for tally, want := range map[webhook.Tally]string{
		{}:                           `{"successes":0,"failures":0,"success_ratio":null}`,
		{Failures: 4}:                `{"successes":0,"failures":4,"success_ratio":0}`,
		{Successes: 4}:               `{"successes":4,"failures":0,"success_ratio":1}`,
		{Successes: 3, Failures: 1}:  `{"successes":3,"failures":1,"success_ratio":0.75}`,
		{Successes: 1, Failures: 15}: `{"successes":1,"failures":15,"success_ratio":0.0625}`,
	} {
		if got := jsonOf(t, newOutcomes(tally)); got != want {
			t.Errorf("%+v: %s, want %s", tally, got, want)
		}
	}
}

// TestHealthOfDisabled: why and since when an endpoint is disabled, and that its owner did
// not answer.
func TestHealthOfDisabled(t *testing.T) {
	_, id := pending()
	e := &webhook.Endpoint{ID: id, Status: webhook.EndpointDisabled, DisabledReason: "gone", DisabledAt: accepted}
	h := &webhook.Health{OwnerAway: true, HoldUntil: accepted.Add(time.Second), LastReason: webhook.ReasonTimeout}
	got := members(t, NewHealth(e, h, webhook.DefaultSettings(), accepted))
	for name, want := range map[string]any{
		"webhook_id": webhook.EndpointID.Format(id), "status": "disabled", "disabled_reason": "gone", "disabled_at": "2025-05-17T10:30:45.123Z",
		"owner": "unreachable", "hold_until": "2025-05-17T10:30:46.123Z",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	last, _ := got["last_error"].(map[string]any)
	if _, code := last["response_code"]; code || last["reason"] != "timeout" || last["message"] == "" {
		t.Errorf("the last error, without an answer: %v", last)
	}
	limits, _ := got["limits"].(map[string]any)
	if limits["timeout_ms"] != 10000.0 || limits["concurrency"] != 64.0 || limits["rate_limit"] != nil {
		t.Errorf("limits: %v", limits)
	}
	h.OwnerAway = false
	if owner, there := members(t, NewHealth(e, h, webhook.DefaultSettings(), accepted))["owner"]; there {
		t.Errorf("an owner that answers is %v", owner)
	}
}

// TestMilliseconds: durations are shown to the microsecond, and what is less is cut off.
func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 999: "0", 1000: "0.001", 1_234_567: "1.234", 250 * time.Millisecond: "250", time.Hour + time.Microsecond: "3600000.001",
	} {
		if got := fmt.Sprintf("%.10g", milliseconds(d)); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

// TestPayload: the payload is shown as it was stored, byte for byte, and absent without one.
func TestPayload(t *testing.T) {
	d, endpoint := pending()
	r := NewDelivery(d, endpoint)
	if _, there := members(t, r)["payload"]; there {
		t.Error("a payload without one")
	}
	for _, payload := range []string{`null`, `0`, `{"b":1e2,"a":[]}`, `"\u003c"`} {
		r.Payload = []byte(payload)
		text, err := r.Payload.MarshalJSON()
		if err != nil || string(text) != payload {
			t.Errorf("%s is shown as %s, %v", payload, text, err)
		}
	}
}
