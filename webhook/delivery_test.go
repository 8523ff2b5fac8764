package webhook

import (
	"reflect"
	"testing"
	"time"
)

var (
	accepted = time.UnixMilli(1747477845123).UTC()
	begun    = accepted.Add(time.Minute)
	policy   = RetryPolicy{MaxAttempts: 3, Initial: 30 * time.Second, Multiplier: 2, MaxDelay: time.Hour, Jitter: 0.1}
)

func queued() Delivery {
	return Delivery{ID: ID{Seq: SeqAt(accepted), Endpoint: 4, Nonce: 2}, EventType: "user.created", Status: Queued}
}

// answer is an attempt that took two seconds.
func answer(code int) Attempt { return Attempt{At: begun, Duration: 2 * time.Second, StatusCode: code} }

func retrying() Delivery { return queued().Attempted(answer(500), policy, 0) }

// TestTransitions has a case for each row of Delivery's table.
func TestTransitions(t *testing.T) {
	end := begun.Add(2 * time.Second)
	later := end.Add(time.Hour)
	delivered, failed := queued().Attempted(answer(200), policy, 0), queued().Fail(ReasonPanic, end)
	cancelled := retrying().Cancel(ReasonCancelled, end)
	for _, c := range []struct {
		why  string
		got  Delivery
		want Delivery // the fields of its state; the rest is checked below
	}{
		{"queued, Attempted: success", delivered, Delivery{Status: Delivered, Attempts: 1, FinishedAt: end}},
		{"queued, Attempted: failure", retrying(), Delivery{Status: Retrying, Attempts: 1, Reason: ReasonHTTP5xx, NextAttemptAt: DueAt(end.Add(30 * time.Second))}},
		{"queued, Attempted: refused for good", queued().Attempted(answer(410), policy, 0), Delivery{Status: Failed, Attempts: 1, Reason: ReasonGone, FinishedAt: end}},
		{"queued, Attempted: the only attempt", queued().Attempted(answer(404), RetryPolicy{MaxAttempts: 1}, 0), Delivery{Status: Failed, Attempts: 1, Reason: ReasonHTTP4xx, FinishedAt: end}},
		{"retrying, Attempted: success", retrying().Attempted(answer(204), policy, 0), Delivery{Status: Delivered, Attempts: 2, FinishedAt: end}},
		{"retrying, Attempted: failure", retrying().Attempted(answer(404), policy, 0.5), Delivery{Status: Retrying, Attempts: 2, Reason: ReasonHTTP4xx, NextAttemptAt: DueAt(end.Add(63 * time.Second))}},
		{"retrying, Attempted: attempts used up", retrying().Attempted(answer(404), policy, 0).Attempted(answer(429), policy, 0), Delivery{Status: Failed, Attempts: 3, Reason: ReasonLimited, FinishedAt: end}},
		{"queued, Cancel", queued().Cancel(ReasonCancelled, later), Delivery{Status: Cancelled, Reason: ReasonCancelled, FinishedAt: later}},
		{"retrying, Cancel", retrying().Cancel(ReasonEndpointDeleted, later), Delivery{Status: Cancelled, Attempts: 1, Reason: ReasonEndpointDeleted, FinishedAt: later}},
		{"queued, Fail", queued().Fail(ReasonPayloadMissing, later), Delivery{Status: Failed, Reason: ReasonPayloadMissing, FinishedAt: later}},
		{"retrying, Fail", retrying().Fail(ReasonPanic, later), Delivery{Status: Failed, Attempts: 1, Reason: ReasonPanic, FinishedAt: later}},
		{"retrying, Requeue: the series continues", retrying().Requeue(), Delivery{Status: Queued, Attempts: 1, Reason: ReasonHTTP5xx}},
		{"delivered, Requeue: a new series", delivered.Requeue(), Delivery{Status: Queued, Attempts: 1, Spent: 1}},
		{"failed, Requeue: a new series", failed.Requeue(), Delivery{Status: Queued, Reason: ReasonPanic}},
		{"cancelled, Requeue: a new series", cancelled.Requeue(), Delivery{Status: Queued, Attempts: 1, Spent: 1, Reason: ReasonCancelled}},
	} {
		if log := c.got.AttemptLog; len(log) != c.got.Attempts || len(log) > 0 && c.got.LastAttempt().Number != len(log) {
			t.Errorf("%s: %d attempts logged: %+v", c.why, len(log), log)
		}
		c.want.ID, c.want.EventType, c.want.AttemptLog = queued().ID, queued().EventType, c.got.AttemptLog
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s:\n  got  %+v\n  want %+v", c.why, c.got, c.want)
		}
		if at := c.got.QueuedAt(); !at.Equal(accepted) {
			t.Errorf("%s: queued at %v", c.why, at)
		}
		if place := c.got.Place(); place != (Place{c.got.Status, c.got.NextAttemptAt}) {
			t.Errorf("%s: place %+v", c.why, place)
		}
	}
}

func TestRetryAfterMovesTheNextAttempt(t *testing.T) {
	end := begun.Add(2 * time.Second)
	for _, c := range []struct {
		why   string
		asked time.Duration
		want  time.Time
	}{
		{"not asked", 0, end.Add(30 * time.Second)},
		{"sooner than planned is not sooner", time.Second, end.Add(30 * time.Second)},
		{"later", time.Minute, end.Add(time.Minute)},
		{"never later than a day", 1000 * time.Hour, end.Add(MaxRetryAfter)},
	} {
		a := answer(503)
		a.RetryAfter = c.asked
		if got := queued().Attempted(a, policy, 0).NextAttemptAt; got != DueAt(c.want) {
			t.Errorf("%s: got %v, want %v", c.why, got, c.want)
		}
	}
}

// TestNewSeries: a delivery that had failed gets all its attempts again, with the first wait first.
func TestNewSeries(t *testing.T) {
	d := queued()
	for range policy.MaxAttempts {
		d = d.Attempted(answer(500), policy, 0)
	}
	if d.Status != Failed {
		t.Fatalf("status %s after %d attempts", d.Status, d.Attempts)
	}
	d = d.Requeue()
	for n := 1; n < policy.MaxAttempts; n++ {
		d = d.Attempted(answer(500), policy, 0)
		want := begun.Add(2*time.Second + policy.Delay(n, 0))
		if d.Status != Retrying || d.NextAttemptAt != DueAt(want) {
			t.Errorf("attempt %d of the new series: %s, next at %v, want %v", n, d.Status, d.NextAttemptAt, want)
		}
	}
	if d = d.Attempted(answer(500), policy, 0); d.Status != Failed || d.Attempts != 6 || d.LastAttempt().Number != 6 {
		t.Errorf("after the new series: %s, %d attempts", d.Status, d.Attempts)
	}
}

func TestAttemptLogIsBounded(t *testing.T) {
	d, forever := queued(), RetryPolicy{MaxAttempts: 1000, Initial: time.Second, Multiplier: 1, MaxDelay: time.Second}
	if d.LastAttempt() != nil {
		t.Error("an attempt before the first")
	}
	for n := 1; n <= 3*MaxAttemptLog; n++ {
		success := d.Attempted(answer(200), forever, 0)
		d = d.Attempted(answer(500), forever, 0)
		first := max(1, n-MaxAttemptLog+1)
		if log := d.AttemptLog; len(log) != n-first+1 || log[0].Number != first || d.LastAttempt().Number != n {
			t.Fatalf("after %d attempts: %d logged, from %d to %d", n, len(log), log[0].Number, d.LastAttempt().Number)
		}
		if success.LastAttempt().StatusCode != 200 {
			t.Fatalf("attempt %d was written into another copy's log", n)
		}
	}
}

func TestStatusFinished(t *testing.T) {
	want := map[Status]bool{Delivered: true, Failed: true, Cancelled: true}
	for _, s := range Statuses {
		if s.Finished() != want[s] {
			t.Errorf("%s: finished is %v", s, s.Finished())
		}
	}
	if len(Statuses) != 6 {
		t.Errorf("%d statuses", len(Statuses))
	}
}

// TestOver: what somebody ended during an attempt stays ended, unless the attempt ended
// it too; in every other case the attempt's outcome counts.
func TestOver(t *testing.T) {
	later := begun.Add(time.Minute)
	cancelled := retrying().Cancel(ReasonCancelled, later)
	for name, c := range map[string]struct {
		d, stored Delivery
		status    Status
		reason    Reason
	}{
		"nothing happened":             {retrying(), queued(), Retrying, ReasonHTTP5xx},
		"requeued meanwhile":           {retrying(), retrying().Requeue(), Retrying, ReasonHTTP5xx},
		"requeued, and delivered":      {retrying().Attempted(answer(200), policy, 0), retrying().Requeue(), Delivered, ReasonNone},
		"cancelled meanwhile":          {retrying(), cancelled, Cancelled, ReasonCancelled},
		"cancelled, and delivered":     {retrying().Attempted(answer(200), policy, 0), cancelled, Delivered, ReasonNone},
		"cancelled, and refused":       {retrying().Attempted(answer(410), policy, 0), cancelled, Failed, ReasonGone},
		"the same outcome stored once": {cancelled, cancelled, Cancelled, ReasonCancelled},
	} {
		got := c.d.Over(&c.stored)
		if got.Status != c.status || got.Reason != c.reason || got.Attempts != c.d.Attempts || len(got.AttemptLog) != len(c.d.AttemptLog) {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Status == Cancelled && (!got.FinishedAt.Equal(later) || got.NextAttemptAt != 0) {
			t.Errorf("%s: ended at %v, next attempt at %v", name, got.FinishedAt, got.NextAttemptAt)
		}
	}
}
