package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// TestJobLife: a job is created, listed, paused, resumed and cancelled, and a webhook has
// one at a time.
func TestJobLife(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		woken := s.woken.Load()
		path := "/api/jobs/" + s.job
		first := s.want(t, 200, acme, "GET", path, "").object(t)
		if first["status"] != "running" || first["action"] != "replay" || first["webhook_id"] != s.webhook || first["client_id"] != "acme" ||
			first["created_by"] != "client:acme" || first["total"] != 0.0 || first["done"] != 0.0 {
			t.Errorf("%v", first)
		}
		again := s.want(t, 409, acme, "POST", "/api/jobs", s.body(`{"action":"cancel","webhook_id":"{webhook}"}`))
		if !strings.Contains(string(again.body), s.job) {
			t.Errorf("the first job is not named: %s", again.body)
		}
		for _, step := range []struct {
			call, status string
			code         int
		}{
			{"pause", "paused", 200},
			{"pause", "paused", 200},
			{"resume", "running", 200},
			{"resume", "running", 200},
			{"cancel", "cancelled", 200},
			{"cancel", "", 409},
			{"resume", "", 409},
			{"pause", "", 409},
		} {
			r := s.want(t, step.code, acme, "POST", path+"/"+step.call, "")
			if step.code == 200 && r.text(t, "status") != step.status {
				t.Errorf("%s: %s", step.call, r.body)
			}
		}
		if got := s.woken.Load() - woken; got != 5 {
			t.Errorf("jobs were looked at %d times after 5 changes", got)
		}
		time.Sleep(time.Millisecond)
		second := s.want(t, 201, acme, "POST", "/api/jobs",
			s.body(`{"action":"retry","webhook_id":"{webhook}","rate_per_second":5,"filter":{"status":["retrying"],"event_types":["user.created"],`+
				`"reason":"timeout","code":"none","min_attempts":2,"since":"1h"}}`)).object(t)
		filter, _ := second["filter"].(map[string]any)
		if second["rate_per_second"] != 5.0 || fmt.Sprintf("%v %v %v %v %v", filter["status"], filter["event_types"], filter["reason"], filter["code"], filter["min_attempts"]) !=
			"[retrying] [user.created] timeout none 2" {
			t.Errorf("%v", second)
		}
		since, _ := time.Parse(time.RFC3339, fmt.Sprint(filter["since"]))
		if ago := time.Since(since); ago != time.Hour {
			t.Errorf("since %s ago", ago)
		}
		for query, want := range map[string]int{
			"": 2, "&status=cancelled": 1, "&status=running": 1, "&status=done": 0, "&webhook_id=" + s.webhook: 2,
		} {
			if got := s.all(t, acme, "/api/jobs?limit=1"+query); len(got) != want {
				t.Errorf("%q lists %d jobs, want %d", query, len(got), want)
			}
		}
		if list := s.all(t, admin, "/api/jobs?limit=1"); fmt.Sprint(ids(list)) != fmt.Sprint([]any{second["id"], s.job}) {
			t.Errorf("%v", ids(list))
		}
		if list := s.all(t, globex, "/api/jobs?limit=1"); len(list) != 0 {
			t.Errorf("another client sees %v", list)
		}
	})
}

// TestJobInput: what is wrong with a job is said of the field that is wrong.
func TestJobInput(t *testing.T) {
	s := newScene(t)
	s.want(t, 200, acme, "POST", "/api/jobs/"+s.job+"/cancel", "")
	const of = `"webhook_id":"{webhook}"`
	for _, c := range []struct{ body, field string }{
		{`{` + of + `}`, "action"},
		{`{"action":"explode",` + of + `}`, "action"},
		{`{"action":"retry"}`, "webhook_id"},
		{`{"action":"retry","webhook_id":"wh_0"}`, "webhook_id"},
		{`{"action":"retry",` + of + `,"rate_per_second":0}`, "rate_per_second"},
		{`{"action":"retry",` + of + `,"filter":{"status":["delivered"]}}`, "filter.status"},
		{`{"action":"cancel",` + of + `,"filter":{"status":["failed"]}}`, "filter.status"},
		{`{"action":"replay",` + of + `,"filter":{"status":[]}}`, "filter.status"},
		{`{"action":"replay",` + of + `,"filter":{"reason":"boredom"}}`, "filter.reason"},
		{`{"action":"replay",` + of + `,"filter":{"code":"6xx"}}`, "filter.code"},
		{`{"action":"replay",` + of + `,"filter":{"min_attempts":-1}}`, "filter.min_attempts"},
		{`{"action":"replay",` + of + `,"filter":{"event_types":["user.*"]}}`, "filter.event_types[0]"},
		{`{"action":"backfill",` + of + `,"filter":{"event_types":["user.*","a b"]}}`, "filter.event_types[1]"},
		{`{"action":"backfill",` + of + `,"filter":{"status":["failed"]}}`, "filter.status"},
		{`{"action":"backfill",` + of + `,"filter":{"min_attempts":1}}`, "filter.min_attempts"},
		{`{"action":"replay",` + of + `,"filter":{"since":"yesterday"}}`, "filter.since"},
		{`{"action":"replay",` + of + `,"filter":{"since":"1h","until":"2h"}}`, "filter.until"},
	} {
		r := s.want(t, 422, acme, "POST", "/api/jobs", s.body(c.body))
		if got := r.text(t, "field"); got != c.field {
			t.Errorf("%s: the field is %q, want %q", c.body, got, c.field)
		}
	}
	if list := s.all(t, acme, "/api/jobs?status=running"); len(list) != 0 {
		t.Errorf("there is %v", list)
	}
	s.want(t, 422, acme, "GET", "/api/jobs?status=retrying", "")
	s.want(t, 404, acme, "GET", "/api/jobs/job_0", "")
	s.want(t, 404, acme, "GET", "/api/jobs/"+s.delivery, "")
}

// TestJobPreview: a dry run counts what the job would change, and changes nothing.
func TestJobPreview(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		s.want(t, 200, acme, "POST", "/api/jobs/"+s.job+"/cancel", "")
		var failed []webhook.ID
		for range 12 {
			id := deliveryTo(t, s.publishOne(t), s.webhook)
			mustAttempt(t, s, id, webhook.Attempt{StatusCode: 410})
			failed = append(failed, id)
		}
		s.dispatcher.health = webhook.Health{P50: 10 * time.Second}
		for _, c := range []struct {
			body    string
			count   float64
			seconds float64
		}{
			{`{"action":"retry","webhook_id":"{webhook}","dry_run":true,"rate_per_second":4}`, 12, 3},
			{`{"action":"replay","webhook_id":"{webhook}","dry_run":true,"filter":{"code":"410","reason":"gone"}}`, 12, 2},
			{`{"action":"replay","webhook_id":"{webhook}","dry_run":true,"filter":{"code":"5xx"}}`, 0, 0},
			{`{"action":"replay","webhook_id":"{webhook}","dry_run":true,"filter":{"event_types":["user.deleted","user.created"]}}`, 12, 2},
			{`{"action":"cancel","webhook_id":"{webhook}","dry_run":true}`, 1, 1},
			{`{"action":"backfill","webhook_id":"{webhook}","dry_run":true}`, 0, 0},
		} {
			got := s.want(t, 200, acme, "POST", "/api/jobs", s.body(c.body)).object(t)
			first, _ := got["first"].([]any)
			if got["count"] != c.count || got["count_is_exact"] != true || got["estimated_seconds"] != c.seconds || len(first) != int(min(c.count, 10)) {
				t.Errorf("%s: %v of %d", c.body, got, len(first))
			}
			if bytes, _ := got["bytes"].(float64); (bytes > 0) != (c.count > 0) {
				t.Errorf("%s: %v bytes", c.body, bytes)
			}
		}
		if list := s.all(t, acme, "/api/jobs?status=running"); len(list) != 0 {
			t.Errorf("a dry run made %v", list)
		}
		if d, err := s.store.Delivery(t.Context(), failed[0]); err != nil || d.Status != webhook.Failed {
			t.Errorf("a dry run has changed %+v, %v", d, err)
		}
		// A webhook that is registered later was sent none of these.
		late := s.register(t, acme)
		got := s.want(t, 200, acme, "POST", "/api/jobs", `{"action":"backfill","webhook_id":"`+late+`","dry_run":true}`).object(t)
		first, _ := got["first"].([]any)
		event, _ := first[0].(map[string]any)
		if got["count"] != 13.0 || event["id"] != webhook.EventID.Format(failed[11].Event()) || event["event_type"] != "user.created" {
			t.Errorf("%v", got)
		}
		made := s.want(t, 201, acme, "POST", "/api/jobs", `{"action":"backfill","webhook_id":"`+late+`"}`).object(t)
		if made["total"] != 13.0 {
			t.Errorf("%v", made)
		}
	})
}

// TestJobOfDisabledWebhook: nothing can be sent to it, and what is pending can be given up.
func TestJobOfDisabledWebhook(t *testing.T) {
	s := newScene(t)
	s.want(t, 200, acme, "POST", "/api/jobs/"+s.job+"/cancel", "")
	id, err := webhook.EndpointID.Parse(s.webhook)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.store.UpdateEndpoint(t.Context(), id.Endpoint, func(e *webhook.Endpoint) error {
		e.Disable("gone", time.Now())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range bulk.Actions {
		want := 409
		if a == bulk.Cancel {
			want = 201
		}
		s.want(t, want, acme, "POST", "/api/jobs", s.body(`{"action":"`+string(a)+`","webhook_id":"{webhook}"}`))
	}
}
