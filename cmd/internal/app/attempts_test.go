package app

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// TestAttemptsShowWhatWasSent: a whole server shows each request as its receiver got it, to
// the byte, also after a restart; own headers and cookies are masked, and a request that
// would be another one now is not shown.
func TestAttemptsShowWhatWasSent(t *testing.T) {
	inWorld(t, func(w *world) {
		const data = `{"n":12345678901234567890,"markup":"<script>"}`
		answers := []receivertest.Reply{receivertest.With(500, "no", "Set-Cookie: id=s3cret", "X-Kept: yes"), receivertest.Answer(200)}
		r := w.receiver(9001, func(q receivertest.Request) receivertest.Reply { return answers[q.Number-1] })
		hook := w.register(9001, `,"headers":{"Authorization":"Bearer s3cret"},"retry_policy":{"initial_delay_ms":1000,"jitter":0}`)
		w.call("POST", "/api/events", `{"event_type":"user.created","data":`+data+`}`, 202)
		time.Sleep(time.Minute)
		w.restart()
		listed := w.call("GET", "/api/webhooks/"+hook+"/deliveries", "", 200)["data"].([]any)
		path := "/api/deliveries/" + listed[0].(map[string]any)["id"].(string)
		for i, q := range r.Requests() {
			a := w.call("GET", fmt.Sprintf("%s/attempts/%d", path, i+1), "", 200)
			request, _ := a["request"].(map[string]any)
			body, err := base64.StdEncoding.DecodeString(fmt.Sprint(request["body_base64"]))
			if err != nil || string(body) != string(q.Body) || !strings.Contains(string(body), "12345678901234567890") {
				t.Errorf("attempt %d: %v, body %s, want %s", i+1, err, body, q.Body)
			}
			var got, want []string
			headers, _ := request["headers"].([]any)
			for _, h := range headers {
				got = append(got, strings.Trim(fmt.Sprint(h), "[]"))
			}
			for _, field := range q.Fields {
				name, value, _ := strings.Cut(field, ": ")
				if name == "Authorization" {
					value = "***"
				}
				want = append(want, name+" "+value)
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") || len(got) < 5 {
				t.Errorf("attempt %d: headers\n%s\nwant\n%s", i+1, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if a["to_address"] == nil || strings.Contains(fmt.Sprint(a), "s3cret") {
				t.Errorf("attempt %d: %v", i+1, a)
			}
		}
		log := w.call("GET", path, "", 200)["attempt_log"].([]any)
		failed, delivered := log[0].(map[string]any), log[1].(map[string]any)
		if kept := fmt.Sprint(failed["response_headers"]); !strings.Contains(kept, "[Set-Cookie ***]") || !strings.Contains(kept, "[X-Kept yes]") {
			t.Errorf("the failure's headers are %s", kept)
		}
		if delivered["reused"] != true || delivered["response_headers_not_kept"] != "delivered" {
			t.Errorf("the success is %v", delivered)
		}
		w.call("POST", "/api/webhooks/"+hook+"/pause", "", 200)
		if a := w.call("GET", path+"/attempts/1", "", 200); a["request"] == nil {
			t.Errorf("after a pause: %v", a)
		}
		w.call("PATCH", "/api/webhooks/"+hook, `{"headers":{"Authorization":"Bearer another"}}`, 200)
		if a := w.call("GET", path+"/attempts/1", "", 200); a["request"] != nil || a["request_not_kept"] != "settings_changed" {
			t.Errorf("after a change of a header: %v", a)
		}
	})
}
