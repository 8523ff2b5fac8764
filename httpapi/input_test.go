package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// badInput is a request that must be refused, with the reason why.
type badInput struct {
	why    string
	body   string
	status int
	field  string
	code   problem.Code
}

// check makes the request, and checks that it was refused and nothing stored.
func (in *badInput) check(t *testing.T, f *fixture, caller, method, path string) {
	t.Helper()
	seq, events, change := f.store.LastSeq(), f.dispatcher.published(), f.dispatcher.lastChange()
	types := f.types.List()
	r := f.do(t, caller, method, path, in.body)
	if r.status != in.status {
		t.Fatalf("%s: %.200s\ngot %d %s\nwant %d", in.why, in.body, r.status, r.body, in.status)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: content type %q", in.why, got)
	}
	p := r.object(t)
	if p["field"] != in.field || p["type"] != problem.TypePrefix+string(in.code) {
		t.Errorf("%s: got %s, want the field %q and the type %s", in.why, r.body, in.field, in.code)
	}
	if f.store.LastSeq() != seq || f.dispatcher.published() != events || f.dispatcher.lastChange().Revision != change.Revision {
		t.Errorf("%s: something was stored", in.why)
	}
	if now := f.types.List(); len(now) != len(types) {
		t.Errorf("%s: the registry has changed", in.why)
	}
}

// nested is a document of that many arrays.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// eventWith is the body of an event with this data.
func eventWith(data string) string { return `{"event_type":"user.created","data":` + data + `}` }

var badEvents = []badInput{
	{"no body", "", 400, "body", problem.Malformed},
	{"cut off", `{"event_type":"user.created","data":{`, 400, "body", problem.Malformed},
	{"no JSON", `event_type=user.created`, 400, "body", problem.Malformed},
	{"text after the end", eventWith("1") + "x", 400, "body", problem.Malformed},
	{"two events", eventWith("1") + eventWith("2"), 400, "body", problem.Malformed},
	{"a comma too many", `{"event_type":"user.created","data":1,}`, 400, "body", problem.Malformed},
	{"no comma", `{"event_type":"user.created" "data":1}`, 400, "body", problem.Malformed},
	{"no colon", `{"event_type" "user.created"}`, 400, "body", problem.Malformed},
	{"a comma first", `{,"event_type":"user.created","data":1}`, 400, "body", problem.Malformed},
	{"no value", `{"event_type":,"data":1}`, 400, "body", problem.Malformed},
	{"a bare key", `{event_type:"user.created","data":1}`, 400, "body", problem.Malformed},
	{"a comment", `{"event_type":"user.created",/**/"data":1}`, 400, "body", problem.Malformed},
	{"a byte order mark", "\ufeff" + eventWith("1"), 400, "body", problem.Malformed},
	{"an array", `[` + eventWith("1") + `]`, 422, "body", problem.Invalid},
	{"a string", `"user.created"`, 422, "body", problem.Invalid},
	{"unbalanced", `{"event_type":"user.created","data":[}]}`, 400, "body", problem.Malformed},
	{"brackets crossed", `{"event_type":"user.created","data":[{]}}`, 400, "data", problem.Malformed},
	{"a string that does not end", `{"event_type":"user.created","data":"x}`, 400, "body", problem.Malformed},
	{"a string that ends with a backslash", `{"event_type":"user.created","data":"x\"}`, 400, "body", problem.Malformed},
	{"a word that is no literal", eventWith("nul"), 400, "data", problem.Malformed},
	{"a number with leading zero", eventWith("01"), 400, "data", problem.Malformed},
	{"a control character in a string", eventWith("\"a\nb\""), 400, "data", problem.Malformed},
	{"an escape that is none", eventWith(`"\x"`), 400, "data", problem.Malformed},
	{"a key twice", `{"event_type":"user.created","data":1,"data":2}`, 400, "data", problem.Malformed},
	{"a key twice, once escaped", `{"event_type":"user.created","data":1,"\u0064ata":2}`, 400, "data", problem.Malformed},
	{"a key twice, null first", `{"client_id":null,"event_type":"user.created","data":1,"client_id":"a"}`, 400, "client_id", problem.Malformed},
	{"a key twice in the data", eventWith(`{"a":[{"b":1,"b":2}]}`), 400, "data.a[0].b", problem.Malformed},
	{"invalid UTF-8 in the data", eventWith("{\"a\":\"\xff\"}"), 400, "data.a", problem.Malformed},
	{"invalid UTF-8 in a key", "{\"event_type\":\"user.created\",\"d\xff\":1}", 400, "body", problem.Malformed},
	{"half of a surrogate", eventWith(`{"a":"\ud800"}`), 400, "data.a", problem.Malformed},
	{"invalid UTF-8 in the type", "{\"event_type\":\"user.created\xff\",\"data\":1}", 400, "event_type", problem.Malformed},
	{"nested too deep", eventWith(nested(canonicaljson.MaxDepth + 1)), 400, "data" + strings.Repeat("[0]", 84), problem.Malformed},
	{"unknown field", `{"event_type":"user.created","data":1,"payload":1}`, 422, "payload", problem.Invalid},
	{"other case", `{"Event_Type":"user.created","data":1}`, 422, "Event_Type", problem.Invalid},
	{"no type", `{"data":1}`, 422, "event_type", problem.Invalid},
	{"a type that is null", `{"event_type":null,"data":1}`, 422, "event_type", problem.Invalid},
	{"a type that is a number", `{"event_type":1,"data":1}`, 422, "event_type", problem.Invalid},
	{"a type that is an object", `{"event_type":{},"data":1}`, 422, "event_type", problem.Invalid},
	{"an empty type", `{"event_type":"","data":1}`, 422, "event_type", problem.Invalid},
	{"a pattern", `{"event_type":"user.*","data":1}`, 422, "event_type", problem.Invalid},
	{"unknown type", `{"event_type":"user.craeted","data":1}`, 422, "event_type", problem.UnknownType},
	{"no data", `{"event_type":"user.created"}`, 422, "data", problem.Invalid},
	{"data over 256 KiB", eventWith(`"` + strings.Repeat("x", webhook.MaxPayload-1) + `"`), 413, "data", problem.TooLarge},
	{"body over 1 MiB", eventWith("1" + strings.Repeat(" ", inbound.MaxBody)), 413, "body", problem.TooLarge},
	{"a client that is a number", `{"event_type":"user.created","data":1,"client_id":7}`, 422, "client_id", problem.Invalid},
	{"an empty client", `{"event_type":"user.created","data":1,"client_id":""}`, 422, "client_id", problem.Invalid},
	{"a client with a line break", `{"event_type":"user.created","data":1,"client_id":"a\nb"}`, 422, "client_id", problem.Invalid},
	{"an empty key", `{"event_type":"user.created","data":1,"idempotency_key":""}`, 422, "idempotency_key", problem.Invalid},
	{"a long key", `{"event_type":"user.created","data":1,"idempotency_key":"` + strings.Repeat("ä", 256) + `"}`, 422, "idempotency_key", problem.Invalid},
	{"a key that is true", `{"event_type":"user.created","data":1,"idempotency_key":true}`, 422, "idempotency_key", problem.Invalid},
}

// TestBadEvents posts each bad event.
func TestBadEvents(t *testing.T) {
	f := newFixture(t)
	for i := range badEvents {
		in := badEvents[i]
		if in.code == problem.Malformed && strings.HasPrefix(in.field, "data[0]") {
			in.field = deepField(t, f, in.body) // a path of 128 levels is cut
		}
		in.check(t, f, backend, "POST", "/api/events")
	}
}

// deepField returns the field of the answer, after checking that it is a cut path.
func deepField(t *testing.T, f *fixture, body string) string {
	t.Helper()
	field := f.want(t, 400, backend, "POST", "/api/events", body).text(t, "field")
	if !strings.HasPrefix(field, "data[0][0]") || len(field) > 2*jsonbody.MaxField {
		t.Errorf("field %q", field)
	}
	return field
}

// TestBadEventsInBatch puts each bad event between two good ones: it fails
// alone, and the answer says which.
func TestBadEventsInBatch(t *testing.T) {
	f := newFixture(t)
	good := eventWith(`{"n":1}`)
	for _, in := range badEvents {
		divides := in.body != "" && in.status != 413 && in.code != problem.Malformed // the array's own syntax is hurt by the others
		if !divides {
			continue
		}
		before := f.dispatcher.published()
		r := f.want(t, 207, backend, "POST", "/api/events/batch", `[`+good+`,`+in.body+`,`+good+`]`)
		results, _ := r.object(t)["results"].([]any)
		if len(results) != 3 || f.dispatcher.published() != before+2 {
			t.Fatalf("%s: %s", in.why, r.body)
		}
		bad, _ := results[1].(map[string]any)
		p, _ := bad["problem"].(map[string]any)
		field := "events[1]." + in.field
		if in.field == jsonbody.Whole {
			field = "events[1]"
		}
		if bad["status"] != float64(in.status) || p["field"] != field || p["type"] != problem.TypePrefix+string(in.code) {
			t.Errorf("%s: %v", in.why, bad)
		}
		for _, i := range []int{0, 2} {
			if ok, _ := results[i].(map[string]any); ok["status"] != 202.0 {
				t.Errorf("%s: the good event %d: %v", in.why, i, ok)
			}
		}
	}
}

// TestMalformedInBatch has events that are not well-formed, but leave the batch's
// structure whole.
func TestMalformedInBatch(t *testing.T) {
	f := newFixture(t)
	good := eventWith(`1`)
	for _, bad := range []string{
		eventWith("nul"), eventWith("01"), eventWith(`"\x"`), eventWith("\"\xff\""), eventWith(`{"a":1,"a":2}`),
		eventWith(nested(129)), `{"event_type":"user.created","data":1,"data":2}`, `{"event_type":tru,"data":1}`, `{"event_type" "x"}`,
	} {
		for _, batch := range []string{`[` + good + `,` + bad + `]`, good + "\n" + bad + "\n"} {
			r := f.want(t, 207, backend, "POST", "/api/events/batch", batch, "Content-Type", contentFor(batch))
			results, _ := r.object(t)["results"].([]any)
			if second, _ := results[1].(map[string]any); second["status"] != 400.0 {
				t.Errorf("%q: %s", bad, r.body)
			}
		}
	}
}

func contentFor(batch string) string {
	if batch[0] == '[' {
		return "application/json"
	}
	return eventinput.ContentLines
}

// TestBadBatches has bodies that cannot be divided into events, or into too many.
func TestBadBatches(t *testing.T) {
	f := newFixture(t)
	many := strings.Repeat(eventWith("1")+",", MaxBatch)
	for _, in := range []badInput{
		{"no body", "", 400, "body", problem.Malformed},
		{"an empty array", `[]`, 422, "body", problem.Invalid},
		{"a string", `"x"`, 422, "body", problem.Invalid},
		{"a comma too many", `[` + eventWith("1") + `,]`, 400, "body", problem.Malformed},
		{"not closed", `[` + eventWith("1"), 400, "body", problem.Malformed},
		{"text after the end", `[` + eventWith("1") + `]]`, 400, "body", problem.Malformed},
		{"an event that is not closed", `[{"event_type":"user.created","data":{]`, 400, "body", problem.Malformed},
		{"1,001 events", `[` + many + eventWith("1") + `]`, 422, "body", problem.Invalid},
		{"1,001 lines", strings.ReplaceAll(many, "},", "}\n") + eventWith("1"), 422, "body", problem.Invalid},
		{"over 1 MiB", `[` + eventWith("1"+strings.Repeat(" ", inbound.MaxBody)) + `]`, 413, "body", problem.TooLarge},
	} {
		in.check(t, f, backend, "POST", "/api/events/batch")
	}
	r := f.want(t, 422, backend, "POST", "/api/events/batch", `[`+eventWith("1")+`]`, keyHeader, "k")
	if r.text(t, "field") != keyHeader {
		t.Errorf("%s", r.body)
	}
	r = f.want(t, 422, backend, "POST", "/api/events/batch", `[{"event_type":"x"},7]`)
	if got := r.object(t)["failed"]; got != 2.0 {
		t.Errorf("a batch of bad events: %s", r.body)
	}
}

// webhookWith is the body of a webhook with one more member.
func webhookWith(member string) string {
	return `{"event_type":"user.created","target_url":"https://example.com/",` + member + `}`
}

var badWebhooks = []badInput{
	{"no body", "", 400, "body", problem.Malformed},
	{"cut off", `{"event_type":"user.created"`, 400, "body", problem.Malformed},
	{"an array", `[]`, 422, "body", problem.Invalid},
	{"a key twice", webhookWith(`"description":"a","description":"b"`), 400, "description", problem.Malformed},
	{"a key twice inside", webhookWith(`"retry_policy":{"jitter":0,"jitter":1}`), 400, "retry_policy.jitter", problem.Malformed},
	{"invalid UTF-8", webhookWith("\"description\":\"\xff\""), 400, "description", problem.Malformed},
	{"unknown field", webhookWith(`"url":"x"`), 422, "url", problem.Invalid},
	{"unknown field inside", webhookWith(`"retry_policy":{"attempts":1}`), 422, "retry_policy.attempts", problem.Invalid},
	{"a field of the answer", webhookWith(`"id":"wh_x"`), 422, "id", problem.Invalid},
	{"a description that is a number", webhookWith(`"description":1`), 422, "description", problem.Invalid},
	{"a policy that is a number", webhookWith(`"retry_policy":1`), 422, "retry_policy", problem.Invalid},
	{"attempts that are text", webhookWith(`"retry_policy":{"max_attempts":"5"}`), 422, "retry_policy.max_attempts", problem.Invalid},
	{"half an attempt", webhookWith(`"retry_policy":{"max_attempts":1.5}`), 422, "retry_policy.max_attempts", problem.Invalid},
	{"types that are text", `{"event_types":"user.created","target_url":"https://example.com/"}`, 422, "event_types", problem.Invalid},
	{"a type that is a number", `{"event_types":["user.created",1],"target_url":"https://example.com/"}`, 422, "event_types[1]", problem.Invalid},
	{"no type", `{"target_url":"https://example.com/"}`, 422, "event_type", problem.Invalid},
	{"both", webhookWith(`"event_types":["*"]`), 422, "event_types", problem.Invalid},
	{"no types", `{"event_types":[],"target_url":"https://example.com/"}`, 422, "event_types", problem.Invalid},
	{"a type twice", `{"event_types":["*","*"],"target_url":"https://example.com/"}`, 422, "event_types[1]", problem.Invalid},
	{"101 types", `{"event_types":["a.*"` + strings.Repeat(`,"b.*"`, 100) + `],"target_url":"https://example.com/"}`, 422, "event_types", problem.Invalid},
	{"a bad pattern", `{"event_type":"user*","target_url":"https://example.com/"}`, 422, "event_type", problem.Invalid},
	{"unknown type", `{"event_types":["user.created","user.upated"],"target_url":"https://example.com/"}`, 422, "event_types[1]", problem.UnknownType},
	{"no URL", `{"event_type":"user.created"}`, 422, "target_url", problem.Invalid},
	{"a URL that is null", `{"event_type":"user.created","target_url":null}`, 422, "target_url", problem.Invalid},
	{"ftp", `{"event_type":"user.created","target_url":"ftp://example.com/"}`, 422, "target_url", problem.Invalid},
	{"user information", `{"event_type":"user.created","target_url":"https://u:p@example.com/"}`, 422, "target_url", problem.Invalid},
	{"a fragment", `{"event_type":"user.created","target_url":"https://example.com/#x"}`, 422, "target_url", problem.Invalid},
	{"a refused address", `{"event_type":"user.created","target_url":"http://127.0.0.1/"}`, 422, "target_url", problem.Invalid},
	{"a short secret", webhookWith(`"secret":"123456789012345"`), 422, "secret", problem.Invalid},
	{"a long secret", webhookWith(`"secret":"` + strings.Repeat("x", 257) + `"`), 422, "secret", problem.Invalid},
	{"a long description", webhookWith(`"description":"` + strings.Repeat("x", 1001) + `"`), 422, "description", problem.Invalid},
	{"disabled", webhookWith(`"status":"disabled"`), 422, "status", problem.Invalid},
	{"another client", webhookWith(`"client_id":"globex"`), 403, "client_id", problem.Forbidden},
	{"a timeout too short", webhookWith(`"timeout_ms":99`), 422, "timeout_ms", problem.Invalid},
	{"no concurrency", webhookWith(`"concurrency":0`), 422, "concurrency", problem.Invalid},
	{"too much concurrency", webhookWith(`"concurrency":1025`), 422, "concurrency", problem.Invalid},
	{"no rate", webhookWith(`"rate_limit":{"per_second":0}`), 422, "rate_limit.per_second", problem.Invalid},
	{"a negative rate", webhookWith(`"rate_limit":{"per_second":-1}`), 422, "rate_limit.per_second", problem.Invalid},
	{"a burst without rate", webhookWith(`"rate_limit":{"burst":5}`), 422, "rate_limit.per_second", problem.Invalid},
	{"101 attempts", webhookWith(`"retry_policy":{"max_attempts":101}`), 422, "retry_policy.max_attempts", problem.Invalid},
	{"a shrinking wait", webhookWith(`"retry_policy":{"multiplier":0.5}`), 422, "retry_policy.multiplier", problem.Invalid},
	{"a jitter over 1", webhookWith(`"retry_policy":{"jitter":1.1}`), 422, "retry_policy.jitter", problem.Invalid},
	{"a wait longer than its bound", webhookWith(`"retry_policy":{"initial_delay_ms":1000,"max_delay_ms":999}`), 422, "retry_policy.max_delay_ms", problem.Invalid},
	{"a delay that overflows", webhookWith(`"retry_policy":{"max_delay_ms":9223372036854775807}`), 422, "retry_policy.max_delay_ms", problem.Invalid},
	{"a delay beyond int64", webhookWith(`"retry_policy":{"max_delay_ms":1e30}`), 422, "retry_policy.max_delay_ms", problem.Invalid},
	{"a breaker open for longer than its bound", webhookWith(`"circuit_breaker":{"open_ms":1000,"max_open_ms":10}`), 422, "circuit_breaker.max_open_ms", problem.Invalid},
	{"a body over 1 MiB", webhookWith(`"description":"` + strings.Repeat("x", inbound.MaxBody) + `"`), 413, "body", problem.TooLarge},
	{"nested too deep", webhookWith(`"x":` + nested(200)), 400, "x" + strings.Repeat("[0]", 127), problem.Malformed},
}

// TestBadWebhooks posts, puts and patches each bad webhook.
func TestBadWebhooks(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	for i := range badWebhooks {
		in := badWebhooks[i]
		if strings.HasPrefix(in.field, "x[0]") {
			in.field = f.want(t, 400, acme, "POST", "/api/webhooks", in.body).text(t, "field")
		}
		in.check(t, f, acme, "POST", "/api/webhooks")
		if in.status == 403 { // of an existing webhook the client is not told, but cannot be changed
			in.status, in.code = 422, problem.Invalid
		}
		in.check(t, f, acme, "PUT", path)
		if partial := in.why == "no type" || in.why == "no URL"; !partial {
			in.check(t, f, acme, "PATCH", path)
		}
	}
	if n := len(f.want(t, 200, acme, "GET", "/api/webhooks", "").data(t)); n != 1 {
		t.Errorf("there are %d webhooks", n)
	}
}

// TestSeveralFaults: one answer names all of them.
func TestSeveralFaults(t *testing.T) {
	f := newFixture(t)
	r := f.want(t, 422, acme, "POST", "/api/webhooks", `{"event_type":"user*","target_url":"ftp://x","secret":"x","concurrency":0}`)
	var fields []string
	list, _ := r.object(t)["errors"].([]any)
	for _, entry := range list {
		e, _ := entry.(map[string]any)
		fields = append(fields, fmt.Sprint(e["field"]))
	}
	if got := strings.Join(fields, " "); got != "event_type secret concurrency target_url" {
		t.Errorf("fields %q in %s", got, r.body)
	}
}

// TestSuggestions: an unknown type is answered with names that may have been meant.
func TestSuggestions(t *testing.T) {
	f := newFixture(t)
	for name, want := range map[string]string{
		"user.craeted": "user.created", "user.create": "user.created", "content.publish": "content.published",
		"User.Updated": "user.updated", "xyz": "",
	} {
		r := f.want(t, 422, backend, "POST", "/api/events", `{"event_type":"`+name+`","data":1}`)
		list, _ := r.object(t)["suggestions"].([]any)
		if got := append(list, "")[0]; got != want {
			t.Errorf("%s: got %v, want %q", name, list, want)
		}
	}
}

// TestBadParameters has bad queries and bad bodies of the smaller calls.
func TestBadParameters(t *testing.T) {
	s := newScene(t)
	hook := "/api/webhooks/" + s.webhook
	for _, c := range []struct{ method, path, body, field string }{
		{"GET", "/api/deliveries?limit=0", "", "limit"},
		{"GET", "/api/deliveries?limit=251", "", "limit"},
		{"GET", "/api/deliveries?limit=x", "", "limit"},
		{"GET", "/api/deliveries?limit=", "", "limit"},
		{"GET", "/api/deliveries?limit=5&limit=6", "", "limit"},
		{"GET", "/api/deliveries?statsu=failed", "", "statsu"},
		{"GET", "/api/deliveries?status=broken", "", "status"},
		{"GET", "/api/deliveries?event_type=user.*", "", "event_type"},
		{"GET", "/api/deliveries?since=yesterday", "", "since"},
		{"GET", "/api/deliveries?until=2025-05-17", "", "until"},
		{"GET", "/api/deliveries?since=2025-05-17T10:00:00Z&until=2025-05-17T10:00:00Z", "", "until"},
		{"GET", s.path("/api/events/{id}") + "?limit=101", "", "limit"},
		{"GET", "/api/webhooks?client_id=", "", "client_id"},
		{"GET", "/.well-known/jwks.json?webhook=a&webhook=b", "", "webhook"},
		{"POST", hook + "/test?wait=61s", "", "wait"},
		{"POST", hook + "/test?wait=0", "", "wait"},
		{"POST", hook + "/test?wait=-1s", "", "wait"},
		{"POST", hook + "/test?wait=", "", "wait"},
		{"POST", hook + "/test?wait=soon", "", "wait"},
		{"POST", hook + "/test", `{"event_type":"user.craeted"}`, "event_type"},
		{"POST", hook + "/test", `{"type":"user.created"}`, "type"},
		{"POST", hook + "/rotate-secret", `{"overlap_seconds":-1}`, "overlap_seconds"},
		{"POST", hook + "/rotate-secret", `{"overlap_seconds":604801}`, "overlap_seconds"},
		{"POST", hook + "/rotate-secret", `{"secret":"short"}`, "secret"},
		{"POST", hook + "/replay", `{"status":"queued"}`, "status"},
		{"POST", hook + "/replay", `{"status":""}`, "status"},
		{"POST", hook + "/replay", `{"since":"x"}`, "since"},
		{"POST", hook + "/replay", `{"event_type":"*"}`, "event_type"},
		{"POST", hook + "/replay", `{"dry_run":"yes"}`, "dry_run"},
		{"PATCH", hook, `{"secret":"a secret that is long enough"}`, "secret"},
		{"PATCH", hook, `{"client_id":"globex"}`, "client_id"},
	} {
		r := s.want(t, 422, acme, c.method, c.path, c.body)
		if got := r.text(t, "field"); got != c.field {
			t.Errorf("%s %s %s: field %q, want %q", c.method, c.path, c.body, got, c.field)
		}
	}
	for body, field := range map[string]string{
		`{}`: "name", `{"name":""}`: "name", `{"name":"a..b"}`: "name", `{"name":"*"}`: "name",
		`{"name":"a","description":1}`: "description", `{"name":"a","x":1}`: "x",
		`{"name":"a","description":"` + strings.Repeat("x", 1001) + `"}`: "description",
	} {
		if got := s.want(t, 422, admin, "POST", "/api/event-types", body).text(t, "field"); got != field {
			t.Errorf("%s: field %q, want %q", body, got, field)
		}
	}
	if got := s.want(t, 422, admin, "PUT", "/api/event-types/user.created", `{"name":"b"}`).text(t, "field"); got != "name" {
		t.Errorf("renaming a type: field %q", got)
	}
	s.want(t, 404, admin, "PUT", "/api/event-types/nope", `{"description":"x"}`)
	s.want(t, 404, admin, "DELETE", "/api/event-types/nope", "")
	s.want(t, 409, admin, "POST", "/api/event-types", `{"name":"user.created"}`)
}
