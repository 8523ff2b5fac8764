package bulk

import (
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestMissingOf: a backfill is about the filter's types, or without any about those that
// the webhook has subscribed to, within the filter's time.
func TestMissingOf(t *testing.T) {
	at := time.Unix(1_800_000_000, 0).UTC()
	e := webhook.Endpoint{ID: webhook.ID{Seq: 4, Endpoint: 9}, ClientID: "a", EventTypes: []string{"user.*"}}
	for _, c := range []struct {
		why    string
		filter Filter
		types  []string
	}{
		{"no types", Filter{}, []string{"user.*"}},
		{"types of its own", Filter{EventTypes: []string{"order.paid", "*"}}, []string{"order.paid", "*"}},
		{"a period", Filter{Since: at, Until: at.Add(time.Hour)}, []string{"user.*"}},
	} {
		j := Job{ID: webhook.ID{Seq: 5, Endpoint: 9}, ClientID: "a", Action: Backfill, Filter: c.filter}
		q := MissingOf(&j, &e)
		if q.Endpoint != 9 || q.ClientID != "a" || !slices.Equal(q.EventTypes, c.types) {
			t.Errorf("%s: %+v", c.why, q)
		}
		if !q.Since.Equal(c.filter.Since) || !q.Until.Equal(c.filter.Until) || q.Before != (webhook.ID{}) || q.Limit != 0 {
			t.Errorf("%s: %+v", c.why, q)
		}
	}
}

// TestOrderOfQueries: the lists come in the order of the filter, every time: the position
// of a job that is kept counts them.
func TestOrderOfQueries(t *testing.T) {
	f := Filter{Statuses: []webhook.Status{webhook.Retrying, webhook.Failed}, EventTypes: []string{"b", "a", "c"}}
	want := []string{"retrying b", "retrying a", "retrying c", "failed b", "failed a", "failed c"}
	for range 3 {
		var got []string
		for _, q := range f.Queries(1) {
			got = append(got, string(q.Status)+" "+q.EventType)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := (&Filter{EventTypes: []string{"a"}}).Queries(1); len(got) != 0 {
		t.Errorf("without a status: %+v", got)
	}
}

// TestLifeOfAJob: each step is taken once, also when it is tried again, and what it has
// looked at and changed adds up.
func TestLifeOfAJob(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	j := Job{ID: webhook.ID{Seq: webhook.SeqAt(now), Endpoint: 3}, Status: Running, Total: -1, Rate: 5}
	if !j.CreatedAt().Equal(now) || !j.FinishedAt.IsZero() {
		t.Errorf("created at %v, finished at %v", j.CreatedAt(), j.FinishedAt)
	}
	steps := []Step{
		{To: Position{Before: webhook.ID{Seq: 90}}, Looked: 500},
		{From: Position{Before: webhook.ID{Seq: 90}}, To: Position{Query: 1}, Looked: 7, Changed: 3},
		{From: Position{Query: 1}, To: Position{Query: 2}, Looked: 1, Last: true, Now: now.Add(time.Minute)},
	}
	for i := range steps {
		if i+1 < len(steps) {
			if _, ok := j.After(&steps[i+1], 1); ok {
				t.Errorf("step %d was taken before its turn", i+1)
			}
		}
		j.Error = "waits"
		before := j
		after, ok := j.After(&steps[i], 10*i)
		if !ok || after.Error != "" || !equal(&j, &before) {
			t.Fatalf("step %d: %t, %+v", i, ok, after)
		}
		j = after
		if again, ok := j.After(&steps[i], 10*i); ok || !equal(&again, &j) {
			t.Errorf("step %d was taken twice: %+v", i, again)
		}
	}
	if j.Status != Done || j.Looked != 508 || j.Changed != 33 || !j.FinishedAt.Equal(now.Add(time.Minute)) {
		t.Errorf("at the end: %+v", j)
	}
	if j.Total != -1 || j.Rate != 5 || j.ID.Endpoint != 3 {
		t.Errorf("a step has changed what the job is: %+v", j)
	}
}

// TestFinish: a job that ended has a reason only if there is one, and takes no more steps.
func TestFinish(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	for _, s := range Statuses {
		j := Job{Status: Running, Error: "waits"}
		j.Finish(s, "", now)
		if j.Status != s || j.Error != "" || !j.FinishedAt.Equal(now) {
			t.Errorf("%s: %+v", s, j)
		}
		if _, ok := j.After(&Step{}, 0); ok != (s == Running) {
			t.Errorf("%s takes a step: %t", s, ok)
		}
	}
	j := Job{Status: Running}
	if j.Finish(Failed, "the webhook is gone", now); j.Error != "the webhook is gone" {
		t.Errorf("%+v", j)
	}
}

// TestActionsAreDisjoint: no action names a status twice, and what it selects by default is
// a part of what it applies to. Callers may change the list that they get.
func TestActionsAreDisjoint(t *testing.T) {
	for _, a := range append(slices.Clone(Actions), "unknown") {
		all, usual := a.Statuses()
		if sorted := slices.Sorted(slices.Values(all)); len(slices.Compact(sorted)) != len(all) || usual > len(all) {
			t.Errorf("%s: %v, %d", a, all, usual)
		}
		before := slices.Clone(all)
		clear(all)
		if again, _ := a.Statuses(); !slices.Equal(again, before) {
			t.Errorf("%s: its statuses were changed to %v", a, again)
		}
	}
	if all, _ := Replay.Statuses(); all[0] != webhook.Failed {
		t.Errorf("a replay without a filter sends what is %s", all[0])
	}
}

// TestOldestMargin: nothing that is about to be removed is sent again, whatever the
// retention: the bound is within the retention, by a minute at the most.
func TestOldestMargin(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, retention := range []time.Duration{0, time.Nanosecond, time.Second, 10 * time.Minute, 11 * time.Minute, 365 * 24 * time.Hour} {
		oldest, removed := Oldest(now, retention), now.Add(-retention)
		if oldest.Before(removed) || oldest.After(now) || oldest.Sub(removed) > time.Minute {
			t.Errorf("%v: %v after the removal", retention, oldest.Sub(removed))
		}
	}
}

// TestNothingIsWanted: a query without types, or with patterns that only look alike, wants
// no event.
func TestNothingIsWanted(t *testing.T) {
	for _, types := range [][]string{nil, {"user"}, {"user.created.*"}, {"User.created"}, {"*.created"}} {
		q := MissingQuery{ClientID: "a", EventTypes: types}
		if q.Wants("user.created", "a") {
			t.Errorf("%q want it", types)
		}
	}
	if q := (MissingQuery{EventTypes: []string{"*"}}); !q.Wants("user.created", "") || q.Wants("user.created", "a") {
		t.Error("a webhook without a client is for events without one")
	}
}
