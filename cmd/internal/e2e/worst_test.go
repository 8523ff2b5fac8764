package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// TestWorstStandsFirst: one dead webhook among 1,000 stands first in the overview as soon as
// something waits for it, also right after kill -9. The overview looks when it is asked,
// and says how old what it shows is.
func TestWorstStandsFirst(t *testing.T) {
	alive := startSubscriber(t, func(*fasthttp.RequestCtx) {})
	dead := startSubscriber(t, func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(http.StatusServiceUnavailable) })
	s := startServer(t)
	for i := range 999 {
		s.register(t, fmt.Sprint("client-", i%10), fields{"event_type": "*", "target_url": alive.url("/")})
	}
	worst := s.register(t, "unlucky", fields{"event_type": "*", "target_url": dead.url("/"), "retry_policy": fields{"initial_delay_ms": 3600_000}})
	s.mustPublish(t)
	first := func() error {
		var o struct {
			LookedAt time.Time `json:"looked_at"`
			Worst    []struct {
				WebhookID string `json:"webhook_id"`
			} `json:"worst"`
		}
		var text json.RawMessage
		asked := time.Now()
		if err := s.try(http.MethodGet, "/api/overview?series=false", nil, &text); err != nil {
			return err
		}
		if err := json.Unmarshal(text, &o); err != nil {
			return err
		}
		if old := asked.Sub(o.LookedAt); old > 2*time.Second {
			return fmt.Errorf("it is %s old", old)
		}
		if len(o.Worst) != 1 || o.Worst[0].WebhookID != worst {
			return fmt.Errorf("the worst are %+v, want %s alone", o.Worst, worst)
		}
		return nil
	}
	for _, when := range []string{"after its first failure", "after kill -9"} {
		began := time.Now()
		await(t, "the dead webhook as the worst "+when, first)
		t.Logf("%s: found after %s", when, time.Since(began).Round(time.Millisecond))
		s.restart(t)
	}
}
