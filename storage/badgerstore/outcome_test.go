package badgerstore

import (
	"bytes"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// TestOutcomes: a settlement waits for its transaction as the bytes that will be
// written, and as nothing else: thousands of responses may wait on a full disk.
func TestOutcomes(t *testing.T) {
	long, short := bytes.Repeat([]byte("b"), 4*webhook.MaxShortResponse), []byte("short")
	for reason, c := range map[string]struct {
		response      []byte
		policy        webhook.RetryPolicy
		budget        bool
		attempt, body bool // whether the log gets one
	}{
		"a retry":                       {short, webhook.DefaultSettings().Retry, true, true, false},
		"a retry with a long body":      {long, webhook.DefaultSettings().Retry, true, true, true},
		"a retry without budget":        {long, webhook.DefaultSettings().Retry, false, true, false},
		"the last one":                  {short, webhook.RetryPolicy{MaxAttempts: 1}, true, false, false},
		"the last one with a long body": {long, webhook.RetryPolicy{MaxAttempts: 1}, true, false, true},
		"the last one without a budget": {long, webhook.RetryPolicy{MaxAttempts: 1}, false, false, false},
		"a retry without response":      {nil, webhook.DefaultSettings().Retry, true, true, false},
		"the last one without response": {nil, webhook.RetryPolicy{MaxAttempts: 1}, true, false, false},
	} {
		s := &Store{bodies: storage.NewBodyBudget()}
		if !c.budget {
			s.bodies.Kept(storage.MaxKeptBodies + 1)
		}
		was := webhook.Delivery{ID: someID, EventType: "t", Status: webhook.Queued}
		now := was.Attempted(webhook.Attempt{At: time.Now(), StatusCode: 500, Response: c.response, Requests: 1}, c.policy, 0)
		o := s.outcomeOf(&webhook.Settlement{Was: was.Place(), Now: now})
		if o.now.AttemptLog != nil || o.Number != 1 || !o.Complete(&o.now) {
			t.Errorf("%s: %+v", reason, o)
		}
		if (o.Attempt != nil) != c.attempt || (o.Body != nil) != c.body || (o.claimed > 0) != c.body {
			t.Errorf("%s: attempt %t, body %t, %d bytes claimed", reason, o.Attempt != nil, o.Body != nil, o.claimed)
		}
		stored, err := record.DecodeDelivery(someID, o.Delivery)
		if err != nil || stored.Status != now.Status || len(stored.AttemptLog) > 0 != now.Status.Finished() {
			t.Errorf("%s: stored as %+v, %v", reason, stored, err)
		}
		if len(now.AttemptLog) != 1 || !bytes.Equal(now.AttemptLog[0].Response, c.response) {
			t.Errorf("%s: the caller's attempt was changed: %+v", reason, now.AttemptLog)
		}
	}
}

// TestOutcomeWithoutAttempt: one that finishes a delivery with attempts needs the latest
// of them from the store; any other is complete.
func TestOutcomeWithoutAttempt(t *testing.T) {
	s := &Store{bodies: storage.NewBodyBudget()}
	fresh := webhook.Delivery{ID: someID, Status: webhook.Queued}
	tried := webhook.Delivery{ID: someID, Status: webhook.Retrying, Attempts: 2, NextAttemptAt: 5}
	for reason, c := range map[string]struct {
		now  webhook.Delivery
		want bool
	}{
		"never attempted, failed": {fresh.Fail(webhook.ReasonPanic, time.Now()), true},
		"attempted, failed":       {tried.Fail(webhook.ReasonPanic, time.Now()), false},
		"attempted, queued again": {tried.Requeue(), true},
	} {
		o := s.outcomeOf(&webhook.Settlement{Now: c.now})
		if o.Complete(&o.now) != c.want || o.Number != 0 || o.Attempt != nil || o.Body != nil {
			t.Errorf("%s: complete %t, %+v", reason, o.Complete(&o.now), o)
		}
	}
}
