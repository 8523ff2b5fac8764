package httpapi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// withLimits gives every client the same limits, except globex, which has none.
func withLimits(l webhook.ClientLimits) func(*Options) {
	return func(o *Options) {
		o.ClientLimits = func(client string) webhook.ClientLimits {
			if client == "globex" {
				return webhook.ClientLimits{}
			}
			return l
		}
	}
}

const patternHook = `{"event_types":["a.*","b.*","c.*"],"target_url":"https://example.com/"}`

// TestWebhooksOfAClient: a client registers as many webhooks as it may have, and no
// more, however many it tries to register at a time. The limit is not another client's.
func TestWebhooksOfAClient(t *testing.T) {
	const limit = 5
	f := newFixture(t, withLimits(webhook.ClientLimits{Webhooks: limit}))
	var wait sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 4 * limit {
		wait.Go(func() {
			r := f.do(t, acme, "POST", "/api/webhooks", patternHook)
			mu.Lock()
			defer mu.Unlock()
			statuses[r.status]++
			if r.status == 409 && (r.text(t, "type") != problem.TypePrefix+string(problem.ClientLimit) || !strings.Contains(r.text(t, "detail"), webhook.LimitWebhooks)) {
				t.Errorf("%s", r.body)
			}
		})
	}
	wait.Wait()
	if statuses[201] != limit || statuses[409] != 3*limit {
		t.Errorf("answers %v", statuses)
	}
	f.want(t, 409, acme, "POST", "/api/webhooks", patternHook)
	f.want(t, 409, admin, "POST", "/api/webhooks?client_id=acme", patternHook)
	for range 2 * limit {
		f.want(t, 201, globex, "POST", "/api/webhooks", patternHook)
	}
	list := f.want(t, 200, acme, "GET", "/api/webhooks", "").data(t)
	f.want(t, 204, acme, "DELETE", fmt.Sprint("/api/webhooks/", list[0]["id"]), "")
	f.want(t, 201, acme, "POST", "/api/webhooks", patternHook)
	if under := f.reserved.begin("acme", webhook.Footprint{}); under != (webhook.Footprint{}) {
		t.Errorf("%+v is still reserved", under)
	}
}

// TestPatternsOfAClient: the limit holds for all webhooks of a client together,
// when they are registered and when they are changed.
func TestPatternsOfAClient(t *testing.T) {
	f := newFixture(t, withLimits(webhook.ClientLimits{Patterns: 7}))
	first := f.want(t, 201, acme, "POST", "/api/webhooks", patternHook).text(t, "id")
	f.want(t, 201, acme, "POST", "/api/webhooks", patternHook)
	r := f.want(t, 409, acme, "POST", "/api/webhooks", patternHook)
	if !strings.Contains(r.text(t, "detail"), webhook.LimitPatterns) {
		t.Errorf("%s", r.body)
	}
	more := `{"event_types":["a.*","b.*","c.*","d.*","e.*"]}`
	f.want(t, 409, acme, "PATCH", "/api/webhooks/"+first, more)
	f.want(t, 200, acme, "PATCH", "/api/webhooks/"+first, `{"event_types":["a.*","b.*","c.*","d.*"]}`)
	f.want(t, 200, acme, "PATCH", "/api/webhooks/"+first, `{"event_type":"a.*"}`)
	f.want(t, 200, acme, "PATCH", "/api/webhooks/"+first, `{"event_types":["x.*","y.*","z.*","w.*"]}`)
}

// TestAllWebhooks: all clients together have a limit too.
func TestAllWebhooks(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.MaxWebhooks = 2 })
	f.want(t, 201, acme, "POST", "/api/webhooks", patternHook)
	f.want(t, 201, globex, "POST", "/api/webhooks", patternHook)
	r := f.want(t, 409, acme, "POST", "/api/webhooks", patternHook)
	if !strings.Contains(r.text(t, "detail"), "max-webhooks") {
		t.Errorf("%s", r.body)
	}
}

// answering is a dispatcher that answers a publication with given receipts.
type answering struct {
	*fakeDispatcher
	receipts []webhook.Receipt
}

func (a *answering) Publish(context.Context, []webhook.Event) ([]webhook.Receipt, error) {
	return a.receipts, nil
}

// limited is the error of an event to a client that has too much pending.
func limited() error {
	return &webhook.RetryAfterError{After: 7 * time.Second, Err: &webhook.LimitError{
		Client: "acme", Setting: webhook.LimitPending, Max: 3, Has: 3, Cause: webhook.ErrTooManyPending,
	}}
}

// TestAnswersOfPublishing: the answer counts separately what is sent, what waits and what
// was withheld. It says which limit was reached, and when to try again.
func TestAnswersOfPublishing(t *testing.T) {
	a := &answering{}
	f := newFixture(t, func(o *Options) { a.fakeDispatcher = o.Dispatcher.(*fakeDispatcher); o.Dispatcher = a })
	id := webhook.ID{Seq: 7}
	text := webhook.EventID.Format(id)
	for _, c := range []struct {
		receipt webhook.Receipt
		want    string
	}{
		{webhook.Receipt{EventID: id}, `{"id":"` + text + `","deliveries":0}`},
		{webhook.Receipt{EventID: id, Disabled: 1}, `{"id":"` + text + `","deliveries":0,"disabled":1}`},
		{
			webhook.Receipt{EventID: id, Deliveries: 4, Paused: 3, Disabled: 2, Limited: 1},
			`{"id":"` + text + `","deliveries":4,"paused":3,"disabled":2,"limited":1}`,
		},
	} {
		a.receipts = []webhook.Receipt{c.receipt}
		if r := f.want(t, 202, backend, "POST", "/api/events", eventWith("1")); string(r.body) != c.want+"\n" {
			t.Errorf("got %s, want %s", r.body, c.want)
		}
	}

	refused := webhook.Receipt{Err: limited()}
	a.receipts = []webhook.Receipt{refused}
	r := f.want(t, 429, backend, "POST", "/api/events", eventWith("1"))
	if !strings.Contains(r.text(t, "detail"), webhook.LimitPending) || r.header.Get("Retry-After") != "7" {
		t.Errorf("%v %s", r.header, r.body)
	}
	two := "[" + eventWith("1") + "," + eventWith("2") + "]"
	a.receipts = []webhook.Receipt{{EventID: id, Deliveries: 1, Disabled: 1}, refused}
	r = f.want(t, 207, backend, "POST", "/api/events/batch", two)
	if !strings.Contains(string(r.body), `"deliveries":1,"disabled":1}`) || r.header.Get("Retry-After") != "7" {
		t.Errorf("%v %s", r.header, r.body)
	}
	a.receipts = []webhook.Receipt{refused, refused}
	if r = f.want(t, 429, backend, "POST", "/api/events/batch", two); r.header.Get("Retry-After") != "7" {
		t.Errorf("%v %s", r.header, r.body)
	}
	a.receipts = []webhook.Receipt{refused, {Err: webhook.ErrFanOut}}
	f.want(t, 422, backend, "POST", "/api/events/batch", two)
}

// TestDisabledIsListed: a delivery that was withheld is listed with its reason, and is
// counted among the deliveries of its event.
func TestDisabledIsListed(t *testing.T) {
	f := newFixture(t)
	id := f.want(t, 201, acme, "POST", "/api/webhooks", `{"event_type":"user.created","target_url":"https://example.com/"}`).text(t, "id")
	parsed, err := webhook.EndpointID.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.store.UpdateEndpoint(t.Context(), parsed.Endpoint, func(e *webhook.Endpoint) error {
		e.Status = webhook.EndpointDisabled
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := f.want(t, 202, backend, "POST", "/api/events", eventWith("1"))
	if got := r.object(t); got["deliveries"] != 0.0 || got["disabled"] != 1.0 {
		t.Errorf("%s", r.body)
	}
	list := f.want(t, 200, acme, "GET", "/api/webhooks/"+id+"/deliveries?status=failed", "").data(t)
	if len(list) != 1 || list[0]["reason"] != string(webhook.ReasonEndpointDisabled) {
		t.Errorf("%v", list)
	}
	event := f.want(t, 200, acme, "GET", "/api/events/"+r.text(t, "id"), "")
	if got := event.object(t)["deliveries"]; got != 1.0 {
		t.Errorf("%s", event.body)
	}
}

// TestReplaysUnderWay: a caller may have a few replays under way; the next one is refused.
func TestReplaysUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var f *fixture
		hold, begun := make(chan struct{}), make(chan struct{}, maxReplays)
		f = newFixture(t, func(o *Options) {
			o.Dispatcher = stepping{o.Dispatcher.(*fakeDispatcher), func() error {
				begun <- struct{}{}
				<-hold
				return nil
			}}
		})
		id := f.want(t, 201, acme, "POST", "/api/webhooks", patternHook).text(t, "id")
		other := f.want(t, 201, globex, "POST", "/api/webhooks", patternHook).text(t, "id")
		var wait sync.WaitGroup
		for range maxReplays {
			wait.Go(func() { f.want(t, 200, acme, "POST", "/api/webhooks/"+id+"/replay", "") })
			<-begun
		}
		if r := f.want(t, 429, acme, "POST", "/api/webhooks/"+id+"/replay", ""); r.header.Get("Retry-After") == "" {
			t.Errorf("%v", r.header)
		}
		wait.Go(func() { f.want(t, 200, globex, "POST", "/api/webhooks/"+other+"/replay", "") })
		<-begun
		close(hold)
		wait.Wait()
		f.want(t, 200, acme, "POST", "/api/webhooks/"+id+"/replay", "")
	})
}
