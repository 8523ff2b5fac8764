package tables

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestHeads: a mark rises to what was found, but never to what may still come, and falls
// to what joins before it.
func TestHeads(t *testing.T) {
	now := time.Now()
	h := NewHeads(func() time.Time { return now })
	at := func(ago time.Duration) webhook.ID { return webhook.ID{Seq: webhook.SeqAt(now.Add(-ago)), Nonce: 5} }
	rows := func(ago time.Duration) []webhook.Delivery {
		return []webhook.Delivery{{ID: at(ago).For(1)}}
	}
	margin := webhook.ID{Seq: webhook.SeqAt(now.Add(-headMargin))}
	for _, c := range []struct {
		why    string
		do     func(m Mark)
		result webhook.ID
	}{
		{"at first", func(Mark) {}, webhook.ID{}},
		{"an old head", func(m Mark) { h.Found(1, m, rows(time.Hour)) }, at(time.Hour)},
		{"a new head", func(m Mark) { h.Found(1, m, rows(time.Second)) }, margin},
		{"nothing", func(m Mark) { h.Found(1, m, nil) }, margin},
		{"an old one joins", func(Mark) { h.Apply([]Move{{ID: at(2 * time.Hour).For(1), Queued: 1}}) }, at(2 * time.Hour)},
		{"one leaves", func(Mark) { h.Apply([]Move{{ID: at(3 * time.Hour).For(1), Queued: -1}}) }, at(2 * time.Hour)},
		{"an old one joins during a read", func(m Mark) {
			h.Apply([]Move{{ID: at(90 * time.Minute).For(1), Queued: 1}})
			h.Found(1, m, rows(time.Hour))
		}, at(2 * time.Hour)},
		{"a new one joins during a read", func(m Mark) {
			h.Apply([]Move{{ID: at(0).For(1), Queued: 1}})
			h.Found(1, m, rows(time.Hour))
		}, at(time.Hour)},
		{"the part moves", func(Mark) { h.Forget(webhook.AllParts()) }, webhook.ID{}},
	} {
		c.do(h.Begin(1, now))
		if got := h.Begin(1, now).Queue; got != c.result {
			t.Errorf("%s: %v, want %v", c.why, got, c.result)
		}
	}
	for n := range webhook.EndpointNumber(2 * maxHeads) {
		h.Begin(n, now)
	}
	if len(h.byEndpoint) > maxHeads {
		t.Errorf("%d marks are kept", len(h.byEndpoint))
	}
}
