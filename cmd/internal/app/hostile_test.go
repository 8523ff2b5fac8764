package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

const (
	failingName = "fails.example"
	stallName   = "stalls.example"
	flipName    = "flips.example"
)

// hostileNames is DNS as it is on a bad day: one name fails, one never gives an
// answer, and one gives an address that may be used and one that may not, in turn.
func hostileNames() func(context.Context, string) ([]netip.Addr, error) {
	var asked atomic.Int64
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case stallName:
			<-ctx.Done()
			return nil, ctx.Err()
		case flipName:
			addr := []string{"10.0.0.1", "127.0.0.1"}[asked.Add(1)%2]
			return []netip.Addr{netip.MustParseAddr(addr)}, nil
		}
		return nil, errors.New("no such host")
	}
}

// TestHostileReceivers runs all kinds of bad receivers and names together. Each of their
// deliveries ends delivered, or failed with the reason that fits its receiver, and an
// honest receiver gets each event at once.
func TestHostileReceivers(t *testing.T) {
	const events = 20
	ok := receivertest.Answer(200)
	hostile := []struct {
		what   string
		host   string
		reply  receivertest.Reply
		reason webhook.Reason // of each failed delivery; none: all are delivered
		mixed  bool           // some may be delivered nevertheless
	}{
		{"accepts and never answers", "127.0.0.1", receivertest.Silence(), webhook.ReasonTimeout, false},
		{"breaks off", "127.0.0.1", receivertest.Reset(), webhook.ReasonReset, false},
		{"drips", "127.0.0.1", receivertest.Drip(time.Second, "HTTP/1.1 200 OK\r\n\r\n"), webhook.ReasonTimeout, false},
		{"sends headers without end", "127.0.0.1", receivertest.EndlessHead(), "", false},
		{"sends a body without end", "127.0.0.1", receivertest.EndlessBody(200), "", false},
		{"fails with a body without end", "127.0.0.1", receivertest.EndlessBody(500), webhook.ReasonHTTP5xx, false},
		{"answers twice", "127.0.0.1", receivertest.Unasked(200, 0), "", false},
		{"answers again later", "127.0.0.1", receivertest.Unasked(200, time.Millisecond), "", false},
		{"closes kept connections", "127.0.0.1", receivertest.Then(ok), "", false},
		{"has a name that fails", failingName, ok, webhook.ReasonDNS, false},
		{"has a name that stalls", stallName, ok, webhook.ReasonDNS, false},
		{"has a name that flips", flipName, ok, webhook.ReasonBlockedAddress, true},
	}
	settings := func(c *Config) { c.Resolve = hostileNames() }
	inWorldOf(t, settings, func(w *world) {
		honest := w.receiver(9000, func(receivertest.Request) receivertest.Reply { return ok })
		w.register(9000, "")
		endpoints := make([]string, len(hostile))
		for i, h := range hostile {
			port := 9001 + i
			w.receiver(uint16(port), func(receivertest.Request) receivertest.Reply { return h.reply })
			endpoints[i] = w.call("POST", "/api/webhooks", fmt.Sprintf(`{"client_id":"acme","event_type":"user.created",
				"target_url":"http://%s:%d/","retry_policy":{"max_attempts":2},"circuit_breaker":{"failures":1000}}`, h.host, port), 201)["id"].(string)
		}
		for i := range events {
			w.publish()
			time.Sleep(10 * time.Millisecond)
			if honest.Count() != i+1 {
				t.Fatal("10 ms after event", i, "the honest receiver has", honest.Count())
			}
		}
		time.Sleep(time.Hour)
		for i, h := range hostile {
			delivered, failed := w.deliveries(endpoints[i], "delivered"), w.deliveries(endpoints[i], "failed")
			if len(delivered)+len(failed) != events || !h.mixed && len(delivered) > 0 && len(failed) > 0 {
				t.Errorf("%s: %d delivered, %d failed, of %d", h.what, len(delivered), len(failed), events)
			}
			if (len(failed) > 0) != (h.reason != "") && !h.mixed {
				t.Errorf("%s: %d failed", h.what, len(failed))
			}
			for _, d := range failed {
				if d["reason"] != string(h.reason) {
					t.Errorf("%s: failed with %v, want %s", h.what, d["reason"], h.reason)
				}
			}
		}
	})
}
