package app

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// TestStoredBeyondCeiling: a webhook that was registered for retries every
// millisecond is held to the operator's ceilings after a restart with lower ones.
func TestStoredBeyondCeiling(t *testing.T) {
	lower := false
	settings := func(c *Config) {
		if lower {
			c.MinWebhookRetry, c.MaxWebhookAttempts = 10*time.Second, 6
			c.EndpointRetryInitial, c.EndpointBreakerOpen = 10*time.Second, 10*time.Second
		}
	}
	inWorldOf(t, settings, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(500) })
		endpoint := w.register(9001, `,"retry_policy":{"max_attempts":100,"initial_delay_ms":1,"max_delay_ms":1,"multiplier":1},`+
			`"circuit_breaker":{"failures":10000,"open_ms":1,"max_open_ms":1}`)
		w.publish()
		time.Sleep(time.Second)
		if n := receiver.Count(); n < 50 {
			t.Fatalf("only %d attempts within a second: the webhook's own retries must be faster than the ceiling", n)
		}
		lower = true
		w.restart()
		before := receiver.Count()
		w.publish()
		time.Sleep(29 * time.Second)
		if n := receiver.Count() - before; n != 3 {
			t.Errorf("%d attempts within 29 s, want 3", n)
		}
		time.Sleep(5 * time.Minute)
		if n := receiver.Count() - before; n != 6 {
			t.Errorf("%d attempts, want 6", n)
		}
		if n := len(w.deliveries(endpoint, "failed")); n != 2 {
			t.Errorf("%d deliveries have failed, want 2", n)
		}
	})
}
