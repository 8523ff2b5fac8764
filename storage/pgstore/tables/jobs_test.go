package tables

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// TestJobs: an endpoint has one job at a time. A job is read as it was written, until it
// has expired.
func TestJobs(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 1)
	one := bulk.Job{ID: id.For(1), ClientID: "acme", Action: bulk.Cancel, Status: bulk.Running, Total: -1}
	one.Filter.Statuses = []webhook.Status{webhook.Queued}
	second, other := one, one
	second.ID.Nonce, other.ID.Endpoint = 2, 257
	for _, c := range []struct {
		job        *bulk.Job
		unfinished webhook.ID
		err        error
	}{
		{&one, webhook.ID{}, nil}, {&second, one.ID, webhook.ErrConflict}, {&one, one.ID, webhook.ErrConflict}, {&other, webhook.ID{}, nil},
	} {
		if unfinished, err := InsertJob(t.Context(), tx, c.job); unfinished != c.unfinished || !errors.Is(err, c.err) {
			t.Errorf("%v: %v, %v; want %v", c.job.ID, unfinished, err, c.unfinished)
		}
	}
	for _, how := range []lookup{Reading, Changing} {
		if got, err := finder().ReadJob(t.Context(), tx, one.ID, how); err != nil || !reflect.DeepEqual(got, one) {
			t.Errorf("%+v, %v; want %+v", got, err, one)
		}
		if _, err := finder().ReadJob(t.Context(), tx, second.ID, how); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("a job that was refused: %v", err)
		}
	}
	for _, c := range []struct {
		ago time.Duration
		err error
	}{{0, nil}, {retention - time.Millisecond, nil}, {retention, webhook.ErrNotFound}} {
		one.Finish(bulk.Failed, "why", noon.Add(-c.ago))
		must(t, WriteJob(t.Context(), tx, &one))
		got, err := finder().ReadJob(t.Context(), tx, one.ID, Reading)
		if !errors.Is(err, c.err) || err == nil && (got.Error != "why" || !got.FinishedAt.Equal(one.FinishedAt)) {
			t.Errorf("finished %v ago: %+v, %v", c.ago, got, err)
		}
	}
	rest, err := UnfinishedJobs(t.Context(), tx)
	if err != nil || len(rest) != 1 || rest[0].ID != other.ID {
		t.Errorf("%+v, %v", rest, err)
	}
	if _, err := InsertJob(t.Context(), tx, &second); err != nil {
		t.Errorf("after the end of the first one: %v", err)
	}
	exec(t, tx, ForgetJobs, one.FinishedAt.UnixMilli()+1)
	if n := count(t, tx, "job"); n != 2 {
		t.Errorf("%d jobs are left", n)
	}
}

// TestListJobs: pages of any size have the jobs that are asked for, newest first, without
// those that have expired.
func TestListJobs(t *testing.T) {
	tx := begin(t)
	var all []bulk.Job
	for i := range 9 {
		j := bulk.Job{
			ID: idAt(time.Duration(i/2)*time.Hour, uint32(i%2)).For(webhook.EndpointNumber(i + 1)), ClientID: []string{"a", "b"}[i%2],
			Status: bulk.Running, Action: bulk.Retry,
		}
		_, err := InsertJob(t.Context(), tx, &j)
		must(t, err)
		if i%3 == 0 {
			j.Finish(bulk.Done, "", noon.Add(-time.Duration(i)*4*time.Hour)) // the one of i = 6 has just expired
			must(t, WriteJob(t.Context(), tx, &j))
		}
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b bulk.Job) int { return b.ID.Compare(a.ID) })
	for _, q := range []bulk.Query{
		{}, {ClientID: "a"}, {ClientID: "nobody"}, {Endpoint: 4}, {Status: bulk.Done}, {Status: bulk.Running, ClientID: "b"}, {Status: bulk.Paused},
	} {
		var want []webhook.ID
		for i := range all {
			if q.Wants(&all[i]) && all[i].ID.Endpoint != 7 {
				want = append(want, all[i].ID)
			}
		}
		for _, q.Limit = range []int{1, 2, 50} {
			got := pagesOf(t, func(before webhook.ID) (ids []webhook.ID, next webhook.ID, err error) {
				q.Before = before
				page, err := finder().ListJobs(t.Context(), tx, q)
				for _, j := range page.Jobs {
					ids = append(ids, j.ID)
				}
				return ids, page.Next, err
			})
			if !slices.Equal(got, want) {
				t.Errorf("%+v lists\n%v\nwant\n%v", q, got, want)
			}
		}
	}
}

// TestMissing: a backfill finds the events that an endpoint never got, and makes exactly
// these deliveries, once.
func TestMissing(t *testing.T) {
	tx := begin(t)
	at := func(nonce uint32) webhook.ID { return idAt(time.Hour, nonce) }
	never, got, withheld, kept, foreign := at(1), at(2), at(3), at(4), at(5)
	old := idAt(retention-30*time.Second, 6) // it may be removed at any moment
	putEvents(t, tx, "event",
		webhook.Event{ID: never, Type: "a.b", Data: []byte("12345"), Endpoints: []webhook.EndpointNumber{1, 9}},
		webhook.Event{ID: got, Type: "a.b", Endpoints: []webhook.EndpointNumber{1, 3}},
		webhook.Event{ID: withheld, Type: "a.b", Endpoints: []webhook.EndpointNumber{3}},
		webhook.Event{ID: foreign, Type: "a.b", ClientID: "other"}, webhook.Event{ID: old, Type: "a.b"})
	putEvents(t, tx, "event_kept", webhook.Event{ID: kept, Type: "a.c", ClientID: "acme"})
	disabled := webhook.Delivery{ID: withheld.For(3), EventType: "a.b"}.Fail(webhook.ReasonEndpointDisabled, noon)
	put(t, tx, disabled, webhook.Delivery{ID: got.For(3)})
	list := func(types ...string) (texts []string) {
		q := bulk.MissingQuery{Endpoint: 3, ClientID: "acme", EventTypes: types}
		for _, q.Limit = range []int{1, 100} {
			texts = nil
			pagesOf(t, func(before webhook.ID) ([]webhook.ID, webhook.ID, error) {
				q.Before = before
				page, err := finder().MissingEvents(t.Context(), tx, q)
				for _, e := range page.Events {
					texts = append(texts, fmt.Sprintf("%d %s for %q: %d bytes", e.ID.Nonce, e.Type, e.ClientID, e.Size))
				}
				return nil, page.Next, err
			})
		}
		return texts
	}
	for types, want := range map[string][]string{
		"*":   {`4 a.c for "acme": 0 bytes`, `3 a.b for "": 0 bytes`, `1 a.b for "": 5 bytes`},
		"a.c": {`4 a.c for "acme": 0 bytes`}, "b.*": nil,
	} {
		if texts := list(types); !slices.Equal(texts, want) {
			t.Errorf("%s: missing are %q, want %q", types, texts, want)
		}
	}
	gone := at(77)
	for _, want := range []int{3, 0} {
		var m Relocation
		made, err := finder().MakeMissing(t.Context(), tx, 3, []webhook.ID{never, got, withheld, kept, gone, old}, &m)
		must(t, err, m.Write(t.Context(), tx))
		if made != want || len(m.Moved) != want {
			t.Errorf("%d deliveries are made in %d moves, want %d", made, len(m.Moved), want)
		}
	}
	if texts := list("*"); len(texts) > 0 || count(t, tx, "queued WHERE endpoint = 3") != 4 || count(t, tx, "done") != 0 {
		t.Errorf("after it: missing are %q", texts)
	}
	heads, err := ReadHeads(t.Context(), tx, []webhook.ID{never})
	must(t, err)
	if to, err := record.DecodeRecipients(heads[never]); err != nil || !slices.Equal(to, []webhook.EndpointNumber{1, 3, 9}) {
		t.Errorf("recipients %v, %v", to, err)
	}
}

// TestMissingConflict: recipients that somebody else has changed since they were read are
// not overwritten.
func TestMissingConflict(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 1)
	putEvents(t, tx, "event", webhook.Event{ID: id, Type: "a", Endpoints: []webhook.EndpointNumber{1}})
	heads, err := ReadHeads(t.Context(), tx, []webhook.ID{id})
	must(t, err)
	mine, joined, err := withRecipient(id.For(2), heads[id])
	must(t, err)
	if _, again, err := withRecipient(id.For(2), mine); !joined || again || err != nil {
		t.Errorf("joined %t, again %t, %v", joined, again, err)
	}
	theirs, _, err := withRecipient(id.For(3), heads[id])
	must(t, err)
	exec(t, tx, "UPDATE event SET head = $1", theirs)
	err = joinAll(t.Context(), tx, []webhook.ID{id}, heads, map[webhook.ID][]byte{id: mine})
	if !errors.Is(err, webhook.ErrConflict) {
		t.Error(err)
	}
	heads, err = ReadHeads(t.Context(), tx, []webhook.ID{id})
	if err != nil || !slices.Equal(heads[id], theirs) {
		t.Errorf("the recipients are %x, want %x; %v", heads[id], theirs, err)
	}
}
