package app

import (
	"errors"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

func TestClientLimits(t *testing.T) {
	c := Defaults()
	c.ClientLimits = []string{"acme/webhooks=5", " a/b=c/pending=7", "acme/patterns=9", "acme/bytes=2KiB"}
	c.ClientMaxBytes = 7
	limits, err := c.clientLimits()
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]webhook.ClientLimits{
		"acme":  {Webhooks: 5, Patterns: 9, Pending: 1_000_000, Bytes: 2048},
		"a/b=c": {Webhooks: 1000, Patterns: 10_000, Pending: 7, Bytes: 7},
		"other": {Webhooks: 1000, Patterns: 10_000, Pending: 1_000_000, Bytes: 7},
	} {
		if got := limits.get(client); got != want {
			t.Errorf("%s: got %+v, want %+v", client, got, want)
		}
	}
	for _, wrong := range []string{"", "acme", "acme/webhooks", "/webhooks=1", "acme=1", "acme/webhooks=0", "acme/webhooks=x", "acme/hooks=1"} {
		c.ClientLimits = []string{wrong}
		_, err := c.clientLimits()
		var field *webhook.FieldError
		if !errors.As(err, &field) || field.Field != "client-limits" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestPublishedWhileDisabled: a receiver answers 410, and so its webhook is
// disabled. What is published then is counted apart, listed with its reason, there
// after a restart, and delivered by a replay once the webhook is resumed.
func TestPublishedWhileDisabled(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(410) })
		endpoint := w.register(9001, "")
		w.publish()
		time.Sleep(time.Second)
		const event = `{"event_type":"user.created","data":{"n":2}}`
		answer := w.call("POST", "/api/events", event, 202)
		if answer["deliveries"] != 0.0 || answer["disabled"] != 1.0 {
			t.Fatalf("the answer is %v", answer)
		}
		batch := w.call("POST", "/api/events/batch", "["+event+"]", 202)
		if result := batch["results"].([]any)[0].(map[string]any); result["deliveries"] != 0.0 || result["disabled"] != 1.0 {
			t.Fatalf("the batch's answer is %v", batch)
		}
		w.restart()
		failed := w.deliveries(endpoint, "failed")
		if len(failed) != 3 || failed[0]["reason"] != "webhook_disabled" || failed[1]["reason"] != "webhook_disabled" || failed[2]["reason"] != "gone" {
			t.Fatalf("failed deliveries: %v", failed)
		}
		receiver.Always(receivertest.Answer(200))
		w.call("POST", "/api/webhooks/"+endpoint+"/resume", "", 200)
		if replayed := w.call("POST", "/api/webhooks/"+endpoint+"/replay", "", 200); replayed["deliveries"] != 3.0 {
			t.Fatalf("replayed %v", replayed)
		}
		time.Sleep(time.Minute)
		if delivered := w.deliveries(endpoint, "delivered"); len(delivered) != 3 {
			t.Fatalf("delivered: %v", delivered)
		}
	})
}

// TestOneClientsBacklog: a client's paused webhooks hold as much as it may have
// pending, also after a restart. Whoever publishes to everybody is not refused,
// others get their events, and the client's own are listed and can be replayed.
func TestOneClientsBacklog(t *testing.T) {
	settings := func(c *Config) { c.ClientMaxPending, c.ClientLimits = 10, []string{"globex/pending=1000"} }
	inWorldOf(t, settings, func(w *world) {
		w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) })
		endpoint := w.register(9001, "")
		w.call("POST", "/api/webhooks/"+endpoint+"/pause", "", 200)
		body := `{"client_id":"globex","event_type":"user.created","target_url":"http://127.0.0.1:9001/hook"}`
		other := w.call("POST", "/api/webhooks", body, 201)["id"].(string)
		w.call("POST", "/api/webhooks/"+other+"/pause", "", 200)
		const event = `{"event_type":"user.created","data":1}`
		for range 10 {
			if got := w.call("POST", "/api/events", event, 202); got["deliveries"] != 2.0 || got["paused"] != 2.0 || got["limited"] != nil {
				t.Fatalf("below the limit: %v", got)
			}
		}
		w.restart()
		for range 5 {
			if got := w.call("POST", "/api/events", event, 202); got["deliveries"] != 1.0 || got["limited"] != 1.0 {
				t.Fatalf("beyond the limit: %v", got)
			}
		}
		w.call("POST", "/api/events?client_id=acme", event, 429)
		w.call("POST", "/api/events?client_id=globex", event, 202)
		if failed := w.deliveries(endpoint, "failed"); len(failed) != 5 || failed[0]["reason"] != "client_limit" {
			t.Fatalf("withheld: %v", failed)
		}
		w.call("POST", "/api/webhooks/"+endpoint+"/replay", "", 429)
		w.call("POST", "/api/webhooks/"+endpoint+"/resume", "", 200)
		time.Sleep(time.Minute)
		w.call("POST", "/api/events?client_id=acme", event, 202)
		if replayed := w.call("POST", "/api/webhooks/"+endpoint+"/replay", "", 200); replayed["deliveries"] != 5.0 {
			t.Fatalf("replayed %v", replayed)
		}
		time.Sleep(time.Minute)
		if delivered := w.deliveries(endpoint, "delivered"); len(delivered) != 16 {
			t.Fatalf("%d were delivered", len(delivered))
		}
	})
}
