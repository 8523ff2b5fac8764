package httpapi

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/httpapi/eventinput"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// stored reads the event that an answer names.
func (f *fixture) stored(t testing.TB, id string) webhook.Event {
	t.Helper()
	parsed, err := webhook.EventID.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	event, err := f.store.Event(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// TestPublishStores checks what is stored of good events.
func TestPublishStores(t *testing.T) {
	f := newFixture(t)
	cases := []struct {
		why, caller, query, body string
		want                     webhook.Event
	}{
		{
			"plain", backend, "", `{"event_type":"user.created","data":{"b":1,"a":2}}`,
			webhook.Event{Type: "user.created", Data: []byte(`{"b":1,"a":2}`), Publisher: "subject:backend"},
		},
		{
			"canonical data, white space, members in another order", backend, "",
			" {\n\t\"data\" : { \"x\" : 1.0 , \"2\":\"\\u00e9\\/\", \"1\":1e3 } ,\"event_type\":\"user.created\"}\r\n",
			webhook.Event{Type: "user.created", Data: []byte(`{"1":1000,"2":"é/","x":1}`), Publisher: "subject:backend"},
		},
		{
			"escaped member names and type", backend, "", `{"event\u005ftype":"user\u002ecreated","d\u0061ta":[]}`,
			webhook.Event{Type: "user.created", Data: []byte(`[]`), Publisher: "subject:backend"},
		},
		{
			"null data", backend, "", `{"event_type":"user.created","data":null,"client_id":null,"idempotency_key":null}`,
			webhook.Event{Type: "user.created", Data: []byte(`null`), Publisher: "subject:backend"},
		},
		{
			"brackets and quotes in strings", backend, "", `{"event_type":"user.created","data":{"a":"}]\"\\","b":["{"]}}`,
			webhook.Event{Type: "user.created", Data: []byte(`{"a":"}]\"\\","b":["{"]}`), Publisher: "subject:backend"},
		},
		{
			"for one client", backend, "", `{"event_type":"user.created","data":1,"client_id":"acme","idempotency_key":"kéy"}`,
			webhook.Event{Type: "user.created", Data: []byte(`1`), ClientID: "acme", IdempotencyKey: "kéy", Publisher: "subject:backend"},
		},
		{
			"of a client's publisher", acmeWriter, "", `{"event_type":"user.created","data":2}`,
			webhook.Event{Type: "user.created", Data: []byte(`2`), ClientID: "acme", Publisher: "client:acme"},
		},
		{
			"of a client's publisher that names itself", acmeWriter, "", `{"event_type":"user.created","data":3,"client_id":"acme"}`,
			webhook.Event{Type: "user.created", Data: []byte(`3`), ClientID: "acme", Publisher: "client:acme"},
		},
		{
			"of an administrator", admin, "", `{"event_type":"user.created","data":4}`,
			webhook.Event{Type: "user.created", Data: []byte(`4`), Publisher: "subject:root"},
		},
		{
			"of an administrator for a client", admin, "?client_id=globex", `{"event_type":"user.created","data":5}`,
			webhook.Event{Type: "user.created", Data: []byte(`5`), ClientID: "globex", Publisher: "client:globex"},
		},
		{
			"nested as deep as may be", backend, "", eventWith(nested(canonicaljson.MaxDepth)),
			webhook.Event{Type: "user.created", Data: []byte(nested(canonicaljson.MaxDepth)), Publisher: "subject:backend"},
		},
		{
			"as large as may be", backend, "", eventWith(`"` + strings.Repeat("x", webhook.MaxPayload-2) + `"`),
			webhook.Event{Type: "user.created", Data: []byte(`"` + strings.Repeat("x", webhook.MaxPayload-2) + `"`), Publisher: "subject:backend"},
		},
	}
	for _, c := range cases {
		r := f.want(t, 202, c.caller, "POST", "/api/events"+c.query, c.body)
		got := f.stored(t, r.text(t, "id"))
		got.ID = webhook.ID{}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.why, got, c.want)
		}
	}
}

// TestForeignRecipient keeps a client's publisher to its own client.
func TestForeignRecipient(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ caller, query string }{{acmeWriter, ""}, {admin, "?client_id=acme"}} {
		r := f.want(t, 403, c.caller, "POST", "/api/events"+c.query, `{"event_type":"user.created","data":1,"client_id":"globex"}`)
		if got := r.text(t, "field"); got != "client_id" {
			t.Errorf("field %q", got)
		}
	}
	r := f.want(t, 422, acmeWriter, "POST", "/api/events/batch", `[{"event_type":"user.created","data":1,"client_id":"globex"}]`)
	if !strings.Contains(string(r.body), `"field":"events[0].client_id"`) {
		t.Errorf("%s", r.body)
	}
	if f.dispatcher.published() != 0 {
		t.Error("something was published")
	}
}

// TestIdempotency publishes with keys.
func TestIdempotency(t *testing.T) {
	f := newFixture(t)
	body := `{"event_type":"user.created","data":{"n":1},"idempotency_key":"k1"}`
	first := f.want(t, 202, backend, "POST", "/api/events", body)
	again := f.want(t, 202, backend, "POST", "/api/events", body)
	header := f.want(t, 202, backend, "POST", "/api/events", `{"event_type":"user.created","data":{"n":1.0}}`, keyHeader, "k1")
	for _, r := range []*reply{again, header} {
		if r.text(t, "id") != first.text(t, "id") || r.object(t)["duplicate"] != true {
			t.Errorf("repetition: %s, first: %s", r.body, first.body)
		}
	}
	r := f.want(t, 422, backend, "POST", "/api/events", strings.Replace(body, `"n":1`, `"n":2`, 1))
	if r.text(t, "field") != "idempotency_key" || r.text(t, "event_id") != first.text(t, "id") ||
		r.text(t, "type") != problem.TypePrefix+"idempotency-key-reused" || !strings.Contains(r.text(t, "detail"), first.text(t, "id")) {
		t.Errorf("%s", r.body)
	}
	// Keys belong to their publisher.
	other := f.want(t, 202, admin, "POST", "/api/events", body)
	if other.text(t, "id") == first.text(t, "id") {
		t.Error("two publishers share a key")
	}
	r = f.want(t, 422, backend, "POST", "/api/events", body, keyHeader, "k2")
	if r.text(t, "field") != "idempotency_key" {
		t.Errorf("two keys: %s", r.body)
	}
	r = f.want(t, 422, backend, "POST", "/api/events", eventWith("1"), keyHeader, strings.Repeat("x", 256))
	if r.text(t, "field") != keyHeader {
		t.Errorf("a long key: %s", r.body)
	}
	f.want(t, 422, backend, "POST", "/api/events", eventWith("1"), keyHeader, "a\xff")
	// In a batch a conflict fails alone.
	r = f.want(t, 207, backend, "POST", "/api/events/batch", `[`+body+`,`+strings.Replace(body, `"n":1`, `"n":3`, 1)+`]`)
	if !strings.Contains(string(r.body), `"field":"events[1].idempotency_key"`) || r.object(t)["accepted"] != 1.0 ||
		!strings.Contains(string(r.body), `"event_id":"`+first.text(t, "id")+`"`) || !strings.Contains(string(r.body), `"status":422`) {
		t.Errorf("%s", r.body)
	}
}

// TestIdempotencyComparesAsJSON: the order of members is no part of a payload.
func TestIdempotencyComparesAsJSON(t *testing.T) {
	f := newFixture(t)
	event := func(data string) string {
		return `{"event_type":"user.created","data":` + data + `,"idempotency_key":"k1"}`
	}
	first := f.want(t, 202, backend, "POST", "/api/events", event(`{"user":{"id":1,"tags":["a","b"]},"n":1.0}`)).text(t, "id")
	reordered := event(`{"n": 1, "user": {"tags": ["a", "b"], "id": 1}}`)
	if r := f.want(t, 202, backend, "POST", "/api/events", reordered); r.text(t, "id") != first || r.object(t)["duplicate"] != true {
		t.Errorf("%s", r.body)
	}
	if r := f.want(t, 202, backend, "POST", "/api/events/batch", `[`+reordered+`]`); !strings.Contains(string(r.body), `"duplicate":true`) {
		t.Errorf("%s", r.body)
	}
	f.want(t, 422, backend, "POST", "/api/events", event(`{"user":{"id":1,"tags":["b","a"]},"n":1}`))
}

// TestBatchForms publishes batches in both forms.
func TestBatchForms(t *testing.T) {
	f := newFixture(t)
	f.register(t, acme)
	event := func(n int) string { return eventWith(fmt.Sprint(n)) }
	for _, c := range []struct {
		why, body, content string
		events             int
	}{
		{"an array", ` [ ` + event(1) + ` , ` + event(2) + ` ] `, "application/json", 2},
		{"lines", event(1) + "\n" + event(2) + "\r\n\n" + event(3), eventinput.ContentLines, 3},
		{"lines with a charset", event(1) + "\n", eventinput.ContentLines + "; charset=utf-8", 1},
		{"1,000 events", `[` + strings.Repeat(event(1)+",", MaxBatch-1) + event(2) + `]`, "application/json", MaxBatch},
	} {
		r := f.want(t, 202, backend, "POST", "/api/events/batch", c.body, "Content-Type", c.content)
		var last webhook.ID
		results, _ := r.object(t)["results"].([]any)
		if len(results) != c.events {
			t.Fatalf("%s: %d results", c.why, len(results))
		}
		for _, result := range results {
			entry, _ := result.(map[string]any)
			id, err := webhook.EventID.Parse(fmt.Sprint(entry["id"]))
			if err != nil || id.Compare(last) <= 0 || entry["deliveries"] != 1.0 {
				t.Errorf("%s: %v, %v", c.why, entry, err)
			}
			last = id
		}
	}
	// Lines under any content type: the first byte decides.
	status, _, body := f.raw(t, "POST /api/events/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+f.fixtureToken(backend)+
		"\r\nContent-Type: text/plain\r\nContent-Length: "+fmt.Sprint(2*len(event(1))+1)+"\r\n\r\n"+event(1)+"\n"+event(2))
	if status != 202 {
		t.Errorf("got %d %s", status, body)
	}
}

// TestPublishLimits answers with what the dispatcher refuses.
func TestPublishLimits(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		err    error
		status int
		retry  string
		code   problem.Code
	}{
		{&webhook.RetryAfterError{Err: webhook.ErrTooManyPending, After: 1500e6}, 429, "2", problem.TooManyPending},
		{webhook.ErrTooManyPending, 429, "5", problem.TooManyPending},
		{&webhook.RetryAfterError{Err: webhook.ErrDiskReserve, After: 60e9}, 503, "60", problem.DiskReserve},
		{&webhook.RetryAfterError{Err: webhook.ErrShuttingDown, After: 1}, 503, "1", problem.ShuttingDown},
		{fmt.Errorf("commit: %w", webhook.ErrBroken), 503, "5", problem.Unavailable},
		{fmt.Errorf("commit: %w", webhook.ErrUnavailable), 503, "5", problem.Unavailable},
		{fmt.Errorf("commit: %w", webhook.ErrStale), 503, "5", problem.Unavailable},
		{fmt.Errorf("commit: %w", webhook.ErrFenced), 503, "5", problem.Unavailable},
		{fmt.Errorf("bug"), 500, "", problem.Internal},
	} {
		f.dispatcher.setFailure(c.err)
		for path, body := range map[string]string{"/api/events": eventWith("1"), "/api/events/batch": `[` + eventWith("1") + `]`} {
			r := f.do(t, backend, "POST", path, body)
			if r.status != c.status || r.header.Get("Retry-After") != c.retry || r.text(t, "type") != problem.TypePrefix+string(c.code) {
				t.Errorf("%v: got %d, Retry-After %q, %s", c.err, r.status, r.header.Get("Retry-After"), r.body)
			}
			if strings.Contains(string(r.body), "bug") {
				t.Errorf("the answer says what only the log may: %s", r.body)
			}
		}
	}
	if !strings.Contains(f.log.String(), "bug") {
		t.Error("the internal error is not in the log")
	}
}

// TestAnyEventType lets unknown types through if the operator wants so.
func TestAnyEventType(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.AnyEventType = true })
	r := f.want(t, 202, backend, "POST", "/api/events", `{"event_type":"my.own_type","data":1}`)
	if got := f.stored(t, r.text(t, "id")).Type; got != "my.own_type" {
		t.Errorf("type %q", got)
	}
	f.want(t, 422, backend, "POST", "/api/events", `{"event_type":"my own type","data":1}`)
	f.want(t, 201, acme, "POST", "/api/webhooks", `{"event_type":"my.own_type","target_url":"https://example.com/"}`)
}

// TestBodiesOutliveBuffers publishes many distinct events at once, then looks at
// what is stored: a slice of a request's buffer that was kept would by now hold
// another request's bytes.
func TestBodiesOutliveBuffers(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.AnyEventType = true })
	const workers, rounds = 1000, 2
	var mu sync.Mutex
	want := map[string]string{}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := range rounds {
				mark := fmt.Sprintf("%d-%d-", w, i)
				data := `{"mark":"` + strings.Repeat(mark, 20) + `"}`
				kind, client, key := "t."+mark+"x", "c"+mark, "k"+mark
				r := f.want(t, 202, backend, "POST", "/api/events",
					`{"event_type":"`+kind+`","data":`+data+`,"client_id":"`+client+`"}`, keyHeader, key)
				mu.Lock()
				want[r.text(t, "id")] = strings.Join([]string{kind, client, key, data}, " ")
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if len(want) != workers*rounds {
		t.Fatalf("%d events", len(want))
	}
	for id, text := range want {
		e := f.stored(t, id)
		if got := strings.Join([]string{e.Type, e.ClientID, e.IdempotencyKey, string(e.Data)}, " "); got != text {
			t.Errorf("%s: got %s, want %s", id, got, text)
		}
	}
}
