package storage

import (
	"context"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// Jobs keeps the changes of many deliveries that somebody asked for, and makes their
// steps. A webhook has one job at most that has not finished. A finished job is kept for
// the retention.
type Jobs interface {
	// CreateJob stores a new job. ErrConflict if the webhook has one that has not finished,
	// whose ID is returned.
	CreateJob(ctx context.Context, j bulk.Job) (unfinished webhook.ID, err error)
	// UpdateJob applies change to a stored job, in one step, and returns the result. If
	// change returns an error, UpdateJob returns it and stores nothing. change may be called
	// more than once, and must not change the ID. ErrNotFound.
	UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (bulk.Job, error)
	// AdvanceJob makes a step, and stores the job as it is after it, in one transaction: a
	// step is made once, or not at all. made is how many deliveries it requeued and made. It
	// has bulk.MaxStep deliveries at most. ErrConflict if it is not the job's next step;
	// ErrNotFound.
	AdvanceJob(ctx context.Context, id webhook.ID, s bulk.Step) (after bulk.Job, made int, err error)
	// Job returns a job. ErrNotFound.
	Job(ctx context.Context, id webhook.ID) (bulk.Job, error)
	// ListJobs returns jobs newest first.
	ListJobs(ctx context.Context, q bulk.Query) (bulk.Page, error)
	// UnfinishedJobs returns all jobs that have not finished, paused ones too.
	UnfinishedJobs(ctx context.Context) ([]bulk.Job, error)
	// MissingEvents returns events that an endpoint was never sent, newest first: those
	// without a delivery for it, and those of which the delivery is bulk.Withheld. It leaves
	// out what is older than bulk.Oldest. Its cost depends on the length of the page.
	MissingEvents(ctx context.Context, q bulk.MissingQuery) (bulk.MissingPage, error)
}
