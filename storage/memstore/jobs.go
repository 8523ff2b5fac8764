package memstore

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// cloneJob copies what a caller could change.
func cloneJob(j bulk.Job) bulk.Job {
	j.Filter.Statuses, j.Filter.EventTypes = slices.Clone(j.Filter.Statuses), slices.Clone(j.Filter.EventTypes)
	return j
}

// CreateJob stores a new job; ErrConflict if its endpoint has an unfinished one.
func (s *Store) CreateJob(ctx context.Context, j bulk.Job) (webhook.ID, error) {
	var unfinished webhook.ID
	err := s.update(ctx, "create job", func() error {
		for id, other := range s.jobs {
			if id.Endpoint == j.ID.Endpoint && !other.Status.Finished() {
				unfinished = id
				return webhook.ErrConflict
			}
		}
		s.jobs[j.ID] = cloneJob(j)
		return nil
	})
	if errors.Is(err, webhook.ErrConflict) {
		return unfinished, err
	}
	return webhook.ID{}, err // the write may not have ended yet
}

// findJob returns a job that has not expired; ErrNotFound.
func (s *Store) findJob(id webhook.ID) (bulk.Job, error) {
	j, ok := s.jobs[id]
	if !ok || j.Status.Finished() && !s.present().Before(j.FinishedAt.Add(s.retention)) {
		return bulk.Job{}, webhook.ErrNotFound
	}
	return cloneJob(j), nil
}

// UpdateJob applies change to a stored job.
func (s *Store) UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (bulk.Job, error) {
	var j bulk.Job
	err := s.update(ctx, "update job", func() (err error) {
		if j, err = s.findJob(id); err != nil {
			return err
		}
		finished := j.Status.Finished()
		if err := change(&j); err != nil {
			return err
		}
		if finished {
			return webhook.ErrConflict
		}
		s.jobs[id] = cloneJob(j)
		return nil
	})
	if err != nil {
		return bulk.Job{}, err
	}
	return j, nil
}

// AdvanceJob makes a step and stores the job as it is after it.
func (s *Store) AdvanceJob(ctx context.Context, id webhook.ID, step bulk.Step) (bulk.Job, int, error) {
	var after bulk.Job
	var made int
	err := s.update(ctx, "advance job", func() error {
		j, err := s.findJob(id)
		if err != nil {
			return err
		}
		if _, ok := j.After(&step, 0); !ok {
			return webhook.ErrConflict
		}
		for _, d := range step.Requeue {
			if was, err := s.find(d); err == nil && was.Status.Finished() && s.hasEvent(d) {
				s.deliveries[d] = was.Requeue()
				made++
			}
		}
		for _, event := range step.Missing {
			if s.makeMissing(event.For(id.Endpoint)) {
				made++
			}
		}
		after, _ = j.After(&step, made)
		s.jobs[id] = cloneJob(after)
		return nil
	})
	if err != nil {
		return bulk.Job{}, 0, err
	}
	return after, made, nil
}

// makeMissing makes a delivery of an event that an endpoint was never sent, and reports
// whether it did.
func (s *Store) makeMissing(id webhook.ID) bool {
	e, ok := s.events[id.Event()]
	if !ok {
		return false
	}
	if _, there := slices.BinarySearch(e.Endpoints, id.Endpoint); there {
		was, err := s.find(id)
		if err != nil || !bulk.Withheld(&was) {
			return false
		}
		s.deliveries[id] = was.Requeue()
		return true
	}
	if id.Time().Before(bulk.Oldest(s.present(), s.retention)) {
		return false
	}
	// A copy: readers have the old list.
	e.Endpoints = append(slices.Clone(e.Endpoints), id.Endpoint)
	slices.Sort(e.Endpoints)
	s.events[e.ID] = e
	s.deliveries[id] = webhook.Delivery{ID: id, EventType: e.Type, Status: webhook.Queued}
	s.insert(id)
	return true
}

// Job returns a job; ErrNotFound.
func (s *Store) Job(_ context.Context, id webhook.ID) (bulk.Job, error) {
	return view(s, "read job", func() (bulk.Job, error) { return s.findJob(id) })
}

// eachJob calls visit for each job that has not expired, newest first, until it returns
// false.
func (s *Store) eachJob(visit func(j bulk.Job) bool) {
	for _, id := range slices.Backward(slices.SortedFunc(maps.Keys(s.jobs), webhook.ID.Compare)) {
		if j, err := s.findJob(id); err == nil && !visit(j) {
			return
		}
	}
}

// ListJobs returns jobs newest first.
func (s *Store) ListJobs(_ context.Context, q bulk.Query) (bulk.Page, error) {
	return view(s, "list jobs", func() (page bulk.Page, err error) {
		s.eachJob(func(j bulk.Job) bool {
			if !q.Wants(&j) || q.Before != (webhook.ID{}) && j.ID.Compare(q.Before) >= 0 {
				return true
			}
			if len(page.Jobs) == q.Limit {
				page.Next = page.Jobs[q.Limit-1].ID
				return false
			}
			page.Jobs = append(page.Jobs, j)
			return true
		})
		return page, nil
	})
}

// UnfinishedJobs returns all jobs that have not finished.
func (s *Store) UnfinishedJobs(_ context.Context) ([]bulk.Job, error) {
	return view(s, "read unfinished jobs", func() (out []bulk.Job, err error) {
		s.eachJob(func(j bulk.Job) bool {
			if !j.Status.Finished() {
				out = append(out, j)
			}
			return true
		})
		return out, nil
	})
}

// MissingEvents returns events that an endpoint was never sent, newest first.
func (s *Store) MissingEvents(_ context.Context, q bulk.MissingQuery) (bulk.MissingPage, error) {
	return view(s, "list missing events", func() (page bulk.MissingPage, err error) {
		oldest := bulk.Oldest(s.present(), s.retention)
		for _, id := range slices.Backward(s.order[0]) {
			if !within(id, q.Since, q.Until) || q.Before != (webhook.ID{}) && id.Compare(q.Before) >= 0 || id.Seq < webhook.SeqAt(oldest) {
				continue
			}
			page.Looked++
			e := s.events[id]
			if !q.Wants(e.Type, e.ClientID) || !s.missing(&e, q.Endpoint) {
				continue
			}
			page.Events = append(page.Events, bulk.MissingEvent{
				ID: id, Type: e.Type, ClientID: e.ClientID, Size: int64(len(e.Data)), Record: int64(len(e.Data)),
			})
			if len(page.Events) == q.Limit {
				page.Next = id
				break
			}
		}
		return page, nil
	})
}

// missing reports whether an endpoint was never sent an event.
func (s *Store) missing(e *webhook.Event, n webhook.EndpointNumber) bool {
	if _, there := slices.BinarySearch(e.Endpoints, n); !there {
		return true
	}
	d, err := s.find(e.ID.For(n))
	return err == nil && bulk.Withheld(&d)
}
