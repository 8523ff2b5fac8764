package tables

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

var (
	insertJob = Statement("job.insert", `INSERT INTO job (endpoint, seq, nonce, finished, record) VALUES ($1, $2, $3, NULL, $4)
		ON CONFLICT DO NOTHING`)
	updateJob      = Statement("job.update", `UPDATE job SET finished = $4, record = $5 WHERE endpoint = $1 AND seq = $2 AND nonce = $3`)
	oneJob         = Statement("job.one", `SELECT record FROM job WHERE endpoint = $1 AND seq = $2 AND nonce = $3`)
	lockJob        = Statement("job.lock", `SELECT record FROM job WHERE endpoint = $1 AND seq = $2 AND nonce = $3 FOR UPDATE`)
	jobOfEndpoint  = Statement("job.ofEndpoint", `SELECT seq, nonce FROM job WHERE endpoint = $1 AND finished IS NULL`)
	unfinishedJobs = Statement("job.unfinished", `SELECT endpoint, seq, nonce, record FROM job WHERE finished IS NULL ORDER BY endpoint`)
	jobsBefore     = Statement("job.list", `SELECT endpoint, seq, nonce, record FROM job
		WHERE seq <= $1 AND (seq, nonce, endpoint) < ($1, $2, $3) ORDER BY seq DESC, nonce DESC, endpoint DESC LIMIT $4`)
)

// ForgetJobs removes jobs that have finished before a time.
var ForgetJobs = Statement("job.forget", `DELETE FROM job WHERE finished < $1`)

// InsertJob adds a job. If its endpoint has an unfinished one already, InsertJob returns
// that one's ID with ErrConflict.
func InsertJob(ctx context.Context, tx pgx.Tx, j *bulk.Job) (unfinished webhook.ID, err error) {
	k := KeyOf(j.ID)
	tag, err := tx.Exec(ctx, insertJob, k.Endpoint, k.Seq, k.Nonce, record.EncodeJob(j))
	if err != nil || tag.RowsAffected() == 1 {
		return webhook.ID{}, err
	}
	other := Key{Endpoint: k.Endpoint}
	err = tx.QueryRow(ctx, jobOfEndpoint, k.Endpoint).Scan(&other.Seq, &other.Nonce)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // it may have finished meanwhile
		return webhook.ID{}, err
	}
	return other.ID(), webhook.ErrConflict
}

// JobRow returns the columns of a job: endpoint, seq, nonce, finished and record.
func JobRow(j *bulk.Job) []any {
	k, finished := KeyOf(j.ID), any(nil)
	if j.Status.Finished() {
		finished = j.FinishedAt.UnixMilli()
	}
	return []any{k.Endpoint, k.Seq, k.Nonce, finished, record.EncodeJob(j)}
}

// WriteJob replaces a job.
func WriteJob(ctx context.Context, tx pgx.Tx, j *bulk.Job) error {
	_, err := tx.Exec(ctx, updateJob, JobRow(j)...)
	return err
}

// ReadJob returns a job; ErrNotFound, also once it has expired. With Changing nobody else
// changes it until the end of the transaction.
func (f Finder) ReadJob(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, id webhook.ID, how lookup,
) (bulk.Job, error) {
	text, k, raw := oneJob, KeyOf(id), []byte(nil)
	if how == Changing {
		text = lockJob
	}
	err := q.QueryRow(ctx, text, k.Endpoint, k.Seq, k.Nonce).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return bulk.Job{}, webhook.ErrNotFound
	}
	if err != nil {
		return bulk.Job{}, err
	}
	j, err := record.DecodeJob(id, raw)
	if err == nil && f.over(&j) {
		err = webhook.ErrNotFound
	}
	return j, err
}

// over reports whether a job finished so long ago that nobody sees it any more.
func (f Finder) over(j *bulk.Job) bool {
	return j.Status.Finished() && !f.now().Before(j.FinishedAt.Add(f.retention))
}

// UnfinishedJobs returns all jobs that have not finished.
func UnfinishedJobs(ctx context.Context, tx pgx.Tx) (out []bulk.Job, err error) {
	rows, err := tx.Query(ctx, unfinishedJobs)
	if err != nil {
		return nil, err
	}
	return out, eachRecord(rows, record.DecodeJob, func(j bulk.Job) { out = append(out, j) })
}

// ListJobs returns one page of jobs, newest first. It looks at no more than 10 × limit +
// 1,000 of them.
func (f Finder) ListJobs(ctx context.Context, tx pgx.Tx, q bulk.Query) (page bulk.Page, err error) {
	before, left := Key{Seq: maxSeq, Nonce: maxSeq}, webhook.MaxLooks(q.Limit)
	if q.Before != (webhook.ID{}) {
		before = KeyOf(q.Before)
	}
	for left > 0 {
		size := min(left, max(q.Limit+1, maxChunk))
		rows, err := tx.Query(ctx, jobsBefore, before.Seq, before.Nonce, before.Endpoint, size)
		if err != nil {
			return page, err
		}
		var some []bulk.Job
		if err := eachRecord(rows, record.DecodeJob, func(j bulk.Job) { some = append(some, j) }); err != nil {
			return page, err
		}
		for i := range some {
			if !q.Wants(&some[i]) || f.over(&some[i]) {
				continue
			}
			if page.Jobs = append(page.Jobs, some[i]); len(page.Jobs) == q.Limit {
				page.Next = some[i].ID
				return page, nil
			}
		}
		if len(some) < size {
			return page, nil
		}
		before, left = KeyOf(some[size-1].ID), left-size
		page.Next = some[size-1].ID
	}
	return page, nil
}
