package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// waits returns what an object of an answer waits for, and for how long from now.
func waits(t *testing.T, r map[string]any) string {
	t.Helper()
	got := fmt.Sprint(r["waiting_for"])
	if text, shown := r["until"].(string); shown {
		until, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Error(err)
		}
		got += " " + time.Until(until).Round(time.Second).String()
	}
	return got
}

// TestWaitingIsShown: whatever shows a delivery that waits says what it waits for
// and until when: single reads, lists, events, health, and the answers of retry,
// test and replay.
func TestWaitingIsShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		delivery, hook := "/api/deliveries/"+s.delivery, "/api/webhooks/"+s.webhook
		id := deliveryTo(t, s.event, s.webhook)
		expect := func(want string) {
			t.Helper()
			first := func(r *reply) map[string]any { return r.data(t)[0] }
			log, _ := s.want(t, 200, acme, "GET", "/api/events/"+webhook.EventID.Format(s.event), "").object(t)["delivery_log"].([]any)
			for what, shown := range map[string]map[string]any{
				"read":      s.want(t, 200, acme, "GET", delivery, "").object(t),
				"list":      first(s.want(t, 200, acme, "GET", "/api/deliveries", "")),
				"of a hook": first(s.want(t, 200, acme, "GET", hook+"/deliveries", "")),
				"event":     log[0].(map[string]any),
				"health":    s.want(t, 200, acme, "GET", hook+"/health", "").object(t),
			} {
				if got := waits(t, shown); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
		}
		waitFor := func(w webhook.Waiting) { s.dispatcher.waiting, s.dispatcher.health.Waiting = w, w }
		expect("turn")
		breaker := webhook.Waiting{For: webhook.WaitBreaker, Until: time.Now().Add(10 * time.Minute)}
		waitFor(breaker)
		expect("breaker 10m0s")
		for what, r := range map[string]*reply{
			"retry": s.want(t, 202, acme, "POST", delivery+"/retry", ""),
			"test":  s.want(t, 202, acme, "POST", hook+"/test", ""),
		} {
			if got := waits(t, r.object(t)); got != "breaker 10m0s" {
				t.Errorf("%s: %s", what, got)
			}
		}
		s.want(t, 200, acme, "POST", hook+"/pause", "")
		expect("pause")
		s.want(t, 200, acme, "POST", hook+"/resume", "")
		mustAttempt(t, s, id, webhook.Attempt{StatusCode: 503, RetryAfter: time.Hour})
		if got := waits(t, s.want(t, 200, acme, "GET", delivery, "").object(t)); got != "retry_time 1h0m0s" {
			t.Error("a retry:", got)
		}
		s.dispatcher.fly(id)
		if got := waits(t, s.want(t, 200, acme, "GET", delivery, "").object(t)); got != "<nil>" {
			t.Error("in flight:", got)
		}
		s.dispatcher.inFlight = nil
		mustAttempt(t, s, id, webhook.Attempt{StatusCode: 410})
		if got := waits(t, s.want(t, 200, acme, "GET", delivery, "").object(t)); got != "<nil>" {
			t.Error("failed:", got)
		}
		for body, want := range map[string]string{`{"dry_run":true}`: "1 <nil>", `{"status":"cancelled"}`: "0 <nil>"} {
			r := s.want(t, 200, acme, "POST", hook+"/replay", body).object(t)
			if got := fmt.Sprint(r["deliveries"], " ", waits(t, r)); got != want {
				t.Errorf("replay %s: %s, want %s", body, got, want)
			}
		}
		r := s.want(t, 200, acme, "POST", hook+"/replay", ``).object(t)
		if got := fmt.Sprint(r["deliveries"], " ", waits(t, r)); got != "1 breaker 10m0s" {
			t.Errorf("replay: %s", got)
		}
		s.dispatcher.byHand = []webhook.ID{id}
		if got := waits(t, s.want(t, 200, acme, "GET", delivery, "").object(t)); got != "turn" {
			t.Error("by hand:", got)
		}
	})
}

// TestDisabledIsRefused: a call that is impossible while a webhook is disabled says what to do.
func TestDisabledIsRefused(t *testing.T) {
	s := newScene(t)
	hook, delivery := "/api/webhooks/"+s.webhook, "/api/deliveries/"+s.delivery
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	_, err := s.store.UpdateEndpoint(t.Context(), deliveryTo(t, s.event, s.webhook).Endpoint, func(e *webhook.Endpoint) error {
		e.Disable("gone", at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, what := range map[string]string{delivery + "/retry": "retry", hook + "/test": "tested", hook + "/replay": "replay"} {
		r := s.want(t, 409, acme, "POST", path, "")
		if detail := r.text(t, "detail"); detail == "" || !containsAll(detail, "disabled", "resume", what) {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	s.want(t, 200, acme, "POST", hook+"/replay", `{"dry_run":true}`)
	if got := waits(t, s.want(t, 200, acme, "GET", delivery, "").object(t)); got != "disabled" {
		t.Error(got)
	}
	for _, path := range []string{hook, hook + "/health"} {
		r := s.want(t, 200, acme, "GET", path, "").object(t)
		if r["disabled_reason"] != "gone" || r["disabled_at"] != webhook.FormatTime(at) {
			t.Errorf("%s: %v", path, r)
		}
	}
	r := s.want(t, 200, acme, "POST", hook+"/resume", "").object(t)
	if r["disabled_reason"] != nil || r["disabled_at"] != nil {
		t.Errorf("%v", r)
	}
	s.want(t, 202, acme, "POST", delivery+"/retry", "")
	s.want(t, 204, acme, "DELETE", hook, "")
	r = s.want(t, 409, acme, "POST", delivery+"/retry", "").object(t)
	if detail := fmt.Sprint(r["detail"]); !containsAll(detail, "deleted", "publish") {
		t.Errorf("%v", r)
	}
}

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// TestWhatBeginsAfresh: a change of the receiver and every call of resume reset breaker and
// hold; other changes, and calls that change nothing, do not.
func TestWhatBeginsAfresh(t *testing.T) {
	f := newFixture(t)
	id := f.register(t, acme)
	path := "/api/webhooks/" + id
	for _, c := range []struct {
		method, path, body string
		receiver, gate     bool
	}{
		{"PATCH", "", `{"description":"x"}`, false, false},
		{"PATCH", "", `{"target_url":"https://example.com/hook"}`, false, false},
		{"PATCH", "", `{"target_url":"https://example.org/hook"}`, true, true},
		{"PATCH", "", `{"headers":{"X-Api-Key":"1","X-Team":"a"}}`, true, true},
		{"PATCH", "", `{"headers":{"X-Team":"a","X-Api-Key":"1"}}`, false, false},
		{"PATCH", "", `{"headers":{"X-Team":"b"}}`, true, true},
		{"PATCH", "", `{"status":"active"}`, false, false},
		{"POST", "/resume", "", false, true},
		{"POST", "/pause", "", false, false},
		{"PATCH", "", `{"status":"active"}`, false, true},
		{"POST", "/rotate-secret", "", true, true},
		{"PATCH", "", `{"circuit_breaker":{"failures":3}}`, false, false},
		{"PUT", "", `{"event_type":"*","target_url":"https://example.org/hook","headers":{"X-Team":"b","X-Api-Key":"1"}}`, false, false},
		{"PUT", "", `{"event_type":"*","target_url":"https://example.org/hook"}`, true, true},
	} {
		before := f.dispatcher.lastChange()
		f.want(t, 200, acme, c.method, path+c.path, c.body)
		e := f.dispatcher.lastChange()
		if receiver, gate := e.ReceiverSince != before.ReceiverSince, e.GateSince != before.GateSince; receiver != c.receiver || gate != c.gate {
			t.Errorf("%s %s %s: another receiver %v, a fresh gate %v", c.method, c.path, c.body, receiver, gate)
		}
		if c.gate && e.GateSince != e.Revision {
			t.Errorf("%s %s %s: %+v", c.method, c.path, c.body, e)
		}
	}
}

// TestChangesAreLogged: a change makes one line in the log that names the webhook, who made
// it and what has changed, without the values.
func TestChangesAreLogged(t *testing.T) {
	f := newFixture(t)
	id := f.register(t, acme)
	path := "/api/webhooks/" + id
	for _, c := range []struct{ method, path, body, action, fields string }{
		{"POST", "/pause", "", "webhook.pause", "status"},
		{"POST", "/resume", "", "webhook.resume", "status"},
		{"PATCH", "", `{"target_url":"https://example.org/hook?secret=1"}`, "webhook.update", "target_url"},
		{"DELETE", "", "", "webhook.delete", `"`},
	} {
		before := len(f.log.String())
		f.do(t, acme, c.method, path+c.path, c.body)
		line := f.log.String()[before:]
		if !containsAll(line, `"changed by request"`, "action="+c.action, "resource="+id, "client_id=acme", "by=client:acme", "fields="+c.fields) {
			t.Errorf("%v: %s", c, line)
		}
		if strings.Contains(line, "secret=1") {
			t.Errorf("the target's query is logged: %s", line)
		}
	}
}
