package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// numberOf returns a webhook's number.
func numberOf(t testing.TB, id string) webhook.EndpointNumber {
	t.Helper()
	parsed, err := webhook.EndpointID.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Endpoint
}

// TestWebhookFilters: a list has what passes all filters, whatever its order and its page.
func TestWebhookFilters(t *testing.T) {
	f := newFixture(t)
	add := func(caller, body string) string {
		return f.want(t, 201, caller, "POST", "/api/webhooks", body).text(t, "id")
	}
	one := add(acme, `{"event_type":"user.*","target_url":"https://one.example/Hook","description":"CRM"}`)
	two := add(acme, `{"event_type":"*","target_url":"https://two.example/","description":"billing of ONE","status":"paused"}`)
	three := add(globex, `{"event_type":"user.created","target_url":"https://three.example/"}`)
	f.dispatcher.ofEndpoint = map[webhook.EndpointNumber]webhook.Health{
		numberOf(t, one): {Breaker: webhook.BreakerOpen, Backlog: webhook.Backlog{Queued: 3, Retrying: 1, OldestAt: time.Now().Add(-time.Minute)}, Failures: 9, Successes: 1},
		numberOf(t, two): {Breaker: webhook.BreakerClosed, Failures: 1, Successes: 5},
	}
	summary := func(id string) webhook.Summary {
		return webhook.Summary{Endpoint: webhook.ID{Endpoint: numberOf(t, id)}}
	}
	f.dispatcher.worst = map[webhook.Order][]webhook.Summary{
		webhook.ByPending: {summary(one), summary(three), {Endpoint: webhook.ID{Endpoint: 999}}}, webhook.ByAge: {summary(three), summary(one)},
		webhook.ByFailures: {summary(two), summary(one)},
		webhook.ByOpen:     {summary(two), summary(one)}, webhook.ByFailing: {summary(two), summary(one)}, webhook.BySlow: {summary(three)},
	}
	for query, want := range map[string][]string{
		"": {three, two, one}, "&sort=created": {three, two, one}, "&status=paused": {two}, "&status=active": {three, one}, "&status=disabled": nil,
		"&event_type=user.created": {three, two, one}, "&event_type=user.deleted": {two, one}, "&event_type=a.b": {two},
		"&q=one": {two, one}, "&q=HOOK": {one}, "&q=crm": {one}, "&q=nothing": nil, "&q=one&status=paused&event_type=a.b&health=failing": {two},
		"&health=open": {one}, "&health=failing": {two}, "&health=idle": {three}, "&health=slow": nil,
		"&sort=backlog": {one, three}, "&sort=age": {three, one}, "&sort=failures": {two, one}, "&sort=failures&health=open": {one}, "&sort=age&q=three": {three},
		"&client_id=acme": {two, one}, "&client_id=acme&sort=age": {one}, "&client_id=acme&q=three": nil,
	} {
		for _, limit := range []int{1, 2, 50} {
			if got := ids(f.all(t, admin, fmt.Sprintf("/api/webhooks?limit=%d%s", limit, query))); !slices.Equal(got, want) {
				t.Errorf("limit %d, %q lists %v, want %v", limit, query, got, want)
			}
		}
	}
	if got := ids(f.all(t, globex, "/api/webhooks?sort=backlog&limit=1")); !slices.Equal(got, []string{three}) {
		t.Errorf("a client lists %v", got)
	}
	list := string(f.want(t, 200, admin, "GET", "/api/webhooks", "").body)
	for _, part := range []string{
		`"health":{"state":"open","pending":4,"oldest_pending_age_ms":60`, `"circuit_breaker":{"state":"open"},"last_hour":{"successes":1,"failures":9,"success_ratio":0.1}}`,
		`"health":{"state":"idle","pending":0,"oldest_pending_age_ms":0,"circuit_breaker":{"state":"closed"},"last_hour":{"successes":0,"failures":0,"success_ratio":null}}`,
	} {
		if !strings.Contains(list, part) {
			t.Errorf("no %s in %s", part, list)
		}
	}
	for _, query := range []string{"status=gone", "health=bad", "sort=name", "event_type=a..b", "limit=0", "order=age"} {
		f.want(t, 422, admin, "GET", "/api/webhooks?"+query, "")
	}
	next := f.want(t, 200, admin, "GET", "/api/webhooks?limit=1", "").text(t, "next_cursor")
	f.want(t, 400, admin, "GET", "/api/webhooks?limit=1&sort=age&cursor="+next, "")
}

// TestWebhookListWithoutOwners: a node that does not answer leaves the health of its
// webhooks unknown, and the list is there all the same.
func TestWebhookListWithoutOwners(t *testing.T) {
	f := newFixture(t)
	id := f.register(t, acme)
	f.dispatcher.ofEndpoint = map[webhook.EndpointNumber]webhook.Health{numberOf(t, id): {OwnerAway: true}}
	for _, fail := range []error{nil, errors.New("away")} {
		f.dispatcher.setFailure(fail)
		r := f.want(t, 200, acme, "GET", "/api/webhooks?health=unknown", "")
		if got := ids(r.data(t)); !slices.Equal(got, []string{id}) || !strings.Contains(string(r.body), `"health":{"state":"unknown","pending":0,"oldest_pending_age_ms":0}`) {
			t.Errorf("%s", r.body)
		}
	}
	f.want(t, 500, acme, "GET", "/api/webhooks?sort=age", "")
}

// million is a store with a million registrations, which counts those that it is asked for.
type million struct {
	storage.Store
	looked int
}

const registered = 1_000_000

func (m *million) ListEndpoints(_ context.Context, _ string, before webhook.EndpointNumber, limit int) (list []webhook.Endpoint, err error) {
	if before == 0 {
		before = registered + 1
	}
	for n := before - 1; n > 0 && len(list) < limit; n-- {
		list = append(list, m.endpoint(n))
	}
	m.looked += len(list)
	return list, nil
}

func (m *million) Endpoint(_ context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	m.looked++
	return m.endpoint(n), nil
}

// endpoint returns a registration. One in a hundred thousand is disabled, one in a thousand
// paused.
func (m *million) endpoint(n webhook.EndpointNumber) webhook.Endpoint {
	e := webhook.Endpoint{
		ID: webhook.ID{Seq: uint64(n), Endpoint: n}, ClientID: "acme", EventTypes: []string{"user.*"}, Status: webhook.EndpointActive,
		TargetURL: fmt.Sprintf("https://example.com/%d", n),
	}
	switch {
	case n%100_000 == 50_000:
		e.Status = webhook.EndpointDisabled
	case n%1000 == 500:
		e.Status = webhook.EndpointPaused
	}
	return e
}

// TestMillionWebhooks: with a million registered a page looks at a bounded number of them,
// and asks a bounded number of actors, whatever its filters; rare ones are found in the end.
func TestMillionWebhooks(t *testing.T) {
	store := &million{}
	f := newFixture(t, func(o *Options) {
		store.Store = o.Store.(storage.Store)
		o.Store = store
	})
	leaders := make([]webhook.Summary, 4096)
	for i := range leaders {
		leaders[i].Endpoint.Endpoint = webhook.EndpointNumber(registered - i)
	}
	f.dispatcher.worst = map[webhook.Order][]webhook.Summary{webhook.ByAge: leaders, webhook.ByOpen: leaders}
	f.dispatcher.list = store.list
	for query, most := range map[string]int{
		"limit=250": 251, "status=active": 50, "event_type=user.a&limit=250": 250, "event_type=user.a&health=open": 250, "status=paused&limit=4": 4,
		"q=never&limit=1": 1260, "q=never&status=active": 1260, "q=never&status=paused&limit=1": 250, "health=open": 260, "health=idle": 260,
		"sort=age&q=never": 250, "sort=age&limit=10": 250, "client_id=acme&q=none": 1260,
	} {
		store.looked, f.dispatcher.asked = 0, 0
		began := time.Now()
		r := f.want(t, http.StatusOK, admin, "GET", "/api/webhooks?"+query, "")
		t.Logf("%s: %d looks, %d questions, %s", query, store.looked, f.dispatcher.asked, time.Since(began))
		if store.looked > most || f.dispatcher.asked > 251 {
			t.Errorf("%s: %d looks, want at most %d, and %d questions", query, store.looked, most, f.dispatcher.asked)
		}
		if r.text(t, "next_cursor") == "" {
			t.Errorf("%s: the list ends", query)
		}
	}
	// What an index finds stands on the first page, however rare it is.
	store.looked = 0
	if r := f.want(t, http.StatusOK, admin, "GET", "/api/webhooks?status=disabled", ""); len(r.data(t)) != 10 || r.text(t, "next_cursor") != "" || store.looked != 10 {
		t.Errorf("%d disabled ones on the first page, after %d looks", len(r.data(t)), store.looked)
	}
	if r := f.want(t, http.StatusOK, admin, "GET", "/api/webhooks?event_type=a.b", ""); len(r.data(t)) != 0 || r.text(t, "next_cursor") != "" {
		t.Errorf("%s", r.body)
	}
}

// list is the dispatcher's index of these registrations.
func (m *million) list(q webhook.EndpointQuery) (page webhook.EndpointNumbers) {
	n := webhook.EndpointNumber(registered)
	if q.Before != 0 {
		n = q.Before - 1
	}
	for ; n > 0; n-- {
		e := m.endpoint(n)
		if q.Status != "" && q.Status != e.Status || q.EventType != "" && !webhook.MatchType(e.EventTypes[0], q.EventType) {
			continue
		}
		if len(page.Numbers) == q.Limit {
			return page
		}
		page.Numbers, page.Next = append(page.Numbers, n), n
	}
	page.Next = 0
	return page
}
