package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestAttemptResource: an attempt shows what it met and what it sent. A client sees no
// address of a private network.
func TestAttemptResource(t *testing.T) {
	const head, body = "POST /hook HTTP/1.1\r\nHost: example.com\r\nX-Own: ***", `{"n":12345678901234567890,"rtl":"\u202e"}`
	var made []webhook.Attempt
	var of webhook.Due
	s := newScene(t, func(o *Options) {
		o.Request = func(_ webhook.Endpoint, due webhook.Due, a webhook.Attempt) (string, []byte, bool) {
			made, of = append(made, a), due
			return head, []byte(body), true
		}
	})
	id := deliveryTo(t, s.event, s.webhook)
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 503, Requests: 1, SentAs: 7, ResponseHead: "HTTP/1.1 503 No\nSet-Cookie: ***\nX: <script>\n…", Connection: webhook.Connection{
		From: netip.MustParseAddrPort("10.1.2.3:40000"), To: netip.MustParseAddrPort("8.8.8.8:443"), DNS: 1500 * time.Microsecond, TLS: time.Second,
	}})
	mustAttempt(t, s, id, webhook.Attempt{Failure: webhook.ReasonDNS, SentAs: 7, Connection: webhook.Connection{DNS: 5 * time.Second}})
	path := "/api/deliveries/" + s.delivery
	for caller, from := range map[string]string{acme: "<nil>", admin: "10.1.2.3:40000"} {
		one := s.want(t, 200, caller, "GET", path+"/attempts/1", "").object(t)
		request, _ := one["request"].(map[string]any)
		for name, want := range map[string]string{
			"from_address": from, "to_address": "8.8.8.8:443", "timings_ms": "map[dns:1.5 tls:1000]", "response_line": "HTTP/1.1 503 No",
			"response_headers": "[[Set-Cookie ***] [X <script>]]", "response_headers_truncated": "true", "request_not_kept": "<nil>", "number": "1",
		} {
			if got := fmt.Sprint(one[name]); got != want {
				t.Errorf("%s: %s is %s, want %s", caller, name, got, want)
			}
		}
		if request["method"] != "POST" || request["body_base64"] != base64.StdEncoding.EncodeToString([]byte(body)) ||
			fmt.Sprint(request["headers"]) != "[[Host example.com] [X-Own ***]]" || !strings.HasPrefix(fmt.Sprint(request["url"]), "https://") {
			t.Errorf("%s: %v", caller, request)
		}
		log, _ := s.want(t, 200, caller, "GET", path, "").object(t)["attempt_log"].([]any)
		delete(one, "request")
		if len(log) != 2 || fmt.Sprint(log[0]) != fmt.Sprint(one) {
			t.Errorf("%s: in its delivery it is\n%v, by itself\n%v", caller, log, one)
		}
		two := s.want(t, 200, caller, "GET", path+"/attempts/2", "").object(t)
		if two["request"] != nil || two["request_not_kept"] != "nothing_sent" || fmt.Sprint(two["timings_ms"]) != "map[dns:5000]" || two["response_headers_not_kept"] != nil {
			t.Errorf("%s: without a connection: %v", caller, two)
		}
	}
	if len(made) != 2 || made[0].Number != 1 || made[0].SentAs != 7 || of.Delivery.ID != id || string(of.Data) != `{"n":1}` {
		t.Errorf("made of %+v, %+v", made, of)
	}
	for _, number := range []string{"0", "3", "01", "-1", "+1", "x", "1e0", "99999999999999999999", "%31%00"} {
		s.want(t, 404, acme, "GET", path+"/attempts/"+number, "")
	}
}

// TestRequestsThatAreNotShown: each with its reason, never a guess.
func TestRequestsThatAreNotShown(t *testing.T) {
	s := newScene(t) // whose requests cannot be made again
	id := deliveryTo(t, s.event, s.webhook)
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 500, Requests: 1})
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 500, Requests: 1, SentAs: 1})
	for number, want := range map[int]string{1: "older_version", 2: "settings_changed"} {
		a := s.want(t, 200, acme, "GET", fmt.Sprintf("/api/deliveries/%s/attempts/%d", s.delivery, number), "").object(t)
		if a["request"] != nil || a["request_not_kept"] != want {
			t.Errorf("attempt %d: %v, want %s", number, a, want)
		}
	}
}
