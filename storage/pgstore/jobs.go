package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// CreateJob stores a new job. The database itself allows one unfinished job of an endpoint.
func (s *Store) CreateJob(ctx context.Context, j bulk.Job) (unfinished webhook.ID, err error) {
	err = s.change(ctx, "create job", func(ctx context.Context, tx *transaction) (err error) {
		unfinished, err = tables.InsertJob(ctx, tx, &j)
		return err
	})
	return unfinished, err
}

// changeJob runs a change of one job, which nobody else changes meanwhile, and stores what
// it makes of the job.
func (s *Store) changeJob(ctx context.Context, action string, id webhook.ID, change func(ctx context.Context, tx *transaction, j *bulk.Job) error) error {
	return s.change(ctx, action, func(ctx context.Context, tx *transaction) error {
		j, err := s.finder.ReadJob(ctx, tx, id, tables.Changing)
		if err == nil {
			err = change(ctx, tx, &j)
		}
		if err != nil {
			return err
		}
		return tables.WriteJob(ctx, tx, &j)
	})
}

// UpdateJob applies change to a stored job.
func (s *Store) UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (after bulk.Job, err error) {
	err = s.changeJob(ctx, "update job", id, func(_ context.Context, _ *transaction, j *bulk.Job) error {
		finished := j.Status.Finished()
		if err := change(j); err != nil {
			return err
		}
		if finished {
			return webhook.ErrConflict
		}
		after = *j
		return nil
	})
	if err != nil {
		return bulk.Job{}, err
	}
	return after, nil
}

// AdvanceJob makes a step and stores the job as it is after it.
func (s *Store) AdvanceJob(ctx context.Context, id webhook.ID, step bulk.Step) (after bulk.Job, made int, err error) {
	err = s.changeJob(ctx, "advance job", id, func(ctx context.Context, tx *transaction, j *bulk.Job) (err error) {
		if _, ok := j.After(&step, 0); !ok {
			return webhook.ErrConflict
		}
		if made, err = s.makeStep(ctx, tx, id.Endpoint, &step); err != nil {
			return err
		}
		*j, _ = j.After(&step, made)
		after = *j
		return nil
	})
	if err != nil {
		return bulk.Job{}, 0, err
	}
	return after, made, nil
}

// makeStep requeues and makes the deliveries of a step, and returns how many.
func (s *Store) makeStep(ctx context.Context, tx *transaction, n webhook.EndpointNumber, step *bulk.Step) (int, error) {
	var m tables.Relocation
	requeued, err := s.requeueAll(ctx, tx, step.Requeue, &m)
	if err != nil {
		return 0, err
	}
	missing, err := s.finder.MakeMissing(ctx, tx, n, step.Missing, &m)
	if err != nil || requeued+missing == 0 {
		return 0, err
	}
	return requeued + missing, tx.relocate(ctx, &m)
}

// requeueAll adds to m the moves of those of some deliveries of one endpoint that have
// finished and whose event exists, and returns how many.
func (s *Store) requeueAll(ctx context.Context, tx *transaction, ids []webhook.ID, m *tables.Relocation) (requeued int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	found, err := s.finder.LockAll(ctx, tx, []tables.Table{tables.DoneTable}, ids)
	if err != nil {
		return 0, err
	}
	there, err := existing(ctx, tx, ids)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		was, still := found[id]
		if _, yes := there[id.Event()]; !still || !yes {
			continue // requeued or expired since, or nothing could be sent
		}
		now := was.Requeue()
		m.Move(&was, &now)
		requeued++
	}
	return requeued, nil
}

// Job returns a job; ErrNotFound.
func (s *Store) Job(ctx context.Context, id webhook.ID) (bulk.Job, error) {
	return fetch(ctx, s, "read job", func(ctx context.Context, q querier) (bulk.Job, error) {
		return s.finder.ReadJob(ctx, q, id, tables.Reading)
	})
}

// ListJobs returns jobs newest first.
func (s *Store) ListJobs(ctx context.Context, q bulk.Query) (bulk.Page, error) {
	return snapshot(ctx, s, "list jobs", func(ctx context.Context, tx pgx.Tx) (bulk.Page, error) {
		return s.finder.ListJobs(ctx, tx, q)
	})
}

// UnfinishedJobs returns all jobs that have not finished.
func (s *Store) UnfinishedJobs(ctx context.Context) ([]bulk.Job, error) {
	return snapshot(ctx, s, "read unfinished jobs", tables.UnfinishedJobs)
}

// MissingEvents returns events that an endpoint was never sent, newest first.
func (s *Store) MissingEvents(ctx context.Context, q bulk.MissingQuery) (bulk.MissingPage, error) {
	return snapshot(ctx, s, "list missing events", func(ctx context.Context, tx pgx.Tx) (bulk.MissingPage, error) {
		return s.finder.MissingEvents(ctx, tx, q)
	})
}

// forgetJobs removes jobs that finished before the horizon.
func (s *Store) forgetJobs(ctx context.Context, horizon time.Time, _ int) (bool, error) {
	return false, s.change(ctx, "forget jobs", func(ctx context.Context, tx *transaction) error {
		_, err := tx.Exec(ctx, tables.ForgetJobs, horizon.UnixMilli())
		return err
	})
}
