package record

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// attempted returns a delivery after an attempt with a response.
func attempted(policy webhook.RetryPolicy, response []byte) webhook.Delivery {
	return webhook.Delivery{ID: someID, EventType: "t", Status: webhook.Queued}.
		Attempted(webhook.Attempt{At: time.UnixMicro(5), StatusCode: 500, Response: response, Requests: 1}, policy, 0)
}

// TestEncodeSettled: the new attempt stands in the log while the delivery is pending, and
// in its own record once that has finished; a long body stands apart in both cases.
func TestEncodeSettled(t *testing.T) {
	retry, last := webhook.DefaultSettings().Retry, webhook.RetryPolicy{MaxAttempts: 1}
	for name, c := range map[string]struct {
		now           webhook.Delivery
		number        int
		attempt, body bool
	}{
		"to be retried":             {attempted(retry, []byte("short")), 1, true, false},
		"to be retried, long":       {attempted(retry, longText), 1, true, true},
		"failed":                    {attempted(last, []byte("short")), 1, false, false},
		"failed, long":              {attempted(last, longText), 1, false, true},
		"ended without an attempt":  {webhook.Delivery{ID: someID}.Fail(webhook.ReasonPanic, time.UnixMicro(5)), 0, false, false},
		"queued without an attempt": {webhook.Delivery{ID: someID, Status: webhook.Retrying, Attempts: 2}.Requeue(), 0, false, false},
	} {
		s := EncodeSettled(&c.now)
		if s.Number != c.number || (s.Attempt != nil) != c.attempt || (s.Body != nil) != c.body {
			t.Errorf("%s: attempt %d, in the log %t, body %t", name, s.Number, s.Attempt != nil, s.Body != nil)
		}
		d, err := DecodeDelivery(someID, s.Delivery)
		if err != nil || d.Status != c.now.Status || len(d.AttemptLog) > 0 != (c.number > 0 && c.now.Status.Finished()) {
			t.Errorf("%s: stored as %+v, %v", name, d, err)
		}
	}
}

// TestComplete: only a delivery that ends without a new attempt, and had some, needs the
// latest of them from the store.
func TestComplete(t *testing.T) {
	fresh := webhook.Delivery{ID: someID, Status: webhook.Queued}
	tried := webhook.Delivery{ID: someID, Status: webhook.Retrying, Attempts: 2, NextAttemptAt: 5}
	for name, c := range map[string]struct {
		now  webhook.Delivery
		want bool
	}{
		"an attempt that ends it":        {attempted(webhook.RetryPolicy{MaxAttempts: 1}, nil), true},
		"never attempted, failed":        {fresh.Fail(webhook.ReasonPanic, time.Now()), true},
		"attempted, failed without more": {tried.Fail(webhook.ReasonPanic, time.Now()), false},
		"attempted, queued again":        {tried.Requeue(), true},
	} {
		if s := EncodeSettled(&c.now); s.Complete(&c.now) != c.want {
			t.Errorf("%s: complete is %t", name, !c.want)
		}
	}
}

// TestSettledOver: a settlement over what somebody made of the delivery meanwhile keeps
// the attempt, and ends what was ended.
func TestSettledOver(t *testing.T) {
	at := time.UnixMicro(9).UTC()
	pending := webhook.Delivery{ID: someID, EventType: "t", Status: webhook.Retrying, Attempts: 2, NextAttemptAt: 5}
	cancelled := pending.Cancel(webhook.ReasonCancelled, at)
	cancelled.AttemptLog = []webhook.Attempt{{Number: 2, At: at, StatusCode: 500, Requests: 1}}
	third := func(status int) webhook.Delivery {
		return pending.Attempted(webhook.Attempt{At: at, StatusCode: status, Response: []byte("r"), Requests: 1}, webhook.DefaultSettings().Retry, 0)
	}
	for name, c := range map[string]struct {
		now, stored webhook.Delivery
		status      webhook.Status
		attempt     int // the one that the record shows
	}{
		"nothing happened":                  {third(500), pending, webhook.Retrying, 3},
		"requeued":                          {third(500), pending.Requeue(), webhook.Retrying, 3},
		"cancelled":                         {third(500), cancelled, webhook.Cancelled, 3},
		"cancelled, and delivered":          {third(200), cancelled, webhook.Delivered, 3},
		"ended without an attempt":          {pending.Fail(webhook.ReasonPanic, at), pending, webhook.Failed, 0},
		"cancelled, and ended without one":  {pending.Fail(webhook.ReasonPanic, at), cancelled, webhook.Failed, 2},
		"cancelled, and queued without one": {pending.Requeue(), cancelled, webhook.Cancelled, 2},
	} {
		s := EncodeSettled(&c.now)
		got, err := s.Over(&c.stored)
		if err != nil || got.Status != c.status || got.ID != someID {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c.status == webhook.Cancelled && (got.Reason != webhook.ReasonCancelled || !got.FinishedAt.Equal(at) || got.NextAttemptAt != 0) {
			t.Errorf("%s: cancelled differently: %+v", name, got)
		}
		number := 0
		if last := got.LastAttempt(); last != nil {
			number = last.Number
		}
		if number != c.attempt {
			t.Errorf("%s: shows attempt %d, want %d", name, number, c.attempt)
		}
	}
}

// TestSettledOverDamage: bytes that are not a settlement are refused, not stored.
func TestSettledOverDamage(t *testing.T) {
	now := attempted(webhook.DefaultSettings().Retry, nil)
	stored := webhook.Delivery{ID: someID, Status: webhook.Queued}
	good := EncodeSettled(&now)
	for name, s := range map[string]Settled{
		"the delivery": {Delivery: []byte{9}, Logged: good.Logged},
		"the attempt":  {Delivery: good.Delivery, Logged: Logged{Number: 1, Attempt: []byte{9}}},
	} {
		if got, err := s.Over(&stored); !errors.Is(err, ErrDamaged) || !reflect.DeepEqual(got, webhook.Delivery{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestSettledSharesNothing: the sender reads the next response into the same memory.
func TestSettledSharesNothing(t *testing.T) {
	response := bytes.Clone(longText)
	now := attempted(webhook.DefaultSettings().Retry, response)
	s := EncodeSettled(&now)
	clear(response)
	b, err := DecodeBody(s.Body)
	if err != nil || !bytes.Equal(b.Text, longText) {
		t.Errorf("the body changed with the sender's memory: %v", err)
	}
}
