package storagetest

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

var jobTests = []test{
	{name: "keeps a job with all that it has", run: func(f *fixture) {
		j := f.newJob(3, bulk.Replay)
		j.Position, j.Looked, j.Changed, j.Error = bulk.Position{Query: 2, Before: f.id().For(3)}, 1e9, 1e8, "waits"
		_, err := f.CreateJob(f.Context(), j)
		f.must(err)
		f.check(func() {
			got, err := f.Job(f.Context(), j.ID)
			f.must(err)
			same(f, got, j)
		})
		_, err = f.Job(f.Context(), f.id().For(3))
		f.is(err, webhook.ErrNotFound)
	}},
	{name: "gives a webhook one unfinished job", run: func(f *fixture) {
		first := f.job(1, bulk.Replay)
		f.job(2, bulk.Cancel)
		f.check(func() {
			other, err := f.CreateJob(f.Context(), f.newJob(1, bulk.Cancel))
			f.is(err, webhook.ErrConflict)
			same(f, other, first.ID)
			same(f, len(f.unfinished()), 2)
		})
		f.changeJob(first.ID, func(j *bulk.Job) { j.Status = bulk.Paused })
		_, err := f.CreateJob(f.Context(), f.newJob(1, bulk.Cancel))
		f.is(err, webhook.ErrConflict)
		f.changeJob(first.ID, func(j *bulk.Job) { j.Finish(bulk.Cancelled, "", f.now) })
		same(f, len(f.unfinished()), 1)
		second := f.job(1, bulk.Retry)
		f.check(func() {
			same(f, f.unfinished()[second.ID].Action, bulk.Retry)
			same(f, f.storedJob(first.ID).Status, bulk.Cancelled)
		})
	}},
	{name: "changes a job until it has finished", run: func(f *fixture) {
		j := f.job(1, bulk.Cancel)
		got := f.changeJob(j.ID, func(j *bulk.Job) { j.Status, j.Error = bulk.Paused, "why" })
		same(f, got.Status, bulk.Paused)
		refused := fmt.Errorf("no: %w", webhook.ErrConflict)
		_, err := f.UpdateJob(f.Context(), j.ID, func(j *bulk.Job) error { j.Status = bulk.Done; return refused })
		f.is(err, refused)
		f.check(func() { same(f, f.storedJob(j.ID), got) })
		f.changeJob(j.ID, func(j *bulk.Job) { j.Finish(bulk.Failed, "broken", f.now) })
		_, err = f.UpdateJob(f.Context(), j.ID, func(j *bulk.Job) error { j.Status = bulk.Running; return nil })
		f.is(err, webhook.ErrConflict)
		f.check(func() { same(f, f.storedJob(j.ID).Error, "broken") })
		_, err = f.UpdateJob(f.Context(), f.id().For(1), func(*bulk.Job) error { return nil })
		f.is(err, webhook.ErrNotFound)
	}},
	{name: "lists jobs newest first", run: func(f *fixture) {
		var all []webhook.ID
		for i := range 7 {
			j := f.job(webhook.EndpointNumber(i%3+1), bulk.Replay)
			if i < 5 {
				f.changeJob(j.ID, func(j *bulk.Job) { j.Finish(bulk.Done, "", f.now) })
			}
			all = append([]webhook.ID{j.ID}, all...)
		}
		f.check(func() {
			same(f, f.jobs(bulk.Query{Limit: 2}), all)
			same(f, f.jobs(bulk.Query{Limit: 10}), all)
			same(f, f.jobs(bulk.Query{Limit: 1, Endpoint: 1}), []webhook.ID{all[0], all[3], all[6]})
			same(f, f.jobs(bulk.Query{Limit: 10, Status: bulk.Running}), all[:2])
			same(f, f.jobs(bulk.Query{Limit: 3, ClientID: "client-2"}), []webhook.ID{all[2], all[5]})
			same(f, f.jobs(bulk.Query{Limit: 3, ClientID: "nobody"}), nil)
		})
	}},
	{name: "forgets finished jobs, and no others", timed: true, run: func(f *fixture) {
		done, running := f.job(1, bulk.Replay), f.job(2, bulk.Replay)
		f.changeJob(done.ID, func(j *bulk.Job) { j.Finish(bulk.Done, "", f.clock()) })
		f.expire()
		f.reap(f.clock())
		f.check(func() {
			_, err := f.Job(f.Context(), done.ID)
			f.is(err, webhook.ErrNotFound)
			same(f, f.jobs(bulk.Query{Limit: 10}), []webhook.ID{running.ID})
		})
	}},
	{name: "requeues what a step names, with the progress, once", run: func(f *fixture) {
		ids := f.queued(1, 5)
		f.attempted(ids[0], 200)
		f.attempted(ids[1], 410)
		f.attempted(ids[2], 500)
		j := f.job(1, bulk.Replay)
		s := bulk.Step{To: bulk.Position{Query: 1, Before: ids[1]}, Requeue: append(ids[:4:4], f.id().For(1)), Looked: 7, Changed: 2}
		after, made, err := f.AdvanceJob(f.Context(), j.ID, s)
		f.must(err)
		same(f, made, 2)
		want := j
		want.Position, want.Looked, want.Changed = s.To, 7, 4
		same(f, after, want)
		f.check(func() {
			same(f, f.storedJob(j.ID), want)
			same(f, f.queue(1), []webhook.ID{ids[0], ids[1], ids[3], ids[4]})
			same(f, f.delivery(ids[2]).Status, webhook.Retrying)
			same(f, f.Pending(), 5)
		})
		// Delivered since: the same step again would send it twice.
		f.attempted(ids[0], 200)
		_, _, err = f.AdvanceJob(f.Context(), j.ID, s)
		f.is(err, webhook.ErrConflict)
		same(f, f.delivery(ids[0]).Status, webhook.Delivered)
		same(f, f.storedJob(j.ID), want)
	}},
	{name: "makes no step of a job that does not run", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.attempted(id, 410)
		j, s := f.job(1, bulk.Replay), bulk.Step{Requeue: []webhook.ID{id}, Last: true, Now: f.at(3)}
		f.changeJob(j.ID, func(j *bulk.Job) { j.Status = bulk.Paused })
		_, _, err := f.AdvanceJob(f.Context(), j.ID, s)
		f.is(err, webhook.ErrConflict)
		f.changeJob(j.ID, func(j *bulk.Job) { j.Status = bulk.Running })
		after, made, err := f.AdvanceJob(f.Context(), j.ID, s)
		f.must(err)
		same(f, made, 1)
		same(f, []any{after.Status, after.FinishedAt}, []any{bulk.Done, f.at(3)})
		_, _, err = f.AdvanceJob(f.Context(), j.ID, s)
		f.is(err, webhook.ErrConflict)
		same(f, len(f.unfinished()), 0)
		_, _, err = f.AdvanceJob(f.Context(), f.id().For(1), s)
		f.is(err, webhook.ErrNotFound)
	}},
}

var missingTests = []test{
	{name: "finds the events that an endpoint was never sent", run: func(f *fixture) {
		events, missing := f.someMissing()
		f.check(func() {
			q := bulk.MissingQuery{Endpoint: 2, ClientID: "client-1", EventTypes: []string{"user.*"}, Limit: 10}
			same(f, f.missing(q), reversed(missing))
			for q.Limit = range 4 {
				q.Limit++
				same(f, f.missing(q), reversed(missing))
			}
			q.EventTypes = []string{"other.type"}
			same(f, f.missing(q), []webhook.ID{events[5].ID})
			q.EventTypes = []string{"*"}
			same(f, len(f.missing(q)), len(missing)+1)
			q.Until = events[1].ID.Time()
			same(f, f.missing(q), missing[:1])
			q.Since, q.Until = events[1].ID.Time(), time.Time{}
			same(f, len(f.missing(q)), len(missing))
		})
		page, err := f.MissingEvents(f.Context(), bulk.MissingQuery{Endpoint: 2, ClientID: "client-1", EventTypes: []string{"*"}, Limit: 1})
		f.must(err)
		e := events[len(events)-1]
		same(f, page.Events[0].Record > 0, true)
		page.Events[0].Record = 0
		same(f, page.Events, []bulk.MissingEvent{{ID: e.ID, Type: e.Type, ClientID: e.ClientID, Size: int64(len(e.Data))}})
		same(f, page.Looked, 1)
	}},
	{name: "makes the deliveries of missing events, once", run: func(f *fixture) {
		events, missing := f.someMissing()
		for i := range events { // asked for all: what is not missing stays as it is
			j := f.job(2, bulk.Backfill)
			s := bulk.Step{Missing: []webhook.ID{events[i].ID, f.id()}, Last: true, Now: f.now}
			_, _, err := f.AdvanceJob(f.Context(), j.ID, s)
			f.must(err)
		}
		want := append(missing[:len(missing):len(missing)], events[4].ID, events[5].ID)
		sent := map[webhook.ID]bool{}
		for _, id := range want {
			sent[id.For(2)] = true
		}
		f.check(func() {
			queued := f.queue(2)
			same(f, len(queued), len(want))
			for _, id := range queued {
				same(f, sent[id], true)
			}
			same(f, f.Pending(), int64(len(want))+2) // and two of endpoint 1
			for _, e := range events[:3] {
				got, err := f.Event(f.Context(), e.ID)
				f.must(err)
				same(f, got.Data, e.Data)
				list, err := f.EventDeliveries(f.Context(), e.ID, 0, 10)
				f.must(err)
				same(f, len(list), len(got.Endpoints))
				same(f, list[len(list)-1], f.delivery(e.ID.For(2)))
			}
			same(f, len(f.missing(bulk.MissingQuery{Endpoint: 2, ClientID: "client-1", EventTypes: []string{"*"}, Limit: 10})), 0)
		})
		first := f.attempted(events[0].ID.For(2), 200)
		same(f, first.EventType, "user.created")
		f.advanceMissing(2, events[0].ID, 0)
		f.check(func() { same(f, f.delivery(first.ID).Status, webhook.Delivered) })
	}},
	{name: "keeps the event of a delivery that was made later", timed: true, run: func(f *fixture) {
		e := f.event(1)
		f.accept(e)
		f.attempted(e.ID.For(1), 200)
		f.advanceMissing(2, e.ID, 1)
		old := f.event(1)
		f.accept(old)
		f.attempted(old.ID.For(1), 200)
		f.expire()
		// Too old: nobody could say that it stays until the delivery is made.
		f.advanceMissing(3, old.ID, 0)
		same(f, len(f.missing(bulk.MissingQuery{Endpoint: 3, ClientID: "client-1", EventTypes: []string{"*"}, Limit: 10})), 0)
		f.reap(f.clock())
		f.check(func() {
			got, err := f.Event(f.Context(), e.ID)
			f.must(err)
			same(f, got.Data, e.Data)
			same(f, f.queue(2), []webhook.ID{e.ID.For(2)})
		})
	}},
	{name: "adds recipients to an event that has very many", run: func(f *fixture) {
		e := f.event()
		for n := range webhook.EndpointNumber(webhook.MaxFanOut - 1) {
			e.Endpoints = append(e.Endpoints, 2*n+10)
		}
		f.accept(e)
		joining := []webhook.EndpointNumber{11, 3, 13, 5_000_000}
		for _, n := range joining {
			f.advanceMissing(n, e.ID, 1)
			f.advanceMissing(n, e.ID, 0)
		}
		f.advanceMissing(10, e.ID, 0)
		f.check(func() {
			got, err := f.Event(f.Context(), e.ID)
			f.must(err)
			same(f, len(got.Endpoints), webhook.MaxFanOut+3)
			same(f, got.Endpoints[:4], []webhook.EndpointNumber{3, 10, 11, 12})
			list, err := f.EventDeliveries(f.Context(), e.ID, 4_000_000, 5)
			f.must(err)
			same(f, len(list), 1)
			same(f, f.Pending(), webhook.MaxFanOut+3)
		})
	}},
}

// someMissing accepts events of which endpoint 2 lacks some, by different reasons, and
// returns all, and those of "user.*" that it lacks, oldest first.
func (f *fixture) someMissing() (events []webhook.Event, missing []webhook.ID) {
	f.Helper()
	for i := range 8 {
		f.now = f.now.Add(time.Second)
		e := f.event()
		switch i {
		case 0: // it was registered later
			e.Endpoints = []webhook.EndpointNumber{1}
		case 1: // it matched nothing
		case 2: // it was disabled
			e.Disabled = []webhook.EndpointNumber{2}
		case 3: // its client had too much pending
			e.Endpoints, e.Limited = []webhook.EndpointNumber{1}, []webhook.EndpointNumber{2}
		case 4: // for another client: it lacks nothing
			e.ClientID = "client-2"
		case 5: // of another type
			e.Type = "other.type"
		case 6: // it was sent, and failed
			e.Endpoints = []webhook.EndpointNumber{2}
		case 7: // for every client
			e.ClientID = ""
		}
		f.accept(e)
		events = append(events, e)
		if i < 4 || i == 7 {
			missing = append(missing, e.ID)
		}
	}
	f.attempted(events[6].ID.For(2), 410)
	return events, missing
}

// missing reads a whole list of missing events page by page.
func (f *fixture) missing(q bulk.MissingQuery) (ids []webhook.ID) {
	f.Helper()
	for {
		page, err := f.MissingEvents(f.Context(), q)
		f.must(err)
		if len(page.Events) > q.Limit {
			f.Fatalf("a page of %d has %d events", q.Limit, len(page.Events))
		}
		for i := range page.Events {
			ids = append(ids, page.Events[i].ID)
		}
		if page.Next == (webhook.ID{}) {
			return ids
		}
		q.Before = page.Next
	}
}

// advanceMissing makes the delivery of an event in a job of its own, and checks how many
// that makes.
func (f *fixture) advanceMissing(n webhook.EndpointNumber, event webhook.ID, want int) {
	f.Helper()
	j := f.job(n, bulk.Backfill)
	_, made, err := f.AdvanceJob(f.Context(), j.ID, bulk.Step{Missing: []webhook.ID{event}, Last: true, Now: f.clock()})
	f.must(err)
	same(f, made, want)
}

// newJob returns a job of an endpoint that is not stored.
func (f *fixture) newJob(n webhook.EndpointNumber, a bulk.Action) bulk.Job {
	j := bulk.Job{
		ID: f.id().For(n), ClientID: "client-1", Action: a, Rate: 20, CreatedBy: "key:abc", Status: bulk.Running,
		Total: -1,
		Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Failed}, EventTypes: []string{"user.created", "a.b"}, Reason: webhook.ReasonTimeout,
			Code: webhook.NoCode, MinAttempts: 3, Since: f.at(-60), Until: f.at(60),
		},
	}
	if n == 2 {
		j.ClientID = "client-2"
	}
	return j
}

// job creates a job.
func (f *fixture) job(n webhook.EndpointNumber, a bulk.Action) bulk.Job {
	f.Helper()
	j := f.newJob(n, a)
	_, err := f.CreateJob(f.Context(), j)
	f.must(err)
	return j
}

// changeJob changes a stored job.
func (f *fixture) changeJob(id webhook.ID, change func(*bulk.Job)) bulk.Job {
	f.Helper()
	j, err := f.UpdateJob(f.Context(), id, func(j *bulk.Job) error { change(j); return nil })
	f.must(err)
	return j
}

// storedJob reads a job.
func (f *fixture) storedJob(id webhook.ID) bulk.Job {
	f.Helper()
	j, err := f.Job(f.Context(), id)
	f.must(err)
	return j
}

// unfinished returns the unfinished jobs by ID.
func (f *fixture) unfinished() map[webhook.ID]bulk.Job {
	f.Helper()
	list, err := f.UnfinishedJobs(f.Context())
	f.must(err)
	out := map[webhook.ID]bulk.Job{}
	for _, j := range list {
		out[j.ID] = j
	}
	return out
}

// jobs reads a whole list of jobs page by page.
func (f *fixture) jobs(q bulk.Query) (ids []webhook.ID) {
	f.Helper()
	for {
		page, err := f.ListJobs(f.Context(), q)
		f.must(err)
		for i := range page.Jobs {
			ids = append(ids, page.Jobs[i].ID)
		}
		if page.Next == (webhook.ID{}) {
			return ids
		}
		q.Before = page.Next
	}
}
