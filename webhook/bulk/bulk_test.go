package bulk

import (
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestActions: each action says to which statuses it applies, all of its own kind.
func TestActions(t *testing.T) {
	for _, c := range []struct {
		action   Action
		usual    int
		finished []bool // of each status
	}{
		{Retry, 2, []bool{true, false, true}},
		{Cancel, 2, []bool{false, false}},
		{Replay, 1, []bool{true, true, true}},
		{Backfill, 0, nil},
	} {
		all, usual := c.action.Statuses()
		if usual != c.usual || len(all) != len(c.finished) {
			t.Errorf("%s: %v, %d", c.action, all, usual)
			continue
		}
		for i, s := range all {
			if s.Finished() != c.finished[i] || s == webhook.Processing {
				t.Errorf("%s applies to %s", c.action, s)
			}
		}
		if c.action.Sends() == (c.action == Cancel) {
			t.Errorf("%s sends: %t", c.action, c.action.Sends())
		}
	}
	if len(Actions) != 4 {
		t.Error("an action without a row here")
	}
}

// TestQueries: a filter is as many lists as it has statuses and types.
func TestQueries(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	f := Filter{
		Statuses: []webhook.Status{webhook.Failed, webhook.Retrying}, EventTypes: []string{"a", "b"}, Reason: webhook.ReasonTimeout,
		Code: webhook.NoCode, MinAttempts: 3, Since: at, Until: at.Add(time.Hour),
	}
	got := f.Queries(7)
	if len(got) != 4 {
		t.Fatalf("%d lists", len(got))
	}
	seen := map[string]bool{}
	for _, q := range got {
		seen[string(q.Status)+" "+q.EventType] = true
		q.Status, q.EventType = "", ""
		if q != (webhook.DeliveryQuery{Endpoint: 7, Reason: f.Reason, Code: f.Code, MinAttempts: 3, Since: f.Since, Until: f.Until}) {
			t.Errorf("%+v", q)
		}
	}
	for _, want := range []string{"failed a", "failed b", "retrying a", "retrying b"} {
		if !seen[want] {
			t.Errorf("there is no list of %s", want)
		}
	}
	f.EventTypes = nil
	if got = f.Queries(7); len(got) != 2 || got[0].EventType != "" {
		t.Errorf("of all types: %+v", got)
	}
}

// TestAfter: a step is taken from its own position by a job that runs, and by no other.
func TestAfter(t *testing.T) {
	now, here := time.Unix(1_800_000_000, 0).UTC(), Position{Query: 1, Before: webhook.ID{Seq: 9}}
	j := Job{Status: Running, Position: here, Looked: 10, Changed: 5, Error: "waits"}
	s := Step{From: here, To: Position{Query: 2}, Looked: 4, Changed: 1}
	after, ok := j.After(&s, 2)
	if want := (Job{Status: Running, Position: s.To, Looked: 14, Changed: 8}); !ok || !equal(&after, &want) {
		t.Errorf("%+v, %t", after, ok)
	}
	s.Last, s.Now = true, now
	if after, ok = j.After(&s, 0); !ok || after.Status != Done || after.FinishedAt != now {
		t.Errorf("the last step: %+v, %t", after, ok)
	}
	for reason, change := range map[string]func(j *Job, s *Step){
		"of another position": func(_ *Job, s *Step) { s.From.Before.Nonce++ },
		"of a paused job":     func(j *Job, _ *Step) { j.Status = Paused },
		"of a job that ended": func(j *Job, _ *Step) { j.Status = Cancelled },
		"taken already":       func(j *Job, s *Step) { j.Position = s.To },
	} {
		j, s := j, s
		change(&j, &s)
		if after, ok := j.After(&s, 1); ok || !equal(&after, &j) {
			t.Errorf("a step %s: %+v, %t", reason, after, ok)
		}
	}
}

// equal compares what the tests change of jobs.
func equal(a, b *Job) bool {
	return a.Status == b.Status && a.Position == b.Position && a.Looked == b.Looked && a.Changed == b.Changed &&
		a.Error == b.Error && a.FinishedAt.Equal(b.FinishedAt)
}

// TestStatuses: a job that has finished stays as it is.
func TestStatuses(t *testing.T) {
	over := slices.DeleteFunc(slices.Clone(Statuses), func(s Status) bool { return !s.Finished() })
	if !slices.Equal(over, []Status{Done, Cancelled, Failed}) {
		t.Errorf("%v are over", over)
	}
}

// TestQueryWants: a list of jobs has those that all of its filters select.
func TestQueryWants(t *testing.T) {
	j := Job{ID: webhook.ID{Seq: 1, Endpoint: 3}, ClientID: "a", Status: Paused}
	for _, c := range []struct {
		q    Query
		want bool
	}{
		{Query{}, true},
		{Query{ClientID: "a", Endpoint: 3, Status: Paused}, true},
		{Query{ClientID: "b"}, false},
		{Query{Endpoint: 4}, false},
		{Query{Status: Running}, false},
	} {
		if got := c.q.Wants(&j); got != c.want {
			t.Errorf("%+v: %t", c.q, got)
		}
	}
}

// TestMissingWants: an event is for a webhook by its type and its client.
func TestMissingWants(t *testing.T) {
	q := MissingQuery{ClientID: "a", EventTypes: []string{"user.*", "order.paid"}}
	for _, c := range []struct {
		eventType, client string
		want              bool
	}{
		{"user.created", "a", true},
		{"order.paid", "", true},
		{"order.paid", "b", false},
		{"order.placed", "a", false},
	} {
		if got := q.Wants(c.eventType, c.client); got != c.want {
			t.Errorf("%s for %q: %t", c.eventType, c.client, got)
		}
	}
}

// TestWithheld: only what nobody has tried to send was withheld.
func TestWithheld(t *testing.T) {
	for _, c := range []struct {
		d    webhook.Delivery
		want bool
	}{
		{webhook.Delivery{Status: webhook.Failed, Reason: webhook.ReasonEndpointDisabled}, true},
		{webhook.Delivery{Status: webhook.Failed, Reason: webhook.ReasonClientLimit}, true},
		{webhook.Delivery{Status: webhook.Failed, Reason: webhook.ReasonEndpointDisabled, Attempts: 1}, false},
		{webhook.Delivery{Status: webhook.Failed, Reason: webhook.ReasonGone}, false},
		{webhook.Delivery{Status: webhook.Cancelled, Reason: webhook.ReasonEndpointDisabled}, false},
		{webhook.Delivery{Status: webhook.Queued}, false},
	} {
		if got := Withheld(&c.d); got != c.want {
			t.Errorf("%+v: %t", c.d, got)
		}
	}
}

// TestOldest: the margin is never so large that a short retention leaves nothing.
func TestOldest(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for retention, want := range map[time.Duration]time.Duration{
		30 * 24 * time.Hour: 30*24*time.Hour - time.Minute,
		time.Second:         900 * time.Millisecond,
	} {
		if got := now.Sub(Oldest(now, retention)); got != want {
			t.Errorf("%s: %s ago, want %s", retention, got, want)
		}
	}
}
