package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// ids returns the member id of each entry.
func ids(entries []map[string]any) []string {
	var list []string
	for _, e := range entries {
		list = append(list, fmt.Sprint(e["id"]))
	}
	return list
}

// all pages through a list.
func (f *fixture) all(t testing.TB, caller, path string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for cursor := ""; ; {
		r := f.want(t, 200, caller, "GET", path+cursor, "")
		list = append(list, r.data(t)...)
		next := r.text(t, "next_cursor")
		if next == "" {
			return list
		}
		cursor = "&cursor=" + next
	}
}

// TestDeliveryResource follows a delivery through its life, as the API shows it.
func TestDeliveryResource(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		id := deliveryTo(t, s.event, s.webhook)
		path := "/api/deliveries/" + s.delivery
		began := time.Now()
		expect := func(r *reply, want string) {
			t.Helper()
			w := r.object(t)
			var got []string
			for _, name := range []string{
				"status", "attempts", "response_code", "reason", "error_message", "processing_started_at",
				"next_attempt_at", "delivered_at", "failed_at", "cancelled_at",
			} {
				if value, shown := w[name]; shown {
					text := fmt.Sprint(value)
					if at, err := time.Parse(time.RFC3339, text); err == nil {
						text = "+" + at.Sub(began).String()
					}
					got = append(got, name+"="+text)
				}
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("got  %s\nwant %s", text, want)
			}
		}
		read := func() *reply { t.Helper(); return s.want(t, 200, acme, "GET", path, "") }
		expect(read(), "status=queued attempts=0")
		time.Sleep(time.Second)
		s.dispatcher.fly(id)
		expect(read(), "status=processing attempts=0 processing_started_at=+1s")
		s.want(t, 409, acme, "DELETE", path, "")
		s.dispatcher.inFlight = nil
		mustAttempt(t, s, id, webhook.Attempt{StatusCode: 503, Response: []byte("busy"), RetryAfter: time.Minute})
		expect(read(), "status=retrying attempts=1 response_code=503 reason=http_5xx error_message=the receiver failed "+
			"processing_started_at=+1s next_attempt_at=+1m1.02s")
		time.Sleep(time.Second)
		s.dispatcher.fly(id)
		expect(read(), "status=processing attempts=1 response_code=503 reason=http_5xx error_message=the receiver failed processing_started_at=+2s")
		s.dispatcher.inFlight = nil
		mustAttempt(t, s, id, webhook.Attempt{Failure: webhook.ReasonTimeout})
		mustAttempt(t, s, id, webhook.Attempt{StatusCode: 410})
		expect(read(), "status=failed attempts=3 response_code=410 reason=gone "+
			"error_message=the receiver answered 410 Gone; the webhook was disabled processing_started_at=+2s failed_at=+2.02s")
		expect(s.want(t, 202, acme, "POST", path+"/retry", ""), "status=queued attempts=3 response_code=410 reason=gone "+
			"error_message=the receiver answered 410 Gone; the webhook was disabled processing_started_at=+2s")
		mustAttempt(t, s, id, webhook.Attempt{StatusCode: 204})
		delivered := read()
		expect(delivered, "status=delivered attempts=4 response_code=204 processing_started_at=+2s delivered_at=+2.02s")
		checkLog(t, delivered)
		s.want(t, 409, acme, "DELETE", path, "")
		s.want(t, 202, acme, "POST", path+"/retry", "")
		expect(s.want(t, 200, acme, "DELETE", path, ""),
			"status=cancelled attempts=4 response_code=204 reason=cancelled error_message=cancelled on request processing_started_at=+2s cancelled_at=+2s")
	})
}

// TestAttemptFields: everything that is known about an attempt is shown, in the delivery and in lists.
func TestAttemptFields(t *testing.T) {
	s := newScene(t)
	id := deliveryTo(t, s.event, s.webhook)
	long := strings.Repeat("é", webhook.MaxShortResponse)
	mustAttempt(t, s, id, webhook.Attempt{
		StatusCode: 304, Latency: 1500 * time.Microsecond, Requests: 2, Location: "https://elsewhere.example/", Response: []byte("x" + long),
	})
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 503, Requests: 1, ResponseEncoding: "gzip"})
	mustAttempt(t, s, id, webhook.Attempt{Failure: webhook.ReasonTLSName, Detail: "it is for other.example"})
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 302, Requests: 1, Location: "/login", Response: []byte("x" + long)})
	whole := s.want(t, 200, acme, "GET", "/api/deliveries/"+s.delivery, "").object(t)
	want := []map[string]any{
		{
			"requests": 2.0, "latency_ms": 1.5, "location": "https://elsewhere.example/", "response_body": "x" + long[:254], "response_truncated": true,
			"error_message": (&webhook.Attempt{StatusCode: 304}).Message(),
		},
		{"requests": 1.0, "response_encoding": "gzip", "error_message": webhook.ReasonHTTP5xx.Message()},
		{"requests": 0.0, "detail": "it is for other.example", "error_message": webhook.ReasonTLSName.Message() + ": it is for other.example"},
		{"requests": 1.0, "location": "/login", "response_body": "x" + long, "error_message": webhook.ReasonHTTP3xx.Message()},
	}
	log, _ := whole["attempt_log"].([]any)
	if len(log) != len(want) {
		t.Fatalf("log %v", log)
	}
	names := []string{"requests", "latency_ms", "location", "response_body", "response_truncated", "response_encoding", "detail", "error_message"}
	for i, entry := range log {
		a, _ := entry.(map[string]any)
		for _, name := range names {
			if fmt.Sprint(a[name]) != fmt.Sprint(want[i][name]) {
				t.Errorf("attempt %d: %s is %v, want %v", i+1, name, a[name], want[i][name])
			}
		}
	}
	shown := append(s.all(t, acme, "/api/deliveries?limit=5"), whole)
	event := s.want(t, 200, acme, "GET", "/api/events/"+webhook.EventID.Format(s.event), "").object(t)
	shown = append(shown, event["delivery_log"].([]any)[0].(map[string]any))
	for _, d := range shown {
		if d["location"] != "/login" || d["response_code"] != 302.0 || !strings.HasPrefix(fmt.Sprint(d["response_body"]), "x"+long[:254]) {
			t.Errorf("shown as %v", d)
		}
		if inList := d["attempt_log"] == nil; inList != (d["response_truncated"] == true) {
			t.Errorf("truncated: %v", d)
		}
	}
}

// TestRetryShowsTheLog: a delivery that is put back into the queue still has its attempts.
func TestRetryShowsTheLog(t *testing.T) {
	s := newScene(t)
	mustAttempt(t, s, deliveryTo(t, s.event, s.webhook), webhook.Attempt{StatusCode: 410, Response: []byte("gone")})
	for _, c := range []struct {
		code                 int
		method, path, status string
	}{{202, "POST", "/retry", "queued"}, {200, "DELETE", "", "cancelled"}} {
		r := s.want(t, c.code, acme, c.method, "/api/deliveries/"+s.delivery+c.path, "").object(t)
		if log, _ := r["attempt_log"].([]any); r["status"] != c.status || len(log) != 1 || r["response_body"] != "gone" {
			t.Errorf("%s %s: %v", c.method, c.path, r)
		}
	}
}

func mustAttempt(t *testing.T, s *scene, id webhook.ID, a webhook.Attempt) {
	t.Helper()
	if _, err := s.dispatcher.attempt(id, a); err != nil {
		t.Fatal(err)
	}
}

// checkLog checks the list of attempts, and the payload.
func checkLog(t *testing.T, r *reply) {
	t.Helper()
	w := r.object(t)
	var got []string
	log, _ := w["attempt_log"].([]any)
	for _, entry := range log {
		a, _ := entry.(map[string]any)
		got = append(got, strings.TrimSpace(fmt.Sprintln(a["number"], a["response_code"], a["reason"], a["response_body"], a["duration_ms"], a["retry_after_ms"])))
	}
	want := []string{"1 503 http_5xx busy 20 60000", "2 <nil> timeout <nil> 20 <nil>", "3 410 gone <nil> 20 <nil>", "4 204 <nil> <nil> 20 <nil>"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if fmt.Sprint(w["payload"]) != "map[n:1]" {
		t.Errorf("payload %v", w["payload"])
	}
}

// TestDeliveryLists filters and pages.
func TestDeliveryLists(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		other := s.register(t, globex)
		var events []webhook.ID
		for range 6 {
			time.Sleep(time.Second)
			events = append(events, s.publishOne(t))
		}
		slices.Reverse(events)
		mine := func(of ...webhook.ID) (list []string) {
			for _, id := range of {
				list = append(list, webhook.DeliveryID.Format(deliveryTo(t, id, s.webhook)))
			}
			return list
		}
		everything := mine(append(slices.Clone(events), s.event)...)
		s.dispatcher.fly(deliveryTo(t, events[5], s.webhook))
		s.dispatcher.fly(deliveryTo(t, events[4], s.webhook))
		s.dispatcher.fly(deliveryTo(t, events[4], other))
		mustAttempt(t, s, deliveryTo(t, events[0], s.webhook), webhook.Attempt{StatusCode: 200})
		mustAttempt(t, s, deliveryTo(t, events[1], s.webhook), webhook.Attempt{StatusCode: 500})
		mustAttempt(t, s, deliveryTo(t, events[2], s.webhook), webhook.Attempt{StatusCode: 410})
		at := func(i int) string { return webhook.FormatTime(events[i].Time()) }
		for query, want := range map[string][]string{
			"limit=250":                          everything,
			"limit=2":                            everything,
			"limit=7":                            everything,
			"status=delivered":                   mine(events[0]),
			"status=retrying":                    mine(events[1]),
			"status=failed":                      mine(events[2]),
			"status=cancelled":                   nil,
			"status=queued":                      mine(events[3], s.event),
			"status=queued&limit=1":              mine(events[3], s.event),
			"status=processing":                  mine(events[4], events[5]),
			"status=processing&limit=1":          mine(events[4], events[5]),
			"status=processing&until=" + at(4):   mine(events[5]),
			"since=" + at(1):                     mine(events[0], events[1]),
			"until=" + at(5):                     mine(s.event),
			"since=" + at(3) + "&until=" + at(1): mine(events[2], events[3]),
			"event_type=user.created&limit=3":    everything,
			"event_type=user.updated":            nil,
		} {
			for _, path := range []string{"/api/deliveries?", "/api/webhooks/" + s.webhook + "/deliveries?"} {
				if got := ids(s.all(t, acme, path+query)); !slices.Equal(got, want) {
					t.Errorf("%s%s:\ngot  %q\nwant %q", path, query, got, want)
				}
			}
		}
		if got := s.all(t, admin, "/api/deliveries?limit=4"); len(got) != 13 {
			t.Errorf("an administrator sees %d", len(got))
		}
		if got := s.all(t, admin, "/api/deliveries?status=processing&limit=1"); len(got) != 3 {
			t.Errorf("an administrator sees %d in flight: %v", len(got), got)
		}
		for _, d := range s.all(t, acme, "/api/deliveries?limit=50") {
			if _, shown := d["payload"]; shown || d["attempt_log"] != nil {
				t.Errorf("a list shows %v", d)
			}
		}
	})
}

// TestProcessingPages pages through what many webhooks have in flight.
func TestProcessingPages(t *testing.T) {
	f := newFixture(t)
	var hooks []string
	for range maxProcessingEndpoints + 10 {
		hooks = append(hooks, f.register(t, acme))
	}
	event := f.publishOne(t)
	var want []string
	for _, i := range []int{0, 5, 9, 10, 11, 100, len(hooks) - 1} {
		id := deliveryTo(t, event, hooks[i])
		f.dispatcher.fly(id)
		want = append(want, webhook.DeliveryID.Format(id))
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 2, 3, 250} {
		if got := ids(f.all(t, acme, fmt.Sprintf("/api/deliveries?status=processing&limit=%d", limit))); !slices.Equal(got, want) {
			t.Errorf("limit %d:\ngot  %q\nwant %q", limit, got, want)
		}
	}
}

// TestEventPages pages through an event's deliveries.
func TestEventPages(t *testing.T) {
	f := newFixture(t)
	for range maxRecipients + 20 {
		f.register(t, acme)
		f.register(t, globex)
	}
	path := "/api/events/" + webhook.EventID.Format(f.publishOne(t))
	for caller, total := range map[string]int{acme: maxRecipients + 20, admin: 2 * (maxRecipients + 20)} {
		seen := map[string]bool{}
		for cursor := ""; ; {
			r := f.want(t, 200, caller, "GET", path+"?limit=60"+cursor, "")
			if got := r.object(t)["deliveries"]; got != float64(total) {
				t.Fatalf("%s: %v deliveries", caller, got)
			}
			log, _ := r.object(t)["delivery_log"].([]any)
			for _, d := range log {
				seen[fmt.Sprint(d.(map[string]any)["id"])] = true
			}
			next := r.text(t, "next_cursor")
			if next == "" {
				break
			}
			cursor = "&cursor=" + next
		}
		if len(seen) != total {
			t.Errorf("%s: paged through %d of %d", caller, len(seen), total)
		}
	}
	r := f.want(t, 200, acme, "GET", path, "")
	if log, _ := r.object(t)["delivery_log"].([]any); len(log) != maxRecipients {
		t.Errorf("%d deliveries without a limit", len(log))
	}
}

// TestReplay counts, then sends again.
func TestReplay(t *testing.T) {
	f := newFixture(t)
	hook := f.register(t, acme)
	path := "/api/webhooks/" + hook + "/replay"
	var events []webhook.ID
	for i := range replayChunk + 5 {
		id := f.publishOne(t)
		events = append(events, id)
		code := 410
		if i%5 == 0 {
			code = 200
		}
		if _, err := f.dispatcher.attempt(deliveryTo(t, id, hook), webhook.Attempt{StatusCode: code}); err != nil {
			t.Fatal(err)
		}
	}
	const delivered, failed = 101, 404
	count := func(body string, want int) {
		t.Helper()
		r := f.want(t, 200, acme, "POST", path, body)
		if got := r.object(t)["deliveries"]; got != float64(want) || r.text(t, "next_cursor") != "" {
			t.Errorf("%s: %s, want %d", body, r.body, want)
		}
	}
	count(`{"dry_run":true}`, failed)
	count(`{"dry_run":true,"status":"delivered"}`, delivered)
	count(`{"dry_run":true,"status":"cancelled"}`, 0)
	count(`{"dry_run":true,"event_type":"user.updated"}`, 0)
	count(`{"dry_run":true,"until":"`+webhook.FormatTime(events[0].Time())+`"}`, 0)
	count(`{"dry_run":true,"since":"`+webhook.FormatTime(events[0].Time())+`"}`, failed)
	if d, err := f.store.Delivery(t.Context(), deliveryTo(t, events[1], hook)); err != nil || d.Status != webhook.Failed {
		t.Fatalf("the dry run changed %+v, %v", d, err)
	}
	count(``, failed)
	count(`{"dry_run":true}`, 0)
	if d, err := f.store.Delivery(t.Context(), deliveryTo(t, events[1], hook)); err != nil || d.Status != webhook.Queued {
		t.Errorf("not sent again: %+v, %v", d, err)
	}
	count(`{"status":"delivered"}`, delivered)
}

// TestReplayGoesOn continues a replay that was stopped half way.
func TestReplayGoesOn(t *testing.T) {
	f := newFixture(t)
	hook := f.register(t, acme)
	for range replayChunk + 5 {
		if _, err := f.dispatcher.attempt(deliveryTo(t, f.publishOne(t), hook), webhook.Attempt{StatusCode: 410}); err != nil {
			t.Fatal(err)
		}
	}
	steps := 0
	f.Server.dispatcher = stepping{f.dispatcher, func() error {
		if steps++; steps == 2 {
			return webhook.ErrBroken
		}
		return nil
	}}
	path := "/api/webhooks/" + hook + "/replay"
	r := f.want(t, 200, acme, "POST", path, `{}`)
	if got := r.object(t)["deliveries"]; got != float64(replayChunk) || r.text(t, "next_cursor") == "" {
		t.Fatalf("%s", r.body)
	}
	r = f.want(t, 200, acme, "POST", path, `{"cursor":"`+r.text(t, "next_cursor")+`"}`)
	if got := r.object(t)["deliveries"]; got != 5.0 || r.text(t, "next_cursor") != "" {
		t.Errorf("%s", r.body)
	}
}
