package member

import (
	"fmt"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/webhook"
)

// two starts two nodes of one cluster.
func two(t *testing.T, limits webhook.ClientLimits, change ...func(*Options)) (a, b *node) {
	t.Helper()
	url, err := postgres.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return start(t, url, limits, change...), start(t, url, limits, change...)
}

// TestKeysEverywhere: an API key that one node makes is good on the other from the answer
// on, and refused there from the answer to its deletion on, however often.
func TestKeysEverywhere(t *testing.T) {
	a, b := two(t, webhook.ClientLimits{})
	for i := range 50 {
		made := a.call(201, admin, "POST", "/api/keys", `{"name":"crm","client_id":"acme"}`)
		b.tokens["crm"], a.tokens["crm"] = made["key"].(string), made["key"].(string)
		b.call(200, "crm", "GET", "/api/webhooks", "")
		b.call(204, admin, "DELETE", "/api/keys/"+made["id"].(string), "")
		a.call(401, "crm", "GET", "/api/webhooks", "")
		if t.Failed() {
			t.Fatal("in round", i)
		}
	}
}

// TestEventTypesEverywhere: a type can be published on every node from the answer to its
// registration on, and on none from the answer to its removal on.
func TestEventTypesEverywhere(t *testing.T) {
	a, b := two(t, webhook.ClientLimits{})
	for i := range 50 {
		name := fmt.Sprintf("order.paid%d", i)
		event := `{"event_type":"` + name + `","data":1}`
		a.call(201, admin, "POST", "/api/event-types", `{"name":"`+name+`"}`)
		b.call(202, publisher, "POST", "/api/events", event)
		b.call(204, admin, "DELETE", "/api/event-types/"+name, "")
		a.call(422, publisher, "POST", "/api/events", event)
	}
}

// TestWebhooksEverywhere: what one node answers about a webhook counts for what the other
// one accepts next: it is matched, or not any more.
func TestWebhooksEverywhere(t *testing.T) {
	a, b := two(t, webhook.ClientLimits{})
	event := `{"event_type":"user.created","data":1}`
	for range 50 {
		id := a.call(201, acme, "POST", "/api/webhooks", `{"event_type":"*","target_url":"https://example.com/hook"}`)["id"].(string)
		if got := b.call(202, publisher, "POST", "/api/events", event)["deliveries"]; got != 1.0 {
			t.Fatalf("registered elsewhere: %v deliveries", got)
		}
		b.call(200, acme, "POST", "/api/webhooks/"+id+"/pause", "")
		if got := a.call(202, publisher, "POST", "/api/events", event)["paused"]; got != 1.0 {
			t.Fatalf("paused elsewhere: %v wait for it", got)
		}
		b.call(204, acme, "DELETE", "/api/webhooks/"+id, "")
		if got := a.call(202, publisher, "POST", "/api/events", event)["deliveries"]; got != 0.0 {
			t.Fatalf("deleted elsewhere: %v deliveries", got)
		}
	}
}

// TestLimitsEverywhere: a client registers through both nodes at the same time. It gets as
// much as it may have, and one more for the other node at most.
func TestLimitsEverywhere(t *testing.T) {
	const limit = 10
	a, b := two(t, webhook.ClientLimits{Webhooks: limit})
	var registering sync.WaitGroup
	for _, n := range []*node{a, b} {
		registering.Go(func() {
			for range limit {
				n.register()
			}
		})
	}
	registering.Wait()
	a.call(409, acme, "POST", "/api/webhooks", register)
	b.call(409, acme, "POST", "/api/webhooks", register)
	got := len(a.call(200, acme, "GET", "/api/webhooks?limit=100", "")["data"].([]any))
	if got < limit || got > limit+1 {
		t.Errorf("%d webhooks, and %d are allowed", got, limit)
	}
}

const register = `{"event_type":"*","target_url":"https://example.com/hook"}`

// register registers a webhook, or is refused.
func (n *node) register() {
	n.Helper()
	if status, text := n.do(acme, "POST", "/api/webhooks", register); status != 201 && status != 409 {
		n.Errorf("register: %d %s", status, text)
	}
}

// storm changes the version of the registrations all the time, each time in a transaction of
// its own, until the row calm is there.
const storm = `DO $$ BEGIN
	WHILE NOT EXISTS (SELECT 1 FROM meta WHERE name = 'calm') LOOP
		UPDATE registry SET version = version + 1;
		COMMIT;
	END LOOP;
END $$`

// TestStormOfRegistrations: while registrations change all the time, faster than events are
// matched and stored, every event is accepted.
func TestStormOfRegistrations(t *testing.T) {
	url, err := postgres.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, url, webhook.ClientLimits{})
	n.call(201, acme, "POST", "/api/webhooks", register)
	version := func() uint64 {
		changes, err := n.member.options.Store.Changes(t.Context(), 1<<62, func(webhook.Endpoint) error { return nil })
		n.must(err)
		return changes.Version
	}
	var changing sync.WaitGroup
	for range 3 {
		changing.Go(func() {
			if err := pgtest.Exec(t.Context(), url, storm); err != nil {
				t.Error(err)
			}
		})
	}
	const events = 200
	before := version()
	for range events {
		if got := n.call(202, publisher, "POST", "/api/events", `{"event_type":"user.created","data":1}`)["deliveries"]; got != 1.0 {
			t.Errorf("%v deliveries", got)
		}
	}
	if during := version() - before; during < events/10 {
		t.Errorf("only %d changes during %d publications: what was tested?", during, events)
	} else {
		t.Logf("%d changes during %d publications", during, events)
	}
	n.must(pgtest.Exec(t.Context(), url, "INSERT INTO meta (name, value) VALUES ('calm', '')"))
	changing.Wait()
}
