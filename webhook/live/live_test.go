package live_test

import (
	"testing"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

func TestSelects(t *testing.T) {
	attempt := live.Item{
		Kind: live.Attempt, Webhook: webhook.ID{Seq: 1, Endpoint: 7}, ClientID: "a", EventType: "user.created", Status: "failed",
	}
	opened := live.Item{Kind: live.Breaker, Webhook: webhook.ID{Seq: 1, Endpoint: 7}, ClientID: "a", Status: live.BreakerOpen, Remote: true}
	for _, c := range []struct {
		why             string
		q               live.Query
		attempt, opened bool
	}{
		{"no filter", live.Query{}, true, true},
		{"a kind", live.Query{Kinds: []live.Kind{live.Webhook, live.Attempt}}, true, false},
		{"its client", live.Query{ClientID: "a"}, true, true},
		{"another client", live.Query{ClientID: "b"}, false, false},
		{"its webhook", live.Query{Endpoint: 7}, true, true},
		{"another webhook", live.Query{Endpoint: 8}, false, false},
		{"a breaker has no event type", live.Query{EventType: "user.created"}, true, false},
		{"a status", live.Query{Status: "failed"}, true, false},
		{"a breaker's state", live.Query{Status: "open"}, false, true},
		{"for another node", live.Query{Local: true}, true, false},
	} {
		if got := c.q.Selects(&attempt); got != c.attempt {
			t.Errorf("%s: attempt %t", c.why, got)
		}
		if got := c.q.Selects(&opened); got != c.opened {
			t.Errorf("%s: breaker %t", c.why, got)
		}
	}
}
