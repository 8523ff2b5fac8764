package httpapi

import (
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestEventList: everyone sees in the list what a single read shows, with its own deliveries
// counted, and nothing else.
func TestEventList(t *testing.T) {
	f := newFixture(t)
	f.register(t, acme)
	publish := func(caller, body string) string {
		return f.want(t, 202, caller, "POST", "/api/events", body).text(t, "id")
	}
	wide := publish(backend, `{"event_type":"user.created","data":{"n":1}}`)
	theirs := publish(admin, `{"event_type":"user.updated","client_id":"globex","data":[]}`)
	own := publish(acmeWriter, `{"event_type":"user.updated","data":1}`)
	for caller, want := range map[string][]string{
		admin: {own, theirs, wide}, acme: {own, wide}, acmeWriter: {own, wide}, globex: {theirs}, backend: {wide},
	} {
		list := f.all(t, caller, "/api/events?limit=1")
		if got := ids(list); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", caller, got, want)
		}
		for _, e := range list {
			whole := f.want(t, 200, caller, "GET", "/api/events/"+e["id"].(string), "").object(t)
			for _, member := range []string{"event_type", "client_id", "accepted_at", "deliveries"} {
				if e[member] != whole[member] {
					t.Errorf("%s: %s of %v is %v, and alone %v", caller, member, e["id"], e[member], whole[member])
				}
			}
			if matched := e["deliveries"] != 0.0; e["matched"] != matched {
				t.Errorf("%s: %v", caller, e)
			}
		}
	}
	for query, want := range map[string][]string{
		"client_id=acme": {own, wide}, "client_id=globex": {theirs}, "event_type=user.updated": {own, theirs},
		"matched=true": {own, wide}, "matched=false": {theirs}, "matched=true&client_id=globex": nil,
		"since=1h": {own, theirs, wide}, "until=1h": nil,
	} {
		if got := ids(f.all(t, admin, "/api/events?limit=2&"+query)); !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", query, got, want)
		}
	}
	if e := f.all(t, admin, "/api/events?event_type=user.created")[0]; e["size_bytes"] != 7.0 || e["data"] != nil {
		t.Errorf("%v", e)
	}
	for _, query := range []string{"matched=1", "event_type=a..b", "since=x", "limit=0", "status=failed", "webhook_id=x"} {
		f.want(t, 422, admin, "GET", "/api/events?"+query, "")
	}
	next := f.want(t, 200, admin, "GET", "/api/events?limit=1", "").text(t, "next_cursor")
	for _, other := range []string{"limit=1&event_type=user.created&cursor=", "limit=1&matched=true&cursor="} {
		f.want(t, 400, admin, "GET", "/api/events?"+other+next, "")
	}
	f.want(t, 400, acme, "GET", "/api/events?cursor="+next, "")
}

// TestAttemptFilters: deliveries are found by what became of their latest attempt, also
// those in flight; a client finds its own only.
func TestAttemptFilters(t *testing.T) {
	s := newScene(t)
	id := deliveryTo(t, s.event, s.webhook)
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 503})
	mustAttempt(t, s, id, webhook.Attempt{StatusCode: 404})
	fresh := deliveryTo(t, s.publishOne(t), s.webhook)
	failed, queued := []string{s.delivery}, []string{webhook.DeliveryID.Format(fresh)}
	both := append(slices.Clone(queued), failed...)
	for query, want := range map[string][]string{
		"reason=http_4xx": failed, "reason=http_5xx": nil, "code=4xx": failed, "code=404": failed, "code=5xx": nil, "code=none": nil,
		"min_attempts=2": failed, "min_attempts=3": nil, "min_attempts=0": both, "webhook_id=" + s.webhook: both,
		"reason=http_4xx&code=404&min_attempts=1&since=1h&status=retrying": failed,
	} {
		for _, caller := range []string{acme, admin} {
			if got := ids(s.all(t, caller, "/api/deliveries?limit=1&"+query)); !slices.Equal(got, want) {
				t.Errorf("%s: %s lists %v, want %v", caller, query, got, want)
			}
		}
		if got := ids(s.all(t, globex, "/api/deliveries?limit=1&"+query)); got != nil {
			t.Errorf("another client: %s lists %v", query, got)
		}
	}
	s.dispatcher.fly(id)
	s.dispatcher.fly(fresh)
	for query, want := range map[string][]string{"": both, "&code=404": failed, "&code=2xx": nil, "&min_attempts=1": failed, "&reason=http_4xx": failed} {
		if got := ids(s.all(t, acme, "/api/webhooks/"+s.webhook+"/deliveries?status=processing"+query)); !slices.Equal(got, want) {
			t.Errorf("in flight%s: %v, want %v", query, got, want)
		}
	}
	for _, query := range []string{"reason=bad", "code=1xx", "code=99", "code=4XX", "min_attempts=-1", "min_attempts=x", "webhook_id=evt_1", "webhook_id="} {
		s.want(t, 422, acme, "GET", "/api/deliveries?"+query, "")
	}
	s.want(t, 422, acme, "GET", "/api/webhooks/"+s.webhook+"/deliveries?webhook_id="+s.webhook, "")
}
