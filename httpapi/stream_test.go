package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/httpapi/stream"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// realFeed is the actors' feed, as the app connects it.
type realFeed struct{ *feed.Feed }

func (f realFeed) Subscribe(q live.Query) stream.Reader { return f.Feed.Subscribe(q) }

// event is one server-sent event.
type event struct{ id, name, data string }

// watching is an open stream.
type watching struct {
	t      *testing.T
	lines  *bufio.Scanner
	body   io.ReadCloser
	header http.Header
	end    context.CancelFunc
}

// watch opens a stream.
func (f *fixture) watch(t *testing.T, caller, query, after string) *watching {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://astrohook/api/stream"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.tokens[caller])
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	answer, err := f.client.Do(req)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %+v", err, answer)
	}
	w := &watching{t: t, lines: bufio.NewScanner(answer.Body), body: answer.Body, header: answer.Header, end: cancel}
	t.Cleanup(w.close)
	return w
}

func (w *watching) close() {
	w.end()
	_ = w.body.Close()
}

// next returns the next event; a zero one at the end of the stream.
func (w *watching) next() (e event) {
	w.t.Helper()
	for w.lines.Scan() {
		name, value, _ := strings.Cut(w.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.name != "" {
				return e
			}
		}
	}
	return event{}
}

// want reads an event and compares its name and a part of its data.
func (w *watching) want(name, part string) event {
	w.t.Helper()
	e := w.next()
	if e.name != name || !strings.Contains(e.data, part) {
		w.t.Fatalf("got %+v, want %s with %s", e, name, part)
	}
	return e
}

// attempts publishes attempts of a client's webhook.
func attempts(f *feed.Feed, client string, numbers ...int) {
	for _, n := range numbers {
		f.Publish(live.Item{
			Kind: live.Attempt, At: time.Unix(1_750_000_000, 0).UTC(), ClientID: client, Webhook: webhook.ID{Seq: 1, Endpoint: 7}, Attempt: n,
			Delivery: webhook.ID{Seq: 2, Endpoint: 7}, EventType: "user.created", Status: "failed", Code: 503, Reason: "http_5xx", Duration: 84 * time.Millisecond,
		})
	}
}

func newStreaming(t *testing.T, change ...func(*Options)) (*fixture, *feed.Feed) {
	items := feed.New()
	f := newFixture(t, append(change, func(o *Options) { o.Feed = realFeed{items} })...)
	return f, items
}

// TestStream: each caller sees its own, as it happens; what the API changes, too.
func TestStream(t *testing.T) {
	f, items := newStreaming(t)
	a, g, all := f.watch(t, acme, "", ""), f.watch(t, globex, "", ""), f.watch(t, admin, "?kind=attempt,delivery", "")
	for _, w := range []*watching{a, g, all} {
		w.want("hello", `"at":`)
	}
	if h := a.header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
	attempts(items, "acme", 1)
	attempts(items, "globex", 2)
	want := `{"at":"2025-06-15T15:06:40.000Z","webhook_id":"` + webhook.EndpointID.Format(webhook.ID{Seq: 1, Endpoint: 7}) +
		`","client_id":"acme","delivery_id":"` + webhook.DeliveryID.Format(webhook.ID{Seq: 2, Endpoint: 7}) +
		`","event_id":"` + webhook.EventID.Format(webhook.ID{Seq: 2}) +
		`","event_type":"user.created","number":1,"status":"failed","code":503,"reason":"http_5xx","duration_ms":84}`
	if e := a.want("attempt", ""); e.data != want {
		t.Errorf("%s\nwant\n%s", e.data, want)
	}
	g.want("attempt", `"number":2`)
	all.want("attempt", `"number":1`)
	all.want("attempt", `"number":2`)
	id := f.register(t, acme)
	a.want("webhook", `"webhook_id":"`+id+`","client_id":"acme","change":"created","status":"active"`)
	f.want(t, 200, acme, "POST", "/api/webhooks/"+id+"/pause", "")
	a.want("webhook", `"change":"paused","status":"paused"`)
	items.Publish(live.Item{Kind: live.Breaker, ClientID: "acme", Status: live.BreakerOpen, Until: time.Unix(1_750_000_000, 0).UTC()})
	a.want("breaker", `"state":"open","open_until":"2025-06-15T15:06:40.000Z"`)
	items.Publish(live.Item{Kind: live.Delivery, ClientID: "acme", Status: "delivered", Attempt: 3})
	a.want("delivery", `"status":"delivered","attempts":3`)
	all.want("delivery", "")
}

// TestStreamFilters: the query selects; what it cannot mean is refused.
func TestStreamFilters(t *testing.T) {
	f, items := newStreaming(t)
	id := f.register(t, acme)
	for _, query := range []string{"?kind=attempts", "?kind=attempt,,breaker", "?status=open?", "?event_type=a%20b", "?limit=1", "?kind=attempt&kind=breaker"} {
		f.want(t, 422, acme, "GET", "/api/stream"+query, "")
	}
	f.want(t, 404, globex, "GET", "/api/stream?webhook_id="+id, "")
	f.want(t, 404, acme, "GET", "/api/stream?webhook_id=wh_1", "")
	f.want(t, 403, acme, "GET", "/api/stream?client_id=globex", "")
	f.want(t, 403, backend, "GET", "/api/stream", "")
	for query, number := range map[string]string{"?status=delivered": "2", "?webhook_id=" + id: "3", "?event_type=other": "4", "?client_id=acme": "1"} {
		w := f.watch(t, admin, query, "")
		w.want("hello", "")
		attempts(items, "acme", 1)
		own, err := webhook.EndpointID.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		items.Publish(live.Item{Kind: live.Attempt, ClientID: "globex", Status: "delivered", Attempt: 2})
		items.Publish(live.Item{Kind: live.Attempt, ClientID: "globex", Webhook: own, Attempt: 3})
		items.Publish(live.Item{Kind: live.Attempt, ClientID: "globex", EventType: "other", Attempt: 4})
		w.want("attempt", `"number":`+number)
	}
}

// TestStreamContinues where a client was, and says what is lost.
func TestStreamContinues(t *testing.T) {
	f, items := newStreaming(t)
	w := f.watch(t, acme, "", "")
	w.want("hello", "")
	attempts(items, "acme", 1, 2)
	at := w.want("attempt", `"number":1`).id
	w.close()
	attempts(items, "acme", 3)
	again := f.watch(t, acme, "", at)
	again.want("hello", "")
	again.want("attempt", `"number":2`)
	again.want("attempt", `"number":3`)
	for _, id := range []string{"another-3", "no place", at + "0000"} {
		w := f.watch(t, acme, "", id)
		w.want("hello", "")
		w.want("lost", `{"lost":1,"exact":false}`)
	}
	for range feed.Kept {
		attempts(items, "globex", 9)
	}
	late := f.watch(t, acme, "", at)
	late.want("hello", "")
	late.want("lost", `"exact":false`)
}

// TestStreamsEnd: with the credential, and with the server, which does not wait for them.
func TestStreamsEnd(t *testing.T) {
	f, _ := newStreaming(t)
	key := f.want(t, 201, admin, "POST", "/api/keys", `{"name":"short","client_id":"acme"}`)
	f.tokens["short"] = key.text(t, "key")
	w, other := f.watch(t, "short", "", ""), f.watch(t, acme, "", "")
	w.want("hello", "")
	other.want("hello", "")
	f.want(t, 204, admin, "DELETE", "/api/keys/"+key.text(t, "id"), "")
	if e := w.next(); e != (event{}) {
		t.Errorf("after the key was revoked: %+v", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := f.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if e := other.next(); e != (event{}) {
		t.Errorf("after the stop: %+v", e)
	}
}

// TestStreamsAreBounded: a caller has a share, and a stream that its client has left is not
// counted any more.
func TestStreamsAreBounded(t *testing.T) {
	f, _ := newStreaming(t, func(o *Options) { o.Limits.Connections = 16 }) // so 4 streams
	var open []*watching
	for range 2 {
		w := f.watch(t, acme, "", "")
		w.want("hello", "")
		open = append(open, w)
	}
	if r := f.want(t, 429, acme, "GET", "/api/stream", ""); r.header.Get("Retry-After") == "" {
		t.Errorf("%s", r.body)
	}
	w := f.watch(t, globex, "", "")
	w.want("hello", "")
	w.close()
	open[0].close()
	deadline := time.Now().Add(time.Minute)
	for f.do(t, acme, "HEAD", "/api/stream", "").status != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("a stream that was left counts for a minute")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestSlowStream: a client that stops reading delays nobody, and is told how many it has
// lost; one that reads beside it gets or is told of everything.
func TestSlowStream(t *testing.T) {
	f, items := newStreaming(t)
	slow, quick := f.watch(t, acme, "", ""), f.watch(t, acme, "", "")
	slow.want("hello", "")
	quick.want("hello", "")
	const all = 20_000
	for n := 1; n <= all; n++ {
		attempts(items, "acme", n)
	}
	count := func(w *watching) (got, lost int) {
		for got+lost < all {
			switch e := w.next(); e.name {
			case "attempt":
				got++
			case "lost":
				var l struct {
					Lost  int
					Exact bool
				}
				if err := json.Unmarshal([]byte(e.data), &l); err != nil || l.Lost == 0 || !l.Exact {
					t.Fatal(e.data, err)
				}
				lost += l.Lost
			default:
				t.Fatalf("after %d and %d lost: %+v", got, lost, e)
			}
		}
		return got, lost
	}
	if got, lost := count(quick); got+lost != all {
		t.Errorf("the quick one: %d, lost %d", got, lost)
	}
	if got, lost := count(slow); got+lost != all || lost == 0 {
		t.Errorf("the slow one: %d, lost %d", got, lost)
	}
}

// TestStreamOfReplays: a replay that sends something again is a change of its webhook; one that
// finds nothing, or only counts, is none.
func TestStreamOfReplays(t *testing.T) {
	f, _ := newStreaming(t)
	id := f.register(t, acme)
	w := f.watch(t, acme, "?kind=webhook", "")
	w.want("hello", "")
	path := "/api/webhooks/" + id + "/replay"
	f.want(t, 200, acme, "POST", path, "")
	if _, err := f.dispatcher.attempt(deliveryTo(t, f.publishOne(t), id), webhook.Attempt{StatusCode: 410}); err != nil {
		t.Fatal(err)
	}
	f.want(t, 200, acme, "POST", path, `{"dry_run":true}`)
	f.want(t, 200, acme, "POST", path, "")
	f.want(t, 200, acme, "POST", "/api/webhooks/"+id+"/pause", "")
	w.want("webhook", `"webhook_id":"`+id+`","client_id":"acme","change":"replayed","status":"active"`)
	w.want("webhook", `"change":"paused"`)
}
